"""Pitch, loudness and voice activity."""

import numpy as np
import pytest

from imagineid_sdk.listening.prosody import analyse_prosody
from tests.listening.conftest import RATE, vowel_sequence

SECONDS = 4


def _steady_sounds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    time = np.arange(SECONDS * RATE) / RATE
    return {
        "digital silence": np.zeros(len(time)),
        "white noise": 0.1 * rng.standard_normal(len(time)),
        "quiet noise": 0.001 * rng.standard_normal(len(time)),
        "mains hum": 0.2 * sum(np.sin(2 * np.pi * 50 * k * time) / k for k in range(1, 9)),
        "brown noise": 0.05 * np.cumsum(rng.standard_normal(len(time))) / 100,
    }


@pytest.mark.parametrize("name", _steady_sounds())
def test_steady_sound_is_not_speech(name):
    speech = analyse_prosody(_steady_sounds()[name].astype(np.float32)).speech
    assert (speech > 0.5).mean() < 0.03


VOWELS = [(700, 1200, 2600), (300, 2200, 3000), (350, 800, 2400), (550, 1800, 2500), (450, 1000, 2400)] * 2


@pytest.mark.parametrize("pitch", [90, 120, 210, 320])
def test_pitch_of_a_voice(pitch):
    found = analyse_prosody(vowel_sequence(pitch, VOWELS).astype(np.float32)).pitch
    assert abs(np.log2(np.median(found[found > 0]) / pitch)) < 0.12


@pytest.mark.parametrize("level", [-10, -30, -50])
def test_speech_is_found_at_any_level(level):
    sound = vowel_sequence(130, VOWELS)
    sound = np.pad(sound * 10 ** (level / 20) / np.abs(sound).max(), RATE).astype(np.float32)
    speech = analyse_prosody(sound).speech
    assert speech[60:-60].mean() > 0.6
    assert speech[:40].max() < 0.5 and speech[-35:].max() < 0.5


def test_tracks_have_fifty_samples_a_second_and_never_none():
    assert len(analyse_prosody(np.zeros(RATE, np.float32)).pitch) == 50
    assert len(analyse_prosody(np.zeros(100, np.float32)).pitch) == 1


def test_loudness_is_in_dbfs():
    time = np.arange(RATE) / RATE
    loudness = analyse_prosody((0.1 * np.sin(2 * np.pi * 200 * time)).astype(np.float32)).loudness
    assert abs(np.median(loudness) + 23) < 0.5
