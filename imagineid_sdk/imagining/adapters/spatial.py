"""Geometry: the adapter that turns geometry maps into features added to the frozen denoiser, once per frame."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from torch import nn

from imagineid_sdk.imagining.autoencoder import ResidualBlock, start_at_zero
from imagineid_sdk.quantization import PackedModelMixin

Residuals = tuple[list[torch.Tensor], torch.Tensor]
"""What a frame adds to the denoiser: one tensor for each skip connection and one for the middle."""


class ResidualHeads(nn.Module):
    """Features at 16x16 and 8x8 -> additions to every skip connection and the middle of the denoiser.

    They start at zero, as in ControlNet (arXiv 2302.05543): training begins at the frozen base.
    """

    def __init__(self, width: int, skip_channels: tuple[int, ...], skip_levels: tuple[int, ...]) -> None:
        super().__init__()
        self.skip_levels = skip_levels
        self.down = nn.Conv2d(width, width, 4, stride=2, padding=1)
        self.block = ResidualBlock(width)
        self.skips = nn.ModuleList(nn.Conv2d(width, channels, 1) for channels in skip_channels)
        self.middle = nn.Conv2d(width, skip_channels[-1], 1)
        for head in (*self.skips, self.middle):
            start_at_zero(head)

    def forward(self, features: torch.Tensor) -> Residuals:
        coarse = self.block(self.down(F.silu(features)))
        levels = (F.silu(features), F.silu(coarse))
        skips = [head(levels[level]) for head, level in zip(self.skips, self.skip_levels, strict=True)]
        return skips, self.middle(levels[1])


class SpatialAdapter(PackedModelMixin, ConfigMixin):
    """Geometry maps and the blendshapes behind them -> residuals of the denoiser.

    The maps say where everything is; the blendshapes say what a 128x128 map can't resolve, such as lips that only just
    close.

    Args:
        map_channels: channels of the geometry maps, ``(batch, map_channels, 128, 128)``.
        motion_size: length of the motion vector: 52 blendshapes and three angles.
        skip_channels, skip_levels: channels and level (0: 16x16, 1: 8x8) of the denoiser's skip connections.
    """

    @register_to_config
    def __init__(
        self,
        map_channels: int = 14,
        motion_size: int = 55,
        width: int = 128,
        skip_channels: tuple[int, ...] = (128, 128, 128, 192),
        skip_levels: tuple[int, ...] = (0, 0, 1, 1),
    ) -> None:
        super().__init__()
        # Sixteen neighbours become channels first: at 128x128 a convolution costs as much as all of the rest.
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(4), nn.Conv2d(map_channels * 16, 64, 1), nn.SiLU(), nn.Conv2d(64, 64, 3, padding=1),
            nn.SiLU(), nn.Conv2d(64, width, 4, stride=2, padding=1),
        )  # fmt: skip
        self.motion = nn.Sequential(nn.Linear(motion_size, 256), nn.SiLU(), nn.Linear(256, 2 * width))
        self.before, self.after = ResidualBlock(width), ResidualBlock(width)
        self.heads = ResidualHeads(width, tuple(skip_channels), tuple(skip_levels))

    def forward(self, maps: torch.Tensor, motion: torch.Tensor, style: torch.Tensor | None = None) -> Residuals:
        """``style``: of the semantic adapter, ``(batch or 1, 2 * width)``; None is nobody in particular."""
        features = self.before(self.stem(maps))
        modulation = self.motion(motion)
        if style is not None:
            modulation = modulation + style
        scale, shift = modulation[..., None, None].chunk(2, dim=1)
        return self.heads(self.after(features * (1 + scale) + shift))


def motion_vector(blendshapes: torch.Tensor, head_pose: torch.Tensor) -> torch.Tensor:
    """``(frames, 52)`` blendshapes and ``(frames, 3)`` degrees -> ``(frames, 55)`` of about unit range."""
    return torch.cat([blendshapes, head_pose / 15], dim=-1)
