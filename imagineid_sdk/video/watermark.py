"""An invisible mark in the pixels that says: this video was made by imagineid-sdk. `detection` finds it again.

The mark is a still pattern of soft blobs of colour (blue against yellow), about one level of Cb strong. It is tied to
the frame and not to the face, and never changes with time, so nothing flickers.

- Why colour: in a picture, brightness varies 20 times as much as colour does. Whatever the picture itself contributes
  hides the mark, so a mark in brightness would have to be visible to be found again. Why blue against yellow: from
  green to magenta a level of chroma is seen more, and along the colours of skin the picture itself varies more.
- Why soft (3 to 13 waves across the frame): this is what H.264 at crf 28 keeps at half the size.
- Why still: the encoder codes what stands still once, and well; a mark that alternates is dropped as noise, and where
  it is not, the background flickers.
- The wavelengths are shares of the frame, so scaling does not move the mark in the frame, and a crop is two shifts and
  one scale.

Anybody can read this file, so the mark is no secret: it tells honest viewers and platforms what a video is, and
whoever wants to remove it on purpose can.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import numpy as np

from imagineid_sdk.face.mesh.rasterizer import compiled

KEY = b"imagineid-sdk watermark 1"
"""Another key gives another mark, and none of today's videos would be found again."""

LOWEST, HIGHEST = 3, 13
"""Waves of the pattern across the shorter side of the frame."""

LUMA, BLUE, RED = 0.1, -1.1, -0.3
"""Root mean square of the pattern in Y, Cb and Cr, in grey levels."""

STRENGTHS = (1.0, 1.15, 1.3, 1.45)
"""So many times that, by how lively a block of the picture is: flat to textured."""

LIVELY = 6
"""Mean difference of neighbouring pixels, in grey levels, of a block that gets the largest strength."""

BLOCK = 16

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


@functools.lru_cache(maxsize=4)
def offsets(height: int, width: int) -> np.ndarray:
    """What each strength adds to a frame, int8 ``(strengths, height, width * 3)``.

    Fractions of a grey level are not lost in rounding: there is dither before it, the same for all strengths.
    """
    red, green, blue = LUMA + 1.402 * RED, LUMA - 0.344 * BLUE - 0.714 * RED, LUMA + 1.772 * BLUE
    direction = np.array([red, green, blue], np.float32)
    rows, columns = np.mgrid[:height, :width]
    dither = (52.9829189 * ((0.06711056 * columns + 0.00583715 * rows) % 1)) % 1 - 0.5  # interleaved gradient noise
    shifted = [np.rint(pattern(height, width)[..., None] * direction * strength + dither[..., None])
               for strength in STRENGTHS]  # fmt: skip
    table = np.stack(shifted).clip(-127, 127).astype(np.int8).reshape(len(STRENGTHS), height, width * 3)
    table.flags.writeable = False
    return table


def add_watermark(frames: np.ndarray) -> None:
    """Mark frames in place: uint8 ``(n, height, width, 3)``, or 4 channels, whose empty places stay untouched."""
    height, width = frames.shape[1:3]
    table = offsets(height, width)
    for frame in frames:
        if frame.shape[2] == 3 and frame.flags.c_contiguous:
            _add(frame, table)
            continue
        colours = np.ascontiguousarray(frame[..., :3])
        _add(colours, table)
        frame[..., :3] = colours if frame.shape[2] == 3 else np.where(frame[..., 3:] > 0, colours, frame[..., :3])


def load() -> None:
    """Mark an empty frame: numba takes a second to get ready, and that should not be when the first frame is due."""
    _add(np.zeros((BLOCK, BLOCK, 3), np.uint8), np.zeros((len(STRENGTHS), BLOCK, BLOCK * 3), np.int8))


@compiled
def _add(frame: np.ndarray, table: np.ndarray) -> None:
    """A uint8 frame ``(height, width, 3)``, contiguous, plus the offsets for how lively each of its blocks is."""
    height, width, _ = frame.shape
    rows = frame.reshape(height, width * 3)
    for top in range(0, height, BLOCK):
        bottom = min(top + BLOCK, height)
        for left in range(0, width, BLOCK):
            right = min(left + BLOCK, width)
            differences: Any = 0
            count = 1
            for y in range(top, bottom - 2, 4):
                for x in range(left, right - 2, 2):
                    green = np.int32(frame[y, x, 1])
                    differences += abs(green - np.int32(frame[y, x + 2, 1]))
                    differences += abs(green - np.int32(frame[y + 2, x, 1]))
                    count += 2
            strength = min(differences * len(table) // (LIVELY * count), len(table) - 1)
            for y in range(top, bottom):
                pixels, change = rows[y, 3 * left : 3 * right], table[strength, y, 3 * left : 3 * right]
                for i in range(len(pixels)):
                    marked: Any = np.int32(pixels[i]) + np.int32(change[i])
                    pixels[i] = np.uint8(min(max(marked, 0), 255))
