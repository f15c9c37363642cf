"""Who is imagined: the identity code of the head, attributes in words and colours, and the face once it was made.

A voice decides sex and age as far as they can be heard. The rest is sampled. The cut of the hair, skin and ancestry
come from the seed alone. Head shape, build, hair shape, beard and shades come from the seed and the voice embedding:
that keeps them the same for a voice, and is no estimate.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from imagineid_sdk.errors import IdentityFileError, check_path
from imagineid_sdk.face.persona.phenotype import age_parameter
from imagineid_sdk.face.persona.vocabulary import (
    AGE_CENTRES,
    AGE_LIMITS,
    AGES,
    BEARDS,
    COLORS,
    GENDERS,
    GROWTH,
    HAIR_SHAPE,
    HAIR_TONES,
    LOOKS,
    SHAVED,
    WORDS,
    colour_weights,
    nearest_color,
    neighbour_weights,
    skin_word,
)
from imagineid_sdk.files import placed_when_complete, typed_write_errors

FORMAT = "imagineid-identity-2"

VECTOR_SIZE = 20
"""Length of ``Identity.to_vector()``."""


@dataclass(frozen=True, eq=False)
class DecodedPortrait:
    """Pixels uint8 ``(512, 512, 4)``, premultiplied colour and alpha, and the state of the decoder that made them."""

    pixels: np.ndarray
    decoder: object


@dataclass(frozen=True, eq=False)
class Identity:
    """One imagined person. Nothing in it comes from a real face.

    Attributes:
        code: ``(96,)`` float32, the shape of the head.
        gender: 0 male .. 1 female.
        age: years.
        build: 0 slim .. 1 heavy.
        ancestry: shares of MakeHuman's three base shapes (african, asian, caucasian); they sum to 1.
        hair, hair_color, eye_color, beard, clothes, glasses, light: words of ``WORDS``.
        hair_rgb, skin_rgb, clothes_rgb: mean colours as seen in the picture, 0..1.
        seed: what was sampled with it.
        beard_growth: 0 none, 1 stubble, 2 a beard, and all between; None is what the word says.
        hair_shape: how the cut is worn, each -1..1: height, width, length, hairline (1 far back). None says
            nothing of it.
        traits: ``(106,)`` float32, standard normal over people: the free variation, mostly decided by the voice. It
            holds head shape, the noise that the face is imagined from, build, beard, shades of hair and clothes, and
            the shape of the hair. None leaves that noise to the seed alone.
        reference: latents of the portrait, float16, ``(16, 16, 16)``, with sd15 ``(4, 64, 64)``; None before it was
            imagined.
        model: fingerprint of the model that imagined the portrait; empty if nobody says.
    """

    __slots__ = ("__dict__", "__weakref__", "_decoded")  # the last is no field: what is decoded is not the person

    code: np.ndarray = field(repr=False)
    gender: float
    age: float
    build: float
    ancestry: tuple[float, float, float]
    hair: str
    hair_color: str
    eye_color: str
    beard: str
    clothes: str
    hair_rgb: tuple[float, float, float]
    skin_rgb: tuple[float, float, float]
    clothes_rgb: tuple[float, float, float]
    seed: int
    glasses: str = "none"
    light: str = "studio"
    beard_growth: float | None = None
    hair_shape: tuple[float, ...] | None = None
    traits: np.ndarray | None = field(default=None, repr=False)
    reference: np.ndarray | None = field(default=None, repr=False)
    model: str = ""

    @property
    def decoded(self) -> DecodedPortrait | None:
        """The portrait's pixels, if somebody decoded them: neither saved, pickled nor copied."""
        return getattr(self, "_decoded", None)

    def keep(self, decoded: DecodedPortrait) -> None:
        """Remember the portrait's pixels, as long as this object lives."""
        object.__setattr__(self, "_decoded", decoded)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def words(self) -> dict[str, str]:
        """The attribute of every slot of ``WORDS`` that something is said of."""
        return {
            "gender": GENDERS[self.gender > 0.5],
            "age": AGES[int(np.searchsorted(AGE_LIMITS, self.age, side="right"))],
            "skin": skin_word(self.skin_rgb),
            "hair": self.hair,
            "hair_color": self.hair_color,
            "eye_color": self.eye_color,
            "beard": self.beard,
            "clothes": self.clothes,
            "clothes_color": nearest_color(self.clothes_rgb),
            "glasses": self.glasses,
            "light": self.light,
        } | {slot: max(weights, key=weights.__getitem__) for slot, weights in self._hair_weights().items()}

    def attribute_weights(self) -> dict[str, dict[str, float]]:
        """The same with weights of neighbouring words, which sum to 1: an attribute that is continuous in the voice
        changes without jumps."""
        weights = {slot: {word: 1.0} for slot, word in self.words().items()} | self._hair_weights()
        weights["age"] = neighbour_weights(AGES, float(np.interp(self.age, AGE_CENTRES, range(len(AGES)))))
        weights["clothes_color"] = colour_weights(COLORS, self.clothes_rgb)
        if nearest_color(self.hair_rgb, HAIR_TONES) == self.hair_color:
            weights["hair_color"] = colour_weights(HAIR_TONES, self.hair_rgb)
        if self.beard_growth is not None:
            grown = neighbour_weights((*BEARDS[: GROWTH - 1], self._cut_of_beard()), self.beard_growth)
            weights["beard"] = grown
        return weights

    def _cut_of_beard(self) -> str:
        """The word for this man's beard once it has grown."""
        return self.beard if BEARDS.index(self.beard) >= GROWTH else BEARDS[GROWTH - 1]

    def _worn(self) -> tuple[float, ...]:
        """``hair_shape`` as far as it shows: of a shaved head that is the hairline."""
        shape = self.hair_shape or ()
        return (0.0, 0.0, 0.0, *shape[3:]) if shape and self.hair in SHAVED else shape

    def _hair_weights(self) -> dict[str, dict[str, float]]:
        places = {
            slot: (figure + 1) / 2 * len(WORDS[slot]) - 0.5
            for slot, figure in zip(HAIR_SHAPE, self._worn(), strict=False)
        }
        return {slot: neighbour_weights(WORDS[slot], place) for slot, place in places.items()}

    def to_vector(self) -> np.ndarray:
        """Attributes that words are too coarse for, ``(VECTOR_SIZE,)`` float32, about -1..1: an input of the semantic
        adapter."""
        values = [self.gender * 2 - 1, (age_parameter(self.age) - 0.7) * 4, self.build * 2 - 1]
        values += [share * 2 - 1 for share in self.ancestry]
        values += [c * 2 - 1 for rgb in (self.hair_rgb, self.skin_rgb, self.clothes_rgb) for c in rgb]
        growth = min(BEARDS.index(self.beard), GROWTH - 1) if self.beard_growth is None else self.beard_growth
        values += [growth - 1.0, *(self._worn() or (0.0,) * len(HAIR_SHAPE))]
        return np.array(values, np.float32)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a safetensors file (no pickle) that ``Identity.load`` and ``pipe(identity=...)`` read: complete or
        not at all. The folder is made."""
        from safetensors.numpy import save

        check_path(path)
        path = Path(path)
        if path.suffix.lower() != ".safetensors":
            raise IdentityFileError(f"{str(path)!r} does not end in .safetensors. Change the name.")
        tensors = {"code": self.code.astype(np.float32)}
        if self.traits is not None:
            tensors["traits"] = self.traits.astype(np.float32)
        if self.reference is not None:
            tensors["reference"] = self.reference.astype(np.float16)
        fields = {k: v for k, v in self.__dict__.items() if k not in ("code", "traits", "reference")}
        content = save(tensors, metadata={"format": FORMAT, "identity": json.dumps(fields)})
        target = Path(os.path.realpath(path))
        with placed_when_complete(target, IdentityFileError) as partial, typed_write_errors(target, IdentityFileError):
            partial.write_bytes(content)
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Identity:
        """Read what ``save`` wrote.

        Raises:
            IdentityFileError: missing, not a safetensors file, or not an identity.
            OptionError: it is no path.
        """
        from safetensors import SafetensorError, safe_open

        check_path(path)
        if not Path(path).is_file():
            raise IdentityFileError(f"No identity file at {path}. Save one with out.identity.save('{path}').")
        try:
            with safe_open(path, framework="np") as file:
                fields = json.loads((file.metadata() or {})["identity"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if not isinstance(fields, dict):
                raise TypeError(f"its description is a {type(fields).__name__}, and an object is expected")
            fields = {name: tuple(field) if isinstance(field, list) else field for name, field in fields.items()}
            loaded = cls(
                code=tensors["code"], traits=tensors.get("traits"), reference=tensors.get("reference"), **fields
            )  # fmt: skip
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise IdentityFileError(
                f"{path} is not an identity file of this version ({error}). Expected a .safetensors file written by "
                "Identity.save(); imagine the person again from the voice and the seed."
            ) from error
        loaded.check(str(path))
        return loaded

    def check(self, label: str = "The identity") -> None:
        """Raises IdentityFileError for values that no person can have."""
        if problem := self._problem():
            raise IdentityFileError(
                f"{label} can't be used: {problem}. Load another file, or imagine the person again from the voice."
            )

    def _problem(self) -> str | None:
        arrays = {"code": (self.code, 1), "traits": (self.traits, 1), "reference": (self.reference, 3)}
        for name, (array, axes) in arrays.items():
            if name != "code" and array is None:
                continue
            if not isinstance(array, np.ndarray) or array.ndim != axes or array.dtype.kind != "f" or not array.size:
                return f"{name} has shape {getattr(array, 'shape', None)}, and {axes} axes of floats are expected"
            if not np.isfinite(array).all():
                return f"{name} holds values that are NaN or infinite"
        if self.traits is not None and not self.traits.any():
            return "all of its traits are 0"
        ranges = {"gender": (0, 1), "age": (0, 120), "build": (0, 1), "seed": (0, 2**63 - 1)}
        for name, (low, high) in ranges.items():
            if not _is_number(value := getattr(self, name)) or not low <= value <= high:
                return f"{name} is {value!r}, and {low} to {high} is expected"
        for name in ("hair_rgb", "skin_rgb", "clothes_rgb", "ancestry"):
            value = getattr(self, name)
            if not _are_numbers(value, 0, 1) or len(value) != 3:
                return f"{name} is {value!r}, and three numbers from 0 to 1 are expected"
        if self.hair_shape is not None and not (_are_numbers(self.hair_shape, -1, 1) and len(self.hair_shape) <= 4):
            return f"hair_shape is {self.hair_shape!r}, and up to four numbers from -1 to 1 are expected"
        if self.beard_growth is not None and not (_is_number(self.beard_growth) and 0 <= self.beard_growth <= 2):
            return f"beard_growth is {self.beard_growth!r}, and 0 to 2 is expected"
        for name in LOOKS:
            if getattr(self, name) not in WORDS[name]:
                return f"{name} is {getattr(self, name)!r}, and one of {', '.join(WORDS[name])} is expected"
        if not isinstance(self.model, str):
            return f"model is {self.model!r}, and a word is expected"
        return None

    def without_face(self) -> Identity:
        """The same person before the face was made."""
        return replace(self, reference=None)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")


def _are_numbers(value: Any, low: float, high: float) -> bool:
    return isinstance(value, (tuple, list)) and all(_is_number(part) and low <= part <= high for part in value)
