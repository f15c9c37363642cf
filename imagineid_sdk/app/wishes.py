"""The wishes that the page has controls for: options of a call, with the words that they know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imagineid_sdk.face.persona.vocabulary import WORDS
from imagineid_sdk.listening.profile import EMOTIONS
from imagineid_sdk.video.backdrop import PLACES


@dataclass(frozen=True)
class Wish:
    """One control.

    Attributes:
        name: of the option.
        choices: words or numbers to choose from; without them it is a slider.
        default: what the choice of none is called.
        range, value, step: of the slider; at `value` nothing is asked for.
    """

    name: str
    label: str
    choices: tuple[str | int, ...] = ()
    default: str = "any"
    range: tuple[float, float] = (0, 2)
    value: float = 1.0
    step: float = 0.1


def _words(name: str, label: str, default: str = "any") -> Wish:
    return Wish(name, label, tuple(WORDS[name]), default)


WISHES = (
    _words("gender", "Sex", "as heard"),
    Wish("age", "Age (0: heard)", range=(0, 90), value=0, step=1),
    _words("skin", "Skin"),
    _words("hair", "Hair"),
    _words("hair_color", "Colour of the hair"),
    _words("eye_color", "Eyes"),
    _words("beard", "Beard"),
    _words("glasses", "Glasses"),
    _words("clothes", "Clothes"),
    _words("clothes_color", "Colour of the clothes"),
    _words("light", "Light"),
    Wish("background", "Background", (*PLACES, "white", "black", "grey", "teal", "blue", "pink"), "fits the light"),
    Wish("emotion", "Emotion", EMOTIONS, "as heard"),
    Wish("head_motion", "Head motion"),
    Wish("blink", "Blinking"),
    Wish("gaze", "Wandering gaze"),
    Wish("size", "Size of the video", (256,), "512"),
)


def given(values: Sequence[Any]) -> dict[str, Any]:
    """What was asked for, of the values of all controls: options of a call."""
    wishes: dict[str, Any] = {}
    for wish, value in zip(WISHES, values, strict=True):
        if value in ("", None) or (not wish.choices and float(value) == wish.value):
            continue
        # Nobody younger than 10 is known to the model, and the slider begins at "as heard".
        wishes[wish.name] = max(10.0, float(value)) if wish.name == "age" else value
    return wishes
