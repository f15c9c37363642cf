"""Options: what an editor completes is what a call takes, and mistakes are named before work begins."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from imagineid_sdk import Identity
from imagineid_sdk.audio import load_audio
from imagineid_sdk.errors import AudioError, IdentityFileError, OptionError, VideoError
from imagineid_sdk.hub.loading import DIFFUSERS_OPTIONS, LoadKwargs, LoadOptions
from imagineid_sdk.hub.recipes import ROLES
from imagineid_sdk.models import COMPONENTS, ONLY_SD15
from imagineid_sdk.options import (
    SEEDS,
    GenerateKwargs,
    GenerateOptions,
    PortraitKwargs,
    PortraitOptions,
    RendererKwargs,
    VideoKwargs,
)
from imagineid_sdk.resolver import CallKwargs, FactorKwargs, Factors, StreamKwargs
from imagineid_sdk.video.backdrop import Backdrop
from imagineid_sdk.video.verification import verify
from tests.conftest import voice_like


@pytest.fixture(scope="module")
def talk(pipeline):
    return pipeline(voice_like(0.5), seed=7, fps=10, reference_steps=2)


@pytest.fixture(scope="module")
def person(talk):
    return talk.identity


def test_typed_keywords_are_the_options():
    assert set(PortraitKwargs.__annotations__) == set(PortraitOptions.model_fields)
    assert {*GenerateKwargs.__annotations__, "speakers"} == set(GenerateOptions.model_fields)
    assert set(VideoKwargs.__annotations__) == set(GenerateOptions.model_fields) - {"output_type", "speakers"}
    assert set(RendererKwargs.__annotations__) < set(GenerateOptions.model_fields)
    assert set(FactorKwargs.__annotations__) == set(Factors.__dataclass_fields__)
    called = {*GenerateKwargs.__annotations__, *FactorKwargs.__annotations__, "callback"}
    assert set(CallKwargs.__annotations__) == called
    assert set(LoadKwargs.__annotations__) == {
        *LoadOptions.model_fields, "torch_dtype", *COMPONENTS, *ONLY_SD15, *ROLES, *DIFFUSERS_OPTIONS
    }  # fmt: skip
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
        ({"background": [[1], [2, 3]]}, "background=list"),
        ({"callback": 5}, "callback=5 can't be called"),
        ({"callback_on_step_end": 5}, "callback_on_step_end=5 can't be called"),
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


def test_a_renderer_takes_no_options_that_it_would_drop(pipeline, person, talk):
    for dropped in ({"emotion": "happy"}, {"fps": 60}, {"motion": talk.motion}, {"speakers": "separate"}):
        with pytest.raises(OptionError, match=r"renderer\(\) has no option"):
            pipeline.renderer(person, **dropped)
    with pytest.raises(OptionError, match="output_type='pil'"):
        pipeline.renderer(person, output_type="pil")


def test_a_renderer_shows_no_motion_that_a_call_would_refuse(pipeline, person, talk):
    renderer, moved = pipeline.renderer(person), replace(talk.motion, blendshapes=talk.motion.blendshapes.copy())
    moved.blendshapes[3, 0] = np.nan
    for motion, words in ((moved, "nan in frame 3"), ("talk.csv", "motion=str"), (None, "motion=NoneType")):
        with pytest.raises(OptionError, match=words):
            next(renderer.frames(motion))


def test_a_step_callback_that_returns_something_else_is_told_what_to_return(pipeline, make_voice):
    for returned in ("x", {"latents": None}, {"latents": torch.zeros(2)}):
        with pytest.raises(OptionError, match="callback_on_step_end can't be used"):
            pipeline.imagine(make_voice(0.5), num_faces=1, callback_on_step_end=lambda *_, made=returned: made)


def test_a_call_does_not_advise_the_option_that_it_refuses(pipeline, make_voice):
    for refused in (
        lambda: pipeline.map([make_voice(0.2)], content="b.wav"), lambda: pipeline.stream(callback=print),
    ):  # fmt: skip
        with pytest.raises(OptionError, match="has no option '(?P<name>[a-z]+)'") as told:
            refused()
        name = re.search("has no option '([a-z]+)'", str(told.value)).group(1)
        assert name not in str(told.value).split("The options are:")[1].replace(",", "").split()


def test_a_typo_in_an_option_of_a_stream_is_answered_with_those_of_a_stream(pipeline):
    with pytest.raises(OptionError, match=r"stream\(\) has no option 'lookahead'. The options are: look_ahead, settle"):
        pipeline.stream(lookahead=1)


def test_counting_on_from_the_last_seed_is_refused(pipeline, make_voice):
    with pytest.raises(OptionError, match="Give a smaller one"):
        pipeline.imagine(make_voice(0.5), num_faces=2, seed=SEEDS - 1)


def test_two_ways_to_choose_a_person_are_refused_before_the_first_clip_is_read(pipeline):
    clips = (clip for clip in ["no such file.wav"])
    with pytest.raises(OptionError, match="seed= and generator= both"):
        pipeline.map(clips, seed=1, generator=torch.Generator())


def test_the_rate_of_an_array_is_not_asked_of_a_file(pipeline, example_audio):
    voice = np.repeat(load_audio(example_audio / "reading.flac").samples, 3)
    options = {
        "identity_from": voice,
        "sampling_rate": 48_000,
        "seed": 3,
        "fps": 2,
        "output_type": "none",
        "reference_steps": 1,
    }
    heard = pipeline(example_audio / "hello.wav", **options).identity
    face = pipeline.imagine(voice, sampling_rate=48_000, seed=3, num_faces=1, reference_steps=1)[0]
    assert heard.gender == face.identity.gender


def test_a_written_video_hears_other_clips_at_their_own_rate(pipeline, example_audio, make_voice, tmp_path):
    soundfile.write(tmp_path / "talk.wav", make_voice(0.4, 48_000), 48_000)
    voice = load_audio(example_audio / "reading.flac").samples
    options = {"identity_from": voice, "sampling_rate": 16_000, "seed": 3, "fps": 5, "reference_steps": 1}
    called = pipeline(tmp_path / "talk.wav", output_type="none", **options).identity
    written = pipeline.write_mp4(tmp_path / "talk.wav", tmp_path / "talk.mp4", **options)
    assert written.age == called.age and np.array_equal(written.code, called.code)


def test_a_name_that_no_file_can_have_is_told_before_any_work(pipeline, talk, make_voice):
    for name in ("x" * 300 + ".mp4", "a\0b.mp4"):
        with pytest.raises(OptionError, match="can't name a file"):
            talk.save(name)
        with pytest.raises(OptionError, match="can't name a file"):
            pipeline.write_mp4(make_voice(0.2), name)
    with pytest.raises(OptionError, match="can't name a file"):
        pipeline(make_voice(0.2), identity="x" * 300)
    with pytest.raises(AudioError, match="is an address"):
        pipeline("https://example.com/a.wav")
    with pytest.raises(IdentityFileError, match=r"does not end in \.safetensors"):
        talk.identity.save("anna.json")


@pytest.mark.parametrize("save", ["save", "to_bytes", "load", "verify", "save_pretrained", "motion"])
def test_what_is_no_path_is_named(pipeline, talk, save):
    calls = {
        "save": lambda: talk.save(None), "to_bytes": lambda: talk.to_bytes(5), "load": lambda: Identity.load(5),
        "verify": lambda: verify(5), "save_pretrained": lambda: pipeline.save_pretrained(5),
        "motion": lambda: talk.motion.save(5),
    }  # fmt: skip
    with pytest.raises(OptionError, match="is no path|can't be used"):
        calls[save]()


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


def test_the_speaker_of_another_clip_is_one_person_for_all_clips(pipeline):
    clips = [voice_like(0.3), voice_like(0.3, pitch=150)]
    first, second = pipeline(clips, identity_from=voice_like(1.0, pitch=220), output_type="none", reference_steps=1)
    assert first.identity.seed == second.identity.seed and np.array_equal(first.identity.code, second.identity.code)


def test_imagine_takes_a_seed_or_a_generator(pipeline):
    with pytest.raises(OptionError, match="both choose the person"):
        pipeline.imagine(voice_like(0.3), seed=5, generator=torch.Generator())
