"""A discriminator on the features of a frozen ImageNet network (Projected GAN, arXiv 2111.01007).

A pixel loss alone is content with the blurred mean. One that learns from the pixels needs thousands of pictures, and is
fooled at once by a generator that is ahead of it; features that are known before see textures from the first step.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from examples.training.device import DEVICE
from examples.training.perceptual import TAP_CHANNELS

WIDTH = 64


class FeatureDiscriminator(nn.Module):
    """Features of `ImageFeatures.features_of` -> a verdict for every place of each of them, high for renders."""

    def __init__(self) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.spectral_norm
        self.heads = nn.ModuleList(
            nn.Sequential(
                norm(nn.Conv2d(channels, WIDTH, 3, padding=1)),
                nn.LeakyReLU(0.2),
                norm(nn.Conv2d(WIDTH, WIDTH, 3, padding=1)),
                nn.LeakyReLU(0.2),
                norm(nn.Conv2d(WIDTH, 1, 1)),
            )
            for channels in TAP_CHANNELS
        )
        self.to(DEVICE, memory_format=torch.channels_last)

    def forward(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        return [head(each).float() for head, each in zip(self.heads, features, strict=True)]


def discriminator_loss(
    discriminator: FeatureDiscriminator, made: list[torch.Tensor], real: list[torch.Tensor]
) -> torch.Tensor:
    """Hinge loss (arXiv 1705.02894), the mean of the heads."""
    pairs = zip(discriminator(made), discriminator(real), strict=True)
    return torch.stack([F.relu(1 + a).mean() + F.relu(1 - b).mean() for a, b in pairs]).mean()


def generator_loss(discriminator: FeatureDiscriminator, made: list[torch.Tensor]) -> torch.Tensor:
    """How little the discriminator believes."""
    discriminator.requires_grad_(False)
    verdicts = discriminator(made)
    discriminator.requires_grad_(True)
    return -torch.stack([verdict.mean() for verdict in verdicts]).mean()
