"""Who is imagined: the identity code of the head, attributes in words and colours, and the face once it was made.

A voice decides sex and age as far as they can be heard; the seed samples the rest. Ancestry is never taken from
a voice: it is drawn from a uniform prior.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import IdentityFileError, OptionError

GENDERS = ("male", "female")
AGES = ("child", "teenager", "young", "middle-aged", "old")
AGE_LIMITS = (13, 20, 35, 60)
"""Years at which the next word of ``AGES`` begins."""
AGE_CENTRES = (10, 16, 27, 47, 70)
"""Years at which a word of ``AGES`` is said alone."""
AGE_YEARS = (1, 10, 25, 35, 45, 55, 65, 90)
AGE_PARAMETERS = (0, 1 / 3, 2 / 3, 0.82, 0.865, 0.905, 0.945, 1)
"""Years, and MakeHuman's age parameter of the people who look it. By its own straight scale of 25 to 90 years between
2/3 and 1, people of 50 look thirty: skins of middle age come in from 0.8 on, lines and grey hair behind that."""
SKINS = ("very dark", "dark", "brown", "medium", "light", "pale")
SKIN_LIMITS = (0.30, 0.42, 0.55, 0.62, 0.68)
"""Luminance (Rec. 601, 0..1) of the lit face at which the next word of ``SKINS`` begins."""
HAIRS = (
    "afro", "bob", "fringe", "braid", "long", "tied back", "short", "tousled", "side-swept", "spiky", "bald",
    "buzz cut",
)  # fmt: skip
HAIR_TONES: dict[str, tuple[float, float, float]] = {
    "black": (0.17, 0.15, 0.14), "dark brown": (0.28, 0.21, 0.17), "brown": (0.38, 0.29, 0.23),
    "light brown": (0.49, 0.42, 0.36), "blonde": (0.75, 0.64, 0.48), "ash": (0.57, 0.54, 0.51),
    "red": (0.55, 0.34, 0.23), "grey": (0.65, 0.63, 0.61), "white": (0.73, 0.72, 0.69),
}  # fmt: skip
"""What the words for the colour of hair look like in the light of the training world, on average."""
HAIR_COLORS = tuple(HAIR_TONES)
EYE_COLORS = ("brown", "hazel", "blue", "blue-green", "green", "grey", "light blue", "ice")
BEARDS = ("none", "stubble", "beard")
GLASSES = ("none", "round", "oval", "square", "wide")
CLOTHES = ("striped top", "blouse", "sports shirt", "polo", "jersey", "hoodie", "t-shirt", "suit")
COLORS: dict[str, tuple[float, float, float]] = {
    "black": (0.08, 0.08, 0.08), "white": (0.92, 0.92, 0.92), "grey": (0.5, 0.5, 0.5), "red": (0.7, 0.15, 0.15),
    "orange": (0.85, 0.5, 0.2), "yellow": (0.85, 0.8, 0.3), "green": (0.25, 0.55, 0.25), "teal": (0.3, 0.65, 0.6),
    "blue": (0.2, 0.3, 0.65), "purple": (0.5, 0.3, 0.6), "pink": (0.85, 0.6, 0.68), "brown": (0.4, 0.28, 0.2),
}  # fmt: skip
WORDS: dict[str, tuple[str, ...]] = {
    "gender": GENDERS, "age": AGES, "skin": SKINS, "hair": HAIRS, "hair_color": HAIR_COLORS, "eye_color": EYE_COLORS,
    "beard": BEARDS, "clothes": CLOTHES, "clothes_color": tuple(COLORS), "glasses": GLASSES,
    "hair_height": ("flat", "low", "medium", "high", "towering"),
    "hair_width": ("narrow", "slim", "medium", "wide", "bulky"),
    "hair_length": ("cropped", "shorter", "medium", "longer", "longest"),
    "hairline": ("very low", "low", "medium", "high", "receding"),
}  # fmt: skip
"""The attribute words, one slot each, in the order in which the semantic adapter reads them."""
HAIR_SHAPE = ("hair_height", "hair_width", "hair_length", "hairline")
"""Slots that say how a cut of hair is worn, each a figure of -1..1 in ``Identity.hair_shape``."""
SHAVED = ("bald", "buzz cut")
"""Words for hair that has no height, width or length to tell of."""
TONE_WIDTH = 0.07
"""How near two colours are that both have a share in what is said of a third."""
NUMBERS = 20
"""Length of ``Identity.numbers()``."""


@dataclass(frozen=True)
class Identity:
    """One imagined person. Nothing in it comes from a real face.

    Attributes:
        code: ``(96,)`` float32, the shape of the head.
        gender: 0 male .. 1 female.
        age: years.
        build: 0 slim .. 1 heavy.
        ancestry: shares of MakeHuman's three base shapes (african, asian, caucasian); they sum to 1.
        hair, hair_color, eye_color, beard, clothes, glasses: words of ``WORDS``.
        hair_rgb, skin_rgb, clothes_rgb: mean colours as seen in the picture, 0..1.
        seed: what was sampled with it.
        beard_growth: 0 none, 1 stubble, 2 a beard, and all between; None is what the word says.
        hair_shape: how the cut is worn, each -1..1: height, width, length, hairline (1 far back). None says
            nothing of it.
        traits: ``(106,)`` float32 around -1..1, what is free in this person, mostly the voice's own: they place the
            head, the noise that the face is imagined from, build, beard, the shades of hair and clothes and the shape
            of the hair. None leaves that noise to the seed alone.
        reference: latents of the imagined face ``(16, 16, 16)`` float16, None before it was imagined.
    """

    code: np.ndarray
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
    beard_growth: float | None = None
    hair_shape: tuple[float, ...] | None = None
    traits: np.ndarray | None = None
    reference: np.ndarray | None = None

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
        } | {slot: max(shares, key=shares.__getitem__) for slot, shares in self._hair_shares().items()}

    def shares(self) -> dict[str, dict[str, float]]:
        """The same with the shares of neighbouring words, which sum to 1: what is continuous in a voice must not jump
        with the word for it."""
        shares = {slot: {word: 1.0} for slot, word in self.words().items()} | self._hair_shares()
        shares["age"] = _between(AGES, float(np.interp(self.age, AGE_CENTRES, range(len(AGES)))))
        shares["clothes_color"] = _alike(COLORS, self.clothes_rgb)
        if nearest_color(self.hair_rgb, HAIR_TONES) == self.hair_color:
            shares["hair_color"] = _alike(HAIR_TONES, self.hair_rgb)
        if self.beard_growth is not None:
            shares["beard"] = _between(BEARDS, self.beard_growth)
        return shares

    def _worn(self) -> tuple[float, ...]:
        """``hair_shape`` as far as it shows: of a shaved head that is the hairline."""
        shape = self.hair_shape or ()
        return (0.0, 0.0, 0.0, *shape[3:]) if shape and self.hair in SHAVED else shape

    def _hair_shares(self) -> dict[str, dict[str, float]]:
        figures = zip(HAIR_SHAPE, self._worn(), strict=False)
        return {slot: _between(WORDS[slot], (figure + 1) / 2 * len(WORDS[slot]) - 0.5) for slot, figure in figures}

    def numbers(self) -> np.ndarray:
        """What words are too coarse for, ``(NUMBERS,)`` float32 around -1..1: the semantic adapter reads it with the
        code."""
        values = [self.gender * 2 - 1, (age_parameter(self.age) - 0.7) * 4, self.build * 2 - 1]
        values += [share * 2 - 1 for share in self.ancestry]
        values += [c * 2 - 1 for rgb in (self.hair_rgb, self.skin_rgb, self.clothes_rgb) for c in rgb]
        growth = BEARDS.index(self.beard) if self.beard_growth is None else self.beard_growth
        values += [growth - 1.0, *(self._worn() or (0.0,) * len(HAIR_SHAPE))]
        return np.array(values, np.float32)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a safetensors file (no pickle) that ``Identity.load`` and ``pipe(identity=...)`` read. Atomic."""
        from safetensors.numpy import save

        path = Path(path)
        tensors = {"code": self.code.astype(np.float32)}
        if self.traits is not None:
            tensors["traits"] = self.traits.astype(np.float32)
        if self.reference is not None:
            tensors["reference"] = self.reference.astype(np.float16)
        fields = {k: v for k, v in self.__dict__.items() if k not in ("code", "traits", "reference")}
        content = save(tensors, metadata={"format": "imagineid-identity-1", "identity": json.dumps(fields)})
        if not path.parent.is_dir():
            raise IdentityFileError(f"Cannot save the identity to {path}: the folder {path.parent} does not exist.")
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Identity:
        """Read what ``save`` wrote.

        Raises:
            IdentityFileError: missing, not a safetensors file, or not an identity.
        """
        from safetensors import SafetensorError, safe_open

        if not Path(path).is_file():
            raise IdentityFileError(f"No identity file at {path}. Save one with out.identity.save('{path}').")
        try:
            with safe_open(path, framework="np") as file:
                fields = json.loads(file.metadata()["identity"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            fields = {name: tuple(field) if isinstance(field, list) else field for name, field in fields.items()}
            return cls(code=tensors["code"], traits=tensors.get("traits"), reference=tensors.get("reference"), **fields)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise IdentityFileError(
                f"{path} is not an identity file of this version ({error}). Expected a .safetensors file written by "
                "Identity.save(); cast the person again from the voice and the seed."
            ) from error

    def without_face(self) -> Identity:
        """The same person before the face was made."""
        return replace(self, reference=None)


def age_parameter(years: float) -> float:
    """MakeHuman's age parameter of people who look as old as ``years``."""
    return float(np.interp(years, AGE_YEARS, AGE_PARAMETERS))


def age_in_years(parameter: float) -> float:
    """Inverse of ``age_parameter``."""
    return float(np.interp(parameter, AGE_PARAMETERS, AGE_YEARS))


def phenotype_features(gender: float, parameter: float, build: float, ancestry: Sequence[float]) -> np.ndarray:
    """Features ``(12,)`` of ``ParametricHead.mean_code``; ``parameter`` is MakeHuman's age parameter."""
    age = (parameter - 0.7) * 4
    sex = gender * 2 - 1
    african, asian, caucasian = ancestry
    return np.array(
        [1, sex, age, age * age, sex * age, build * 2 - 1, african, asian, caucasian, sex * african, sex * asian,
         (build * 2 - 1) * sex], np.float64,
    )  # fmt: skip


def skin_word(rgb: tuple[float, float, float]) -> str:
    """The word of ``SKINS`` for a mean face colour."""
    luminance = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]
    return SKINS[int(np.searchsorted(SKIN_LIMITS, luminance, side="right"))]


def nearest_color(rgb: tuple[float, float, float], colours: Mapping[str, tuple[float, float, float]] = COLORS) -> str:
    """The word whose colour comes nearest to ``rgb``."""
    return min(colours, key=lambda word: _squared_distance(colours[word], rgb))


def _squared_distance(one: Sequence[float], other: Sequence[float]) -> float:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _alike(colours: Mapping[str, tuple[float, float, float]], rgb: tuple[float, float, float]) -> dict[str, float]:
    """Shares of the words for colours around ``rgb``."""
    distances = {word: _squared_distance(colour, rgb) for word, colour in colours.items()}
    nearest = min(distances.values())
    weights = {word: float(np.exp((nearest - d) / (2 * TONE_WIDTH**2))) for word, d in distances.items()}
    return {word: weight / sum(weights.values()) for word, weight in weights.items()}


def _between(words: Sequence[str], place: float) -> dict[str, float]:
    """Shares of the two words on either side of a place among ``0 .. len(words) - 1``."""
    place = float(np.clip(place, 0, len(words) - 1))
    lower = min(int(place), len(words) - 2)
    return {words[lower]: lower + 1 - place, words[lower + 1]: place - lower}


def read_colour(option: object) -> tuple[float, float, float] | None:
    """A colour as 0..1 from a word of ``COLORS``, "#rrggbb" or (r, g, b) in 0..255; None if it is none of these."""
    if isinstance(option, str):
        if option in COLORS:
            return COLORS[option]
        digits = option.removeprefix("#")
        if len(option) != 7 or len(digits) != 6 or not set(digits.lower()) <= set("0123456789abcdef"):
            return None
        return int(digits[:2], 16) / 255, int(digits[2:4], 16) / 255, int(digits[4:], 16) / 255
    if isinstance(option, (Sequence, np.ndarray)) and np.shape(option) == (3,):
        red, green, blue = (float(value) / 255 for value in option)
        return (red, green, blue) if all(0 <= value <= 1 for value in (red, green, blue)) else None
    return None


def check_words(words: Mapping[str, str | None]) -> None:
    """Raise OptionError for an attribute word that the model does not know."""
    for slot, word in words.items():
        if word is not None and word not in WORDS[slot]:
            raise OptionError(f"{slot}={word!r} is not known. Choose one of: {', '.join(WORDS[slot])}.")
