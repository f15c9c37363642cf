"""Visemes: mouth shapes of speech sounds. This is the one table of mouth shapes of the package.

Sixteen classes of sounds that look alike, and for each the ARKit mouth blendshapes of its full articulation in normal,
unstressed speech. The content stage hears visemes in the sound and blends these shapes; edit the table to change the
articulation of every video.
"""

from __future__ import annotations

import numpy as np

from imagineid_sdk.listening.profile import MOUTH_BLENDSHAPES

VISEMES: tuple[str, ...] = (
    "SIL",  # silence: the mouth is shut and relaxed
    "PP",  # p b m: lips pressed together
    "FF",  # f v: lower lip at the upper teeth
    "TH",  # as in thin, this: tongue between the teeth
    "DD",  # t d n l and tapped r: tongue tip behind the teeth
    "SS",  # s z ts: teeth nearly closed
    "CH",  # sh zh ch j: teeth nearly closed, lips pushed forward
    "RR",  # English r and er
    "KK",  # k g ng h and sounds further back: the lips keep the shape of their neighbours
    "AX",  # schwa
    "AA",  # father, cut: wide open
    "AE",  # cat: open and stretched
    "E",  # bed, say
    "I",  # see, sit, yes: stretched
    "O",  # law, go: rounded
    "U",  # too, put, we: pursed
)

# A name without Left or Right stands for both sides.
_SHAPES: dict[str, dict[str, float]] = {
    "SIL": {},
    "PP": {"jawOpen": 0.02, "mouthPress": 0.40, "mouthRollLower": 0.18, "mouthRollUpper": 0.14},
    "FF": {"jawOpen": 0.06, "mouthRollLower": 0.45, "mouthUpperUp": 0.22, "mouthShrugLower": 0.08},
    "TH": {"jawOpen": 0.16, "tongueOut": 0.18, "mouthLowerDown": 0.16, "mouthUpperUp": 0.10, "mouthStretch": 0.06},
    "DD": {"jawOpen": 0.14, "mouthLowerDown": 0.18, "mouthUpperUp": 0.09},
    "SS": {"jawOpen": 0.05, "mouthStretch": 0.20, "mouthSmile": 0.08, "mouthLowerDown": 0.24, "mouthUpperUp": 0.14},
    "CH": {"jawOpen": 0.09, "mouthFunnel": 0.30, "mouthPucker": 0.30, "mouthLowerDown": 0.12, "mouthUpperUp": 0.12},
    "RR": {"jawOpen": 0.16, "mouthFunnel": 0.16, "mouthPucker": 0.30, "mouthLowerDown": 0.08},
    "KK": {"jawOpen": 0.19, "mouthLowerDown": 0.12, "mouthUpperUp": 0.07},
    "AX": {"jawOpen": 0.24, "mouthLowerDown": 0.12, "mouthUpperUp": 0.05},
    "AA": {"jawOpen": 0.50, "mouthLowerDown": 0.20, "mouthUpperUp": 0.12},
    "AE": {"jawOpen": 0.42, "mouthStretch": 0.25, "mouthSmile": 0.10, "mouthLowerDown": 0.26, "mouthUpperUp": 0.16},
    "E": {"jawOpen": 0.31, "mouthStretch": 0.26, "mouthSmile": 0.14, "mouthLowerDown": 0.22, "mouthUpperUp": 0.12},
    "I": {"jawOpen": 0.15, "mouthStretch": 0.38, "mouthSmile": 0.24, "mouthLowerDown": 0.24, "mouthUpperUp": 0.12},
    "O": {"jawOpen": 0.36, "mouthFunnel": 0.30, "mouthPucker": 0.38},
    "U": {"jawOpen": 0.13, "mouthFunnel": 0.20, "mouthPucker": 0.66},
}


def shape_table() -> np.ndarray:
    """Mouth blendshapes of every viseme, float32, shape (len(VISEMES), len(MOUTH_BLENDSHAPES)), range [0, 1]."""
    table = np.zeros((len(VISEMES), len(MOUTH_BLENDSHAPES)), np.float32)
    for row, viseme in enumerate(VISEMES):
        for name, value in _SHAPES[viseme].items():
            for side in ("",) if name in MOUTH_BLENDSHAPES else ("Left", "Right"):
                table[row, MOUTH_BLENDSHAPES.index(name + side)] = value
    return table
