"""Find the watermark in a video that was encoded, scaled, cropped or mirrored since.

    mean picture -> colour that brightness does not explain -> its waves at each scale -> their phases against the key's

The statistic is a sum of cosines of phase differences, one for each wave. Had the picture nothing to do with the key,
each difference would be uniform, whatever the picture is: the key's phases are random and independent of it. Then
``P(z > t) <= exp(-t² / 2)`` for the sum z in units of its standard deviation (each term is sub-Gaussian with its own
variance, since ``E exp(s cos) = I0(s) <= exp(s² / 4)``). The bound holds for stripes, tiles and noise alike and needs no
training set. Many places, scales and mirror images are tried; their probabilities add up (union bound), with more weight
on what is likely: an uncropped video, then a crop up to a tenth of each side, then everything else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from imagineid_sdk.video.watermark import CHROMA, HIGHEST, frequencies

FALSE_POSITIVES = 1e-5
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

SLOPE = 0.3
"""Weight of a wave is its frequency to the power of -SLOPE: encoders keep slow waves better."""


@dataclass(frozen=True)
class Search:
    """A family of hypotheses: sides of the marked frame (down, across) in pixels, largest shift and share of the risk."""

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


NOTHING = Finding(1.0, 0.0, 0.0, False)


def detect(picture: np.ndarray) -> Finding:
    """Search a mean picture, float ``(3, height, width)`` Y, Cb, Cr in 0..255."""
    residual = unexplained_colour(picture)
    if residual.std() < 1e-6:
        return NOTHING  # no colour at all
    best = NOTHING
    for search in searches(*residual.shape):
        best = min(best, _search(residual, search), key=lambda finding: finding.false_positive)
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
            plane = np.zeros((SHIFTS, SHIFTS), complex)
            plane[down % SHIFTS, across] = terms
            score = np.fft.ifft2(plane).real * (SHIFTS**2 / deviation)
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
    return np.exp(-2j * np.pi * along) @ residual @ np.exp(-2j * np.pi * over)


# --- what the picture itself explains ---------------------------------------------------------------------------------


def unexplained_colour(picture: np.ndarray) -> np.ndarray:
    """Cb + Cr less what brightness and Cb - Cr nearby explain (a guided filter), at an even level: ``(height, width)``.

    Hair, skin and clothes have edges in all three at once; the mark has not.
    """
    luma, colour, skin = picture[0], picture[1] + picture[2], picture[1] - picture[2]
    side = min(luma.shape)
    radius = max(2, round(side * GUIDE_WINDOW))

    def mean(values: np.ndarray) -> np.ndarray:
        return blur(values, radius)

    luma_mean, colour_mean, skin_mean = mean(luma), mean(colour), mean(skin)
    luma_luma = mean(luma * luma) - luma_mean**2 + GUIDE_FLOOR
    skin_skin = mean(skin * skin) - skin_mean**2 + GUIDE_FLOOR
    luma_skin = mean(luma * skin) - luma_mean * skin_mean
    luma_colour = mean(luma * colour) - luma_mean * colour_mean
    skin_colour = mean(skin * colour) - skin_mean * colour_mean
    determinant = luma_luma * skin_skin - luma_skin**2
    by_luma = (luma_colour * skin_skin - skin_colour * luma_skin) / determinant
    by_skin = (skin_colour * luma_luma - luma_colour * luma_skin) / determinant
    left = colour - colour_mean - by_luma * (luma - luma_mean) - by_skin * (skin - skin_mean)
    level = blur(left * left, max(1, round(side * LEVEL_WINDOW)))
    return math.copysign(1, CHROMA) * left / np.sqrt(level + LEVEL_FLOOR)


def blur(values: np.ndarray, radius: int) -> np.ndarray:
    """Two passes of a box of ``2 * radius + 1`` pixels in both directions; the borders are mirrored."""
    for _ in range(2):
        for axis in (0, 1):
            size = values.shape[axis]
            reach = min(radius, size - 1)
            padding = [(reach + 1, reach) if axis == this else (0, 0) for this in (0, 1)]
            sums = np.cumsum(np.pad(values, padding, mode="symmetric"), axis=axis)
            upper, lower = (np.take(sums, np.arange(first, first + size), axis=axis) for first in (2 * reach + 1, 0))
            values = (upper - lower) / (2 * reach + 1)
    return values
