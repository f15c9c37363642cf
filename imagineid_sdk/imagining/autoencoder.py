"""The autoencoder of the latent diffusion model: RGBA heads of 256x256 to latents of 16x16, and back to 128x128.

The pictures carry their own alpha. Colour is composed over mid grey, so that "nothing there" is zero in every
channel, convolution padding included; the background is composed in afterwards and never generated.
The decoder ends in a pixel-shuffle and has no normalisation layers: it is the per-frame cost of a video.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from imagineid_sdk.errors import ModelError

Blend = Callable[[int, torch.Tensor], torch.Tensor]
"""Level of the decoder (0 is the coarsest) and its features -> the features that go on."""

IMAGE_CHANNELS = 4
"""Red, green, blue over mid grey, and alpha; each in [-1, 1], the background exactly 0, 0, 0, -1."""


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a skip connection, without normalisation. ``(batch, channels, height, width)``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        start_at_zero(self.second)  # the block starts as the identity: deep stacks train without normalisation

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden + self.second(F.silu(self.first(F.silu(hidden))))


def start_at_zero(layer: nn.Conv2d, bias: float = 0.0) -> None:
    """A layer that at first adds nothing but its bias."""
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.constant_(layer.bias, bias)


class Encoder(nn.Module):
    """``(batch, 4, 256, 256)`` -> mean and log-variance ``(batch, 2 * latent_channels, 16, 16)``."""

    def __init__(self, latent_channels: int, channels: tuple[int, ...], blocks: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.PixelUnshuffle(2), nn.Conv2d(IMAGE_CHANNELS * 4, channels[0], 3, padding=1)]
        for level, width in enumerate(channels):
            layers += [ResidualBlock(width) for _ in range(blocks[level])]
            if level + 1 < len(channels):
                layers.append(nn.Conv2d(width, channels[level + 1], 4, stride=2, padding=1))
        layers += [nn.SiLU(), nn.Conv2d(channels[-1], 2 * latent_channels, 3, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images)


def last_layer(layer: nn.Conv2d, hidden: torch.Tensor) -> torch.Tensor:
    """The pixels before they are shuffled, in float32: bfloat16 has 8 bits of precision and would show as banding."""
    with torch.autocast(hidden.device.type, enabled=False):
        weight, bias = (parameter.float() for parameter in layer.parameters())
        return F.conv2d(F.silu(hidden.float()), weight, bias, padding=1)


class Decoder(nn.Module):
    """Latents ``(batch, latent_channels, 16, 16)`` -> images ``(batch, 4, side, side)``, level by level: each doubles
    the side. The shipped decoder has three levels and ends at 128.

    ``forward`` can hand the features of each level to ``blend``, which may replace them: that is where the
    blending adapter lays the texture of the reference frame over what the latents say.
    """

    def __init__(self, latent_channels: int, channels: tuple[int, ...], blocks: tuple[int, ...]) -> None:
        super().__init__()
        self.first = nn.Conv2d(latent_channels, channels[0], 3, padding=1)
        self.levels = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(blocks[level]))) for level, width in enumerate(channels)
        )
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after * 4, 3, padding=1), nn.PixelShuffle(2))
            for before, after in zip(channels, channels[1:], strict=False)
        )
        self.last = nn.Conv2d(channels[-1], IMAGE_CHANNELS * 4, 3, padding=1)

    def forward(self, latents: torch.Tensor, blend: Blend | None = None) -> torch.Tensor:
        hidden = self.first(latents)
        for level, blocks in enumerate(self.levels):
            hidden = blocks(hidden)
            if blend is not None:
                hidden = blend(level, hidden)
            if level < len(self.ups):
                hidden = self.ups[level](hidden)
        return F.pixel_shuffle(last_layer(self.last, hidden), 2)


class HeadAutoencoder(ModelMixin, ConfigMixin):
    """Variational autoencoder of RGBA heads; latents are 16 times smaller than what is encoded.

    Args:
        latent_channels: channels of the latents.
        encoder_channels, encoder_blocks: width and residual blocks at 1/2, 1/4, 1/8 and 1/16 of the picture.
        decoder_channels, decoder_blocks: the same for the decoder, from 1/16 up to 1/2.
        with_encoder: False for the shipped model: faces are imagined, never encoded, so only training needs it.

    Buffers:
        latent_mean, latent_std: statistics of the training latents; ``encode`` and ``decode`` work on latents
            of zero mean and unit variance per channel.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        encoder_channels: tuple[int, ...] = (48, 96, 128, 192),
        encoder_blocks: tuple[int, ...] = (1, 2, 2, 2),
        decoder_channels: tuple[int, ...] = (160, 96, 48, 32),
        decoder_blocks: tuple[int, ...] = (2, 2, 2, 1),
        with_encoder: bool = True,
    ) -> None:
        super().__init__()
        widths, depths = tuple(encoder_channels), tuple(encoder_blocks)
        self.encoder = Encoder(latent_channels, widths, depths) if with_encoder else None
        self.decoder = Decoder(latent_channels, tuple(decoder_channels), tuple(decoder_blocks))
        self.register_buffer("latent_mean", torch.zeros(1, latent_channels, 1, 1))
        self.register_buffer("latent_std", torch.ones(1, latent_channels, 1, 1))

    def posterior(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log-variance of the latents, each ``(batch, latent_channels, height / 16, width / 16)``."""
        if self.encoder is None:
            raise ModelError("This autoencoder was saved without its encoder. Train one with examples/training.")
        mean, log_variance = self.encoder(images).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 4)

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Most likely latents of ``images`` ``(batch, 4, height, width)``, scaled to unit variance."""
        return (self.posterior(images)[0] - self.latent_mean) / self.latent_std

    def decode(self, latents: torch.Tensor, blend: Blend | None = None) -> torch.Tensor:
        """Images in [-1, 1] of unit-variance ``latents`` ``(batch, latent_channels, height, width)``: ``(batch, 4, n *
        height, n * width)``, n being 2 for each level of the decoder, 8 in the shipped one."""
        return self.decoder(latents * self.latent_std + self.latent_mean, blend)


def compose(images: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
    """Lay heads over a background.

    Args:
        images: ``(batch, 4, height, width)`` in [-1, 1], colour over mid grey and alpha.
        background: colours in [0, 1] that broadcast against ``(batch, 3, height, width)``.

    Returns:
        ``(batch, 3, height, width)`` in [0, 1].
    """
    colour, alpha = images[:, :3] / 2 + 0.5, (images[:, 3:] / 2 + 0.5).clamp(0, 1)
    return (colour + (1 - alpha) * (background - 0.5)).clamp(0, 1)
