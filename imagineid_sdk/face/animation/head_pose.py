"""The head: posture, sway, nods on stressed syllables, breathing."""

from __future__ import annotations

import numpy as np

from imagineid_sdk.face.animation.timing import (
    NOD,
    POSTURE,
    SWAY,
    Bumps,
    SlotDraws,
    minimum_jerk,
    random_stream,
    schedule,
)
from imagineid_sdk.listening.profile import EMOTIONS

POSE_LIMITS = np.array([20.0, 12.0, 10.0])  # degrees that |yaw|, |pitch|, |roll| stay under
POSE_SPREAD = np.array([4.0, 2.6, 1.9])  # degrees, one standard deviation while speaking, neutral emotion
SILENT_MOTION = 0.4  # share of the head's motion that is left in silence

# Emotion -> (gain of the head's motion, degrees of pitch that the head is held at), at full intensity: agitated
# emotions move the head more, sadness lowers it.
HEAD_BY_EMOTION: dict[str, tuple[float, float]] = {
    "neutral": (1.0, 0.0), "happy": (1.25, 0.5), "sad": (0.7, -3.0), "angry": (1.35, -1.5), "surprised": (1.2, 1.5),
    "fearful": (0.9, -0.5), "disgusted": (0.95, 0.5), "contemptuous": (0.9, 2.0),
}  # fmt: skip


class HeadMotion:
    """Posture that shifts and holds, a slow sway on top, nods on stressed syllables, a settling at the end of phrases,
    and breathing. People turn their heads mostly below 2 Hz and more while they speak (Hadar et al. 1983; Munhall et
    al. 2004)."""

    def __init__(self, seed: int, head_motion: float) -> None:
        self.head_motion = head_motion
        self._sway, self._posture = Sway(random_stream(seed, SWAY)), Posture(seed)
        self._draws = SlotDraws(random_stream(seed, NOD))
        self._nods = Bumps()
        self._breath = random_stream(seed, NOD, 1).uniform(0.0, 2.0 * np.pi)
        self._settled = -1.0

    def nod(self, time: float, strength: float, earliest: float) -> None:
        """A small nod with every other stressed syllable; none begins before `earliest` (seconds)."""
        chance, size = self._draws.at(time)
        if chance < 0.55:
            self._nods.add(max(time + 0.05, earliest + 0.26), 0.26, 0.40, -(0.8 + 1.6 * size) * strength)

    def settle(self, time: float, earliest: float) -> None:
        """Lowers the head a little after the phrase that ended at `time`."""
        if time > self._settled + 0.1:
            self._nods.add(max(time + 0.25, earliest + 0.50), 0.50, 1.20, -1.0)
            self._settled = time

    def at(self, moments: np.ndarray, activity: np.ndarray, emotions: np.ndarray) -> np.ndarray:
        """(T, 3) degrees."""
        habits = np.array([HEAD_BY_EMOTION[name] for name in EMOTIONS])
        gain = (SILENT_MOTION + (1.0 - SILENT_MOTION) * activity) * (1.0 + emotions @ (habits[:, 0] - 1.0))
        pose = (0.8 * self._posture.at(moments) + 0.6 * self._sway.at(moments)) * POSE_SPREAD * gain[:, None]
        pose[:, 2] += 0.2 * pose[:, 0]  # a turned head also tilts
        pose[:, 1] += self._nods.over(moments) * gain + emotions @ habits[:, 1]
        pose *= self.head_motion
        pose[:, 1] += 0.35 * np.sin(2.0 * np.pi * 0.25 * moments + self._breath)
        return POSE_LIMITS * np.tanh(pose / POSE_LIMITS)


class Sway:
    """Three tracks of unit variance: 1/f noise between 0.08 and 1.8 Hz as sums of sines, defined at any moment."""

    def __init__(self, random: np.random.Generator, count: int = 18) -> None:
        octaves = (np.arange(count) + random.uniform(0.0, 1.0, (3, count))) / count
        self._frequencies = 0.08 * (1.8 / 0.08) ** octaves
        amplitudes = self._frequencies**-0.5
        self._amplitudes = amplitudes * np.sqrt(2.0 / (amplitudes**2).sum(axis=1, keepdims=True))
        self._phases = random.uniform(0.0, 2.0 * np.pi, (3, count))

    def at(self, moments: np.ndarray) -> np.ndarray:
        """(T, 3)."""
        sway = np.zeros((3, len(moments)))
        waves = zip(self._amplitudes.T, self._frequencies.T, self._phases.T, strict=True)
        for amplitude, frequency, phase in waves:
            sway += amplitude[:, None] * np.sin(2.0 * np.pi * np.outer(frequency, moments) + phase[:, None])
        return sway.T


class Posture:
    """Three tracks of about unit variance: a new posture every few seconds, reached in one smooth move and held."""

    def __init__(self, seed: int) -> None:
        self._changes = schedule(random_stream(seed, POSTURE), mean=2.6, sigma=0.5, shortest=1.2)
        self._random = random_stream(seed, POSTURE, 1)
        self._starts = [0.0, next(self._changes)]
        first = self._draw()
        self._targets = [first, first, self._draw()]  # before each start, and after the last one

    def at(self, moments: np.ndarray) -> np.ndarray:
        """(T, 3); moments go forward."""
        while self._starts[-1] <= moments[-1]:
            self._starts.append(next(self._changes))
            self._targets.append(self._draw())
        past = max(0, int(np.searchsorted(self._starts, moments[0], side="right")) - 1)
        del self._starts[:past], self._targets[:past]
        starts, targets = np.array(self._starts), np.array(self._targets)
        steps = np.diff(targets, axis=0)
        lengths = 0.6 + 0.15 * np.abs(steps).max(axis=1)  # seconds: farther moves take longer
        index = np.searchsorted(starts, moments, side="right") - 1
        moved = minimum_jerk(np.clip((moments - starts[index]) / lengths[index], 0.0, 1.0))
        return targets[index] + moved[:, None] * steps[index]

    def _draw(self) -> np.ndarray:
        return np.clip(self._random.normal(0.0, 1.0, 3), -2.0, 2.0)
