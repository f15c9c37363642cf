"""The 112 landmarks: fixed vertices of MakeHuman's base mesh, so that no detector is needed.

They were chosen once, on an average adult with the mouth slightly open, where the drawn outlines of lips, eyes and
brows lie.
Sides are the picture's: each group runs from image left to image right, outlines run all the way round.
"""

from __future__ import annotations

import numpy as np

LANDMARKS: dict[str, tuple[int, ...]] = {
    "contour": (
        5181, 5326, 5176, 5177, 736, 735, 737, 5297, 5294, 5292, 5296, 11898, 11900, 11902, 7457, 7455, 7456, 11789,
        11788, 11930, 11793,
    ),  # over the top of one temple, along the jaw, to the other temple
    "brows": (
        254, 253, 179, 173, 176, 170, 1230, 155, 209, 166, 6984, 6943, 7922, 6950, 6952, 6946, 6981, 6949, 7023, 6986,
    ),  # five columns a brow, upper and lower edge
    "eyes": (
        15, 33, 36, 44, 47, 50, 1076, 4866, 4865, 4847, 4848, 10, 6886, 11481, 6831, 6828, 6825, 6817, 13366, 11468,
        11466, 6787, 11483, 11484,
    ),  # twelve round each lid opening
    "nose_bridge": (136, 135, 164, 294),
    "nose_base": (288, 285, 11751, 11688, 707),  # wing, base, wing, base, below the tip
    "lips_outer": (
        424, 440, 406, 480, 486, 492, 7241, 7235, 7166, 7200, 7187, 7171, 11956, 7169, 7210, 455, 450, 456, 5354, 411,
    ),
    "lips_inner": (427, 519, 481, 517, 493, 7242, 7236, 7230, 7187, 7209, 7213, 7228, 474, 472, 453, 449),
    "lip_centers": (455, 495),  # upper, lower
}  # fmt: skip
LANDMARK_NAMES = tuple(name for name, vertices in LANDMARKS.items() for _ in vertices)
LANDMARK_VERTICES = np.array([vertex for vertices in LANDMARKS.values() for vertex in vertices])
