"""Backdrops. They are composed behind the person after decoding, so they hold still."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F

from imagineid_sdk.compiled import compiled
from imagineid_sdk.errors import OptionError
from imagineid_sdk.face.persona.vocabulary import COLORS, read_colour
from imagineid_sdk.precision import pinned

Background: TypeAlias = "str | tuple[int, int, int] | np.ndarray | os.PathLike[str] | None"
"""A word of ``PLACES``, a colour word, "#rrggbb", (r, g, b) in 0..255, a uint8 picture, the path of one, "transparent",
or None: a place that fits the light, chosen by the seed."""

SIZE = 512
PLACES = {
    "studio": ("studio", "window"), "room": ("window", "indoors"), "office": ("indoors",), "park": ("sun", "overcast"),
    "forest": ("sun",), "street": ("overcast",), "dusk": ("evening",),
}  # fmt: skip
"""Backdrops that ship with the package, and the light that each fits."""
PICTURES = Path(__file__).parent / "backdrops"
"""Blurred HDRIs of Poly Haven (CC0), one for each of ``PLACES`` but the studio, which is computed."""
MOST_PIXELS = 50_000_000
"""Of a picture behind the person: unpacked, a file of a few kilobytes can fill the memory."""
HAZE = 16
"""Alpha up to 16 counts as 0, and one from 239 on as 255."""
STUDIO = ((0.56, 0.60, 0.64), (0.33, 0.36, 0.41))
"""Middle and rim of the default backdrop: a soft grey of a photographer's studio."""


