"""Options: what an editor completes is what a call takes, and mistakes are named before work begins."""

from __future__ import annotations

import io

import numpy as np
import pytest

from imagineid_sdk.errors import AudioError, OptionError, VideoError
from imagineid_sdk.options import GenerateKwargs, GenerateOptions, PortraitKwargs, PortraitOptions, VideoKwargs
from imagineid_sdk.resolver import CallKwargs, FactorKwargs, Factors, StreamKwargs
from imagineid_sdk.video.backdrop import Backdrop


def test_typed_keywords_are_the_options():
    assert set(PortraitKwargs.__annotations__) == set(PortraitOptions.model_fields)
    assert set(GenerateKwargs.__annotations__) == set(GenerateOptions.model_fields)
    assert set(VideoKwargs.__annotations__) == set(GenerateOptions.model_fields) - {"output_type", "speakers"}
    assert set(FactorKwargs.__annotations__) == set(Factors.__dataclass_fields__)
    assert set(CallKwargs.__annotations__) == {*GenerateKwargs.__annotations__, *FactorKwargs.__annotations__}
    assert set(StreamKwargs.__annotations__) == {*VideoKwargs.__annotations__, *FactorKwargs.__annotations__}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"identity": 5}, "identity=int is no person"),
        ({"seed": -1}, "seed=-1"),
        ({"adapters": ("temporal",)}, "no temporal adapter"),
        ({"background": np.zeros((0, 4, 3), np.uint8)}, r"shape \(0, 4, 3\)"),
        ({"generator": 3}, "generator="),
        ({"head_motion": float("nan")}, "head_motion=nan"),
    ],
)
def test_what_can_not_be_used_is_named(pipeline, make_voice, options, words):
    for call in (pipeline, lambda sound, **given: pipeline.write_mp4(sound, io.BytesIO(), **given)):
        with pytest.raises(OptionError, match=words):
            call(make_voice(0.2), **options)


def test_imagine_takes_no_options_that_it_would_drop(pipeline, make_voice):
    for dropped in ({"emotion": "happy"}, {"fps": 10}, {"output_type": "np"}):
        with pytest.raises(OptionError, match=r"imagine\(\) has no option"):
            pipeline.imagine(make_voice(0.2), **dropped)
    for number in (1.5, 0, True, "2"):
        with pytest.raises(OptionError, match="num_faces="):
            pipeline.imagine(make_voice(0.2), num_faces=number)


def test_two_options_that_say_the_same_are_refused(pipeline, make_voice):
    voice = make_voice(1.0)
    with pytest.raises(OptionError, match="emotion_from= both"):
        pipeline(voice, emotion="happy", emotion_from=voice)
    with pytest.raises(OptionError, match="content= both"):
        pipeline(voice, content=voice)
    with pytest.raises(OptionError, match="seed=None"):
        pipeline.imagine(voice, seed=None)
    with pytest.raises(OptionError, match="identity_from"):
        pipeline(voice, identty="anna.safetensors")


def test_targets_that_take_no_video_are_refused_before_work_begins(pipeline, make_voice):
    for target, words in ((3, "no place for a video"), (io.StringIO(), "binary mode")):
        with pytest.raises(VideoError, match=words):
            pipeline.write_mp4(make_voice(0.2), target)
    with pytest.raises(OptionError, match="transparency"):
        pipeline.write_mp4(make_voice(0.2), io.BytesIO(), background="transparent")


def test_a_background_is_read_once(pipeline, make_voice, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(Backdrop, "from_option", classmethod(lambda cls, option: read.append(option) or cls(None)))
    pipeline.imagine(make_voice(0.2), num_faces=3, background="white", reference_steps=1)
    assert read.count("white") <= 2  # once to check the options of imagine, once for all faces


def test_a_list_of_clips_is_checked_before_any_is_shown(pipeline, make_voice):
    with pytest.raises(AudioError, match="is not a sound"):
        pipeline([make_voice(0.2), None], callback=lambda *_: pytest.fail("work began"))
    with pytest.raises(OptionError, match="No sound"):
        pipeline([])
