"""Sounds and the shipped listener for the tests of the listening room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import imagineid_sdk
from imagineid_sdk.audio import AudioClip
from imagineid_sdk.listening.content import ContentEncoder
from imagineid_sdk.listening.emotion import EmotionEncoder
from imagineid_sdk.listening.identity import IdentityEncoder
from imagineid_sdk.listening.listener import Listener
from imagineid_sdk.listening.speech_encoder import SpeechEncoder

WEIGHTS = Path(imagineid_sdk.__file__).parent / "weights" / "tiny"
RATE = 16_000


@pytest.fixture(scope="session")
def listener() -> Listener:
    """The listener on the embedded weights."""
    parts = {
        "speech_encoder": SpeechEncoder,
        "identity_encoder": IdentityEncoder,
        "content_encoder": ContentEncoder,
        "emotion_encoder": EmotionEncoder,
    }
    return Listener(
        **{name: kind.from_pretrained(WEIGHTS / name, torch_dtype=torch.float32) for name, kind in parts.items()}
    )


def as_clip(samples: np.ndarray) -> AudioClip:
    """A clip of 16 kHz mono samples."""
    sound = np.asarray(samples, np.float32)
    return AudioClip(sound, len(sound) / RATE, sound[:, None], RATE, None)


def vowel_sequence(pitch: float, formants: list[tuple[float, float, float]], seconds: float = 0.25) -> np.ndarray:
    """Vowels made by a pulse train through three resonances each, with a falling melody and pauses: plain speech."""
    rng = np.random.default_rng(0)
    pieces = []
    for number, resonances in enumerate(formants):
        length = int(seconds * RATE)
        melody = pitch * (1.08 - 0.16 * number / len(formants)) * (1 + 0.01 * rng.standard_normal())
        phase = np.cumsum(np.full(length, melody / RATE))
        source = np.diff(np.floor(phase), prepend=0) + 0.002 * rng.standard_normal(length)
        sound = source
        for frequency in resonances:
            sound = _resonate(sound, frequency, 60 + 0.06 * frequency)
        envelope = np.minimum(1, np.minimum(np.arange(length), np.arange(length)[::-1]) / 400)
        pieces += [envelope * sound / np.abs(sound).max(), np.zeros(int(0.03 * RATE))]
        if number % 5 == 4:
            pieces.append(np.zeros(int(0.25 * RATE)))
    return 0.3 * np.concatenate(pieces)


def _resonate(sound: np.ndarray, frequency: float, bandwidth: float) -> np.ndarray:
    radius = np.exp(-np.pi * bandwidth / RATE)
    a, b = 2 * radius * np.cos(2 * np.pi * frequency / RATE), -(radius**2)
    result = np.zeros(len(sound) + 2)
    for i, value in enumerate(sound):
        result[i + 2] = value + a * result[i + 1] + b * result[i]
    return result[2:]
