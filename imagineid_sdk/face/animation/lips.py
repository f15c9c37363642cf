"""Mouth blendshapes of the content track, resampled to the video's frames without losing a closure of the lips."""

from __future__ import annotations

import numpy as np

from imagineid_sdk.face.animation.expression import lip_gap
from imagineid_sdk.face.animation.timing import MOUTH, random_stream
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from imagineid_sdk.listening.profile import MOUTH_BLENDSHAPES, TRACK_RATE

SHUT_GAP = 0.05
"""Lip gap under which a minimum between vowels is a closure (p, b, m)."""

REST = {"mouthPressLeft": 0.22, "mouthPressRight": 0.22, "mouthClose": 0.05}
"""Blendshapes of lips at rest."""

IDLE_BELOW = 0.1
"""Largest mouth blendshape at which the mouth still counts as resting, in part."""

MOUTH_COLUMNS = [BLENDSHAPE_INDEX[name] for name in MOUTH_BLENDSHAPES]
MOUTH_SIDES = np.array(
    [1.0 if name.endswith("Left") else -1.0 if name.endswith("Right") else 0.0 for name in MOUTH_BLENDSHAPES]
) * np.array([0.0 if name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight") else 1.0 for name in MOUTH_BLENDSHAPES])


def mouth_at(content: np.ndarray, first: int, frames: np.ndarray, fps: float) -> np.ndarray:
    """(len(frames), mouth blendshapes) at the frames `frames` (consecutive numbers), from the track `content` of mouth
    blendshapes (T, n), whose first entry is sample `first` of the sound's track."""
    return _cubic(content, _positions(content, first, frames, fps))


def mouth_skew(seed: int) -> float:
    """How uneven this mouth is: share by which its left side does more than its right."""
    return float(np.clip(random_stream(seed, MOUTH).normal(0.0, 0.05), -0.1, 0.1))


def _positions(content: np.ndarray, first: int, frames: np.ndarray, fps: float) -> np.ndarray:
    """Positions on the content track, where each frame looks at it: its own moment, but a frame in whose time the lips
    shut looks at the moment when they are shut. No closure is lost between two frames, at any rate."""
    positions = (frames + 0.5) / fps * TRACK_RATE - 0.5 - first
    closures, gaps = _closures(content)
    shut = np.floor((closures + first + 0.5) / TRACK_RATE * fps).astype(int) - frames[0]
    inside = (shut >= 0) & (shut < len(frames))
    order = np.argsort(-gaps[inside], kind="stable")  # of two closures in one frame the tighter is written last
    positions[shut[inside][order]] = closures[inside][order]
    return np.clip(positions, 0.0, len(content) - 1.0)


def _closures(content: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Samples where the lips come together between more open moments, and their lip gaps."""
    blendshapes = np.zeros((len(content), len(ARKIT_BLENDSHAPES)), dtype=np.float32)
    blendshapes[:, MOUTH_COLUMNS] = content
    gap = lip_gap(blendshapes)
    padded = np.pad(gap, 4, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 9)  # +-80 ms
    before, here, after = padded[3:-5], padded[4:-4], padded[5:-3]
    rises = around.max(axis=1) > here + 0.02
    found = np.flatnonzero((here <= before) & (here < after) & (here < SHUT_GAP) & rises)
    return found, gap[found]


def _cubic(track: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Values of a (T, n) track between its samples by monotone cubics (Fritsch & Carlson 1980): smooth, yet never
    beyond the samples around, so that shut lips stay shut and nothing rings."""
    if len(track) < 2:
        return np.repeat(track[:1], len(positions), axis=0)
    steps = np.diff(track, axis=0)
    product = steps[1:] * steps[:-1]
    total = steps[1:] + steps[:-1]
    slopes = np.zeros_like(track)
    slopes[1:-1] = np.where(product > 0, 2.0 * product / np.where(total == 0, 1.0, total), 0.0)
    index = np.clip(np.floor(positions).astype(int), 0, len(track) - 2)
    t = (positions - index)[:, None]
    eased = t * t * (3.0 - 2.0 * t)
    return (
        track[index] + eased * steps[index] + t * (1.0 - t) ** 2 * slopes[index] - t * t * (1.0 - t) * slopes[index + 1]
    )


def at_rest(mouth: np.ndarray) -> np.ndarray:
    """Mouth blendshapes ``(frames, len(MOUTH_BLENDSHAPES))`` with lips pressed lightly together at rest: those of some
    heads only touch, and a line of light shows between them."""
    resting = np.array([REST.get(name, 0.0) for name in MOUTH_BLENDSHAPES])
    idle = np.clip(1 - mouth.max(axis=1, keepdims=True) / IDLE_BELOW, 0, 1)
    return np.maximum(mouth, idle * resting)
