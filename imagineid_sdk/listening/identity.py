"""First stage, identity: whose voice is this? An embedding of the speaker, sex and age, each with its uncertainty.

A frozen network that knows real voices (`speaker_encoder.py`) describes the sound; what of it tells people apart, and
what tells sex and age, is learned here. Later stages are trained with this one frozen.

Age is heard roughly: a child from a grown-up, but hardly one grown-up's age from another's. What the network says of
grown-ups is therefore drawn towards their usual age and marked as not heard.

Not heard at all, and so not in the profile: build, head shape, ancestry. No data in reach pairs voices with bodies.
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

from imagineid_sdk.listening.profile import SAMPLES_PER_FRAME, TRACK_RATE, Attribute, ProsodyTrack, SpeakerIdentity
from imagineid_sdk.listening.speaker_encoder import SpeakerEncoder

PITCH_STATISTICS = 8
AGE_PRIOR = Attribute(value=38.0, spread=20.0, heard=False)
GENDER_PRIOR = Attribute(value=0.5, spread=0.5, heard=False)

WINDOW_SECONDS = 3.0
MAX_WINDOWS = 16
"""At most so many windows of a clip are listened to, spread evenly: a minute of speech says who is speaking."""

_HEARD = 0.8  # an attribute is heard when its spread is below this share of the prior's
_LEAST_SPEECH = 0.25  # seconds of speech below which nothing can be said about the speaker
_QUIET = 0.2
"""Voice activity below which a frame counts as noise."""
_LEAST_NOISE = 0.3
"""Seconds of noise from which its spectrum is estimated."""
_AGE_MIDDLE, _AGE_SCALE = 38.0, 20.0
_GROWN_UP = Attribute(value=35.0, spread=20.0, heard=False)
"""Age of people of whom nothing is heard but that they are grown up; 68 % of held-out synthetic ones are within it."""
_GROWN_UP_TRUST = 0.25
"""How far the network's age of grown-ups is followed: it correlates with the true one by about 0.3, on synthetic voices
that were held out as on recordings of real people of 21 to 35."""
_CHILD, _GROWN = 12.0, 20.0  # years said by the network up to which it is a child's voice, from which a grown-up's
_CHILD_TRUST, _CHILD_SPREAD = 0.9, 8.0
_EITHER_SPREAD = 10.0
"""Added in between, where it may be either, by c (1 - c); 72 % of held-out synthetic children are within the spread."""


@dataclass(frozen=True, eq=False)
class IdentityOutput:
    """embedding (batch, E) unit length; gender logit (batch,), > 0 female; age mean and log-variance (batch,)."""

    embedding: torch.Tensor
    gender_logit: torch.Tensor
    age: torch.Tensor
    age_log_variance: torch.Tensor


class IdentityEncoder(ModelMixin, ConfigMixin):
    """Voices (batch, 256) as `SpeakerEncoder` describes them and pitch statistics (batch, 8) -> `IdentityOutput`."""

    @register_to_config
    def __init__(
        self, voice_size: int = 256, voice_layers: int = 3, embedding_size: int = 64, individual_size: int = 16
    ):
        super().__init__()
        self.voice = SpeakerEncoder(voice_size, voice_layers)
        self.register_buffer("usual", torch.zeros(voice_size))
        self.embed = nn.Linear(voice_size, embedding_size, bias=False)
        self.register_buffer("individual", torch.zeros(individual_size, embedding_size))
        self.register_buffer("middle", torch.zeros(embedding_size))
        self.norm = nn.LayerNorm(voice_size)
        self.pitch = nn.Sequential(nn.Linear(PITCH_STATISTICS, 48), nn.SiLU(), nn.Linear(48, 48))
        self.traits = nn.Sequential(nn.Linear(voice_size + 48, 96), nn.SiLU(), nn.Dropout(0.3), nn.Linear(96, 3))

    def forward(self, voices: torch.Tensor, pitch_statistics: torch.Tensor) -> IdentityOutput:
        apart = voices - self.usual
        known = torch.cat([self.norm(apart), self.pitch(pitch_statistics)], dim=1)
        gender, age, spread = self.traits(known).unbind(dim=1)
        return IdentityOutput(
            embedding=F.normalize(self.embed(apart), dim=1),
            gender_logit=gender,
            age=_AGE_MIDDLE + _AGE_SCALE * age,
            age_log_variance=2 * math.log(_AGE_SCALE) + spread.clamp(-5, 1.5),
        )

    @torch.no_grad()
    def speaker_direction(self, embedding: np.ndarray) -> np.ndarray:
        """What tells a voice (its embedding) from others of its sex, most reliable figures alone: a unit vector."""
        apart = torch.from_numpy(embedding).to(self.middle) - self.middle
        return F.normalize((self.individual @ apart).float(), dim=0).cpu().numpy()


def pitch_statistics(pitch: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """Eight figures about the pitch of a segment, float32: 1; median and quantiles 0.1, 0.25, 0.75 and 0.9 in octaves
    above 160 Hz; voiced share of the speech; ten times the median step of a frame. All 0 with too little voice."""
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
def hear_identity(encoder: IdentityEncoder, samples: np.ndarray, prosody: ProsodyTrack) -> SpeakerIdentity:
    """Who is speaking in a clip (float32 mono 16 kHz) with its prosody; without speech the priors."""
    chosen = chosen_speech(prosody.speech)
    if not chosen.any():
        return unheard_identity(encoder.config.embedding_size)
    quiet = _listened_to(prosody.speech) & (prosody.speech < _QUIET)
    noise = samples_of(samples, quiet) if quiet.sum() > _LEAST_NOISE * TRACK_RATE else None
    voice = encoder.voice.embed(samples_of(samples, chosen), noise)
    figures = torch.from_numpy(pitch_statistics(prosody.pitch[chosen], prosody.speech[chosen]))
    output = encoder(voice[None].to(encoder.device, encoder.dtype), figures[None].to(encoder.device, encoder.dtype))
    return _summarise(output)


def chosen_speech(speech: np.ndarray) -> np.ndarray:
    """Which frames of a clip are listened to: the speech in at most MAX_WINDOWS windows, (frames,) bool."""
    return _listened_to(speech) & (speech > 0.5)


def _listened_to(speech: np.ndarray) -> np.ndarray:
    """The windows themselves, (frames,) bool: however long the clip, no more than these are analysed."""
    inside = np.zeros(len(speech), bool)
    for begin in speech_windows(speech):
        inside[begin : begin + int(WINDOW_SECONDS * TRACK_RATE)] = True
    return inside


def samples_of(samples: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The samples of the chosen frames one after the other, float32."""
    inside = np.repeat(chosen, SAMPLES_PER_FRAME)[: len(samples)]
    return samples[: len(inside)][inside].astype(np.float32)


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


