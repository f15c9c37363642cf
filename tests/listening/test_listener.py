"""What a user notices of listening, on the shipped weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from imagineid_sdk.audio import load_audio
from imagineid_sdk.listening.identity import AGE_PRIOR, GENDER_PRIOR
from imagineid_sdk.listening.profile import EMOTIONS, MOUTH_BLENDSHAPES
from tests.listening.conftest import RATE, as_clip

AUDIO = Path(__file__).parents[2] / "examples" / "audio"
JAW, PRESS = MOUTH_BLENDSHAPES.index("jawOpen"), MOUTH_BLENDSHAPES.index("mouthPressLeft")

HELLO_LIPS = [(1.49, 1.61), (1.955, 2.00), (2.99, 3.03), (4.01, 4.12), (4.96, 5.06)]
"""Seconds of every m and b of hello.wav ("welcome", "nobody", "my", "imagined", "from"), as Flite timed them."""
HELLO_PAUSES = [(0.69, 0.92), (6.93, 7.21)]  # the second is the end of the clip


@pytest.fixture(scope="module")
def hello():
    """A woman's voice, synthetic, that says `HELLO_LIPS`."""
    return load_audio(AUDIO / "hello.wav")


@pytest.fixture(scope="module")
def reading():
    """A real man."""
    return load_audio(AUDIO / "reading.flac")


@pytest.fixture(scope="module")
def reading_again():
    """The same man, other words."""
    return load_audio(AUDIO / "reading_again.flac")


@pytest.mark.parametrize("seconds", [0.05, 1.0, 12.0])
def test_silence_keeps_the_mouth_shut_and_claims_nothing(listener, seconds):
    profile = listener.listen(as_clip(np.zeros(int(seconds * RATE))))
    assert profile.content.blendshapes.max() < 0.02
    assert profile.gender == GENDER_PRIOR and profile.age == AGE_PRIOR
    assert not (profile.gender.heard or profile.age.heard)
    assert profile.emotion.label == "neutral" and profile.emotion.intensity == 0


@pytest.mark.parametrize("level", [-50, -20])
def test_noise_keeps_the_mouth_shut(listener, level):
    noise = np.random.default_rng(0).standard_normal(4 * RATE) * 10 ** (level / 20)
    assert np.quantile(listener.listen(as_clip(noise)).content.blendshapes[:, JAW], 0.98) < 0.03


def test_profile_has_the_documented_shapes(listener, hello):
    profile = listener.listen(hello)
    frames = -(-len(hello.samples) // 320)
    assert profile.content.blendshapes.shape == (frames, len(MOUTH_BLENDSHAPES))
    assert profile.content.blendshapes.dtype == np.float32
    assert profile.content.blendshapes.min() >= 0 and profile.content.blendshapes.max() <= 1
    assert profile.emotion.track.shape == (frames, len(EMOTIONS))
    assert np.isclose(profile.emotion.probabilities.sum(), 1, atol=1e-4)
    assert profile.prosody.speech.shape == profile.prosody.pitch.shape == (frames,)
    assert np.isclose(np.linalg.norm(profile.embedding), 1, atol=1e-4)
    assert profile.duration == hello.duration
    json.dumps(profile.to_dict())


def test_a_real_voice_opens_and_closes_the_mouth(listener, reading):
    profile = listener.listen(reading)
    jaw = profile.content.blendshapes[:, JAW]
    speaking = profile.prosody.speech > 0.5
    assert np.quantile(jaw[speaking], 0.9) > 0.2
    assert np.quantile(jaw[speaking], 0.1) < 0.1
    assert np.abs(np.diff(jaw)).max() < 0.3


def test_lips_meet_on_p_b_and_m(listener, hello):
    blendshapes = listener.listen(hello).content.blendshapes
    met = [_lips_meet(blendshapes, start, end) for start, end in HELLO_LIPS]
    assert sum(met) >= len(met) - 1


def _lips_meet(blendshapes: np.ndarray, start: float, end: float) -> bool:
    frames = slice(int(start * 50) - 1, int(end * 50) + 2)
    return bool(((blendshapes[frames, JAW] < 0.06) & (blendshapes[frames, PRESS] > 0.2)).any())


def test_pauses_shut_the_mouth(listener, hello):
    jaw = listener.listen(hello).content.blendshapes[:, JAW]
    for start, end in HELLO_PAUSES:
        assert jaw[int((start + 0.12) * 50) : int((end - 0.1) * 50)].max() < 0.05


def test_man_and_woman(listener, hello, reading):
    man, woman = listener.listen(reading), listener.listen(hello)
    assert man.gender.value < 0.3 and man.gender.heard
    assert woman.gender.value > 0.7 and woman.gender.heard
    assert man.age.value > 18 and woman.age.value > 18


def test_one_voice_is_one_person(listener, hello, reading, reading_again):
    first, second, other = (listener.listen(clip) for clip in (reading, reading_again, hello))
    assert first.embedding @ second.embedding > other.embedding @ first.embedding + 0.2
    assert abs(first.gender.value - second.gender.value) < 0.2
    assert abs(first.age.value - second.age.value) < 12


def test_what_is_a_voices_own_stays_with_it(listener, hello, reading, reading_again):
    own = [
        listener.identity_encoder.speaker_direction(listener.listen(clip).embedding)
        for clip in (reading, reading_again, hello)
    ]
    assert all(np.isclose(np.linalg.norm(way), 1, atol=1e-4) for way in own)
    assert own[0] @ own[1] > 0.75 and own[0] @ own[2] < 0.5


def test_level_does_not_change_the_voice(listener, reading):
    loud, quiet = (listener.listen(as_clip(reading.samples * gain)) for gain in (1.0, 0.03))
    assert loud.embedding @ quiet.embedding > 0.98


@pytest.mark.parametrize(("decibels", "alike"), [(20, 0.95), (10, 0.75)])
def test_noise_does_not_change_the_voice(listener, reading, decibels, alike):
    noise = (
        np.random.default_rng(0).standard_normal(len(reading.samples)) * reading.samples.std() / 10 ** (decibels / 20)
    )
    noisy = listener.listen(as_clip(reading.samples + noise))
    assert noisy.embedding @ listener.listen(reading).embedding > alike


def test_plain_reading_is_hardly_emotional(listener, reading, reading_again):
    for clip in (reading, reading_again):
        assert listener.listen(clip).emotion.intensity < 0.5


def test_level_does_not_change_the_words(listener, hello):
    loud, quiet = (listener.listen(as_clip(hello.samples * gain)).content.blendshapes for gain in (1.0, 0.03))
    assert np.abs(loud - quiet).mean() < 0.02


def test_the_beginning_of_a_long_clip_is_heard_like_a_short_one(listener, hello):
    long = np.tile(hello.samples, -(-25 * RATE // len(hello.samples)))[: 25 * RATE]
    short = listener.listen(as_clip(long[: 12 * RATE]))
    whole = listener.listen(as_clip(long))
    assert np.abs(short.content.blendshapes[:500] - whole.content.blendshapes[:500]).mean() < 0.02
    assert short.embedding @ whole.embedding > 0.9
