"""Speech features for content and emotion: the encoder of Whisper tiny.en (OpenAI, MIT), frozen, in plain torch.

Why somebody else's encoder: a mouth head trained on synthetic voices over log-mel alone gets real voices wrong; over
features that have heard 680,000 hours of real speech it carries over.

Two depths are used. The last layer holds what was said. Half-way up there is still how it was said: an emotion is heard
better there than in any other layer (unweighted average recall of a linear model over six emotions, speakers left out:
0.80, 0.82, 0.78, 0.70 after blocks 1 to 4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from torch import nn
from torch.nn import functional as F

from imagineid_sdk.listening.mel import MEL_BANDS, log_mel
from imagineid_sdk.listening.profile import SAMPLES_PER_FRAME
from imagineid_sdk.quantization import PackedModelMixin

WINDOW = 500  # features: 10 s
OVERLAP = 50  # features on either side that only give context: 1 s
_BATCH = 4  # windows at once: bounds the memory whatever the length of the clip
_LEAST_FEATURES = 25
_MIDDLE = 2  # blocks below the features of the emotion stage


class EncoderBlock(nn.Module):
    """Pre-norm transformer block with one fused query/key/value projection."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.mlp_out = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        qkv = self.query_key_value(self.attention_norm(x)).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value)
        x = x + self.attention_out(attended.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(x))))


@dataclass(frozen=True, eq=False)
class SpeechFeatures:
    """Features at 50 Hz, float32 (..., frames, 384). `last`: of the last layer, `middle`: from half-way up."""

    last: torch.Tensor
    middle: torch.Tensor


class SpeechEncoder(PackedModelMixin, ConfigMixin):
    """Whisper's audio encoder: log-mel (batch, 80, 2 x frames) at 100 Hz -> features (batch, frames, 384) at 50 Hz."""

    @register_to_config
    def __init__(self, width: int = 384, heads: int = 6, layers: int = 4):
        super().__init__()
        self.conv1 = nn.Conv1d(MEL_BANDS, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(EncoderBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        return self.both_depths(mel).last

    def both_depths(self, mel: torch.Tensor) -> SpeechFeatures:
        """Features (batch, frames, 384) each, of log-mel (batch, 80, 2 x frames)."""
        x = F.gelu(self.conv1(mel))
        x = F.gelu(self.conv2(x)).transpose(1, 2)
        x = x + sinusoids(x.shape[1], x.shape[2]).to(x)
        for block in self.blocks[:_MIDDLE]:
            x = block(x)
        middle = x
        for block in self.blocks[_MIDDLE:]:
            x = block(x)
        return SpeechFeatures(self.norm(x), middle)

    @torch.no_grad()
    def encode(self, samples: np.ndarray, begin: int = 0, end: int | None = None) -> SpeechFeatures:
        """Features `begin` to `end` (default: all) of a clip of any length.

        `samples`: float32 mono, shape (samples,), 16 kHz, the whole clip. Returns float32 (end - begin, 384), on the
        CPU; the clip has ceil(samples / 320) features, at least 1, and feature i describes the moment (i + 0.5) / 50 s.
        The clip is read in windows of 10 s on a fixed grid, each with 1 s of context on either side: the beginning of
        a long clip is heard as a short clip of the same beginning is, and memory stays that of a few windows.
        """
        frames = num_features(len(samples))
        end = frames if end is None else min(end, frames)
        windows = [w for w in plan_windows(frames) if w.keep_from < end and w.keep_to > begin]
        result = torch.empty(2, end - begin, self.config.width)
        for start in range(0, len(windows), _BATCH):
            for group in _equal_lengths(windows[start : start + _BATCH]):
                for window, features in zip(group, self._encode_windows(samples, group), strict=True):
                    first, last = max(window.keep_from, begin), min(window.keep_to, end)
                    result[:, first - begin : last - begin] = features[:, first - window.begin : last - window.begin]
        return SpeechFeatures(result[0], result[1])

    def _encode_windows(self, samples: np.ndarray, windows: list[Window]) -> torch.Tensor:
        """(windows, depths, frames, 384)."""
        pieces = np.stack([_cut(samples, window.begin, window.end) for window in windows])
        mel = log_mel(torch.from_numpy(pieces).to(self.device))
        features = self.both_depths(mel.to(self.dtype))
        return torch.stack([features.last, features.middle], dim=1).float().cpu()


@dataclass(frozen=True)
class Window:
    """Features begin:end are computed together, keep_from:keep_to of them are used."""

    begin: int
    end: int
    keep_from: int
    keep_to: int


def num_features(num_samples: int) -> int:
    """Number of 50 Hz frames of a clip: ceil(num_samples / 320), at least 1."""
    return max(1, math.ceil(num_samples / SAMPLES_PER_FRAME))


def plan_windows(frames: int) -> list[Window]:
    """Windows of WINDOW features that share 2 x OVERLAP; the last one is as short as the clip leaves it."""
    hop = WINDOW - 2 * OVERLAP
    windows: list[Window] = []
    for begin in range(0, max(1, frames), hop):
        last = begin + WINDOW >= frames
        # Half a second is the least that the encoder is asked to understand; the padding is silence.
        end = max(frames, begin + _LEAST_FEATURES) if last else begin + WINDOW
        keep_from = begin + OVERLAP if begin else 0
        windows.append(Window(begin, end, keep_from, frames if last else begin + WINDOW - OVERLAP))
        if last:
            break
    return windows


def _equal_lengths(windows: list[Window]) -> list[list[Window]]:
    """The windows in groups that can be one batch: only the last one may differ."""
    full = [window for window in windows if window.end - window.begin == WINDOW]
    rest = [window for window in windows if window.end - window.begin != WINDOW]
    return [group for group in (full, rest) if group]


def _cut(samples: np.ndarray, begin: int, end: int) -> np.ndarray:
    # Whisper's feature i sits at i x 20 ms of its input, ours at (i + 0.5) x 20 ms: start half a feature later.
    first = begin * SAMPLES_PER_FRAME + SAMPLES_PER_FRAME // 2
    length = (end - begin) * SAMPLES_PER_FRAME
    piece = np.asarray(samples[first : first + length], dtype=np.float32)
    return np.pad(piece, (0, length - len(piece)))


def sinusoids(length: int, channels: int) -> torch.Tensor:
    """Whisper's position table: sines then cosines at geometrically spaced rates, shape (length, channels)."""
    step = math.log(10_000) / (channels // 2 - 1)
    rates = torch.exp(-step * torch.arange(channels // 2))
    angles = torch.arange(length)[:, None] * rates[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=1)
