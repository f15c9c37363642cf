"""Third stage, emotion: in which mood it was said, from how it was said.

The network sees pitch, loudness, spectral balance and, from the frozen earlier stages, the speaker's embedding (how
high does this person speak anyway?) and the visemes (how fast are the words?): what is left to explain is mood.
It is cautious by construction: neutral speech of training varies widely, and intensity is strength times the
probability of any mood at all.
"""

from __future__ import annotations

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn import functional as F

from imagineid_sdk.listening.content import ConvolutionBlock
from imagineid_sdk.listening.mel import HOP, MEL_BANDS, log_mel
from imagineid_sdk.listening.profile import EMOTIONS, EmotionTrack, ProsodyTrack
from imagineid_sdk.listening.visemes import VISEMES

BALANCE_BANDS = 10
INPUT_SIZE = 5 + BALANCE_BANDS + len(VISEMES)
STEP = 5  # track samples a step of the network: 0.1 s

_BLOCK = 3000  # track samples at once: one minute
_CONTEXT = 200  # track samples on either side that only give context
_SMOOTHING = 0.4  # s, standard deviation of the smoothing of the track
_CAUTION = 1.2  # added to the logit of neutral: claiming a mood that is not there is the worse error
_DOUBT = 1.4  # divides the logits: the moods of training are purer than those of people
_LEAST_SPEECH = 20  # track samples of speech below which no mood is claimed


