"""First stage, identity: whose voice is this? An embedding of the speaker, sex and age, each with its uncertainty.

An ECAPA-like network (Desplanques et al. 2020) at small scale: convolutions over log-mel, squeeze-and-excitation,
attentive statistics pooling; pitch statistics join after the pooling. Later stages are trained with this one frozen.

Not heard: build and head shape. No data in reach pairs voices with bodies, and what is known of the relation among
adults of one sex is weak, so the profile carries their priors, marked as such, and ancestry is not inferred at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional as F

from imagineid_sdk.listening.mel import HOP, MEL_BANDS, MEL_RATE, log_mel
from imagineid_sdk.listening.profile import TRACK_RATE, Attribute, ProsodyTrack

PITCH_STATISTICS = 8
AGE_PRIOR = Attribute(value=38.0, spread=20.0, heard=False)
GENDER_PRIOR = Attribute(value=0.5, spread=0.5, heard=False)
BUILD_PRIOR = Attribute(value=0.5, spread=0.2, heard=False)

WINDOW_SECONDS = 3.0
MAX_WINDOWS = 16
"""At most so many windows of a clip are listened to, spread evenly: a minute of speech says who is speaking."""

_HEARD = 0.8  # an attribute is heard when its spread is below this share of the prior's
_LEAST_SPEECH = 0.25  # seconds of speech below which nothing can be said about the speaker
_AGE_SCALE = 20.0


class SqueezeBlock(nn.Module):
    """Dilated convolution in groups with squeeze-and-excitation and a skip connection, (batch, width, frames)."""

    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.mix_in = nn.Conv1d(width, width, 1)
        self.convolution = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation, groups=4)
        self.mix_out = nn.Conv1d(width, width, 1)
        self.norm = nn.GroupNorm(1, width)
        self.squeeze = nn.Linear(width, width // 4)
        self.excite = nn.Linear(width // 4, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.mix_out(F.silu(self.convolution(F.silu(self.mix_in(self.norm(x))))))
        gate = torch.sigmoid(self.excite(F.silu(self.squeeze(hidden.mean(dim=-1)))))
        return x + hidden * gate[..., None]


@dataclass(frozen=True)
class IdentityOutput:
    """embedding (batch, E) unit length; gender logit (batch,), > 0 female; age mean and log-variance (batch,)."""

    embedding: torch.Tensor
    gender_logit: torch.Tensor
    age: torch.Tensor
    age_log_variance: torch.Tensor


class IdentityEncoder(ModelMixin, ConfigMixin):
    """Log-mel (batch, 80, frames) at 100 Hz and pitch statistics (batch, 8) -> `IdentityOutput`."""

    @register_to_config
    def __init__(self, width: int = 112, embedding_size: int = 128, dilations: tuple[int, ...] = (1, 2, 3)):
        super().__init__()
        self.stem = nn.Conv1d(MEL_BANDS, width, 5, stride=2, padding=2)
        self.stem2 = nn.Conv1d(width, width, 5, stride=2, padding=2, groups=4)
        self.blocks = nn.ModuleList(SqueezeBlock(width, dilation) for dilation in dilations)
        pooled = 2 * width
        self.gather = nn.Conv1d(width * len(dilations), pooled, 1)
        self.attention = nn.Sequential(nn.Conv1d(pooled, 64, 1), nn.Tanh(), nn.Conv1d(64, pooled, 1))
        self.pool_norm = nn.LayerNorm(2 * pooled)
        self.pitch = nn.Sequential(nn.Linear(PITCH_STATISTICS, 48), nn.SiLU(), nn.Linear(48, 48))
        self.embed = nn.Linear(2 * pooled + 48, embedding_size)
        self.traits = nn.Sequential(nn.Linear(2 * pooled + 48, 96), nn.SiLU(), nn.Dropout(0.2), nn.Linear(96, 3))

    def forward(self, mel: torch.Tensor, pitch_statistics: torch.Tensor) -> IdentityOutput:
        centred = mel - mel.mean(dim=(1, 2), keepdim=True)
        x = F.silu(self.stem(2 * centred))
        x = self.stem2(x)
        layers = []
        for block in self.blocks:
            x = block(x)
            layers.append(x)
        x = F.silu(self.gather(torch.cat(layers, dim=1)))
        weight = torch.softmax(self.attention(x), dim=-1)
        mean = (weight * x).sum(dim=-1)
        deviation = torch.sqrt(((weight * x.square()).sum(dim=-1) - mean.square()).clamp(min=1e-5))
        pooled = torch.cat([self.pool_norm(torch.cat([mean, deviation], dim=1)), self.pitch(pitch_statistics)], dim=1)
        gender, age, spread = self.traits(pooled).unbind(dim=1)
        return IdentityOutput(
            embedding=F.normalize(self.embed(pooled), dim=1),
            gender_logit=gender,
            age=AGE_PRIOR.value + _AGE_SCALE * age,
            age_log_variance=2 * math.log(_AGE_SCALE) + spread.clamp(-5, 1.5),
        )


@dataclass(frozen=True)
class Identity:
    """The identity part of a `VoiceProfile`."""

    embedding: np.ndarray
    gender: Attribute
    age: Attribute
    build: Attribute


def pitch_statistics(pitch: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """Eight figures about the pitch of a stretch, float32: quantiles, spread and movement of log2 Hz, voiced share."""
    voiced = pitch > 0
    result = np.zeros(PITCH_STATISTICS, np.float32)
    if voiced.sum() < 5:
        return result
    octave = np.log2(pitch[voiced] / 160.0)
    low, lower, middle, upper, high = np.quantile(octave, [0.1, 0.25, 0.5, 0.75, 0.9])
    together = voiced[1:] & voiced[:-1]
    steps = np.abs(np.diff(np.log2(np.where(voiced, pitch, 1.0))))[together]
    share = voiced.sum() / max(1, (speech > 0.5).sum())
    result[:] = (1, middle, low, lower, upper, high, min(1.0, share), 10 * np.median(steps) if steps.size else 0)
    return result


@torch.no_grad()
def hear_identity(encoder: IdentityEncoder, samples: np.ndarray, prosody: ProsodyTrack) -> Identity:
    """Who is speaking in a clip (float32 mono 16 kHz) with its prosody; without speech the priors."""
    windows = speech_windows(prosody.speech)
    if not windows:
        return unheard_identity(encoder.config.embedding_size)
    mels, figures = [], []
    length = int(WINDOW_SECONDS * TRACK_RATE)
    for begin in windows:
        piece = samples[begin * 2 * HOP : (begin + length) * 2 * HOP]
        mels.append(window_mel(torch.from_numpy(np.ascontiguousarray(piece, np.float32))))
        part = slice(begin, begin + length)
        figures.append(pitch_statistics(prosody.pitch[part], prosody.speech[part]))
    output = encoder(torch.stack(mels).to(encoder.device, encoder.dtype), torch.from_numpy(np.stack(figures)))
    return _summarise(output)


def window_mel(samples: torch.Tensor) -> torch.Tensor:
    """Log-mel (80, 300) of one window of samples, repeated to the window's length where shorter."""
    needed = int(WINDOW_SECONDS * MEL_RATE) * HOP
    if len(samples) < needed:
        samples = samples.repeat(-(-needed // max(1, len(samples))))[:needed]
    return log_mel(samples[None])[0]


def speech_windows(speech: np.ndarray) -> list[int]:
    """First frames of at most MAX_WINDOWS windows that hold the most speech, spread over the clip."""
    length = int(WINDOW_SECONDS * TRACK_RATE)
    active = speech > 0.5
    if active.sum() < _LEAST_SPEECH * TRACK_RATE:
        return []
    starts = np.arange(0, max(1, len(speech) - length // 2), length // 2)
    total = np.concatenate([[0], np.cumsum(active)])
    amount = total[np.minimum(starts + length, len(speech))] - total[starts]
    good = starts[amount >= 0.6 * amount.max()]
    if len(good) > MAX_WINDOWS:
        good = good[np.linspace(0, len(good) - 1, MAX_WINDOWS).round().astype(int)]
    return [int(start) for start in good]


def unheard_identity(embedding_size: int) -> Identity:
    """What can be said of somebody who does not speak: the priors. The embedding is a fixed unit vector."""
    embedding = np.full(embedding_size, 1 / math.sqrt(embedding_size), np.float32)
    return Identity(embedding, GENDER_PRIOR, AGE_PRIOR, BUILD_PRIOR)


def _summarise(output: IdentityOutput) -> Identity:
    embedding = F.normalize(output.embedding.float().mean(dim=0), dim=0).cpu().numpy()
    female = float(torch.sigmoid(output.gender_logit.float().mean()))
    # Windows of one clip err together: their variances are averaged, not reduced.
    ages, variances = output.age.float(), output.age_log_variance.float().exp()
    spread = float(torch.sqrt(variances.mean() + ages.var(unbiased=False)))
    return Identity(
        embedding=embedding,
        gender=_attribute(female, math.sqrt(female * (1 - female)), GENDER_PRIOR),
        age=_attribute(float(ages.mean().clamp(4, 95)), spread, AGE_PRIOR),
        build=BUILD_PRIOR,
    )


def _attribute(value: float, spread: float, prior: Attribute) -> Attribute:
    return Attribute(value, min(spread, prior.spread), heard=spread < _HEARD * prior.spread)
