"""An invisible mark in the pixels that says: this video was made by imagineid-sdk. `detection` finds it again.

The mark is a still pattern of soft blobs of colour (blue against yellow), about one level of Cb strong. It is tied to
the frame and not to the face, and never changes with time, so nothing flickers.

- Why colour: in a picture, brightness varies 20 times as much as colour does. Whatever the picture itself contributes
  hides the mark, so a mark in brightness would have to be visible to be found again. Why blue against yellow: from
  green to magenta a level of chroma is seen more, and along the colours of skin the picture itself varies more.
- Why soft (3 to 13 waves across the frame): this is what H.264 at crf 28 keeps at half the size.
- It is stronger where the portrait is textured and weaker on flat walls, decided once for a video.
- Why still: the encoder codes what stands still once, and well; a mark that alternates is dropped as noise, and where
  it is not, the background flickers.
- The wavelengths are shares of the frame, so scaling does not move the mark in the frame, and a crop is two shifts and
  one scale.

Anybody can read this file, so the mark is no secret: it tells honest viewers and platforms what a video is, and
whoever wants to remove it on purpose can.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from imagineid_sdk.compiled import compiled
from imagineid_sdk.video.pattern import BLUE, LUMA, RED, blur, pattern

FLAT, TEXTURED = 1.0, 1.65
"""So many times the level of `pattern` on flat places and on textured ones."""

LIVELY = 6.0
"""Mean difference of neighbouring pixels around a place, in grey levels, that counts as textured."""

NEIGHBOURHOOD = 0.03
"""Half side of what is around a place, as a share of the frame's shorter side."""

REFERENCE_SIDE, FADING = 256, 0.33
"""Beyond 256 pixels the strength is ``(256 / side) ** 0.33``: larger frames lose less when they are scaled down."""


class Watermark:
    """The mark of one video.

    Args:
        picture: what the video shows, such as its portrait: uint8 ``(height, width, 3 or 4)``.
    """

    def __init__(self, picture: np.ndarray) -> None:
        height, width = picture.shape[:2]
        red, green, blue = LUMA + 1.402 * RED, LUMA - 0.344 * BLUE - 0.714 * RED, LUMA + 1.772 * BLUE
        smaller = (REFERENCE_SIDE / max(min(height, width), REFERENCE_SIDE)) ** FADING
        level = pattern(height, width) * strength(picture) * smaller
        rows, columns = np.mgrid[:height, :width]
        # Interleaved gradient noise: with it fractions of a grey level are not lost in rounding.
        dither = (52.9829189 * ((0.06711056 * columns + 0.00583715 * rows) % 1)) % 1 - 0.5
        change = level[..., None] * np.array([red, green, blue]) + dither[..., None]
        self._change = np.rint(change).astype(np.int8)

    def add(self, frames: np.ndarray) -> None:
        """Mark frames in place: uint8 ``(n, height, width, 3)``, or 4 channels, whose empty places stay untouched."""
        for frame in frames:
            if frame.shape[2] == 3 and frame.flags.c_contiguous:
                _add(frame.reshape(-1), self._change.reshape(-1))
                continue
            colours = np.ascontiguousarray(frame[..., :3])
            _add(colours.reshape(-1), self._change.reshape(-1))
            frame[..., :3] = colours if frame.shape[2] == 3 else np.where(frame[..., 3:] > 0, colours, frame[..., :3])


def strength(picture: np.ndarray) -> np.ndarray:
    """How much of the mark each place of a picture hides: ``(height, width)``, from FLAT to TEXTURED."""
    green = picture[..., 1].astype(np.float32)
    steps = np.zeros_like(green)
    steps[1:] += np.abs(np.diff(green, axis=0))
    steps[:, 1:] += np.abs(np.diff(green, axis=1))
    around = blur(steps / 2, max(1, round(min(green.shape) * NEIGHBOURHOOD)))
    share = np.minimum(around / LIVELY, 1)
    return FLAT + (TEXTURED - FLAT) * share


def load() -> None:
    """Mark nothing: numba takes a second to get ready, and that should not be when the first frame is due."""
    _add(np.zeros(3, np.uint8), np.zeros(3, np.int8))


@compiled
def _add(pixels: np.ndarray, change: np.ndarray) -> None:
    """uint8 plus int8, both ``(values,)``, between 0 and 255."""
    for i in range(len(pixels)):
        marked: Any = np.int32(pixels[i]) + np.int32(change[i])
        pixels[i] = np.uint8(min(max(marked, 0), 255))
