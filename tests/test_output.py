"""What a call returns can be kept in every form, and motion that was edited is shown."""

from __future__ import annotations

import copy
import os
import pickle

import numpy as np
import pytest

from imagineid_sdk import FaceMotion
from imagineid_sdk.errors import AudioNotFoundError, OptionError
from imagineid_sdk.face.blendshapes import BLENDSHAPE_INDEX
from imagineid_sdk.video import verify

SHORT = {"seed": 7, "reference_steps": 1, "fps": 10}


@pytest.fixture(scope="module")
def sound(example_audio):
    from imagineid_sdk import load_audio

    return load_audio(load_audio(example_audio / "hello.wav").samples[16_000:22_400])


@pytest.fixture(scope="module")
def talk(pipeline, sound):
    return pipeline(sound, **SHORT)


@pytest.fixture(scope="module")
def clear(pipeline, sound, talk):
    return pipeline(sound, identity=talk.identity, fps=10, background="transparent")


def test_the_ending_says_the_kind_of_file(talk, tmp_path, media):
    for name, codec in (("a.mp4", "h264"), ("a.mov", "prores"), ("a.webm", "vp9"), ("a.gif", "gif")):
        path = talk.save(tmp_path / "new folder" / name)
        result = verify(path)
        assert codec in media.describe(path)
        assert result.watermark.found and result.source_type == "trainedAlgorithmicMedia"
    assert len(os.listdir(talk.save(tmp_path / "frames"))) == len(talk.frames) + 1  # and the sound


def test_a_transparent_face_can_be_laid_over_anything(clear, tmp_path, media):
    assert clear.frames.shape[-1] == 4
    assert "yuva444p" in media.describe(clear.save(tmp_path / "a.mov"))
    assert "alpha_mode" in media.describe(clear.save(tmp_path / "a.webm"))
    assert verify(tmp_path / "a.mov").watermark.found and verify(tmp_path / "a.webm").watermark.found
    with pytest.raises(OptionError, match="save as .mov or .webm"):
        clear.save(tmp_path / "a.mp4")
    assert sorted(os.listdir(tmp_path)) == ["a.mov", "a.webm"]


def test_the_mp4_is_there_without_a_file(talk, tmp_path):
    assert talk.to_bytes() == talk.save(tmp_path / "a.mp4").read_bytes()
    assert talk.to_bytes("gif").startswith(b"GIF89a")
    with pytest.raises(OptionError, match="mp4, mov, webm, gif"):
        talk.to_bytes("avi")


def test_only_pictures_can_be_saved(pipeline, sound, talk, tmp_path):
    with pytest.raises(OptionError, match="output_type='uint8'"):
        pipeline(sound, identity=talk.identity, fps=10, output_type="np").save(tmp_path / "a.mp4")


def test_motion_alone_is_the_same_motion_and_makes_no_frames(pipeline, sound, talk, tmp_path):
    bare = pipeline(sound, output_type="none", **SHORT)
    assert np.array_equal(bare.motion.blendshapes, talk.motion.blendshapes)
    assert len(bare.frames) == len(talk.frames) and not bare.frames.size
    with pytest.raises(OptionError, match="no frames"):
        bare.save(tmp_path / "a.mp4")


def test_an_edited_motion_is_shown(pipeline, sound, talk, tmp_path):
    path = talk.motion.save(tmp_path / "talk.json")
    again = pipeline(sound, identity=talk.identity, motion=path)
    assert again.fps == 10 and np.array_equal(again.frames, talk.frames)  # unedited, it is what was there

    motion = FaceMotion.load(path)
    motion.blendshapes[:, [BLENDSHAPE_INDEX["eyeBlinkLeft"], BLENDSHAPE_INDEX["eyeBlinkRight"]]] = 1
    asleep = pipeline(sound, identity=talk.identity, motion=motion)
    assert np.array_equal(asleep.motion.blendshapes, motion.blendshapes)
    assert np.abs(asleep.frames.astype(int) - talk.frames).mean() > 0.1


def test_a_motion_is_shown_at_the_rate_that_was_asked_for(pipeline, sound, talk):
    assert len(pipeline(sound, identity=talk.identity, motion=talk.motion, fps=20, output_type="none").motion) == 8
    longer = pipeline(sound, identity=talk.identity, motion=talk.motion.part(0, 2), output_type="none").motion
    assert np.array_equal(longer.head_pose[2:], np.repeat(talk.motion.head_pose[1:2], 2, axis=0))


