"""What marking and finding share: the pattern of the watermark, a sum of waves whose phases come from a key."""

from __future__ import annotations

import functools
import hashlib

import numpy as np

KEY = b"imagineid-sdk watermark 1"
"""Another key gives another mark, and none of today's videos would be found again."""

LOWEST, HIGHEST = 3, 13
"""Waves of the pattern across the shorter side of the frame."""

LUMA, BLUE, RED = 0.1, -1.1, -0.3
"""Root mean square of the pattern in Y, Cb and Cr, in grey levels."""

LIMITED_LEVEL = 0.63
"""Root mean square of the hyperbolic tangent of a normal variable."""


def frequencies() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Waves down, waves across (integers) and phase of each of the pattern's waves: three of shape (waves,).

    The phases come from a hash and not from a generator of random numbers, whose stream may change with its version.
    """
    down, across = np.mgrid[-HIGHEST : HIGHEST + 1, 0 : HIGHEST + 1]
    radius = np.hypot(down, across)
    half = (across > 0) | (down > 0)  # the other half follows, as the pattern is real
    taken = half & (radius >= LOWEST) & (radius <= HIGHEST)
    count = int(taken.sum())
    words = np.frombuffer(hashlib.shake_256(KEY).digest(4 * count), "<u4")
    return down[taken], across[taken], words * (2 * np.pi / 2**32)


@functools.lru_cache(maxsize=4)
def pattern(height: int, width: int) -> np.ndarray:
    """The pattern of a frame, float32 ``(height, width)`` with a root mean square of 1; it repeats every shorter
    side."""
    down, across, phase = frequencies()
    side = min(height, width)
    rows, columns = ((np.arange(size) + 0.5) / side for size in (height, width))
    spectrum = np.zeros((2 * HIGHEST + 1, HIGHEST + 1), complex)
    spectrum[down + HIGHEST, across] = np.exp(1j * phase)
    along = np.exp(2j * np.pi * np.outer(rows, np.arange(-HIGHEST, HIGHEST + 1)))
    over = np.exp(2j * np.pi * np.outer(np.arange(HIGHEST + 1), columns))
    waves = (along @ spectrum @ over).real / np.sqrt(len(phase) / 2)
    limited = np.tanh(waves)  # peaks are seen first
    return (limited / LIMITED_LEVEL).astype(np.float32)


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
