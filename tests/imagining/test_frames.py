"""Frames made the quick way are the frames that the networks make one by one, from scratch."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from imagineid_sdk.face.animation.motion import FaceMotion
from imagineid_sdk.face.mesh.geometry_maps import GeometryRenderer
from imagineid_sdk.imagining.adapters.blending import warp
from imagineid_sdk.imagining.adapters.painting import CELL
from imagineid_sdk.imagining.adapters.spatial import motion_vector
from imagineid_sdk.imagining.denoising import denoise_once, describe_person
from imagineid_sdk.imagining.initial_noise import scene_noise
from imagineid_sdk.imagining.painted import assemble, crop_of, decode_frames, paint
from imagineid_sdk.imagining.pixels import to_pixels
from imagineid_sdk.imagining.workers import count_workers
from imagineid_sdk.video.backdrop import Backdrop


@pytest.fixture(scope="module")
def renderer(pipeline, person):
    return pipeline.renderer(person, reference_steps=2, watermark=False)


@pytest.fixture(scope="module")
def person(pipeline):
    voice = 0.1 * np.sin(2 * np.pi * 150 * np.arange(8000) / 16_000)
    return pipeline.imagine(voice, num_faces=1, reference_steps=2)[0].identity


@pytest.fixture(scope="module")
def motion():
    random = np.random.default_rng(0)
    blendshapes = np.clip(random.normal(0, 0.15, (2, 52)), 0, 1).astype(np.float32)
    return FaceMotion(25.0, blendshapes, random.normal(0, 4, (2, 3)).astype(np.float32))


@torch.no_grad()
def from_scratch(pipe, renderer, motion):
    """In float32, without anything computed before but the portrait."""
    identity = renderer.identity
    code, maps = torch.from_numpy(identity.code), GeometryRenderer(pipe.head)
    blendshapes, pose = torch.from_numpy(motion.blendshapes), torch.from_numpy(motion.head_pose)
    still = maps.reference(pipe.head(code, torch.zeros(1, 52), torch.zeros(1, 3)))
    drawn, frames = maps.draw(pipe.head(code, blendshapes, pose), still), len(blendshapes)
    resting = torch.from_numpy(identity.reference).float()[None]
    portrait = renderer._scene.portrait_image
    person = pipe.semantic_adapter(describe_person(identity)[None])
    words = pipe.attribute_embedder(pipe.attribute_embedder.encode(identity.attribute_weights())[None])
    tokens = torch.cat([words, person.tokens], dim=1).expand(frames, -1, -1)
    noise = scene_noise(identity, (1, 16, 16, 16))
    spatial = pipe.spatial_adapter(drawn.maps, motion_vector(blendshapes, pose), person.style)
    blend = pipe.blending_adapter.blend_latents(warp(resting, drawn.flow), drawn.maps)
    noise = noise.expand(frames, -1, -1, -1)
    latents = denoise_once(pipe.denoiser, noise, torch.ones(frames), tokens, spatial, blend)
    picture, trunk = decode_frames(pipe.autoencoder, latents)
    full, coarse = warp(portrait, drawn.flow), F.avg_pool2d(portrait, CELL)
    painted = paint(pipe.blending_adapter, picture, trunk, coarse, drawn.maps, drawn.flow, drawn.centers, crop_of(full))
    return to_pixels(assemble(painted, portrait))


def test_hair_is_worn_as_asked(pipeline, person):
    def covered(*shape: float) -> int:
        worn = replace(person.without_face(), hair="bob", hair_shape=shape)
        picture = pipeline.renderer(worn, background="transparent").portrait()
        return int((picture[..., 3] > 127).sum())

    assert covered(1, 1, 1, 0) > 1.03 * covered(-1, -1, -1, 0)


def test_quick_frames_are_those_from_scratch(pipeline, renderer, motion):
    pictures = from_scratch(pipeline, renderer, motion)
    expected = Backdrop.fitting(renderer.identity.light, renderer.identity.seed).composite(pictures)
    made = np.concatenate(list(renderer.frames(motion)))
    apart = np.abs(made.astype(int) - expected)
    assert apart.mean() < 0.6 and np.quantile(apart, 0.999) <= 12  # bfloat16, in grey levels of 255


def test_batches_of_any_size_give_the_same_frames(renderer, motion):
    together = np.concatenate(list(renderer.frames(motion)))
    first = FaceMotion(25.0, motion.blendshapes[:1], motion.head_pose[:1])
    alone = np.concatenate(list(renderer.frames(first)))
    assert np.abs(alone.astype(int) - together[:1]).mean() < 0.3


def test_a_portrait_is_the_person_at_rest(renderer):
    still = FaceMotion(25.0, np.zeros((1, 52), np.float32), np.zeros((1, 3), np.float32))
    frame = next(renderer.frames(still))[0]
    assert renderer.portrait().shape == frame.shape == (512, 512, 3)
    assert np.abs(renderer.portrait().astype(int) - frame).mean() < 8


def test_one_set_of_threads_serves_all_videos_of_a_pipeline(pipeline, person):
    # Threads of their own for every video would each keep memory of their own.
    still = FaceMotion(25.0, np.zeros((20, 52), np.float32), np.zeros((20, 3), np.float32))
    before = set(threading.enumerate())
    renderers = [pipeline.renderer(person) for _ in range(3)]
    for renderer in renderers:
        assert sum(len(batch) for batch in renderer.frames(still)) == 20
    new = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("imagining")]
    assert len(new) <= count_workers()


def test_converted_networks_leave_the_pipelines_own_as_they_are(pipeline, person):
    before = {name: weight.dtype for name, weight in pipeline.denoiser.named_parameters()}
    renderer = pipeline.renderer(person)
    assert len(next(renderer.frames(FaceMotion.still()))) == 1
    assert {name: weight.dtype for name, weight in pipeline.denoiser.named_parameters()} == before
    assert set(before.values()) == {torch.float32}
