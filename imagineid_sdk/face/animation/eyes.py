"""Eyes that look and blink: where they rest, the saccades between, and the lids."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from imagineid_sdk.face.animation.timing import BLINK, GAZE, Bumps, minimum_jerk, random_stream, schedule
from imagineid_sdk.face.blendshapes import BLENDSHAPE_INDEX, GAZE_PITCH, GAZE_YAW

GAZE_LIMIT = 0.3  # of the eyeLook blendshapes
LARGE_SHIFT = 0.12  # of the eyeLook blendshapes: a shift of gaze that people like to blink with
BLINK_INTERVAL, BLINK_INTERVAL_SIGMA = 3.4, 0.45  # seconds, mean, and log-normal sigma: 17-18 blinks a minute
BLINK_CLOSE, BLINK_OPEN = (0.10, 0.15), (0.15, 0.25)  # seconds, ranges of closing and of opening
BLINK_PULL = 0.5  # seconds from which the end of a phrase or a shift of gaze draws a blink to itself
BLINK_APART = 0.45  # seconds that two blinks are apart at least


class Gaze:
    """Where the eyes rest: mostly the viewer, with small shifts over the viewer's face and now and then a look away
    that soon returns. Targets are eyeLook blendshapes (right of the image, up)."""

    def __init__(self, seed: int, gaze: float) -> None:
        self.gaze = gaze
        self._random = random_stream(seed, GAZE)
        self._times, self._targets = [0.0], [np.zeros(2)]
        self._away = False

    def large_shifts(self, begin: float, end: float) -> list[float]:
        """Times of the shifts of gaze between two moments that a blink may go with."""
        self._draw(end)
        first, last = (max(1, bisect_left(self._times, time)) for time in (begin, end))
        sizes = [np.linalg.norm(self._targets[i] - self._targets[i - 1]) for i in range(first, last)]
        return [self._times[i] for i, size in zip(range(first, last), sizes, strict=True) if size > LARGE_SHIFT]

    def add_to(self, blendshapes: np.ndarray, moments: np.ndarray, head_pose: np.ndarray) -> None:
        """Moves the eyes in saccades from target to target; a turning head leaves them on their target, as the
        vestibulo-ocular reflex does."""
        self._forget(moments[0] - 2 * BLINK_PULL)  # a blink may still go with what is newer
        self._draw(moments[-1])
        times, targets = np.array(self._times), np.array(self._targets)
        index = np.searchsorted(times, moments, side="right") - 1
        previous = targets[np.maximum(index - 1, 0)]
        size = np.linalg.norm(targets[index] - previous, axis=1) * GAZE_YAW
        duration = 0.021 + 0.0022 * size  # seconds, the main sequence of saccades (Carpenter 1988)
        moved = minimum_jerk(np.clip((moments - times[index]) / duration, 0.0, 1.0))[:, None]
        target = previous + moved * (targets[index] - previous)
        limit = GAZE_LIMIT * max(1.0, self.gaze)
        look = np.clip(target - head_pose[:, :2] / [GAZE_YAW, GAZE_PITCH], -limit, limit)
        right, up = look[:, 0], look[:, 1]
        for name, value in (
            ("eyeLookOutLeft", right), ("eyeLookInRight", right), ("eyeLookInLeft", -right),
            ("eyeLookOutRight", -right), ("eyeLookUpLeft", up), ("eyeLookUpRight", up), ("eyeLookDownLeft", -up),
            ("eyeLookDownRight", -up),
        ):  # fmt: skip
            blendshapes[:, BLENDSHAPE_INDEX[name]] = np.maximum(value, 0.0)
        lids = 0.3 * np.maximum(-up, 0.0)  # the upper lid follows the eye down
        blendshapes[:, BLENDSHAPE_INDEX["eyeBlinkLeft"]] += lids
        blendshapes[:, BLENDSHAPE_INDEX["eyeBlinkRight"]] += lids

    def _draw(self, end: float) -> None:
        while self._times[-1] <= end:
            chance, length, sideways, upwards, side = self._random.uniform(size=5)
            stay = 0.45 + 0.6 * length if self._away else 0.7 + 2.6 * length**1.5
            self._away = not self._away and bool(chance < 0.3 * self.gaze)
            size = np.array([(0.12 + 0.14 * sideways) * (1 if side < 0.5 else -1), 0.28 * (upwards - 0.45)])
            small = 0.06 * (np.array([sideways, upwards]) - 0.5)
            self._times.append(self._times[-1] + stay)
            self._targets.append((size if self._away else small) * self.gaze)

    def _forget(self, before: float) -> None:
        past = max(0, sum(time < before for time in self._times) - 2)  # the target before the last is still needed
        del self._times[:past], self._targets[:past]


class Blinks:
    """Blinks at the rate of people at rest (about 17 a minute, Bentivoglio et al. 1997), drawn to the ends of phrases
    and to large shifts of gaze. The lids always meet on a frame, so no blink is lost at a low frame rate."""

    def __init__(self, seed: int, blink: float, fps: float) -> None:
        mean = BLINK_INTERVAL / max(blink, 1e-3)
        random = random_stream(seed, BLINK)
        self._schedule = schedule(random, mean, BLINK_INTERVAL_SIGMA, shortest=min(0.8, mean / 2))
        self._speeds = random_stream(seed, BLINK, 1)
        self._never, self._fps = blink == 0, fps
        self._planned = next(self._schedule)
        self._last = -np.inf
        self._bumps = Bumps()

    def add_to(
        self, blendshapes: np.ndarray, moments: np.ndarray, earliest: float, phrase_ends: list[float], gaze: Gaze,
        known: float,
    ) -> None:  # fmt: skip
        """Shuts the lids over some consecutive moments.

        Args:
            blendshapes, moments: of the frames.
            earliest: when a movement can begin at the earliest: the moment of the last frame that was shown.
            phrase_ends: those up to `known` (seconds).
            gaze: whose shifts count.
        """
        if self._never:
            return
        while (time := self._next(phrase_ends, gaze, known, moments[-1])) is not None:
            speed = self._speeds.uniform(size=2)
            rise = BLINK_CLOSE[0] + speed[0] * (BLINK_CLOSE[1] - BLINK_CLOSE[0])
            fall = BLINK_OPEN[0] + speed[1] * (BLINK_OPEN[1] - BLINK_OPEN[0])
            time = max(time, earliest + rise)
            if time - self._last > BLINK_APART:
                self._bumps.add((round(time * self._fps - 0.5) + 0.5) / self._fps, rise, fall, 1.0)
            self._last = time
            self._planned = next(self._schedule)
        shut = np.minimum(self._bumps.over(moments), 1.0)
        for side in ("Left", "Right"):
            for name, share in (("eyeWide", 1.0), ("eyeSquint", 0.5)):
                blendshapes[:, BLENDSHAPE_INDEX[name + side]] *= 1.0 - share * shut
            lid = blendshapes[:, BLENDSHAPE_INDEX["eyeBlink" + side]]
            blendshapes[:, BLENDSHAPE_INDEX["eyeBlink" + side]] = np.maximum(lid, shut)

    def _next(self, phrase_ends: list[float], gaze: Gaze, known: float, end: float) -> float | None:
        """Time of the next planned blink; None while a phrase end or a shift of gaze may still move it."""
        begin, stop = self._planned - BLINK_PULL, self._planned + BLINK_PULL
        if begin - BLINK_CLOSE[1] > end:
            return None
        shifts = [time + 0.02 for time in gaze.large_shifts(begin - 0.02, stop)]
        ends = phrase_ends[bisect_left(phrase_ends, begin - 0.1) : bisect_left(phrase_ends, stop)]
        magnets = [t for t in (*(t + 0.1 for t in ends), *shifts) if begin < t < stop]
        time = min(magnets, key=lambda t: abs(t - self._planned), default=self._planned)
        certain, urgent = known >= stop, time - BLINK_CLOSE[1] <= end
        return time if certain or urgent else None
