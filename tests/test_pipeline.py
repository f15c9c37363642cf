"""The pipeline on the shipped weights: what a user gets, and that it holds still, differs and follows the sound."""

from __future__ import annotations

import numpy as np
import pytest

from imagineid_sdk.errors import GenerationCancelled, HubError, ModelError, OptionError


@pytest.fixture(scope="module")
def hello(example_audio):
    return example_audio / "hello.wav"


@pytest.fixture(scope="module")
def talk(pipeline, hello):
    return pipeline(hello, seed=7)


def test_there_is_a_frame_for_every_moment_of_the_sound(talk):
    assert talk.frames.dtype == np.uint8
    assert talk.frames.shape == (round(talk.audio.duration * 25), 256, 256, 3)
    assert len(talk.motion.blendshapes) == len(talk.frames) and talk.fps == 25


def test_the_same_seed_gives_the_same_video(pipeline, hello, talk):
    again = pipeline(hello, seed=7)
    assert np.array_equal(again.frames, talk.frames)


def test_the_background_does_not_flicker(talk):
    corner = talk.frames[:, :24, :24].astype(np.int16)
    assert np.abs(corner - corner[:1]).max() == 0


def test_the_face_moves_and_stays_the_same_person(talk):
    face = talk.frames[:, 60:200, 80:176].astype(np.float32)
    assert face.std(axis=0).mean() > 1.5  # it talks
    colour = face.mean((1, 2))
    assert np.abs(colour - colour.mean(0)).max() < 12  # and keeps its colours


def test_one_voice_has_many_faces(pipeline, hello):
    faces = pipeline.imagine(hello, num_faces=3, seed=0)
    assert [face.identity.seed for face in faces] == [0, 1, 2]
    for a, b in ((0, 1), (1, 2), (0, 2)):
        assert np.abs(faces[a].image.astype(int) - faces[b].image).mean() > 5


def test_neutral_attributes_take_nothing_from_the_voice(pipeline, hello):
    people = [
        pipeline.imagine(hello, num_faces=8, seed=0, attributes=a, reference_steps=1) for a in ("heard", "neutral")
    ]
    women = [sum(face.identity.words()["gender"] == "female" for face in faces) for faces in people]
    assert women[0] == 8 and 0 < women[1] < 8


def test_a_kept_person_says_something_else(pipeline, talk, hello, tmp_path):
    path = talk.identity.save(tmp_path / "person.safetensors")
    other = pipeline(hello, identity=path, emotion="happy", fps=5)
    assert np.array_equal(other.identity.reference, talk.identity.reference)
    assert other.identity.words() == talk.identity.words()


def test_output_types(pipeline, make_voice):
    sound = make_voice(0.4)
    shapes = {"np": (10, 256, 256, 3), "pt": (10, 3, 256, 256), "latent": (10, 16, 16, 16)}
    person = pipeline.imagine(sound, num_faces=1, seed=1)[0].identity
    for output_type, shape in shapes.items():
        assert tuple(pipeline(sound, identity=person, output_type=output_type).frames.shape) == shape
    pictures = pipeline(sound, identity=person, output_type="pil").frames
    assert len(pictures) == 10 and pictures[0].size == (256, 256)
    clear = pipeline(sound, identity=person, background="transparent").frames
    assert clear.shape == (10, 256, 256, 4) and clear[:, 0, 0, 3].max() == 0


def test_a_callback_sees_progress_and_can_stop(pipeline, make_voice):
    seen = []
    pipeline(make_voice(1.0), seed=1, reference_steps=2, callback=lambda done, total: seen.append((done, total)))
    assert seen == [(frame, 25) for frame in range(1, 26)]
    with pytest.raises(GenerationCancelled, match="1 of 25"):
        pipeline(make_voice(1.0), seed=1, reference_steps=2, callback=lambda done, total: False)


def test_wrong_options_are_named(pipeline, make_voice):
    with pytest.raises(OptionError, match="fps=0"):
        pipeline(make_voice(0.2), fps=0)
    with pytest.raises(OptionError, match="no option 'sed'"):
        pipeline(make_voice(0.2), sed=1)
    with pytest.raises(OptionError, match="Choose one of: neutral"):
        pipeline(make_voice(0.2), emotion="joyous")
    with pytest.raises(OptionError, match="No sound was given"):
        pipeline()


def test_each_adapter_can_be_switched_off_and_is_missed(pipeline, hello, talk):
    with_all = pipeline(hello, identity=talk.identity, seed=7, fps=5).frames
    for missing in ("semantic", "spatial", "blending"):
        rest = tuple(name for name in ("semantic", "spatial", "blending") if name != missing)
        without = pipeline(hello, identity=talk.identity, seed=7, fps=5, adapters=rest).frames
        difference = np.abs(without.astype(int) - with_all)[:, 60:200, 80:176].mean()  # the face
        assert difference > (0.1 if missing == "semantic" else 1.0), missing


def test_a_saved_model_gives_bit_identical_frames(pipeline, make_voice, tmp_path):
    from imagineid_sdk import ImagineIDPipeline

    pipeline.save_pretrained(tmp_path / "model")
    loaded = ImagineIDPipeline.from_pretrained(tmp_path / "model")
    loaded.set_progress_bar_config(disable=True)
    sound = make_voice(0.4)
    assert np.array_equal(loaded(sound, seed=3).frames, pipeline(sound, seed=3).frames)


def test_models_that_do_not_exist_are_told_apart(tmp_path):
    from imagineid_sdk import ImagineIDPipeline

    with pytest.raises(HubError, match="can't be loaded from the Hub"):
        ImagineIDPipeline.from_pretrained("nobody/nothing", local_files_only=True)
    with pytest.raises(ModelError, match="embedded one"):
        ImagineIDPipeline.from_pretrained("no-such-model")
    with pytest.raises(ModelError, match="model_index.json is missing"):
        ImagineIDPipeline.from_pretrained(tmp_path)