def unheard_identity(embedding_size: int) -> SpeakerIdentity:
    """The priors, for a sound without speech. The embedding is a fixed unit vector."""
    embedding = np.full(embedding_size, 1 / math.sqrt(embedding_size), np.float32)
    return SpeakerIdentity(embedding, GENDER_PRIOR, AGE_PRIOR)


def _summarise(output: IdentityOutput) -> SpeakerIdentity:
    embedding = output.embedding[0].float().cpu().numpy()
    female = float(torch.sigmoid(output.gender_logit[0].float()))
    return SpeakerIdentity(
        embedding=embedding,
        gender=_attribute(female, math.sqrt(female * (1 - female)), GENDER_PRIOR),
        age=_age(float(output.age[0].float().clamp(4, 95))),
    )


def _age(said: float) -> Attribute:
    """What the network's age is worth."""
    child = float(np.clip((_GROWN - said) / (_GROWN - _CHILD), 0, 1))
    trust = _GROWN_UP_TRUST + child * (_CHILD_TRUST - _GROWN_UP_TRUST)
    value = _GROWN_UP.value + trust * (said - _GROWN_UP.value)
    spread = _GROWN_UP.spread + child * (_CHILD_SPREAD - _GROWN_UP.spread) + _EITHER_SPREAD * child * (1 - child)
    return _attribute(value, spread, AGE_PRIOR)


def _attribute(value: float, spread: float, prior: Attribute) -> Attribute:
    return Attribute(value, min(spread, prior.spread), heard=spread < _HEARD * prior.spread)
