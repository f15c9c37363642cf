"""Listening to a sound as it comes hears what listening to the whole hears."""

from __future__ import annotations

import numpy as np
import pytest

from imagineid_sdk.audio import load_audio
from imagineid_sdk.errors import OptionError
from imagineid_sdk.listening.profile import MOUTH_BLENDSHAPES
from imagineid_sdk.listening.stream import FILE, LIVE, Latency, live_latency
from tests.listening.conftest import as_clip

JAW = MOUTH_BLENDSHAPES.index("jawOpen")


@pytest.fixture(scope="module")
def hello(example_audio):
    return load_audio(example_audio / "hello.wav").samples[:48_000]


def heard(listener, samples, pace, piece):
    """Mouth blendshapes and voice activity that became certain, joined, and the longest segment that was held."""
    stream, mouth, speech, longest = listener.open(pace), [], [], 0

    def take(segments):
        nonlocal longest
        for segment in segments:
            begin = sum(map(len, mouth)) - segment.first
            part = slice(begin, segment.final - segment.first)
            mouth.append(segment.content.blendshapes[part])
            speech.append(segment.prosody.speech[part])
            longest = max(longest, len(segment.content.blendshapes))

    for start in range(0, len(samples), piece):
        stream.feed(samples[start : start + piece])
        take(stream.segments())
    take(stream.finish())
    return np.concatenate(mouth), np.concatenate(speech), longest


def test_at_the_pace_of_a_file_nothing_differs(listener, hello):
    whole = listener.listen(as_clip(hello))
    mouth, speech, _ = heard(listener, hello, FILE, 16_000)
    assert np.allclose(mouth, whole.content.blendshapes, atol=1e-4)
    assert np.allclose(speech, whole.prosody.speech, atol=1e-4)


def test_segments_of_a_long_sound_join(listener, hello):
    long = np.tile(hello, 9)  # 27 s
    whole = listener.listen(as_clip(long))
    mouth, speech, _ = heard(listener, long, Latency(hop=400, ahead=400, context=800), 16_000)
    assert len(mouth) == len(whole.content.blendshapes)
    assert np.corrcoef(mouth[:, JAW], whole.content.blendshapes[:, JAW])[0, 1] > 0.99
    assert ((speech > 0.5) == (whole.prosody.speech > 0.5)).mean() > 0.98


def test_live_the_mouth_follows_the_words(listener, hello):
    whole = listener.listen(as_clip(hello))
    mouth, speech, longest = heard(listener, hello, LIVE, 1600)
    assert len(mouth) == len(whole.content.blendshapes)
    assert np.corrcoef(mouth[:, JAW], whole.content.blendshapes[:, JAW])[0, 1] > 0.9
    assert np.abs(mouth - whole.content.blendshapes).mean() < 0.02
    assert ((speech > 0.5) == (whole.prosody.speech > 0.5)).mean() > 0.95
    assert longest <= 400  # what is handed on does not grow


def test_the_look_ahead_is_what_was_asked_for():
    assert live_latency(LIVE.seconds) == LIVE and live_latency(1.0).seconds == pytest.approx(1.0)
    for wrong in (0.1, 11, float("nan")):
        with pytest.raises(OptionError, match="look_ahead"):
            live_latency(wrong)
