"""What a call promises holds at both scales: the embedded model, and the recipe on tiny random twins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from imagineid_sdk.errors import GenerationCancelled, OptionError


@pytest.fixture(scope="module", params=["tiny", "sd15"])
def scale(request, tmp_path_factory, shipped_weights):
    """A pipeline and the length of its frames' sides."""
    from imagineid_sdk import ImagineIDPipeline

    if request.param == "tiny":
        pipeline, size = ImagineIDPipeline.from_pretrained(), 512
    else:
        pytest.importorskip("transformers", reason="full scale needs the extra sd15")
        pipeline, size = load_twins(tmp_path_factory.mktemp("sd15")), 64
    pipeline.set_progress_bar_config(disable=True)
    return pipeline, size


def load_twins(folder):
    from imagineid_sdk import ImagineIDPipeline
    from tests.hub.conftest import turn_towards
    from tests.hub.loopback import LoopbackHub
    from tests.hub.twins import publish_twins

    server = LoopbackHub()
    publish_twins(server, folder / "twins")
    with pytest.MonkeyPatch.context() as patch:
        turn_towards(server, patch)
        pipeline = ImagineIDPipeline.from_pretrained("sd15", cache_dir=folder / "cache")
    server.stop()
    return pipeline


QUICK = {"num_inference_steps": 1, "reference_steps": 1}


@pytest.fixture(scope="module")
def sound(make_voices):
    return make_voices(0.4)


@pytest.fixture(scope="module")
def make_voices():
    from tests.conftest import voice_like

    return voice_like


@pytest.fixture(scope="module")
def talk(scale, sound):
    return scale[0](sound, seed=7, **QUICK)


def test_the_output_says_everything(scale, talk):
    _, size = scale
    assert talk.frames.shape == (10, size, size, 3) and talk.frames.dtype == np.uint8
    assert talk.fps == 25 and len(talk.motion.blendshapes) == 10
    assert talk.identity.seed == 7 and talk.identity.reference is not None
    assert talk.profile.duration == pytest.approx(0.4) and talk.audio.duration == pytest.approx(0.4)


def test_frames_are_counted_by_the_sound(scale, talk, sound):
    assert len(scale[0](sound, identity=talk.identity, fps=10, **QUICK).frames) == 4


def test_the_same_seed_gives_the_same_video_and_another_another(scale, talk, sound):
    assert np.array_equal(scale[0](sound, seed=7, **QUICK).frames, talk.frames)
    assert not np.array_equal(scale[0](sound, seed=8, **QUICK).frames, talk.frames)


def test_a_kept_person_says_something_else(scale, talk, make_voices, tmp_path):
    path = talk.identity.save(tmp_path / "person.safetensors")
    other = scale[0](make_voices(0.2, pitch=220), identity=path, **QUICK)
    assert np.array_equal(other.identity.reference, talk.identity.reference) and len(other.frames) == 5


def test_a_person_of_the_other_scale_gets_a_face_of_this_one(scale, talk, sound):
    from dataclasses import replace

    foreign = replace(talk.identity, reference=np.zeros((2, 3, 3), np.float16))
    made = scale[0](sound, identity=foreign, fps=5, **QUICK).identity
    assert made.reference.shape == talk.identity.reference.shape and np.array_equal(made.code, talk.identity.code)


def test_output_types(scale, talk, sound):
    pipeline, size = scale
    for output_type, shape in {"np": (4, size, size, 3), "pt": (4, 3, size, size)}.items():
        made = pipeline(sound, identity=talk.identity, fps=10, output_type=output_type, **QUICK).frames
        assert tuple(made.shape) == shape and made.min() >= 0 and made.max() <= 1
    latents = pipeline(sound, identity=talk.identity, fps=10, output_type="latent", **QUICK).frames
    assert tuple(latents.shape) == (4, *talk.identity.reference.shape)
    pictures = pipeline(sound, identity=talk.identity, fps=10, output_type="pil", **QUICK).frames
    assert len(pictures) == 4 and pictures[0].size == (size, size)


def test_a_callback_sees_progress_and_can_stop(scale, talk, make_voices):
    pipeline = scale[0]
    seen: list[tuple[int, int]] = []
    options = {"identity": talk.identity, "callback": lambda *done: seen.append(done), **QUICK}
    pipeline(make_voices(0.8), **options)
    assert seen == [(frame, 20) for frame in range(1, 21)]
    with pytest.raises(GenerationCancelled, match="1 of 20"):
        pipeline(make_voices(0.8), **options | {"callback": lambda *_: False})


def test_factors_of_other_clips_take_their_place(scale, sound, make_voices):
    pipeline, other = scale[0], make_voices(0.6, pitch=240.0)
    mixed = pipeline(content=sound, identity_from=other, emotion_from=other, seed=3, fps=10, **QUICK)
    assert np.array_equal(mixed.profile.embedding, pipeline.listen(other).embedding)
    assert np.array_equal(mixed.profile.content.blendshapes, pipeline.listen(sound).content.blendshapes)
    assert len(mixed.frames) == 4


def test_a_video_of_it_is_written(scale, talk, tmp_path, media):
    assert media.frames(talk.save(tmp_path / "talk.mp4")).shape == talk.frames.shape


def test_the_head_is_there_as_a_mesh_with_the_portraits_colours(scale, talk, tmp_path):
    pytest.importorskip("pygltflib", reason="the extra mesh is not installed")
    assert talk.save_mesh(tmp_path / "talk.glb").read_bytes()[:4] == b"glTF"
    mesh = scale[0].renderer(talk.identity).mesh()
    assert mesh.targets.shape == (52, *mesh.positions.shape) and np.isfinite(mesh.positions).all()


def test_calls_from_several_threads_give_the_frames_of_one_after_the_other(scale, talk, sound):
    with ThreadPoolExecutor(3) as threads:
        made = [threads.submit(scale[0], sound, seed=7, **QUICK) for _ in range(3)]
        frames = [one.result().frames for one in made]
    assert all(np.array_equal(one, talk.frames) for one in frames)


def test_a_size_that_can_not_be_made_is_refused(scale, sound):
    pipeline, size = scale
    if size == 512:
        assert pipeline(sound, seed=7, size=256, fps=2, **QUICK).frames.shape[1] == 256
    else:
        with pytest.raises(OptionError, match=f"makes {size}"):
            pipeline(sound, seed=7, size=256, **QUICK)
