"""The words and colours that attributes of a person are named with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np

from imagineid_sdk.errors import OptionError

GENDERS = ("male", "female")
AGES = ("child", "teenager", "young", "middle-aged", "old")
AGE_LIMITS = (13, 20, 35, 60)
"""Years at which the next word of ``AGES`` begins."""
AGE_CENTRES = (10, 16, 27, 47, 70)
"""Years at which a word of ``AGES`` has weight 1; between them weights are interpolated."""
SKINS = ("very dark", "dark", "brown", "medium", "light", "pale")
SKIN_LIMITS = (0.39, 0.45, 0.51, 0.57, 0.61)
"""Luminance (Rec. 601, 0..1) of the lit face at which the next word of ``SKINS`` begins: every word has some of the
2,090 people of `cast_people`."""
HAIRS = (
    "buzz cut", "crew cut", "fade", "side part", "swept back", "tousled", "caesar", "receding", "balding", "bald",
    "pixie", "bob", "bob with fringe", "wavy lob", "long straight", "long side part", "long wavy", "curtain fringe",
    "ponytail", "high bun", "low bun", "plaits", "side plait", "cornrows", "short curls", "long curls", "afro",
    "short afro", "locs",
)  # fmt: skip
HAIR_TONES: dict[str, tuple[float, float, float]] = {
    "black": (0.17, 0.15, 0.14), "dark brown": (0.28, 0.21, 0.17), "brown": (0.38, 0.29, 0.23),
    "light brown": (0.49, 0.42, 0.36), "blonde": (0.75, 0.64, 0.48), "ash": (0.57, 0.54, 0.51),
    "red": (0.55, 0.34, 0.23), "grey": (0.65, 0.63, 0.61), "white": (0.73, 0.72, 0.69),
}  # fmt: skip
"""What the words for the colour of hair look like in the light of the training world, on average."""
HAIR_COLORS = tuple(HAIR_TONES)
EYE_COLORS = ("brown", "hazel", "blue", "blue-green", "green", "grey", "light blue", "ice")
BEARDS = ("none", "stubble", "beard", "goatee", "moustache")
GROWTH = 3
"""Beards up to which a beard grows; the others are cuts of a grown one."""
GLASSES = ("none", "round", "oval", "square", "wide")
LIGHTS = ("studio", "window", "overcast", "sun", "evening", "indoors")
"""What lights the face. It belongs to the person's portrait, so that it never flickers."""
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
    "light": LIGHTS,
}  # fmt: skip
"""The attribute words, one slot each, in the order in which the semantic adapter reads them."""
LOOKS = ("hair", "hair_color", "eye_color", "beard", "clothes", "glasses", "light")
"""Slots that a person has a word for; the other words follow from numbers."""
HAIR_SHAPE = ("hair_height", "hair_width", "hair_length", "hairline")
"""Slots that say how a cut of hair is worn, each a figure of -1..1 in ``Identity.hair_shape``."""
SHAVED = ("bald", "buzz cut", "balding")
"""Words for hair that has no height, width or length to tell of."""
TONE_WIDTH = 0.07
"""Standard deviation of a colour word's Gaussian, in the space of RGB from 0 to 1."""


def skin_word(rgb: tuple[float, float, float]) -> str:
    """The word of ``SKINS`` for a mean face colour."""
    luminance = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]
    return SKINS[int(np.searchsorted(SKIN_LIMITS, luminance, side="right"))]


def nearest_color(rgb: tuple[float, float, float], colours: Mapping[str, tuple[float, float, float]] = COLORS) -> str:
    """The word whose colour comes nearest to ``rgb``."""
    return min(colours, key=lambda word: _squared_distance(colours[word], rgb))


def _squared_distance(one: Sequence[float], other: Sequence[float]) -> float:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def colour_weights(
    colours: Mapping[str, tuple[float, float, float]], rgb: tuple[float, float, float]
) -> dict[str, float]:
    """Weights of the colour words around ``rgb``; they sum to 1."""
    distances = {word: _squared_distance(colour, rgb) for word, colour in colours.items()}
    nearest = min(distances.values())
    weights = {word: float(np.exp((nearest - d) / (2 * TONE_WIDTH**2))) for word, d in distances.items()}
    return {word: weight / sum(weights.values()) for word, weight in weights.items()}


def neighbour_weights(words: Sequence[str], place: float) -> dict[str, float]:
    """Linear interpolation between words: weights of the two on either side of ``place``, 0 to ``len(words) - 1``."""
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
    if isinstance(option, np.ndarray) and option.shape == (3,):
        option = option.tolist()
    if isinstance(option, Sequence) and len(option) == 3 and all(isinstance(value, Real) for value in option):
        red, green, blue = (float(value) / 255 for value in option)
        return (red, green, blue) if all(0 <= value <= 1 for value in (red, green, blue)) else None
    return None


def check_words(words: Mapping[str, str | None]) -> None:
    """Raise OptionError for an attribute word that the model does not know."""
    for slot, word in words.items():
        if word is not None and word not in WORDS[slot]:
            raise OptionError(f"{slot}={word!r} is not known. Choose one of: {', '.join(WORDS[slot])}.")
