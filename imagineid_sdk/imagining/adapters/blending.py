"""Blending adapter: texture and temporal coherence, by mask-guided blending of the portrait into every frame.

The portrait is decoded once. Its features are warped by the mesh's flow and blended into the frame under learned masks,
in the latents and at three resolutions of the decoder. Every frame is anchored to the portrait, never to the frame
before it, so nothing drifts. The diffusion gives everything that a warp can't: an open mouth, a closed lid.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from imagineid_sdk.imagining.adapters.spatial import ResidualHeads, Residuals
from imagineid_sdk.imagining.autoencoder import Blend, HeadAutoencoder, ResidualBlock, start_at_zero


@dataclass(frozen=True)
class Reference:
    """The reference frame of one video.

    Attributes:
        latents: ``(1, latent_channels, 16, 16)``.
        features: of the decoder at 1/8, 1/4 and 1/2 of the picture, each ``(1, channels, size, size)``.
    """

    latents: torch.Tensor
    features: list[torch.Tensor]


@dataclass(frozen=True)
class LatentBlend:
    """What the reference adds to the denoising of some frames.

    Attributes:
        residuals: additions to the denoiser.
        latents: reference latents, warped to each frame.
        mask: ``(frames, 1, 16, 16)`` in [0, 1]: where the warped latents replace the denoised ones.
    """

    residuals: Residuals
    latents: torch.Tensor
    mask: torch.Tensor


def decode_reference(autoencoder: HeadAutoencoder, latents: torch.Tensor) -> Reference:
    """Decode once and keep the features that later frames borrow."""
    features: list[torch.Tensor] = []

    def keep(level: int, hidden: torch.Tensor) -> torch.Tensor:
        if level > 0:
            features.append(hidden)
        return hidden

    autoencoder.decode(latents, keep)
    return Reference(latents, features)


def warp(features: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Fetch features from where the flow points.

    Args:
        features: ``(1 or frames, channels, size, size)``.
        flow: ``(frames, 2, flow_size, flow_size)`` in widths of the picture, see ``GeometryMaps.flow``.
    """
    size = features.shape[-1]
    if flow.shape[-1] > size:
        flow = F.avg_pool2d(flow, flow.shape[-1] // size)
    steps = (torch.arange(size, device=flow.device, dtype=flow.dtype) + 0.5) / size
    here = torch.stack(torch.meshgrid(steps, steps, indexing="xy"))
    grid = ((here + flow) * 2 - 1).movedim(1, -1)
    features = features.to(grid.dtype).expand(len(flow), -1, -1, -1)
    return F.grid_sample(features, grid, mode="bilinear", padding_mode="border", align_corners=False)


class MaskedBlend(nn.Module):
    """``hidden + mask * (texture - hidden)`` with a mask that both sides decide. Starts nearly closed."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.texture = nn.Conv2d(channels, channels, 1)
        self.compare = nn.Conv2d(2 * channels + 2, 24, 1)
        self.decide = nn.Conv2d(24, channels, 3, padding=1)
        start_at_zero(self.texture)
        nn.init.eye_(self.texture.weight[:, :, 0, 0])
        start_at_zero(self.decide, bias=-2.0)

    def forward(self, hidden: torch.Tensor, warped: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        texture = self.texture(warped)
        mask = self.decide(F.silu(self.compare(torch.cat([hidden, warped, seen], dim=1)))).sigmoid()
        return hidden + mask * (texture - hidden)

    # The same in two halves, for many frames of one reference: pointwise layers commute with the warp and run once,
    # before it.

    def before_warp(self, features: torch.Tensor) -> torch.Tensor:
        """Features of the reference -> texture and its side of the comparison, ``(1, channels + 24, size, size)``."""
        channels = features.shape[1]
        compared = F.conv2d(features, self.compare.weight[:, channels : 2 * channels])
        return torch.cat([self.texture(features), compared], dim=1)

    def after_warp(self, hidden: torch.Tensor, warped: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """The result of ``forward``; ``warped`` is that of ``before_warp``, warped to each frame."""
        channels = hidden.shape[1]
        weight = self.compare.weight
        weight = torch.cat([weight[:, :channels], weight[:, 2 * channels :]], dim=1)
        own = F.conv2d(torch.cat([hidden, seen], dim=1), weight, self.compare.bias)
        mask = self.decide(F.silu(own + warped[:, channels:])).sigmoid()
        return torch.lerp(hidden, warped[:, :channels], mask)


class BlendingAdapter(ModelMixin, ConfigMixin):
    """Mask-guided blending of the reference into latents (``latent_blend``) and decoder (``decoder_blend``).

    Args:
        map_channels: channels of the geometry maps; the last two are coverage and visibility in the reference.
        decoder_channels: of the autoencoder's decoder at 1/8, 1/4 and 1/2 of the picture.
        skip_channels, skip_levels: as in ``SpatialAdapter``.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        map_channels: int = 14,
        decoder_channels: tuple[int, ...] = (96, 48, 32),
        width: int = 160,
        skip_channels: tuple[int, ...] = (128, 128, 128, 192),
        skip_levels: tuple[int, ...] = (0, 0, 1, 1),
    ) -> None:
        super().__init__()
        self.from_features = nn.Conv2d(decoder_channels[0], width // 2, 4, stride=2, padding=1)
        self.from_rest = nn.Conv2d(latent_channels + map_channels * 16, width // 2, 3, padding=1)
        self.blocks = nn.Sequential(ResidualBlock(width), ResidualBlock(width))
        self.heads = ResidualHeads(width, tuple(skip_channels), tuple(skip_levels))
        self.mask = nn.Conv2d(width, 1, 3, padding=1)
        start_at_zero(self.mask, bias=-1.0)
        self.blends = nn.ModuleList(MaskedBlend(channels) for channels in decoder_channels)

    def latent_blend(self, reference: Reference, maps: torch.Tensor, flow: torch.Tensor) -> LatentBlend:
        """``maps`` and ``flow`` as in ``GeometryMaps``."""
        return self.blend_latents(warp(reference.latents, flow), warp(reference.features[0], flow), maps)

    def blend_latents(self, latents: torch.Tensor, features: torch.Tensor, maps: torch.Tensor) -> LatentBlend:
        """``latents`` and features at 1/8 of the reference, warped to each frame."""
        detail = F.pixel_unshuffle(F.avg_pool2d(maps, 2), 4)
        rest = torch.cat([latents.to(maps.dtype), detail], dim=1)
        hidden = torch.cat([self.from_features(features.to(maps.dtype)), self.from_rest(rest)], dim=1)
        hidden = self.blocks(hidden)
        return LatentBlend(self.heads(hidden), latents, self.mask(F.silu(hidden)).float().sigmoid())

    def decoder_blend(self, reference: Reference, maps: torch.Tensor, flow: torch.Tensor) -> Blend:
        """A ``blend`` for ``HeadAutoencoder.decode``."""

        def blend(level: int, hidden: torch.Tensor) -> torch.Tensor:
            if level == 0:
                return hidden
            warped = warp(reference.features[level - 1], flow)
            size = hidden.shape[-1]
            seen = F.avg_pool2d(maps[:, -2:], maps.shape[-1] // size) if size < maps.shape[-1] else maps[:, -2:]
            return self.blends[level - 1](hidden, warped.to(hidden.dtype), seen.to(hidden.dtype))

        return blend