@dataclass(frozen=True, eq=False)
class Backdrop:
    """``picture``: uint8 ``(512, 512, 3)``, or None for a transparent background."""

    picture: np.ndarray | None

    @classmethod
    @pinned
    def from_option(cls, option: object) -> Backdrop:
        """Read the ``background`` option, see `GenerateOptions`."""
        if isinstance(option, str) and option == "transparent":
            return cls(None)
        if isinstance(option, str) and option in PLACES:
            return cls.of_place(option)
        if (colour := read_colour(option)) is not None:
            return cls(_pixels(torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, SIZE, SIZE)))
        if isinstance(option, (str, os.PathLike)):
            return cls(_pixels(_fill(_read_picture(option))))
        try:
            values = np.asarray(option)
        except ValueError:  # rows of different lengths
            values = np.empty(0)
        if values.ndim == 3 and values.shape[2] in (3, 4) and values.dtype == np.uint8 and values.size:
            alpha = values[..., 3:].astype(np.float32) / 255
            over_white = values[..., :3] if not alpha.size else values[..., :3] * alpha + 255 * (1 - alpha)
            return cls(_pixels(_fill(over_white)))
        raise OptionError(
            f"background={type(option).__name__} of shape {values.shape} can't be used. Give a place "
            f"({', '.join(PLACES)}), a colour word ({', '.join(COLORS)}), '#rrggbb', (r, g, b) in 0..255, a uint8 "
            "picture (height, width, 3), a path or "
            "'transparent'."
        )

    @classmethod
    @pinned
    def of_place(cls, place: str) -> Backdrop:
        """One of ``PLACES``."""
        if place == "studio":
            return cls(_pixels(_studio()))
        return cls(_pixels(_fill(_read_picture(PICTURES / f"{place}.jpg"))))

    @classmethod
    def fitting(cls, light: str, seed: int) -> Backdrop:
        """A place that fits a light, always the same for a seed."""
        places = [place for place, lights in PLACES.items() if light in lights]
        return cls.of_place(places[seed % len(places)])

    def composite(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures uint8 ``(frames, size, size, 4)``, premultiplied colour and alpha -> ``(frames, size, size, 3)``, or
        4 channels with a straight (not premultiplied) alpha when transparent. Pictures without alpha (full scale) are
        opaque: nothing shows behind them."""
        if pictures.shape[-1] == 3:
            return pictures
        if self.picture is None:
            out = np.empty_like(pictures)
            for frame, picture in zip(out, pictures, strict=True):
                _straighten(picture, frame)
            return out
        behind = self._sized(pictures.shape[1])
        out = np.empty((*pictures.shape[:-1], 3), np.uint8)
        for frame, picture in zip(out, pictures, strict=True):
            _composite(picture, behind, frame)
        return out

    def _sized(self, size: int) -> np.ndarray:
        """The picture at the size of the frames."""
        assert self.picture is not None
        if size == SIZE:
            return self.picture
        from PIL import Image  # comes with diffusers

        return np.asarray(Image.fromarray(self.picture).resize((size, size), Image.Resampling.BOX))


@compiled
def _composite(picture: np.ndarray, behind: np.ndarray, out: np.ndarray) -> None:
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            alpha = picture[y, x, 3]
            if alpha <= HAZE:
                for channel in range(3):
                    out[y, x, channel] = behind[y, x, channel]
                continue
            # What the decoder leaves as faint haze in an empty place is none of the person.
            share = min((alpha - HAZE) * np.float32(255 / (255 - 2 * HAZE)), np.float32(255))
            scale = share / alpha
            rest = (np.float32(255) - share) / np.float32(255)
            for channel in range(3):
                value = min(picture[y, x, channel] * scale, np.float32(255)) + rest * behind[y, x, channel]
                out[y, x, channel] = min(value + np.float32(0.5), np.float32(255))


@compiled
def _straighten(picture: np.ndarray, out: np.ndarray) -> None:
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            alpha = picture[y, x, 3]
            if alpha <= HAZE:
                for channel in range(4):
                    out[y, x, channel] = 0
                continue
            out[y, x, 3] = min((alpha - HAZE) * np.float32(255 / (255 - 2 * HAZE)) + np.float32(0.5), np.float32(255))
            for channel in range(3):
                straight = picture[y, x, channel] * np.float32(255) / alpha
                out[y, x, channel] = min(straight + np.float32(0.5), np.float32(255))


def _pixels(plane: torch.Tensor) -> np.ndarray:
    """``(1, 3, height, width)`` in [0, 1] to uint8 ``(height, width, 3)``."""
    return plane[0].mul(255).round().byte().movedim(0, -1).contiguous().numpy()


def _studio() -> torch.Tensor:
    steps = (torch.arange(SIZE) + 0.5) / SIZE
    distance = ((steps - 0.5)[None] ** 2 + (steps - 0.42)[:, None] ** 2).sqrt() / 0.75
    share = (distance.clamp(0, 1) ** 2 * (3 - 2 * distance.clamp(0, 1)))[None, None]
    middle, rim = (torch.tensor(colour).view(1, 3, 1, 1) for colour in STUDIO)
    return middle + (rim - middle) * share


def _read_picture(path: str | os.PathLike[str]) -> np.ndarray:
    """uint8 ``(height, width, 3)``, the right way up; what is transparent shows white."""
    from PIL import Image, ImageOps, UnidentifiedImageError  # comes with diffusers

    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I"):  # 16 bits of grey, which convert() would clip
                return np.repeat((np.asarray(upright) / 257).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
            if upright.has_transparency_data:
                white = Image.new("RGBA", upright.size, "white")
                upright = Image.alpha_composite(white, upright.convert("RGBA"))
            return np.asarray(upright.convert("RGB"))
    except FileNotFoundError as error:
        raise OptionError(
            f"background={str(path)!r} is neither a picture that exists nor a known place or colour. Places: "
            f"{', '.join(PLACES)}. Colours: {', '.join(COLORS)}, or '#rrggbb'."
        ) from error
    except Image.DecompressionBombError as error:
        raise OptionError(
            f"background={str(path)!r} has too many pixels. Give a picture of up to {MOST_PIXELS // 10**6} megapixels."
        ) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise OptionError(f"background={str(path)!r} is not a readable picture. Give a PNG or JPEG file.") from error


def _fill(picture: np.ndarray) -> torch.Tensor:
    """The square in the middle, scaled."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    pixels = torch.from_numpy(np.array(picture[top : top + side, left : left + side])).movedim(-1, 0)[None].float()
    size = (SIZE, SIZE)
    pixels = F.interpolate(pixels / 255, size=size, mode="bilinear", antialias=True, align_corners=False)
    return pixels.clamp(0, 1)
