"""From denoised latents to pixels: what the networks give for some frames, and how a frame is put together of it.

`assemble` is what training sees and what a GPU runs; `composition.compose` gives the same frames on a CPU, faster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F

from imagineid_sdk.imagining.adapters.blending import BlendingAdapter, warp
from imagineid_sdk.imagining.adapters.painting import CELL, EYES, MOUTH, Region, corner, cut, fade
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder

TRUNK_LEVEL = 2
"""Level of the frame decoder whose features, at 64x64, the blending adapter reads."""


@dataclass(frozen=True, eq=False)
class PaintedRegion:
    """corners: ``(frames, 2)`` left and top in cells; pixels ``(frames, 4, height, width)`` in [-1, 1]; mask likewise
    with one channel in [0, 1], faded to the edge."""

    corners: torch.Tensor
    pixels: torch.Tensor
    mask: torch.Tensor

    def shrunk(self, by: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Pixels and mask for frames whose sides are so many times smaller than full size."""
        if by == 1:
            return self.pixels, self.mask
        pixels, mask = F.avg_pool2d(self.pixels * self.mask, by), F.avg_pool2d(self.mask, by)
        return pixels / mask.clamp_min(1e-4), mask


@dataclass(frozen=True, eq=False)
class Painted:
    """What the networks say about some frames.

    Attributes:
        picture: the diffusion's own frame, ``(frames, 4, 128, 128)`` in [-1, 1].
        flow: ``(frames, 2, 128, 128)`` that the portrait's pixels are carried by, see `smooth_flow`.
        mask, gain: ``(frames, 1, 128, 128)``: how much of the warped portrait counts, and the factor on its light.
        regions: mouth and eyes at full resolution, laid over in this order.
    """

    picture: torch.Tensor
    flow: torch.Tensor
    mask: torch.Tensor
    gain: torch.Tensor
    regions: tuple[PaintedRegion, ...]


def decode_frames(autoencoder: HeadAutoencoder, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The diffusion's own pictures ``(frames, 4, 128, 128)`` in [-1, 1], and the trunk's features at 64x64."""
    features: list[torch.Tensor] = []

    def keep(level: int, hidden: torch.Tensor) -> torch.Tensor:
        if level == TRUNK_LEVEL:
            features.append(hidden)
        return hidden

    picture = autoencoder.decode(latents, keep)
    return picture, features[0]


CropWarped: TypeAlias = Callable[[Region, torch.Tensor], torch.Tensor]
"""A region and its corners ``(frames, 2)`` in cells -> the warped portrait's pixels there, at full resolution,
``(frames, 4, height, width)`` in [-1, 1]."""


def paint(
    adapter: BlendingAdapter, picture: torch.Tensor, trunk: torch.Tensor, coarse: torch.Tensor, maps: torch.Tensor,
    flow: torch.Tensor, centers: torch.Tensor, crop: CropWarped,
) -> Painted:  # fmt: skip
    """Runs the pixel part of the blending adapter.

    Args:
        picture, trunk: of `decode_frames`.
        coarse: the portrait at the size of the maps, ``(1 or frames, 4, 128, 128)`` in [-1, 1].
        maps, flow, centers: see ``GeometryMaps``.
        crop: the portrait, warped by ``flow`` itself.
    """
    cells = maps.shape[-1]
    carried = smooth_flow(flow, corner(centers[:, 1], EYES, cells))
    mask, gain = adapter.cover(trunk, maps, warp(coarse, carried).to(trunk.dtype))
    regions = []
    for k, (region, painter) in enumerate(((MOUTH, adapter.mouth), (EYES, adapter.eyes))):
        corners = corner(centers[:, k], region, cells)
        below = F.interpolate(cut(trunk, corners, region, 0.5), scale_factor=2, mode="nearest")
        pixels, share = painter(below, cut(maps, corners, region), crop(region, corners).to(trunk.dtype))
        regions.append(PaintedRegion(corners, pixels, share * fade(region).to(share)))
    return Painted(picture, carried, mask, gain, tuple(regions))


def smooth_flow(flow: torch.Tensor, eyes: torch.Tensor) -> torch.Tensor:
    """The mesh's flow is torn where a cheek hides an ear, and the tear would show as steps of a cell. So it is blurred,
    but for the eyes, where lids close over a few pixels.

    Args:
        flow: ``(frames, 2, size, size)``, see ``GeometryMaps``.
        eyes: ``(frames, 2)`` left and top of the region ``EYES`` in cells.
    """
    blurred = flow
    for _ in (0, 1):  # twice 5x5: nearly a Gaussian of a deviation of 2
        blurred = F.avg_pool2d(F.pad(blurred, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    kept = F.avg_pool2d(fade(EYES), CELL)[0].to(flow)
    for frame, (x, y) in enumerate(eyes.tolist()):
        part = (frame, slice(None), slice(y, y + EYES.height), slice(x, x + EYES.width))
        blurred[part] = torch.lerp(blurred[part], flow[part], kept)
    return blurred


def crop_of(full: torch.Tensor) -> CropWarped:
    """At portraits that are warped already, ``(frames, 4, size, size)`` at full resolution."""
    return lambda region, corners: cut(full, corners, region, CELL)


def assemble(painted: Painted, portrait: torch.Tensor) -> torch.Tensor:
    """Frames ``(frames, 4, size, size)`` in [-1, 1] from the portrait ``(1 or frames, 4, size, size)``; at half or full
    size of the regions."""
    size, warped = portrait.shape[-1], warp(portrait, painted.flow)

    def resized(planes: torch.Tensor) -> torch.Tensor:
        return F.interpolate(planes.float(), size=(size, size), mode="bilinear", align_corners=False)

    frames = brighten(warped, resized(painted.gain))
    shown = resized(painted.picture)
    frames = shown + resized(painted.mask) * (frames - shown)
    for region in painted.regions:
        shrink = painted.mask.shape[-1] * CELL // size
        frames = _lay(frames, region, shrink)
    return frames


def brighten(images: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    """Pictures over mid grey with their premultiplied colour times ``gain``, no brighter than white under alpha."""
    color, alpha = images[:, :3] / 2 + 0.5, images[:, 3:] / 2 + 0.5
    rest = (1 - alpha) * 0.5
    lit = torch.minimum((color - rest) * gain, alpha)
    return torch.cat([(lit + rest) * 2 - 1, images[:, 3:]], 1)


def _lay(frames: torch.Tensor, region: PaintedRegion, shrink: int) -> torch.Tensor:
    pixels, mask = region.shrunk(shrink)
    height, width = mask.shape[-2:]
    placed, share = torch.zeros_like(frames), torch.zeros_like(frames[:, :1])
    for k, (x, y) in enumerate((region.corners * (CELL // shrink)).tolist()):
        placed[k, :, y : y + height, x : x + width] = pixels[k].to(frames.dtype)
        share[k, :, y : y + height, x : x + width] = mask[k].to(frames.dtype)
    return frames + share * (placed - frames)
