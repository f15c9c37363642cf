"""Texture and temporal coherence: the adapter that carries the portrait into every frame.

The portrait is decoded once, at full resolution. Its latents and its pixels are warped by the mesh's own flow; learned
masks say where they hold, in the latents and in the picture, and what no warp can know (an open mouth, a closed lid, an
ear that a turn uncovers) is painted from the denoised latents. Every frame is anchored to the portrait, never to the
frame before it, so nothing drifts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from torch import nn

from imagineid_sdk.imagining.adapters.painting import MaskAndGain, Painter
from imagineid_sdk.imagining.adapters.spatial import ResidualHeads, Residuals
from imagineid_sdk.imagining.autoencoder import ResidualBlock, start_at_zero
from imagineid_sdk.quantization import PackedModelMixin


@dataclass(frozen=True, eq=False)
class LatentBlend:
    """What the portrait adds to the denoising of some frames.

    Attributes:
        residuals: additions to the denoiser.
        latents: of the portrait, warped to each frame.
        mask: ``(frames, 1, 16, 16)`` in [0, 1]: where the warped latents replace the denoised ones.
    """

    residuals: Residuals
    latents: torch.Tensor
    mask: torch.Tensor


class BlendingAdapter(PackedModelMixin, ConfigMixin):
    """Blends the portrait into latents (``blend_latents``) and pixels (``cover``, ``mouth``, ``eyes``).

    Args:
        map_channels: channels of the geometry maps; the last two are coverage and visibility in the portrait.
        trunk_channels: features of the decoder at 64x64.
        width: features at 16x16.
        painter_width: features of the painters at a cell's resolution.
        skip_channels, skip_levels: as in ``SpatialAdapter``.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        map_channels: int = 14,
        trunk_channels: int = 32,
        width: int = 96,
        painter_width: int = 40,
        skip_channels: tuple[int, ...] = (128, 128, 128, 192),
        skip_levels: tuple[int, ...] = (0, 0, 1, 1),
    ) -> None:
        super().__init__()
        self.look = nn.Conv2d(latent_channels + map_channels * 4, width, 3, padding=1)
        self.block = ResidualBlock(width)
        self.heads = ResidualHeads(width, tuple(skip_channels), tuple(skip_levels))
        self.mask = nn.Conv2d(width, 1, 3, padding=1)
        start_at_zero(self.mask, bias=-1.0)
        self.cover = MaskAndGain(trunk_channels, map_channels)
        self.mouth = Painter(trunk_channels, map_channels, painter_width)
        self.eyes = Painter(trunk_channels, map_channels, painter_width)

    def blend_latents(self, latents: torch.Tensor, maps: torch.Tensor) -> LatentBlend:
        """``latents`` of the portrait, warped to each frame; ``maps`` as in ``GeometryMaps``."""
        detail = F.pixel_unshuffle(F.avg_pool2d(maps, 4), 2)
        hidden = self.block(self.look(torch.cat([latents, detail], dim=1)))
        return LatentBlend(self.heads(hidden), latents, self.mask(F.silu(hidden)).float().sigmoid())


def warp(features: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Fetch features from where the flow points.

    Args:
        features: ``(1 or frames, channels, size, size)``.
        flow: ``(frames, 2, flow_size, flow_size)`` in widths of the picture, see ``GeometryMaps.flow``; resized to the
            features.
    """
    size = features.shape[-1]
    if flow.shape[-1] > size:
        flow = F.avg_pool2d(flow, flow.shape[-1] // size)
    elif flow.shape[-1] < size:
        flow = F.interpolate(flow, size=(size, size), mode="bilinear", align_corners=False)
    steps = (torch.arange(size, device=flow.device, dtype=flow.dtype) + 0.5) / size
    here = torch.stack(torch.meshgrid(steps, steps, indexing="xy"))
    grid = ((here + flow) * 2 - 1).movedim(1, -1)
    features = features.to(grid.dtype).expand(len(flow), -1, -1, -1)
    return F.grid_sample(features, grid, mode="bilinear", padding_mode="border", align_corners=False)
