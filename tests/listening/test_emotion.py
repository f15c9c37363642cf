"""What a user notices of the emotion of a voice, on the shipped weights.

The clips are one actor's (EmoDB, CC0), one sentence in four emotions. The stage was trained on them among others: how
it hears people whom it does not know is measured by `benchmarks/emotion.py`.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imagineid_sdk.audio import load_audio
from imagineid_sdk.face.animation.motion import animate
from imagineid_sdk.face.blendshapes import BLENDSHAPE_INDEX
from imagineid_sdk.listening import stream as stream_module
from imagineid_sdk.listening.emotion import STATISTICS, STEP_SUMS, hear_emotion, pooled, sum_steps
from imagineid_sdk.listening.listener import joined_profile
from imagineid_sdk.listening.profile import EMOTIONS, ProsodyTrack
from imagineid_sdk.listening.stream import FILE, LIVE, Latency
from tests.listening.conftest import RATE, as_clip

ACTED = {"calm": "neutral", "happy": "happy", "sad": "sad", "angry": "angry"}
SHOWN = {"happy": "mouthSmileLeft", "sad": "browInnerUp", "angry": "browDownLeft"}


@pytest.fixture(scope="module")
def voices(example_audio):
    """The sentence in each emotion, float32 mono."""
    return {name: load_audio(example_audio / f"{name}.flac").samples for name in ACTED}


@pytest.fixture(scope="module")
def heard(listener, voices):
    return {name: listener.listen(as_clip(samples)) for name, samples in voices.items()}


@pytest.mark.parametrize("name", ACTED)
def test_the_emotion_of_a_voice_is_heard(heard, name):
    emotion = heard[name].emotion
    assert emotion.label == ACTED[name]
    assert emotion.intensity < 0.3 if name == "calm" else emotion.intensity > 0.4


@pytest.mark.parametrize(("name", "action"), SHOWN.items())
def test_the_face_shows_what_the_voice_says(heard, name, action):
    def asked(profile):
        frames = round(profile.duration * 25)
        motion = animate(profile, num_frames=frames, fps=25, seed=1, blink=0)
        return motion.blendshapes[:, BLENDSHAPE_INDEX[action]].mean()

    assert asked(heard[name]) > asked(heard["calm"]) + 0.15


def test_a_half_angry_voice_makes_a_half_angry_face(listener, voices):
    calm, angry = voices["calm"], voices["angry"]
    both = listener.listen(as_clip(np.concatenate([calm, np.zeros(RATE // 2, np.float32), angry])))
    anger = both.emotion.track[:, EMOTIONS.index("angry")]
    middle = (len(calm) + RATE // 4) // 320
    assert anger[middle + 50 :].mean() > anger[: middle - 50].mean() + 0.2


def test_a_telephone_does_not_change_the_emotion(listener, voices):
    for name in ("sad", "angry"):
        spectrum = np.fft.rfft(voices[name])
        hertz = np.fft.rfftfreq(len(voices[name]), 1 / RATE)
        narrow = np.fft.irfft(np.where((hertz > 300) & (hertz < 3400), spectrum, 0), len(voices[name]))
        assert listener.listen(as_clip(narrow)).emotion.label == ACTED[name]


def test_how_loud_a_recording_is_does_not_change_the_emotion(listener, voices, heard):
    quiet = listener.listen(as_clip(0.05 * voices["angry"])).emotion
    assert quiet.label == "angry"
    assert abs(quiet.intensity - heard["angry"].emotion.intensity) < 0.15


@pytest.mark.parametrize("name", ACTED)
def test_while_the_voice_comes_in_the_emotion_grows_and_does_not_swing(listener, voices, name):
    stream, course, labels = listener.open(LIVE), [], []
    samples = np.tile(voices[name], 2)
    stream.feed(samples)
    for segment in stream.finish():
        begin = sum(map(len, course)) - segment.first
        course.append(segment.emotion.track[begin : segment.final - segment.first])
        labels.append(segment.emotion.label)
    shown = np.concatenate(course)
    assert len(shown) == len(samples) // 320
    assert labels[-1] == ACTED[name]
    assert set(labels) <= {"neutral", labels[-1]}
    assert np.abs(shown[10:] - shown[:-10]).sum(axis=1).max() < 0.45  # within 0.2 s


def test_in_pieces_and_in_segments_the_emotion_is_that_of_the_whole(listener, voices, monkeypatch):
    sound = np.tile(np.concatenate([voices["angry"], voices["sad"][:RATE]]), 5)  # 15 s
    whole = listener.listen(as_clip(sound)).emotion
    for latency in (FILE, Latency(hop=100, ahead=300, context=400)):
        monkeypatch.setattr(stream_module, "FILE", latency)  # as if the sound were as long as that of many segments
        stream, segments = listener.open(latency), []
        for start in range(0, len(sound), 8000):
            stream.feed(sound[start : start + 8000])
            segments += stream.segments()
        segments += stream.finish()
        emotion = joined_profile(segments, stream.who, stream.emotion, len(sound) / RATE).emotion
        assert emotion.label == whole.label == "angry"
        assert np.abs(emotion.probabilities - whole.probabilities).max() < 0.05
        assert abs(emotion.intensity - whole.intensity) < 0.05
        assert np.abs(emotion.track - whole.track).mean() < 0.02
    assert len(segments) > 3


def test_a_word_is_too_little_to_claim_an_emotion(listener, voices):
    for samples in voices.values():
        word = listener.listen(as_clip(samples[RATE : RATE + RATE // 3])).emotion
        assert word.label == "neutral" or word.intensity < 0.4


def test_sums_of_parts_are_the_sums_of_the_whole():
    rng = np.random.default_rng(0)
    features, visemes = rng.standard_normal((200, 384)).astype(np.float32), rng.dirichlet(np.ones(16), 200)
    prosody = ProsodyTrack(np.ones(200, np.float32), np.full(200, -20, np.float32), np.full(200, 160, np.float32))
    rows = sum_steps(features, prosody, visemes)
    assert rows.shape == (40, STEP_SUMS)
    statistics, words = pooled(torch.from_numpy(rows.sum(axis=0)))
    assert statistics.shape == (STATISTICS,)
    assert np.allclose(statistics[:384], features.mean(axis=0), atol=1e-4)
    assert np.allclose(statistics[384:768], features.std(axis=0), atol=1e-3)
    assert np.allclose(words, visemes.mean(axis=0), atol=1e-5)


def test_a_long_sound_is_heard_in_parts_as_in_one(listener):
    rng = np.random.default_rng(1)
    rows = np.abs(rng.standard_normal((900, STEP_SUMS))).astype(np.float32)
    embedding = np.zeros(listener.identity_encoder.config.embedding_size, np.float32)
    whole = hear_emotion(listener.emotion_encoder, rows, embedding, 4500)
    first = hear_emotion(listener.emotion_encoder, rows[:700], embedding, 3500)
    assert np.allclose(whole.track[:3000], first.track[:3000], atol=1e-4)
