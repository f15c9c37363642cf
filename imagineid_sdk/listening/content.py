"""Second stage, content: mouth shapes of the words, independent of speaker and emotion.

A small convolutional head finds visemes in the frozen speech features. The embedding of the frozen identity stage
tells it which part of the features is the speaker's. The table in `visemes.py` turns visemes into mouth blendshapes.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional as F

from imagineid_sdk.listening.profile import MOUTH_BLENDSHAPES
from imagineid_sdk.listening.visemes import VISEMES

CONTEXT = 24
"""Features on either side that influence a frame."""


class ConvolutionBlock(nn.Module):
    """Depthwise convolution over time and a mixing of channels, with a skip connection, (batch, frames, width)."""

    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.spread = nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation, groups=width)
        self.mix_in = nn.Linear(width, 2 * width)
        self.mix_out = nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.spread(self.norm(x).transpose(1, 2)).transpose(1, 2)
        return x + self.mix_out(F.gelu(self.mix_in(hidden)))


class ContentEncoder(ModelMixin, ConfigMixin):
    """Speech features (batch, frames, 384) at 50 Hz and identity embedding (batch, E) -> viseme logits and blendshapes.

    Returns logits (batch, frames, 16) and mouth blendshapes (batch, frames, len(MOUTH_BLENDSHAPES)) in [0, 1].
    """

    @register_to_config
    def __init__(
        self,
        feature_size: int = 384,
        embedding_size: int = 64,
        width: int = 192,
        dilations: tuple[int, ...] = (1, 2, 4, 1),
    ):
        super().__init__()
        self.feature_norm = nn.LayerNorm(feature_size)
        self.project = nn.Linear(feature_size, width)
        self.speaker = nn.Linear(embedding_size, 2 * width)
        nn.init.zeros_(self.speaker.weight)
        nn.init.zeros_(self.speaker.bias)
        self.blocks = nn.ModuleList(ConvolutionBlock(width, dilation) for dilation in dilations)
        self.norm = nn.LayerNorm(width)
        self.visemes = nn.Linear(width, len(VISEMES))
        self.actions = nn.Linear(width, len(MOUTH_BLENDSHAPES))

    def forward(self, features: torch.Tensor, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scale, shift = self.speaker(embedding)[:, None].chunk(2, dim=-1)
        x = self.project(self.feature_norm(features)) * (1 + scale) + shift
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return self.visemes(x), torch.sigmoid(self.actions(x))


@torch.no_grad()
def hear_visemes(
    encoder: ContentEncoder, features: torch.Tensor, embedding: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Viseme probabilities (frames, 16) and raw mouth blendshapes (frames, n), float32, of features (frames, 384)."""
    voice = torch.from_numpy(embedding).to(encoder.device, encoder.dtype)[None]
    logits, blendshapes = encoder(features.to(encoder.device, encoder.dtype)[None], voice)
    return torch.softmax(logits[0].float(), dim=-1).cpu().numpy(), blendshapes[0].float().cpu().numpy()
