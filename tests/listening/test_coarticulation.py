"""Viseme probabilities become a mouth that closes, opens and rests when it should."""

import numpy as np

from imagineid_sdk.listening.coarticulation import articulate
from imagineid_sdk.listening.profile import MOUTH_BLENDSHAPES
from imagineid_sdk.listening.visemes import VISEMES, shape_table

JAW, PRESS = MOUTH_BLENDSHAPES.index("jawOpen"), MOUTH_BLENDSHAPES.index("mouthPressLeft")


def _say(*sounds: tuple[str, int]) -> np.ndarray:
    """Mouth blendshapes for (viseme, frames) one after the other, heard with certainty."""
    visemes = np.concatenate([np.full(length, VISEMES.index(name)) for name, length in sounds])
    probabilities = np.eye(len(VISEMES))[visemes] * 0.95 + 0.05 / len(VISEMES)
    speech = (visemes != VISEMES.index("SIL")).astype(float)
    raw = shape_table()[visemes]
    return articulate(probabilities, raw, speech, np.full(len(visemes), -25.0), -25.0)


def test_lips_meet_on_a_short_b_between_open_vowels():
    mouth = _say(("SIL", 20), ("AA", 10), ("PP", 3), ("AA", 10), ("SIL", 20))
    assert mouth[31, JAW] < 0.08 and mouth[31, PRESS] > 0.25
    assert mouth[25, JAW] > 0.3 and mouth[38, JAW] > 0.3


def test_silence_shuts_the_mouth_within_120_ms():
    mouth = _say(("SIL", 20), ("AA", 20), ("SIL", 30))
    assert mouth[46:].max() < 0.03
    assert mouth[:10].max() < 0.03


def test_movement_is_smooth():
    mouth = _say(*[(name, 4) for name in ("SIL", "DD", "AA", "KK", "I", "SS", "U", "DD", "E", "SIL")])
    assert np.abs(np.diff(mouth[:, JAW])).max() < 0.2
