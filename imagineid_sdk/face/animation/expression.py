"""How an emotion looks on the face: a table of ARKit blendshapes, and how they are laid over lips that speak.

The table follows the action units of the basic emotions (Ekman & Friesen, EMFACS; given as AU numbers beside each row).
Speech comes first: what an emotion does to the lips never parts them where the words, or silence, hold them shut.
"""

from __future__ import annotations

import numpy as np

from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from imagineid_sdk.listening.profile import EMOTIONS

# Emotion -> blendshapes at full intensity, 0..1. A name without a side stands for both sides.
EXPRESSIONS: dict[str, dict[str, float]] = {
    "neutral": {},
    "happy": {"mouthSmile": 0.80, "cheekSquint": 0.70, "eyeSquint": 0.35, "mouthDimple": 0.15},  # AU 6 + 12
    "sad": {  # AU 1 + 4 + 15 + 17
        "browInnerUp": 1.00, "browDown": 0.30, "mouthFrown": 0.95, "mouthShrugLower": 0.30, "eyeSquint": 0.35,
    },
    "angry": {  # AU 4 + 5 + 7 + 9 + 24
        "browDown": 1.00, "noseSneer": 0.70, "mouthPress": 0.45, "mouthFrown": 0.35, "eyeSquint": 0.30, "eyeWide": 0.40,
    },
    "surprised": {"browInnerUp": 1.00, "browOuterUp": 0.85, "eyeWide": 1.00, "jawOpen": 0.35},  # AU 1 + 2 + 5 + 26
    "fearful": {  # AU 1 + 2 + 4 + 5 + 20
        "browInnerUp": 1.00, "browOuterUp": 0.40, "browDown": 0.30, "eyeWide": 0.90, "mouthStretch": 0.75,
    },
    "disgusted": {  # AU 9 + 10 + 15
        "noseSneer": 1.00, "mouthUpperUp": 0.60, "browDown": 0.50, "mouthFrown": 0.45, "eyeSquint": 0.45,
    },
    "contemptuous": {  # AU 12 + 14 of one side
        "mouthDimpleLeft": 0.70, "mouthDimpleRight": 0.20, "mouthSmileLeft": 0.45, "mouthSmileRight": 0.08,
        "browOuterUpLeft": 0.40, "eyeSquint": 0.15,
    },
}  # fmt: skip

# How far a full blendshape parts the inner lips at the middle of the mouth, in distances between the eyes' centres
# (< 0: together). Measured on the mesh of the head; blendshapes that aren't listed move them by less than 0.01.
LIP_GAP: dict[str, float] = {
    "jawOpen": 0.49, "mouthClose": -0.49, "mouthFunnel": 0.15, "mouthUpperUp": 0.04, "mouthLowerDown": 0.03,
    "mouthShrugUpper": 0.06, "mouthShrugLower": -0.065, "mouthPress": -0.02, "mouthRollLower": -0.04,
    "mouthRollUpper": -0.04, "mouthSmile": -0.02, "mouthPucker": -0.013, "cheekPuff": -0.016, "jawForward": 0.02,
}  # fmt: skip
SEALED_GAP = 0.01  # lip gap up to which lips count as shut
OPEN_GAP = 0.08  # lip gap from which an emotion may open them in full

_SPREADING = ("mouthSmile", "mouthStretch", "mouthDimple")
_PRESSING = ("mouthPress", "mouthShrugLower", "mouthRollLower", "mouthRollUpper")
_ROUNDING = ("mouthPucker", "mouthFunnel")


def lip_gap(blendshapes: np.ndarray) -> np.ndarray:
    """How far the inner lips stand apart.

    Args:
        blendshapes: (..., 52) in 0..1, the order of `ARKIT_BLENDSHAPES`.

    Returns:
        (...,) in distances between the eyes; 0 is the resting, closed mouth, below 0 the lips are pressed together,
        0.1 is a clearly open vowel.
    """
    return blendshapes @ _row(LIP_GAP)


def add_expression(blendshapes: np.ndarray, emotion: np.ndarray) -> np.ndarray:
    """Lays emotions over speaking lips.

    Brows, eyes, cheeks, nose and the corners of the mouth follow the emotion everywhere. What would part the lips is
    faded in by how far the words part them already, what would press them together is faded out by it, and a smile
    gives way to rounded lips, so that "oo" stays "oo". Shut lips stay shut.

    Args:
        blendshapes: (T, 52) in 0..1, what the words ask of the face.
        emotion: (T, 8) in 0..1, the intensity of each of `EMOTIONS` in each frame.

    Returns:
        (T, 52) float32 in 0..1.
    """
    openness = np.clip((lip_gap(blendshapes) - SEALED_GAP) / (OPEN_GAP - SEALED_GAP), 0.0, 1.0)[:, None]
    rounding = np.clip(blendshapes[:, _columns(_ROUNDING)].max(axis=1), 0.0, 1.0)[:, None]
    added = emotion @ EXPRESSION_MATRIX
    added[:, _OPENING_COLUMNS] *= openness
    added[:, _columns(_PRESSING)] *= 1.0 - openness
    added[:, _columns(_SPREADING)] *= 1.0 - 0.6 * rounding
    return np.clip(blendshapes + added, 0.0, 1.0).astype(np.float32)


def _sides(name: str) -> tuple[str, ...]:
    """The blendshapes that a name of the tables stands for: itself, or its left and right."""
    return (name,) if name in BLENDSHAPE_INDEX else (name + "Left", name + "Right")


def _columns(names: tuple[str, ...]) -> list[int]:
    return [BLENDSHAPE_INDEX[side] for name in names for side in _sides(name)]


def _row(values: dict[str, float]) -> np.ndarray:
    """One row of 52 from a table of named values."""
    row = np.zeros(len(ARKIT_BLENDSHAPES), dtype=np.float32)
    for name, value in values.items():
        row[_columns((name,))] = value
    return row


EXPRESSION_MATRIX = np.stack([_row(EXPRESSIONS[name]) for name in EMOTIONS])  # (8, 52)
_OPENING_COLUMNS = _columns(tuple(name for name, gap in LIP_GAP.items() if gap > 0))
