"""The pipeline on the shipped weights: what a user gets, and that it holds still, differs and follows the sound."""

from __future__ import annotations

import io
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from imagineid_sdk import ImagineIDPipeline
from imagineid_sdk.errors import GenerationCancelled, HubError, IdentityFileError, ModelError, OptionError
from imagineid_sdk.face.persona.identity import Identity
from tests import golden
from tests.conftest import voice_like

QUICK = {"fps": 5, "reference_steps": 1}


@pytest.fixture(scope="module")
def hello(example_audio):
    return example_audio / "hello.wav"


@pytest.fixture(scope="module")
def talk(pipeline, hello):
    return pipeline(hello, **golden.OPTIONS)


@pytest.fixture(scope="module")
def person(talk):
    return talk.identity


@pytest.fixture(scope="module")
def sound():
    return voice_like(0.4)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference in grey levels of 255."""
    return float(np.abs(one.astype(int) - other).mean())


# --- frames -----------------------------------------------------------------------------------------------------------


def test_the_frames_are_those_of_these_weights(talk):
    made = golden.shrink(talk.frames[golden.CHOSEN])
    assert made.shape == golden.golden().shape
    assert golden.apart(made) < golden.CLOSE


@torch.no_grad()
def test_frames_of_other_weights_are_others(pipeline, talk, hello):
    painter = pipeline.blending_adapter.mouth
    kept = {name: weight.clone() for name, weight in painter.state_dict().items()}
    try:
        for weight in painter.parameters():
            weight.add_(0.3 * weight.std() * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)))
        frames = pipeline(hello, identity=talk.identity, fps=5).frames
    finally:
        painter.load_state_dict(kept)
    assert golden.apart(golden.shrink(frames[golden.CHOSEN])) > golden.CLOSE


def test_there_is_a_frame_for_every_moment_of_the_sound(talk):
    assert talk.frames.dtype == np.uint8
    assert talk.frames.shape == (round(talk.audio.duration * 5), 512, 512, 3)
    assert len(talk.motion) == len(talk.frames) and talk.fps == 5


def test_the_same_seed_gives_the_same_video(pipeline, sound, person):
    first, again = (pipeline(sound, seed=7, **QUICK).frames for _ in range(2))
    assert np.array_equal(first, again)


def test_the_face_moves_and_stays_the_same_person(talk):
    brow_to_chin = talk.frames[:, 200:440, 160:350].astype(np.float32)
    mouth = brow_to_chin[:, 150:230, 40:150]
    assert mouth.std(axis=0).mean() > 6  # it talks
    colour = brow_to_chin.mean((1, 2))
    assert np.abs(colour - colour.mean(0)).max() < 8  # and keeps its colours


def test_alpha_holds_still_where_nobody_is(pipeline, sound, person):
    clear = pipeline(sound, identity=person, background="transparent", **QUICK).frames
    corner, middle = clear[:, :48, :48, 3], clear[:, 220:300, 220:300, 3]
    assert corner.max() == 0 and middle.min() == 255


def test_a_picture_behind_the_person_is_seen_beside_the_person(pipeline, sound, person):
    picture = np.zeros((300, 400, 3), np.uint8)
    picture[:, :200] = 255
    frames = pipeline(sound, identity=person, background=picture, watermark=False, **QUICK).frames
    assert (frames[:, :40, :40] == 255).all() and (frames[:, :40, -40:] == 0).all()


def test_each_adapter_can_be_switched_off_and_is_missed(pipeline, sound, person):
    with_all = pipeline(sound, identity=person, fps=5).frames
    for missing, least in (("semantic", 0.5), ("spatial", 1.0), ("blending", 1.0)):
        rest = tuple(name for name in ("semantic", "spatial", "blending") if name != missing)
        without = pipeline(sound, identity=person, fps=5, adapters=rest).frames
        assert apart(without[:, 120:400, 160:352], with_all[:, 120:400, 160:352]) > least, missing


def test_output_types(pipeline, sound, person):
    options = {"identity": person, **QUICK}
    plain = pipeline(sound, **options).frames
    assert np.abs(pipeline(sound, output_type="np", **options).frames * 255 - plain).max() < 0.5
    tensor = pipeline(sound, output_type="pt", **options).frames
    assert tensor.shape == (2, 3, 512, 512) and np.abs(tensor.movedim(1, -1).numpy() * 255 - plain).max() < 0.5
    assert pipeline(sound, output_type="latent", **options).frames.shape == (2, 16, 16, 16)
    pictures = pipeline(sound, output_type="pil", **options).frames
    assert np.array_equal(np.stack([np.asarray(picture) for picture in pictures]), plain)


# --- people -----------------------------------------------------------------------------------------------------------


def test_one_voice_has_many_faces(pipeline, hello):
    faces = pipeline.imagine(hello, num_faces=3, seed=0, reference_steps=4)
    assert [face.identity.seed for face in faces] == [0, 1, 2]
    for a, b in ((0, 1), (1, 2), (0, 2)):
        assert apart(faces[a].image, faces[b].image) > 5


def test_neutral_attributes_take_nothing_from_the_voice(pipeline, hello):
    def genders(attributes, num_faces):
        faces = pipeline.imagine(hello, num_faces=num_faces, seed=0, attributes=attributes, reference_steps=1)
        return [face.identity.words()["gender"] for face in faces]

    assert genders("heard", 4) == ["female"] * 4
    assert set(genders("neutral", 8)) == {"female", "male"}


def test_a_rate_is_heard_by_imagine_as_by_a_call(pipeline):
    voice = voice_like(1.0, 48_000, pitch=210)
    face = pipeline.imagine(voice, num_faces=1, seed=7, sampling_rate=48_000, reference_steps=1)[0]
    called = pipeline(voice, seed=7, sampling_rate=48_000, fps=2, reference_steps=1)
    assert np.array_equal(face.identity.code, called.identity.code)


def test_a_kept_person_says_something_else(pipeline, person, sound, tmp_path):
    path = person.save(tmp_path / "person.safetensors")
    other = pipeline(sound, identity=path, emotion="happy", fps=5)
    assert np.array_equal(other.identity.reference, person.reference)
    assert other.identity.words() == person.words()


def test_a_known_person_has_another_performance_with_another_seed(pipeline, person, sound):
    own, same, other = (pipeline(sound, identity=person, fps=10, **seed) for seed in ({}, {"seed": 7}, {"seed": 8}))
    assert np.array_equal(own.frames, same.frames)
    assert np.abs(own.motion.head_pose - other.motion.head_pose).max() > 0.5
    assert np.array_equal(own.identity.reference, other.identity.reference)


def test_edits_of_a_known_person_apply_or_are_refused(pipeline, person, sound):
    edited = pipeline(sound, identity=person, age=75, gender="male", hair="bald", **QUICK).identity
    assert (edited.words()["age"], edited.words()["gender"], edited.hair) == ("old", "male", "bald")
    assert not np.array_equal(edited.reference, person.reference)
    with pytest.raises(OptionError, match="attributes='neutral'"):
        pipeline(sound, identity=person, attributes="neutral")
    with pytest.raises(OptionError, match="both say who is shown"):
        pipeline(sound, identity=person, identity_from=sound)


def test_people_of_other_models_are_told_apart(pipeline, person, sound, caplog):
    with pytest.raises(IdentityFileError, match="another model: its head has 12"):
        pipeline(sound, identity=replace(person, code=np.zeros(12, np.float32)))
    with pytest.raises(IdentityFileError, match="reference holds"):
        pipeline(sound, identity=replace(person, reference=np.full((16, 16, 16), np.nan, np.float16)))
    assert person.model == pipeline.fingerprint
    made = pipeline(sound, identity=replace(person, model="of another model"), **QUICK).identity
    assert made.model == pipeline.fingerprint and "imagined again" in caplog.text


def test_factors_of_other_clips_in_every_way_in(pipeline, sound, hello):
    options = {"identity_from": hello, "emotion_from": hello, "seed": 7, "sampling_rate": 48_000, **QUICK}
    sound = np.repeat(sound, 3)  # at 48 kHz; files know their own rate
    called = pipeline(sound, **options)
    assert np.array_equal(called.profile.embedding, pipeline.listen(hello).embedding)
    assert np.ptp(called.profile.emotion.track, axis=0).max() == 0
    written = pipeline.write_mp4(sound, io.BytesIO(), **options)
    with pipeline.stream(**options) as stream:
        streamed = [*stream.feed(sound), *stream.finish()]
    assert np.array_equal(written.reference, called.identity.reference)
    assert np.array_equal(stream.identity.reference, called.identity.reference)
    assert len(streamed) == len(called.frames) and apart(np.stack(streamed), called.frames) < 3


def test_a_long_clip_is_heard_in_segments_and_comes_back_whole(pipeline, talk, person, monkeypatch):
    from imagineid_sdk import clips
    from imagineid_sdk.listening.stream import Latency

    monkeypatch.setattr(clips, "FILE", Latency(hop=100, ahead=100, context=100))  # as if 7 s were 112 s and more
    made = pipeline(talk.audio, identity=person, fps=5)
    assert made.frames.shape == talk.frames.shape and len(made.motion) == len(talk.motion)
    heard, whole = made.profile, talk.profile
    assert heard.content.blendshapes.shape == whole.content.blendshapes.shape
    assert np.abs(heard.content.blendshapes - whole.content.blendshapes).mean() < 0.02
    assert heard.emotion.track.shape == whole.emotion.track.shape
    assert heard.emotion.probabilities.sum() == pytest.approx(1, abs=1e-3)
    assert apart(made.frames, talk.frames) < 3


# --- calls ------------------------------------------------------------------------------------------------------------


def test_a_callback_sees_progress_and_can_stop(pipeline, sound, person):
    seen = []
    pipeline(sound, identity=person, callback=lambda *done: seen.append(done))
    assert seen == [(frame, 10) for frame in range(1, 11)]
    with pytest.raises(GenerationCancelled, match="1 of 10"):
        pipeline(sound, identity=person, callback=lambda done, total: False)


def test_wrong_options_are_named(pipeline, sound):
    with pytest.raises(OptionError, match="fps=0"):
        pipeline(sound, fps=0)
    with pytest.raises(OptionError, match="no option 'sed'"):
        pipeline(sound, sed=1)
    with pytest.raises(OptionError, match="Choose one of: neutral"):
        pipeline(sound, emotion="joyous")
    with pytest.raises(OptionError, match="No sound was given"):
        pipeline()


def test_results_can_be_compared_and_printed(talk):
    assert talk == talk and talk.profile in {talk.profile} and talk.motion in {talk.motion}
    assert len(repr(talk)) < 800 and len(repr(talk.profile)) < 600


def test_models_that_do_not_exist_are_told_apart(tmp_path):
    with pytest.raises(HubError, match="can't be loaded from the Hub"):
        ImagineIDPipeline.from_pretrained("nobody/nothing", local_files_only=True)
    with pytest.raises(ModelError, match="embedded one"):
        ImagineIDPipeline.from_pretrained("no-such-model")
    with pytest.raises(ModelError, match="model_index.json is missing"):
        ImagineIDPipeline.from_pretrained(tmp_path)


def test_the_portrait_of_a_known_person_is_decoded_once(pipeline, talk, tmp_path):
    decoded, bias = [], pipeline.portrait_decoder.last.bias
    before = bias.detach().clone()
    watch = pipeline.portrait_decoder.register_forward_hook(lambda *_: decoded.append(1))
    try:
        known = Identity.load(talk.identity.save(tmp_path / "known.safetensors"))
        first = pipeline.renderer(known).portrait()
        again = pipeline.renderer(known, size=256).portrait()
        assert len(decoded) == 1 and first.shape == (512, 512, 3) and again.shape == (256, 256, 3)
        assert pickle.loads(pickle.dumps(known)).decoded is None
        with torch.no_grad():
            bias.add_(0.5)  # other weights make another picture
        assert not np.array_equal(pipeline.renderer(known).portrait(), first)
    finally:
        watch.remove()
        with torch.no_grad():
            bias.copy_(before)
