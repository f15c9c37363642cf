"""Attributes of a person that the user sets, instead of the voice and the seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from imagineid_sdk.errors import OptionError
from imagineid_sdk.face.persona.vocabulary import LOOKS, WORDS, check_words, read_colour

RGB: TypeAlias = tuple[int, int, int]

COLOURED = ("hair_color", "clothes_color", "skin")
"""Overrides that may be a colour instead of a word."""


@dataclass(frozen=True)
class Overrides:
    """None leaves an attribute to the voice and the seed.

    Attributes:
        gender: "male", "female" or 0 male .. 1 female.
        age: years, 10 to 90.
        hair, eye_color, beard, clothes, glasses, light: words of ``vocabulary.WORDS``.
        hair_color, clothes_color, skin: words of ``vocabulary.WORDS``, or any colour: a word of ``vocabulary.COLORS``,
            "#rrggbb" or (r, g, b) in 0..255.
    """

    gender: str | float | None = None
    age: float | None = None
    hair: str | None = None
    hair_color: str | RGB | None = None
    eye_color: str | None = None
    beard: str | None = None
    clothes: str | None = None
    clothes_color: str | RGB | None = None
    glasses: str | None = None
    light: str | None = None
    skin: str | RGB | None = None

    def __post_init__(self) -> None:
        for slot in (*LOOKS, "clothes_color", "skin"):
            wish = getattr(self, slot)
            if slot not in COLOURED or wish in WORDS[slot] or wish is None:
                check_words({slot: wish})
            elif read_colour(wish) is None:
                raise OptionError(
                    f"{slot}={wish!r} is not known. Choose one of: {', '.join(WORDS[slot])}, or give a colour as "
                    "'#rrggbb' or (r, g, b) in 0..255."
                )
        if isinstance(self.gender, str):
            check_words({"gender": self.gender})
        elif self.gender is not None and not 0 <= self.gender <= 1:
            raise OptionError(f"gender={self.gender} is out of range. Give 'male', 'female' or a number from 0 to 1.")
        if self.age is not None and not 10 <= self.age <= 90:
            raise OptionError(f"age={self.age} is out of range. The model knows people of 10 to 90 years.")