class EmotionEncoder(ModelMixin, ConfigMixin):
    """Inputs (batch, frames, INPUT_SIZE) at 50 Hz and identity embedding (batch, E) -> moods at 10 Hz.

    Returns logits (batch, frames / 5, 8) over EMOTIONS and strength (batch, frames / 5) in [0, 1].
    """

    @register_to_config
    def __init__(self, embedding_size: int = 128, width: int = 96, dilations: tuple[int, ...] = (1, 2, 4, 8)):
        super().__init__()
        self.stem = nn.Conv1d(INPUT_SIZE, width, 2 * STEP + 1, stride=STEP, padding=STEP // 2 + 3)
        self.speaker = nn.Linear(embedding_size, 2 * width)
        nn.init.zeros_(self.speaker.weight)
        nn.init.zeros_(self.speaker.bias)
        self.blocks = nn.ModuleList(ConvolutionBlock(width, dilation) for dilation in dilations)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(EMOTIONS) + 1)

    def forward(self, inputs: torch.Tensor, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        steps = inputs.shape[1] // STEP
        scale, shift = self.speaker(embedding)[:, None].chunk(2, dim=-1)
        x = self.stem(inputs.transpose(1, 2)).transpose(1, 2)[:, :steps]
        x = F.gelu(x) * (1 + scale) + shift
        for block in self.blocks:
            x = block(x)
        out = self.head(self.norm(x))
        return out[..., :-1], torch.sigmoid(out[..., -1])


def spectral_balance(mel: np.ndarray) -> np.ndarray:
    """Log-mel at 100 Hz (2 x frames, 80) -> level of 10 bands against their mean at 50 Hz, float32 (frames, 10)."""
    halves = mel.reshape(len(mel) // 2, 2, BALANCE_BANDS, MEL_BANDS // BALANCE_BANDS)
    bands = halves.mean(axis=(1, 3))
    return 4 * (bands - bands.mean(axis=1, keepdims=True))


def clip_balance(samples: np.ndarray, frames: int) -> np.ndarray:
    """Spectral balance of a clip of any length, float32 (frames, 10), in blocks of bounded memory."""
    result = np.empty((frames, BALANCE_BANDS), np.float32)
    for begin in range(0, frames, _BLOCK):
        end = min(begin + _BLOCK, frames)
        piece = np.asarray(samples[begin * 2 * HOP : end * 2 * HOP], np.float32)
        piece = np.pad(piece, (0, (end - begin) * 2 * HOP - len(piece)))
        result[begin:end] = spectral_balance(log_mel(torch.from_numpy(piece)[None])[0].T.numpy())
    return result


def emotion_inputs(prosody: ProsodyTrack, balance: np.ndarray, visemes: np.ndarray) -> np.ndarray:
    """Everything the stage sees, float32 (frames, INPUT_SIZE): pitch, loudness, balance, viseme probabilities."""
    speech = prosody.speech > 0.5
    voiced = prosody.pitch > 0
    octave = np.where(voiced, np.log2(np.maximum(prosody.pitch, 40) / 160), 0)
    middle = np.median(octave[voiced]) if voiced.any() else 0.0
    usual = prosody.loudness[speech].mean() if speech.any() else 0.0
    columns = [
        voiced,
        octave,
        np.where(voiced, octave - middle, 0),
        np.where(speech, np.clip(prosody.loudness - usual, -30, 30) / 10, 0),
        prosody.speech,
    ]
    return np.concatenate([np.stack(columns, axis=1), balance * speech[:, None], visemes], axis=1).astype(np.float32)


@torch.no_grad()
def hear_emotion(
    encoder: EmotionEncoder, inputs: np.ndarray, embedding: np.ndarray, speech: np.ndarray
) -> EmotionTrack:
    """Mood of a clip from its inputs (frames, INPUT_SIZE), identity embedding (E,) and voice activity (frames,)."""
    frames = len(inputs)
    if (speech > 0.5).sum() < _LEAST_SPEECH:
        return no_emotion(frames)
    logits, strength = _run(encoder, inputs, embedding)
    logits = logits / _DOUBT
    logits[:, 0] += _CAUTION
    weight = _per_step(speech, len(logits)) + 1e-6
    average = (logits * weight[:, None]).sum(axis=0) / weight.sum()
    probabilities = _softmax(average)
    intensity = float((strength * weight).sum() / weight.sum() * (1 - probabilities[0]))
    over_time = _softmax(0.5 * logits + 0.5 * average)
    amount = strength * (1 - over_time[:, 0]) * np.clip(weight, 0, 1)
    track = _to_track(over_time * amount[:, None], frames)
    label = EMOTIONS[int(probabilities.argmax())]
    return EmotionTrack(label, float(np.clip(intensity, 0, 1)), probabilities.astype(np.float32), track)


def no_emotion(frames: int) -> EmotionTrack:
    """Neutral, at intensity 0."""
    probabilities = np.zeros(len(EMOTIONS), np.float32)
    probabilities[0] = 1
    return EmotionTrack("neutral", 0.0, probabilities, np.zeros((frames, len(EMOTIONS)), np.float32))


def _run(encoder: EmotionEncoder, inputs: np.ndarray, embedding: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits (steps, 8) and strength (steps,) of a clip of any length, block by block."""
    padded = np.pad(inputs, ((0, -len(inputs) % STEP), (0, 0)), mode="edge")
    voice = torch.from_numpy(embedding).to(encoder.device, encoder.dtype)[None]
    logits, strengths = [], []
    for begin in range(0, len(padded), _BLOCK):
        first, last = max(0, begin - _CONTEXT), min(len(padded), begin + _BLOCK + _CONTEXT)
        piece = torch.from_numpy(padded[first:last]).to(encoder.device, encoder.dtype)[None]
        raw, strength = encoder(piece, voice)
        keep = slice((begin - first) // STEP, (min(begin + _BLOCK, len(padded)) - first) // STEP)
        logits.append(raw[0, keep].float().cpu().numpy())
        strengths.append(strength[0, keep].float().cpu().numpy())
    return np.concatenate(logits), np.concatenate(strengths)


def _per_step(track: np.ndarray, steps: int) -> np.ndarray:
    return np.pad(track, (0, steps * STEP - len(track))).reshape(steps, STEP).mean(axis=1)


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def _to_track(steps: np.ndarray, frames: int) -> np.ndarray:
    """(steps, 8) at 10 Hz -> smooth float32 (frames, 8) at 50 Hz."""
    width = int(3 * _SMOOTHING * 10)
    kernel = np.exp(-0.5 * (np.arange(-width, width + 1) / (_SMOOTHING * 10)) ** 2)
    kernel /= kernel.sum()
    centres = (np.arange(len(steps)) + 0.5) * STEP
    columns = []
    for column in steps.T:
        smooth = np.convolve(np.pad(column, width, mode="edge"), kernel, mode="valid")
        columns.append(np.interp(np.arange(frames) + 0.5, centres, smooth))
    return np.stack(columns, axis=1).astype(np.float32)
