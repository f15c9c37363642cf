"""From viseme probabilities to mouth blendshapes that look spoken: co-articulation, closures, silence.

What has to hold: lips meet on every p, b and m; the mouth is shut within 120 ms of silence; vowels differ visibly;
nothing trembles. Everything here is a fixed filter of some 100 ms, so it can run block by block.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from imagineid_sdk.listening.profile import MOUTH_BLENDSHAPES, TRACK_RATE
from imagineid_sdk.listening.tracks import smooth
from imagineid_sdk.listening.visemes import VISEMES, shape_table

CONTEXT = 16
"""Frames on either side that influence a frame."""

_SILENCE, _LIPS, _TEETH = (VISEMES.index(name) for name in ("SIL", "PP", "FF"))
_JAW = MOUTH_BLENDSHAPES.index("jawOpen")

_SMOOTHING = 0.026  # s: standard deviation of the movement of lips and jaw
_SHARPNESS = 2.0  # exponent on the probabilities: 1 averages shapes, more decides between them
_TABLE_SHARE = 0.65  # of the table's shapes against the network's own co-articulated guess, which is milder
_CLOSURE = {_LIPS: (0.22, 0.50), _TEETH: (0.30, 0.65)}  # probabilities at which a closure begins and is complete
_OPENING = 0.06  # s by which the mouth opens before the sound
_LOUDNESS_GAIN = 0.018  # of jaw opening per dB against the clip's usual loudness


def articulate(
    visemes: np.ndarray, raw_blendshapes: np.ndarray, speech: np.ndarray, loudness: np.ndarray, usual_loudness: float
) -> np.ndarray:
    """Mouth blendshapes, float32 (frames, len(MOUTH_BLENDSHAPES)) in [0, 1].

    `visemes`: probabilities (frames, 16); `raw_blendshapes`: the network's own guess of the co-articulated blendshapes
    (frames, blendshapes); `speech`: voice activity in [0, 1]; `loudness` and `usual_loudness`: dBFS.
    """
    table = shape_table()
    gate = speaking_gate(visemes[:, _SILENCE], speech)
    sharp = visemes**_SHARPNESS
    sharp[:, _SILENCE] = 1e-3
    shapes = (sharp / sharp.sum(axis=1, keepdims=True)) @ table
    blendshapes = smooth(_TABLE_SHARE * shapes + (1 - _TABLE_SHARE) * raw_blendshapes, _SMOOTHING)
    blendshapes[:, _JAW] *= _stress(loudness, usual_loudness)
    blendshapes *= gate[:, None]
    for viseme in (_TEETH, _LIPS):
        closed = closure(visemes[:, viseme], *_CLOSURE[viseme])[:, None]
        blendshapes = blendshapes * (1 - closed) + table[viseme] * closed * np.maximum(gate, 0.3)[:, None]
    return np.clip(blendshapes, 0, 1).astype(np.float32)


def speaking_gate(silence: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """0 where the mouth rests shut, 1 where it speaks: both the voice activity and the words must agree."""
    talking = np.clip((np.minimum(speech, 1 - silence) - 0.25) / 0.4, 0, 1)
    # Gaps of one or two frames are stops of the tongue, not silence.
    bridged = _running(_running(talking, 2, np.max), 2, np.min)
    reach = int(round(_OPENING * TRACK_RATE))
    padded = np.pad(bridged, (0, reach), mode="edge")
    ahead = np.lib.stride_tricks.sliding_window_view(padded, reach + 1).max(axis=-1)
    gate = smooth(ahead, 0.022)
    return np.clip((gate - 0.04) / 0.92, 0, 1)


def closure(probability: np.ndarray, begins: float, complete: float) -> np.ndarray:
    """How far lips have closed for a sound: complete at its middle, 40 ms to reach and to leave."""
    strength = np.clip((probability - begins) / (complete - begins), 0, 1)
    peak = _running(strength, 1, np.max)
    eased = smooth(peak, 0.014)
    return np.maximum(np.clip(eased, 0, 1), strength)


def _stress(loudness: np.ndarray, usual: float) -> np.ndarray:
    relative = smooth(np.clip(loudness - usual, -15, 12), 0.05)
    return np.clip(1 + _LOUDNESS_GAIN * relative, 0.75, 1.2)


def _running(track: np.ndarray, reach: int, reduce: Callable[..., np.ndarray]) -> np.ndarray:
    padded = np.pad(track, reach, mode="edge")
    return reduce(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=-1)


def usual_loudness(speech: np.ndarray, loudness: np.ndarray) -> float:
    """Median loudness of speech, dBFS, from tracks of voice activity and loudness (frames,); 0 without speech."""
    active = speech > 0.5
    return float(np.median(loudness[active])) if active.any() else 0.0


def only_words(speech: np.ndarray, visemes: np.ndarray) -> np.ndarray:
    """Voice activity (frames,) where visemes are heard as well: music and knocks are no speech."""
    return np.minimum(speech, speaking_gate(visemes[:, _SILENCE], speech)).astype(np.float32)
