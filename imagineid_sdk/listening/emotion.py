"""Third stage, emotion: heard in how the words were said.

The stage reads the speech encoder's features from half-way up, pooled over time: their mean and deviation over the
speech of a window, with figures of pitch, loudness and rate. What the frozen earlier stages explain of these figures,
by the speaker's embedding and by the visemes that were said, is subtracted first. The rest tells the emotion.

It was trained on six actors (EmoDB, German, CC0) in neutral speech, joy, sadness, anger, fear and disgust, and on
synthetic voices, from which alone surprise and contempt come. It was judged on actors that were left out
(`benchmarks/emotion.py`); MODEL_CARD.md has the figures.

A window of little speech says little: its logits are scaled by n / (n + hesitation), n in seconds of speech, and a
constant favours neutral. So an emotion grows with the evidence, and an unclear one is called neutral.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from imagineid_sdk.listening.profile import EMOTIONS, TRACK_RATE, EmotionTrack, ProsodyTrack
from imagineid_sdk.listening.tracks import smooth
from imagineid_sdk.listening.visemes import VISEMES

STEP = 5  # frames a step: 0.1 s
STEP_RATE = TRACK_RATE // STEP
FEATURES = 384
FIGURES = 6
STATISTICS = 2 * FEATURES + FIGURES
"""Mean and deviation of each feature; mean, deviation and movement of pitch, voiced share, range of loudness, rate."""

_SCALARS = 9
STEP_SUMS = 2 * FEATURES + _SCALARS + len(VISEMES)
"""Columns of a row of sums over one step, from which the statistics of any window follow."""

PREDICTIONS = 2 * (len(EMOTIONS) + 1) + 1
"""Columns of a step's predictions: logits and strength of its context, the same of its local window, and how much is
said in the local window, 0..1."""

_COUNT = len(EMOTIONS)
_LOCAL_DEVIATION = 0.8  # s, standard deviation of the Gaussian window around a step
_CONTEXT = (6.0, 4.0)  # s before and after a step
_REACH = int(_CONTEXT[0] * STEP_RATE)
_BLOCK = 600  # steps at once: one minute
_LOCAL_SHARE = 0.4  # of the local window in the track, against the context
_SMOOTHING = 0.4  # s, standard deviation of the smoothing of the track
_FULL_PRESENCE = 0.8  # s of speech in the local window from which an emotion is shown in full
_GROWTH = 1.0  # s of speech after which an emotion that comes in has replaced 63 % of what was believed before
_BELIEF = 3.0  # logit of neutral before anything was heard
_LEAST_SPEECH = 0.4  # s of speech below which no emotion is claimed
_FARTHEST = 4.0  # deviations from the usual beyond which a statistic says no more


class EmotionEncoder(ModelMixin, ConfigMixin):
    """Sums of a window (batch, STEP_SUMS) and identity embedding (batch, E) -> logits (batch, 8), strength (batch,).

    The logits are over EMOTIONS, the strength in [0, 1] is how strongly the emotion is expressed, if there is one.
    `sharpness`, `caution` and `hesitation` calibrate `judge`: factor on the logits, constant added to that of neutral,
    seconds of speech at which the logits count half.
    """

    @register_to_config
    def __init__(self, embedding_size: int = 64, sharpness: float = 1.0, caution: float = 0.0, hesitation: float = 0.5):
        super().__init__()
        self.register_buffer("usual", torch.zeros(STATISTICS))
        self.register_buffer("spread", torch.ones(STATISTICS))
        self.voice = nn.Linear(embedding_size, STATISTICS, bias=False)
        self.words = nn.Linear(len(VISEMES), STATISTICS, bias=False)
        self.head = nn.Linear(STATISTICS, len(EMOTIONS) + 1)

    def forward(self, sums: torch.Tensor, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.read(self.residual(sums, embedding))

    def residual(self, sums: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        """Standardised statistics of windows without what voice and words explain, (batch, STATISTICS)."""
        statistics, words = pooled(sums)
        apart = (statistics - self.usual) / self.spread
        return (apart - self.voice(embedding) - self.words(words)).clamp(-_FARTHEST, _FARTHEST)

    def read(self, residual: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (batch, 8) and strength (batch,)."""
        out = self.head(residual)
        return out[..., :-1], torch.sigmoid(out[..., -1])

    def judge(self, sums: torch.Tensor, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The same with calibrated logits: their softmax is how often each emotion is right."""
        logits, strength = self(sums, embedding)
        return self.calibrated(logits, speech_seconds(sums)), strength

    def calibrated(self, logits: torch.Tensor, seconds: torch.Tensor) -> torch.Tensor:
        """Logits (batch, 8) of windows that hold so many seconds of speech (batch,)."""
        weight = self.config.sharpness * seconds / (seconds + self.config.hesitation)
        calibrated = weight[..., None] * logits
        calibrated[..., 0] += self.config.caution
        return calibrated


def sum_steps(features: np.ndarray, prosody: ProsodyTrack, visemes: np.ndarray) -> np.ndarray:
    """Sums over each step of what the stage looks at, float32 (ceil(frames / STEP), STEP_SUMS).

    `features`: (frames, 384) from half-way up the speech encoder; `visemes`: probabilities (frames, 16).
    """
    weight = np.clip(prosody.speech, 0, 1)
    voiced = (prosody.pitch > 0) * weight
    octave = np.log2(np.maximum(prosody.pitch, 40) / 160)
    both = np.minimum(voiced, np.concatenate([[0], voiced[:-1]]))
    glide = np.abs(np.diff(octave, prepend=octave[:1]))
    loudness = np.clip(prosody.loudness, -80, 0) / 10
    change = 0.5 * np.abs(np.diff(visemes, axis=0, prepend=visemes[:1])).sum(axis=1)
    scalars = np.stack(
        [
            weight, voiced, voiced * octave, voiced * octave**2, both, both * np.minimum(glide, 0.5),
            weight * loudness, weight * loudness**2, weight * change,
        ], axis=1,
    )  # fmt: skip
    weighted = weight[:, None] * features
    rows = np.concatenate([weighted, weighted * features, scalars, weight[:, None] * visemes], axis=1, dtype=np.float32)
    rows = np.pad(rows, ((0, -len(rows) % STEP), (0, 0)))
    return rows.reshape(-1, STEP, STEP_SUMS).sum(axis=1)


def pooled(sums: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Statistics (..., STATISTICS) and share of each viseme (..., 16) of windows (..., STEP_SUMS)."""
    first, second, scalars, visemes = torch.split(sums, [FEATURES, FEATURES, _SCALARS, len(VISEMES)], dim=-1)
    weight, voiced, pitch, pitch_square, both, glide, loudness, loudness_square, change = scalars.unbind(dim=-1)
    weight, voiced, both = (amount.clamp(min=1e-3) for amount in (weight, voiced, both))
    mean = first / weight[..., None]
    deviation = (second / weight[..., None] - mean**2).clamp(min=1e-6).sqrt()
    figures = torch.stack(
        [
            pitch / voiced,
            (pitch_square / voiced - (pitch / voiced) ** 2).clamp(min=1e-6).sqrt(),
            glide / both,
            voiced / weight,
            (loudness_square / weight - (loudness / weight) ** 2).clamp(min=1e-6).sqrt(),
            change / weight,
        ], dim=-1,
    )  # fmt: skip
    return torch.cat([mean, deviation, figures], dim=-1), visemes / weight[..., None]


def speech_seconds(sums: torch.Tensor) -> torch.Tensor:
    """Seconds of speech of windows (..., STEP_SUMS)."""
    return sums[..., 2 * FEATURES] / TRACK_RATE


def hear_emotion(encoder: EmotionEncoder, rows: np.ndarray, embedding: np.ndarray, frames: int) -> EmotionTrack:
    """Emotion of a clip of so many frames from the sums of its steps (steps, STEP_SUMS) and identity embedding."""
    return emotion_track(step_predictions(encoder, rows, embedding, 0), rows[:, 2 * FEATURES], frames)


@torch.no_grad()
def step_predictions(encoder: EmotionEncoder, rows: np.ndarray, embedding: np.ndarray, first: int) -> np.ndarray:
    """Predictions for each step from `first` on, float32 (steps, PREDICTIONS), from the sums of the steps around it."""
    voice = torch.from_numpy(embedding).to(encoder.device, encoder.dtype)
    result = []
    for begin in range(first, len(rows), _BLOCK):
        end = min(begin + _BLOCK, len(rows))
        left, right = max(0, begin - _REACH), min(len(rows), end + _REACH)
        around = torch.from_numpy(rows[left:right]).to(voice)
        apart = torch.arange(left, right)[None] - torch.arange(begin, end)[:, None]
        inside = (apart >= -_CONTEXT[0] * STEP_RATE) & (apart <= _CONTEXT[1] * STEP_RATE)
        deviation = _LOCAL_DEVIATION * STEP_RATE
        near = torch.exp(-0.5 * (apart / deviation) ** 2) * (apart.abs() <= 3 * deviation)
        predictions = []
        context, local = (window.to(voice) @ around for window in (inside.float(), near.float()))
        for sums in (context, local):
            logits, strength = encoder.judge(sums, voice.expand(len(sums), -1))
            predictions += [logits, strength[:, None]]
        predictions.append((speech_seconds(local) / _FULL_PRESENCE).clamp(0, 1)[:, None])
        result.append(torch.cat(predictions, dim=1).float().cpu().numpy())
    return np.concatenate(result) if result else np.empty((0, PREDICTIONS), np.float32)


def running_estimate(predictions: np.ndarray, speech: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """Running estimate for each step of a sound: exponential smoothing of `predictions` (steps, PREDICTIONS),
    weighted by the frames of speech (steps,). It starts from the estimate `before` (PREDICTIONS,), or from neutral."""
    if before is None:
        before = np.zeros(PREDICTIONS, np.float32)
        before[[0, len(EMOTIONS) + 1]] = _BELIEF
    result = np.empty_like(predictions)
    for step, share in enumerate(1 - np.exp(-speech / (_GROWTH * TRACK_RATE))):
        before = before + share * (predictions[step] - before)
        before[-1] = predictions[step, -1]
        result[step] = before
    return result


def emotion_track(predictions: np.ndarray, speech: np.ndarray, frames: int) -> EmotionTrack:
    """The emotion of all steps; `predictions`: (steps, PREDICTIONS), `speech`: frames of speech in each (steps,)."""
    if speech.sum() < _LEAST_SPEECH * TRACK_RATE:
        return no_emotion(frames)
    whole = OverallEmotion()
    whole.add(predictions, speech)
    edges = [_COUNT, _COUNT + 1, 2 * _COUNT + 1, 2 * _COUNT + 2]
    context, context_strength, local, local_strength, presence = np.split(predictions, edges, axis=1)
    over_time = _softmax(_LOCAL_SHARE * local + (1 - _LOCAL_SHARE) * context)
    strength = _LOCAL_SHARE * local_strength + (1 - _LOCAL_SHARE) * context_strength
    return replace(whole.read(), track=_to_track(over_time * strength * (1 - over_time[:, :1]) * presence, frames))


class OverallEmotion:
    """The emotion of everything that was said: means over steps, weighted by how much was said in each."""

    def __init__(self) -> None:
        self._predictions = np.zeros(_COUNT + 1)  # logits and strength of the contexts, times speech
        self._speech = 0.0  # frames

    def add(self, predictions: np.ndarray, speech: np.ndarray) -> None:
        """More steps: their predictions (steps, PREDICTIONS), and frames of speech in each (steps,)."""
        self._predictions += speech.astype(np.float64) @ predictions[:, : _COUNT + 1]
        self._speech += float(speech.sum())

    def read(self) -> EmotionTrack:
        """The emotion, without its course over time."""
        if self._speech < _LEAST_SPEECH * TRACK_RATE:
            return no_emotion(0)
        mean = self._predictions / self._speech
        probabilities = _softmax(mean[:_COUNT])
        intensity = float(np.clip(mean[_COUNT] * (1 - probabilities[0]), 0, 1))
        label = EMOTIONS[int(probabilities.argmax())]
        return EmotionTrack(label, intensity, probabilities.astype(np.float32), np.zeros((0, _COUNT), np.float32))


def no_emotion(frames: int) -> EmotionTrack:
    """Neutral, at intensity 0."""
    probabilities = np.zeros(len(EMOTIONS), np.float32)
    probabilities[0] = 1
    return EmotionTrack("neutral", 0.0, probabilities, np.zeros((frames, len(EMOTIONS)), np.float32))


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def _to_track(steps: np.ndarray, frames: int) -> np.ndarray:
    """(steps, 8) at 10 Hz -> smooth float32 (frames, 8) at 50 Hz."""
    centres = (np.arange(len(steps)) + 0.5) * STEP
    columns = [np.interp(np.arange(frames) + 0.5, centres, column) for column in smooth(steps, _SMOOTHING, STEP_RATE).T]
    return np.stack(columns, axis=1).astype(np.float32)
