"""A small patch discriminator (pix2pix, arXiv 1611.07004): it asks whether every patch of a picture is as crisp as a
render, where a pixel loss alone is content with the blurred mean."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from examples.training.device import DEVICE


class PatchDiscriminator(nn.Module):
    """Pictures ``(batch, 3, height, width)`` in [0, 1] -> features of every layer; the last are the verdicts."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 128)) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.spectral_norm
        channels = (3, *widths)
        strides = [2] * (len(widths) - 1) + [1]
        self.layers = nn.ModuleList(
            norm(nn.Conv2d(before, after, 4, stride, 1))
            for before, after, stride in zip(channels, widths, strides, strict=False)
        )
        self.verdict = norm(nn.Conv2d(widths[-1], 1, 3, padding=1))
        self.to(DEVICE, memory_format=torch.channels_last)

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        hidden, features = (pictures * 2 - 1).contiguous(memory_format=torch.channels_last), []
        for layer in self.layers:
            hidden = F.leaky_relu(layer(hidden), 0.2)
            features.append(hidden)
        return [*features, self.verdict(hidden)]


def discriminator_loss(discriminator: PatchDiscriminator, made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Hinge loss (arXiv 1705.02894)."""
    on_made, on_real = discriminator(made.detach())[-1].float(), discriminator(real)[-1].float()
    return F.relu(1 + on_made).mean() + F.relu(1 - on_real).mean()


def generator_losses(
    discriminator: PatchDiscriminator, made: torch.Tensor, real: torch.Tensor
) -> dict[str, torch.Tensor]:
    """How little the discriminator believes in ``made``, and the distance of its features (pix2pixHD)."""
    with torch.no_grad():
        wanted = discriminator(real)[:-1]
    discriminator.requires_grad_(False)
    *features, verdict = discriminator(made)
    discriminator.requires_grad_(True)
    matching = torch.stack([(a.float() - b.float()).abs().mean() for a, b in zip(features, wanted, strict=True)])
    return {"adversarial": -verdict.float().mean(), "features": matching.mean()}