def test_a_short_csv_says_no_rate_and_asks_for_it(pipeline, sound, talk, tmp_path):
    path = talk.motion.save(tmp_path / "talk.csv")
    with pytest.raises(OptionError, match="frame rate"):
        pipeline(sound, identity=talk.identity, motion=path, output_type="none")
    known = pipeline(sound, identity=talk.identity, motion=path, fps=10, output_type="none")
    assert np.array_equal(known.motion.blendshapes, talk.motion.blendshapes)


def test_a_motion_that_can_not_be_shown_is_refused_before_any_work(pipeline, sound, talk):
    with pytest.raises(OptionError, match="emotion= would do nothing"):
        pipeline(sound, motion=talk.motion, emotion="happy")
    with pytest.raises(OptionError, match="nowhere.csv"):
        pipeline(sound, motion="nowhere.csv")
    with pytest.raises(OptionError, match="is no motion"):
        pipeline(sound, motion=talk.motion.blendshapes)
    wild = FaceMotion(25, talk.motion.blendshapes + 2, talk.motion.head_pose)
    with pytest.raises(OptionError, match="Give 0 to 1"):
        pipeline(sound, motion=wild)
    with pytest.raises(OptionError, match="expected"):
        pipeline(sound, motion=FaceMotion(25, talk.motion.blendshapes[:, :51], talk.motion.head_pose))
    with pytest.raises(OptionError, match="90 degrees"):
        pipeline(sound, motion=FaceMotion(25, talk.motion.blendshapes, talk.motion.head_pose + np.nan))


def test_the_imagined_head_is_one_call_away(talk, tmp_path):
    pytest.importorskip("pygltflib", reason="the extra mesh is not installed")
    path = talk.save_mesh(tmp_path / "talk.glb")
    assert path.read_bytes()[:4] == b"glTF" and verify(path).source_type == "trainedAlgorithmicMedia"


def test_frames_stay_unmarked_if_asked(pipeline, sound, talk):
    unmarked = pipeline(sound, identity=talk.identity, fps=10, watermark=False)
    change = np.abs(unmarked.frames.astype(int) - talk.frames)
    assert 0 < change.mean() < 2 and change.max() < 16


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda output: pickle.loads(pickle.dumps(output))])
def test_a_copy_has_everything_but_the_model(talk, tmp_path, copied):
    other = copied(talk)
    assert np.array_equal(other.frames, talk.frames) and other.to_tuple()[0] is other.frames
    assert other.identity.seed == 7
    with pytest.raises(OptionError, match="pipe.renderer"):
        other.save_mesh(tmp_path / "talk.glb")


# --- many clips -------------------------------------------------------------------------------------------------------


def test_many_clips_give_one_output_each_in_order(pipeline, make_voice):
    clips = [make_voice(0.2), make_voice(0.4, pitch=220), make_voice(0.3)]
    outputs = list(pipeline.map(clips, **SHORT, output_type="none"))
    assert [len(one.motion) for one in outputs] == [2, 4, 3]
    assert {one.identity.seed for one in outputs} == {7}
    together = pipeline(clips, **SHORT, output_type="none")
    assert all(np.array_equal(a.motion.head_pose, b.motion.head_pose) for a, b in zip(outputs, together, strict=True))


def test_a_clip_is_worked_on_when_it_is_asked_for(pipeline, make_voice):
    def clips():
        yield make_voice(0.2)
        raise AssertionError("nobody asked for a second clip")

    assert len(next(pipeline.map(clips(), **SHORT, output_type="none")).motion) == 2


def test_the_clip_that_fails_is_named_before_work_begins(pipeline, make_voice, tmp_path):
    good, missing = tmp_path / "good.wav", tmp_path / "missing.wav"
    good.write_bytes(b"RIFF")
    for several in (lambda: pipeline.map([good, missing]), lambda: pipeline([make_voice(0.2), missing])):
        with pytest.raises(AudioNotFoundError, match=r"Clip 2 of 2 \('.*missing.wav'\)"):
            several()
    for single in ("speech.wav", make_voice(0.2), {"array": make_voice(0.2), "sampling_rate": 16_000}):
        with pytest.raises(OptionError, match="is one clip"):
            pipeline.map(single)
    with pytest.raises(OptionError, match="No clips"):
        pipeline.map([])
