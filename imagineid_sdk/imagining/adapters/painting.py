"""The blending adapter's hands: where the portrait's pixels hold, and what is painted where they don't.

At a quarter of the resolution the network says how much of the warped portrait counts and how light changes on it; at
full resolution it paints what no warp knows: the mouth, and the eyes with their lids.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from imagineid_sdk.imagining.autoencoder import ResidualBlock, start_at_zero
from imagineid_sdk.imagining.pixels import smoothstep

CELL = 4
"""Pixels of a full-size frame in a cell of the maps, along each side."""
GAIN_RANGE = 0.7
"""Largest logarithm of the factor on the portrait's light."""


class Region(NamedTuple):
    """A rectangle that is painted, in cells: an even number along each side."""

    width: int
    height: int


MOUTH, EYES = Region(32, 32), Region(52, 18)


class MaskAndGain(nn.Module):
    """Trunk features, maps and the warped portrait -> mask and gain of every cell. Starts at the portrait as it is."""

    def __init__(self, trunk_channels: int, map_channels: int, width: int = 32) -> None:
        super().__init__()
        self.look = nn.Conv2d(trunk_channels + 4 * (map_channels + 4), width, 1)
        self.spread = nn.Conv2d(width, width, 3, padding=1)
        self.decide = nn.Conv2d(width, 2 * 4, 3, padding=1)
        start_at_zero(self.decide)
        with torch.no_grad():
            assert self.decide.bias is not None
            self.decide.bias[:4] = 2.0

    def forward(
        self, trunk: torch.Tensor, maps: torch.Tensor, warped: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """``(batch, 1, 128, 128)`` each: mask in 0..1, gain around 1.

        Args:
            trunk: ``(batch, trunk_channels, 64, 64)``.
            maps: ``(batch, map_channels, 128, 128)``.
            warped: the portrait at 128x128, warped, ``(batch, 4, 128, 128)`` in [-1, 1].
        """
        seen = torch.cat([trunk, F.pixel_unshuffle(torch.cat([maps, warped], 1), 2)], 1)
        decided = self.decide(F.silu(self.spread(F.silu(self.look(seen)))))
        mask, gain = F.pixel_shuffle(decided.float(), 2).chunk(2, dim=1)
        return mean_of_3x3(mask.sigmoid()), (GAIN_RANGE * mean_of_3x3(mean_of_3x3(gain.tanh()))).exp()


def mean_of_3x3(planes: torch.Tensor) -> torch.Tensor:
    """Means of 3x3 cells. Left to themselves mask and gain draw grids where the losses want strands."""
    return F.avg_pool2d(F.pad(planes, (1, 1, 1, 1), mode="replicate"), 3, stride=1)


class Painter(nn.Module):
    """One region at full resolution: works at the resolution of the cells, ends with two pixel shuffles."""

    def __init__(self, trunk_channels: int, map_channels: int, width: int, blocks: int = 2, fine: int = 24) -> None:
        super().__init__()
        self.first = nn.Conv2d(trunk_channels + map_channels + 4 * CELL * CELL, width, 1)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.up = nn.Conv2d(width, fine * 4, 3, padding=1)
        self.finer = ResidualBlock(fine)
        self.last = nn.Conv2d(fine, 5 * 4, 3, padding=1)

    def forward(
        self, trunk: torch.Tensor, maps: torch.Tensor, warped: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Pixels ``(batch, 4, height, width)`` in [-1, 1] and mask ``(batch, 1, height, width)`` in 0..1.

        Args:
            trunk, maps: of the region, ``(batch, channels, height / 4, width / 4)``.
            warped: the portrait's pixels in the region, warped, ``(batch, 4, height, width)`` in [-1, 1].
        """
        seen = torch.cat([trunk, maps, F.pixel_unshuffle(warped, CELL)], dim=1)
        hidden = self.finer(F.pixel_shuffle(self.up(F.silu(self.blocks(self.first(seen)))), 2))
        painted = F.pixel_shuffle(self.last(F.silu(hidden)).float(), 2)
        return painted[:, :4], painted[:, 4:].sigmoid()


def corner(center: torch.Tensor, region: Region, cells: int) -> torch.Tensor:
    """Left and top of a region around centers ``(batch, 2)`` in widths of the picture: ``(batch, 2)`` even cells inside
    the picture, so that it lies on whole cells of the maps and of the trunk."""
    size = torch.tensor([region.width, region.height])
    corner = ((center * cells - size / 2) / 2).round().long() * 2
    return corner.clamp(min=0).minimum(cells - size)


def cut(planes: torch.Tensor, corners: torch.Tensor, region: Region, scale: float = 1.0) -> torch.Tensor:
    """A region of each frame: ``planes`` ``(batch, channels, size, size)`` with ``scale`` pixels in a cell."""
    width, height = int(region.width * scale), int(region.height * scale)
    places = (corners * scale).long().tolist()
    return torch.stack([plane[:, y : y + height, x : x + width] for plane, (x, y) in zip(planes, places, strict=True)])


def fade(region: Region, border: int = 12) -> torch.Tensor:
    """``(1, 1, height, width)`` 1 inside, 0 at the edge: whatever is painted, no seam shows."""
    width, height = region.width * CELL, region.height * CELL

    def ramp(length: int) -> torch.Tensor:
        steps = torch.arange(length) + 0.5
        return smoothstep(torch.minimum(steps, length - steps), 0, border)

    return (ramp(height)[:, None] * ramp(width))[None, None]
