"""The portrait's decoder: latents of a face at rest -> RGBA at 512x512, once a person. Realism is decided here.

Strands and pores can't be foretold from 16x16 latents. Noise at each level, scaled by learned weights as in StyleGAN
(arXiv 1812.04948), gives them something to be made of; it comes from the person's seed, so a face stays the same.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from torch import nn

from imagineid_sdk.imagining.autoencoder import IMAGE_CHANNELS, ResidualBlock, last_layer
from imagineid_sdk.imagining.pixels import blurred
from imagineid_sdk.quantization import PackedModelMixin

CHECKERBOARD_PATCH = 1.5
"""Standard deviation, in pixels, of the patch in which a grid is looked for."""


def remove_checkerboard(pixels: torch.Tensor) -> torch.Tensor:
    """Takes away what alternates from pixel to pixel all over a patch of ``(batch, channels, height, width)``: the grid
    that pixel shuffling leaves in dark hair, on skin and as dots along edges. Every second pixel is compared with all
    pixels around; lines and slopes stay."""
    radius = int(4 * CHECKERBOARD_PATCH)
    across = torch.arange(-radius, radius + 1, device=pixels.device)
    patch = torch.exp(-(across**2) / (2 * CHECKERBOARD_PATCH**2))
    return pixels + blurred(pixels, patch) - blurred(pixels, patch * (across % 2 == 0))


class NoiseInjection(nn.Module):
    """Adds noise, one plane for all channels, by a learned weight each. At zero nothing would pull it from there."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.05 * torch.randn(1, channels, 1, 1))

    def forward(self, hidden: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return hidden + self.weight * noise.to(hidden.dtype)


class PortraitDecoder(PackedModelMixin, ConfigMixin):
    """Latents ``(batch, latent_channels, 16, 16)`` -> RGBA ``(batch, 4, 512, 512)``.

    Args:
        latent_channels: of the autoencoder.
        channels, blocks: width and residual blocks at 16, 32, 64, 128 and 256 pixels.

    Buffers:
        latent_mean, latent_std: as in `HeadAutoencoder`.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        channels: tuple[int, ...] = (224, 192, 144, 80, 48),
        blocks: tuple[int, ...] = (2, 2, 3, 2, 2),
    ) -> None:
        super().__init__()
        channels, blocks = tuple(channels), tuple(blocks)
        self.first = nn.Conv2d(latent_channels, channels[0], 3, padding=1)
        self.levels = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(count)))
            for width, count in zip(channels, blocks, strict=True)
        )
        self.noise = nn.ModuleList(NoiseInjection(width) for width in channels)
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after * 4, 3, padding=1), nn.PixelShuffle(2))
            for before, after in zip(channels, channels[1:], strict=False)
        )
        self.last = nn.Conv2d(channels[-1], IMAGE_CHANNELS * 4, 3, padding=1)
        self.register_buffer("latent_mean", torch.zeros(1, latent_channels, 1, 1))
        self.register_buffer("latent_std", torch.ones(1, latent_channels, 1, 1))

    def forward(self, latents: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Unit-variance ``latents`` ``(batch, latent_channels, height, width)`` -> ``(batch, 4, 32 * height,
        32 * width)`` in [-1, 1]; ``generator``: of the noise."""
        hidden = self.first(latents * self.latent_std + self.latent_mean)
        for level, (blocks, noise) in enumerate(zip(self.levels, self.noise, strict=True)):
            source = generator.device if generator else hidden.device
            plane = torch.randn(len(hidden), 1, *hidden.shape[2:], generator=generator, device=source)
            hidden = blocks(noise(hidden, plane.to(hidden.device)))
            if level < len(self.ups):
                hidden = self.ups[level](hidden)
        pixels = F.pixel_shuffle(last_layer(self.last, hidden), 2)
        with torch.autocast(pixels.device.type, enabled=False):
            return remove_checkerboard(pixels)
