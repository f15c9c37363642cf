"""Backdrops. They are composed behind the person after decoding, so they hold still."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F

from imagineid_sdk.errors import OptionError
from imagineid_sdk.face.persona.vocabulary import COLORS, read_colour
from imagineid_sdk.precision import pinned

Background: TypeAlias = "str | tuple[int, int, int] | np.ndarray | os.PathLike[str] | None"
"""A colour word, "#rrggbb", (r, g, b) in 0..255, a uint8 picture, the path of one, "transparent", or the default."""

SIZE = 256
MOST_PIXELS = 50_000_000
"""Of a picture behind the person: unpacked, a file of a few kilobytes can fill the memory."""
HAZE = 0.1
"""Matte values within this distance of 0 and 1 are taken as 0 and 1."""
STUDIO = ((0.56, 0.60, 0.64), (0.33, 0.36, 0.41))
"""Middle and rim of the default backdrop: a soft grey of a photographer's studio."""


@dataclass(frozen=True)
class Backdrop:
    """``picture``: ``(1, 3, 256, 256)`` in [0, 1], or None for a transparent background."""

    picture: torch.Tensor | None

    @classmethod
    @pinned
    def from_option(cls, option: Any) -> Backdrop:
        """Read the ``background`` option, see `GenerateOptions`."""
        if option is None:
            return cls(_studio())
        if isinstance(option, str) and option == "transparent":
            return cls(None)
        if (colour := read_colour(option)) is not None:
            return cls(torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, SIZE, SIZE))
        if isinstance(option, (str, os.PathLike)):
            return cls(_fill(_read_picture(option)))
        values = np.asarray(option)
        if values.ndim == 3 and values.shape[2] in (3, 4) and values.dtype == np.uint8 and values.size:
            return cls(_fill(values[..., :3]))
        raise OptionError(
            f"background={type(option).__name__} of shape {values.shape} can't be used. Give a colour word "
            f"({', '.join(COLORS)}), '#rrggbb', (r, g, b) in 0..255, a uint8 picture (height, width, 3), a path or "
            "'transparent'."
        )

    def lay_behind(self, pictures: torch.Tensor) -> np.ndarray:
        """Pictures ``(frames, 4, 256, 256)`` of the autoencoder -> ``(frames, 256, 256, 3)`` uint8, or 4 channels
        with a straight (not premultiplied) matte when transparent. Pictures without a matte (full scale) are opaque:
        nothing shows behind them."""
        channels = 4 if self.picture is None and pictures.shape[1] == 4 else 3
        laid = np.empty((len(pictures), *pictures.shape[2:], channels), np.uint8)
        for frame, picture in zip(laid, pictures, strict=True):  # one at a time stays in the processor's cache
            frame[:] = self._lay_one(picture).mul_(255).round_().to(torch.uint8).movedim(0, -1).cpu().numpy()
        return laid

    def _lay_one(self, picture: torch.Tensor) -> torch.Tensor:
        """``(3 or 4, 256, 256)`` in [-1, 1] -> ``(3 or 4, 256, 256)`` in [0, 1]."""
        if len(picture) == 3:
            return (picture / 2 + 0.5).clamp_(0, 1)
        # What the decoder leaves as faint haze in an empty place is none of the person.
        matte = ((picture[3:] / 2 + 0.5 - HAZE) / (1 - 2 * HAZE)).clamp_(0, 1)
        person = (picture[:3] + matte).div_(2)  # colour times matte: the decoder's is over mid grey
        if self.picture is None:
            straight = (person / matte.clamp_min(1e-3)).clamp_(0, 1)
            return torch.cat([straight * (matte > 0), matte])
        behind = self.picture[0].to(picture.device)
        return person.clamp_min_(0).mul_(matte > 0).addcmul_(1 - matte, behind).clamp_(0, 1)


def _studio() -> torch.Tensor:
    steps = (torch.arange(SIZE) + 0.5) / SIZE
    distance = ((steps - 0.5)[None] ** 2 + (steps - 0.42)[:, None] ** 2).sqrt() / 0.75
    share = (distance.clamp(0, 1) ** 2 * (3 - 2 * distance.clamp(0, 1)))[None, None]
    middle, rim = (torch.tensor(colour).view(1, 3, 1, 1) for colour in STUDIO)
    return middle + (rim - middle) * share


def _read_picture(path: str | os.PathLike[str]) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError  # comes with diffusers

    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            return np.asarray(picture.convert("RGB"))
    except FileNotFoundError as error:
        raise OptionError(
            f"background={str(path)!r} is neither a picture that exists nor a known colour. Colours: "
            f"{', '.join(COLORS)}, or '#rrggbb'."
        ) from error
    except Image.DecompressionBombError as error:
        raise OptionError(
            f"background={str(path)!r} has too many pixels. Give a picture of up to {MOST_PIXELS // 10**6} megapixels."
        ) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise OptionError(f"background={str(path)!r} is not a readable picture. Give a PNG or JPEG file.") from error


def _fill(picture: np.ndarray) -> torch.Tensor:
    """Cover the square: scale and crop in the middle."""
    pixels = torch.from_numpy(np.ascontiguousarray(picture)).movedim(-1, 0)[None].float() / 255
    height, width = pixels.shape[-2:]
    scale = SIZE / min(height, width)
    size = (max(SIZE, round(height * scale)), max(SIZE, round(width * scale)))
    pixels = F.interpolate(pixels, size=size, mode="bilinear", antialias=True, align_corners=False)
    top, left = (size[0] - SIZE) // 2, (size[1] - SIZE) // 2
    return pixels[:, :, top : top + SIZE, left : left + SIZE].clamp(0, 1)
