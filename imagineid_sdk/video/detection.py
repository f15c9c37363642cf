"""Find the watermark in a video that was encoded, scaled, cropped or mirrored since.

    mean picture -> colour that brightness does not explain -> its waves at each scale -> their phases against the key's

The statistic is a sum of cosines of phase differences, one for each wave. Had the picture nothing to do with the key,
each difference would be uniform, whatever the picture is: the key's phases are random and independent of it. Then
``P(z > t) <= exp(-t² / 2)`` for the sum z in units of its standard deviation (each term is sub-Gaussian with its own
variance, since ``E exp(s cos) = I0(s) <= exp(s² / 4)``). The bound holds for stripes, tiles and noise alike and needs
no training set. Many places, scales and mirror images are tried; their probabilities add up (union bound), with more
weight on what is likely: an uncropped video, then a crop up to a tenth of each side, then everything else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from imagineid_sdk.video.pattern import BLUE, HIGHEST, RED, blur, frequencies

FALSE_POSITIVES = 1e-4
"""The largest share of foreign videos that may be taken for ours."""

ANALYSED_SIDE = 256
"""Pixels of the shorter side of the pictures that are searched; larger ones are made smaller first."""

SHIFTS = 128
"""Places that are tried in each direction."""

STEP = 1.01
"""From one scale to the next."""

GUIDE_WINDOW, LEVEL_WINDOW = 0.08, 0.05
"""Half windows as shares of the shorter side: of the fit of colour to brightness, and of its level."""

GUIDE_FLOOR, LEVEL_FLOOR = 20.0, 0.5
"""Grey levels squared: variances below these are taken for noise."""

LEVELLING = 0.75
"""Power of the variance nearby that colour is divided by: 0.5 makes it even, 1 is best for noise that is normal."""

SLOPE = 0.3
"""Weight of a wave is its frequency to the power of -SLOPE: encoders keep slow waves better."""


@dataclass(frozen=True, eq=False)
class Search:
    """A family of hypotheses.

    Attributes:
        sides: of the marked frame, down and across, in pixels of the picture.
        reach: how much of it may have been cut off above and on the left, as a share.
        risk: share of the false positives that it may cause.
    """

    sides: tuple[tuple[float, float], ...]
    reach: float
    risk: float

    def shifts(self) -> np.ndarray:
        """Which places are tried: bool ``(SHIFTS, SHIFTS)``. A crop moves the pattern up and left, never down."""
        place = np.arange(SHIFTS) / SHIFTS
        near = (place >= 1 - self.reach) | (place <= 0.02)
        return near[:, None] & near[None]


@dataclass(frozen=True)
class Finding:
    """The best match.

    Attributes:
        false_positive: at most this share of foreign videos matches as well.
        score: standard deviations above chance.
        scale: side of the marked frame in pixels of the pictures that were searched.
        mirrored: whether the video is a mirror image.
    """

    false_positive: float
    score: float
    scale: float
    mirrored: bool

    @property
    def found(self) -> bool:
        return self.false_positive <= FALSE_POSITIVES

    def after(self, others: int) -> Finding:
        """The same if so many pictures of the video were searched before: the risk of a series without end adds up to
        that of one picture."""
        return replace(self, false_positive=min(1.0, self.false_positive * (others + 1) * (others + 2)))


NOTHING = Finding(1.0, 0.0, 0.0, False)


def detect(picture: np.ndarray) -> Finding:
    """Search a mean picture, float ``(3, height, width)`` Y, Cb, Cr in 0..255."""
    residual = unexplained_colour(picture)
    if residual.std() < 1e-6:
        return NOTHING  # no colour at all
    best = NOTHING
    for search in searches(*residual.shape):
        best = min(best, _search(residual, search), key=lambda found: (found.false_positive, -found.score))
        if best.false_positive < FALSE_POSITIVES**2:
            break
    return best


def searches(height: int, width: int) -> Iterator[Search]:
    """From the likely to the rest."""
    short, long = min(height, width), max(height, width)
    whole = {(short * scale, short * scale) for scale in (1.0, 1 / STEP, STEP)}
    yield Search((*whole, (float(height), float(width))), 0.02, 0.5)
    yield Search(_sides(long / STEP, long / 0.76), 0.14, 0.25)
    yield Search(_sides(short * 0.3, long * 2.0), 1.0, 0.25)


def _sides(low: float, high: float) -> tuple[tuple[float, float], ...]:
    count = math.ceil(math.log(high / low) / math.log(STEP)) + 1
    return tuple((side, side) for side in np.geomspace(low, high, count).tolist())


def _search(residual: np.ndarray, search: Search) -> Finding:
    down, across, phase = frequencies()
    weight = np.hypot(down, across) ** -SLOPE
    deviation = math.sqrt(float((weight**2).sum()) / 2)
    allowed = search.shifts()
    tried = 2 * len(search.sides) * int(allowed.sum())
    best = NOTHING
    for sides in search.sides:
        waves = waves_at(residual, *sides)
        for mirrored in (False, True):
            # Mirrored, what ran to the right runs to the left: waves (down, -across), the conjugate of (-down, across).
            seen = waves[HIGHEST - down, across].conj() if mirrored else waves[HIGHEST + down, across]
            if mirrored:
                seen = seen * np.exp(-2j * np.pi * across * residual.shape[1] / sides[1])
            terms = weight * np.exp(1j * (np.angle(seen) - phase))
            plane = np.zeros((SHIFTS, SHIFTS // 2 + 1), np.complex64)
            plane[down % SHIFTS, across] = terms * np.where(
                across == 0, 1, 0.5
            )  # irfft2 adds the conjugates of the rest
            score = np.fft.irfft2(plane) * (SHIFTS**2 / deviation)
            highest = float(score[allowed].max())
            if highest > best.score:
                chance = min(1.0, tried / search.risk * math.exp(-(highest**2) / 2))
                best = Finding(chance, highest, math.sqrt(sides[0] * sides[1]), mirrored)
    return best


def waves_at(residual: np.ndarray, side_down: float, side_across: float) -> np.ndarray:
    """The Fourier coefficients of a picture at whole numbers of waves in frames of these sides: complex
    ``(2 * HIGHEST + 1, HIGHEST + 1)``."""
    height, width = residual.shape
    along = np.outer(np.arange(-HIGHEST, HIGHEST + 1), np.arange(height) + 0.5) / side_down
    over = np.outer(np.arange(width) + 0.5, np.arange(HIGHEST + 1)) / side_across
    along, over = (np.exp(-2j * np.pi * turns).astype(np.complex64) for turns in (along, over))
    return along @ residual @ over


# --- what the picture itself explains ---------------------------------------------------------------------------------


def unexplained_colour(picture: np.ndarray) -> np.ndarray:
    """The mark's colour less what brightness and the other colour nearby explain (a guided filter), at an even level:
    ``(height, width)``.

    Hair, skin and clothes have edges in all three at once; the mark has not.
    """
    blue, red = np.array([BLUE, RED]) / math.hypot(BLUE, RED)
    luma, colour, other = picture[0], blue * picture[1] + red * picture[2], blue * picture[2] - red * picture[1]
    side = min(luma.shape)
    radius = max(2, round(side * GUIDE_WINDOW))

    def mean(values: np.ndarray) -> np.ndarray:
        return blur(values, radius)

    luma_mean, colour_mean, other_mean = mean(luma), mean(colour), mean(other)
    luma_luma = mean(luma * luma) - luma_mean**2 + GUIDE_FLOOR
    other_other = mean(other * other) - other_mean**2 + GUIDE_FLOOR
    luma_other = mean(luma * other) - luma_mean * other_mean
    luma_colour = mean(luma * colour) - luma_mean * colour_mean
    other_colour = mean(other * colour) - other_mean * colour_mean
    determinant = luma_luma * other_other - luma_other**2
    by_luma = (luma_colour * other_other - other_colour * luma_other) / determinant
    by_other = (other_colour * luma_luma - luma_colour * luma_other) / determinant
    left = colour - colour_mean - by_luma * (luma - luma_mean) - by_other * (other - other_mean)
    level = blur(left * left, max(1, round(side * LEVEL_WINDOW)))
    return (left / (level + LEVEL_FLOOR) ** LEVELLING).astype(np.float32)
