"""The clockwork of motion: seeded streams of chance, schedules, and the shapes that movements have in time.

Everything here is drawn in the order of time and only as far as it is asked for, so a video of unknown length begins
with the motion of the same video at any length.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from imagineid_sdk.listening.profile import TRACK_RATE
from imagineid_sdk.listening.prosodic_events import SLOT
from imagineid_sdk.seeds import MOTION, numpy_generator

# Each kind of motion draws from a stream of its own, so that setting one leaves the others as they were.
BLINK, GAZE, SWAY, POSTURE, NOD, BROW, MOUTH = range(7)


def random_stream(seed: int, stream: int, part: int = 0) -> np.random.Generator:
    return numpy_generator(seed, MOTION, stream, part)


def schedule(random: np.random.Generator, mean: float, sigma: float, shortest: float) -> Iterator[float]:
    """Moments (seconds) without end, with log-normal intervals; the first comes after about half an interval."""
    time, share = 0.0, 0.5
    while True:
        interval = random.lognormal(np.log(mean) - 0.5 * sigma**2, sigma)
        time += share * float(np.clip(interval, shortest, 2.5 * mean))
        share = 1.0
        yield time


class SlotDraws:
    """Two numbers in 0..1 for every slot of time: whether there is a reaction in it, and how large.

    They belong to the time and not to the reaction: one that is missed or added leaves all later ones as they were.
    """

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._drawn = 0
        self._last = (0.0, 0.0)

    def at(self, time: float) -> tuple[float, float]:
        """The numbers of the slot that `time` (seconds) falls into; times must not decrease."""
        while self._drawn * SLOT <= time:
            chance, size = self._random.uniform(size=2)
            self._last = (float(chance), float(size))
            self._drawn += 1
        return self._last


class Bumps:
    """Smooth rises and falls that add up along the time of a video."""

    def __init__(self) -> None:
        self._bumps: list[tuple[float, float, float, float]] = []

    def add(self, time: float, rise: float, fall: float, height: float) -> None:
        """Up to `height` at `time` after `rise` seconds, and back to nothing in `fall` seconds."""
        self._bumps.append((time, rise, fall, height))

    def over(self, moments: np.ndarray) -> np.ndarray:
        """Their sum at consecutive moments; bumps that end before the last moment are dropped afterwards."""
        track = np.zeros(len(moments))
        for time, rise, fall, height in self._bumps:
            first, last = np.searchsorted(moments, (time - rise, time + fall))
            apart = moments[first:last] - time
            track[first:last] += height * 0.5 * (1.0 + np.cos(np.pi * apart / np.where(apart < 0, rise, fall)))
        self._bumps = [bump for bump in self._bumps if bump[0] + bump[2] > moments[-1]]
        return track


def minimum_jerk(t: np.ndarray) -> np.ndarray:
    """0..1 to 0..1 with no jump in speed or acceleration (Flash & Hogan 1985)."""
    return t**3 * (10.0 - 15.0 * t + 6.0 * t * t)


def resample(track: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """A (T,) or (T, n) track of listening at the given moments (seconds), linear between its samples."""
    positions = np.clip(moments * TRACK_RATE - 0.5, 0.0, len(track) - 1.0)
    index = np.minimum(positions.astype(int), max(len(track) - 2, 0))
    share = positions - index
    following = np.minimum(index + 1, len(track) - 1)
    share = share.reshape(-1, *([1] * (track.ndim - 1)))
    return track[index] * (1.0 - share) + track[following] * share


def seamless(values: np.ndarray, last: np.ndarray | None, fps: float, seconds: float) -> np.ndarray:
    """Joins a new segment of frames to the one before it.

    `values` (1 + T, ...) begin with the new segment's opinion about the frame that was shown last as `last` (...).
    Where the two differ, because by now more of the sound is known, the difference dies away within `seconds`.
    Returns the T new values.
    """
    if last is None:
        return values[1:]
    fading = np.exp(-np.arange(1, len(values)) / (fps * seconds))
    return values[1:] + fading.reshape(-1, *([1] * (values.ndim - 1))) * (last - values[0])
