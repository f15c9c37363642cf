"""The table of mouth shapes."""

import numpy as np

from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES
from imagineid_sdk.listening.profile import MOUTH_BLENDSHAPES
from imagineid_sdk.listening.visemes import VISEMES, shape_table


def _value(viseme: str, blendshape: str) -> float:
    return float(shape_table()[VISEMES.index(viseme), MOUTH_BLENDSHAPES.index(blendshape)])


def test_mouth_actions_are_arkits_in_arkits_order():
    assert tuple(name for name in ARKIT_BLENDSHAPES if name in MOUTH_BLENDSHAPES) == MOUTH_BLENDSHAPES


def test_shapes_are_actions():
    table = shape_table()
    assert table.shape == (len(VISEMES), len(MOUTH_BLENDSHAPES))
    assert table.min() >= 0 and table.max() <= 1


def test_vowels_open_and_differ():
    assert _value("AA", "jawOpen") > 0.4 > _value("E", "jawOpen") > _value("I", "jawOpen")
    assert _value("I", "mouthStretchLeft") > 0.3 and _value("U", "mouthPucker") > 0.5


def test_lips_meet_on_p_and_silence_is_rest():
    assert _value("PP", "jawOpen") < 0.05 and _value("PP", "mouthPressLeft") > 0.2
    assert np.all(shape_table()[VISEMES.index("SIL")] == 0)
