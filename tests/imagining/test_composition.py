"""Full-resolution frames: the fast composition is the one that training sees; no seam, shift or haze comes of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from imagineid_sdk.imagining import composition
from imagineid_sdk.imagining.adapters.blending import warp
from imagineid_sdk.imagining.adapters.painting import CELL, EYES, MOUTH, corner, cut, fade
from imagineid_sdk.imagining.frames import Scene, _composed
from imagineid_sdk.imagining.painted import Painted, PaintedRegion, assemble
from imagineid_sdk.imagining.pixels import to_images, to_pixels
from imagineid_sdk.imagining.portrait_decoder import PortraitDecoder

SIZE, CELLS = 512, 128


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """A disc with a soft edge and a smooth texture: uint8 (512, 512, 4), premultiplied."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    alpha = np.clip((0.38 - np.hypot(x, y)) / 0.01, 0, 1)
    color = 0.5 + 0.4 * np.stack([np.sin(40 * x), np.cos(30 * y), np.sin(25 * (x + y))], -1)
    return np.concatenate([color * alpha[..., None], alpha[..., None]], -1).__mul__(255).round().astype(np.uint8)


@pytest.fixture
def flow() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return F.interpolate(torch.randn(2, 2, 8, 8, generator=generator) * 0.01, size=(CELLS, CELLS), mode="bicubic")


def painted_frames(gain: float, flow: torch.Tensor) -> Painted:
    generator = torch.Generator().manual_seed(1)

    def smooth(channels: int, low: float, high: float) -> torch.Tensor:
        plane = torch.rand(2, channels, 9, 9, generator=generator) * (high - low) + low
        return F.interpolate(plane, size=(CELLS, CELLS), mode="bilinear")

    def region(kind, center) -> PaintedRegion:
        corners = corner(torch.tensor([center, center]), kind, CELLS)
        height, width = kind.height * CELL, kind.width * CELL
        pixels = torch.full((2, 4, height, width), 0.5)
        pixels[:, 3] = 1.0
        return PaintedRegion(corners, pixels, fade(kind).expand(2, 1, -1, -1))

    alpha = torch.ones(2, 1, CELLS, CELLS)
    picture = torch.cat([smooth(3, -0.5, 0.5), alpha], 1)
    regions = (region(MOUTH, [0.5, 0.62]), region(EYES, [0.5, 0.42]))
    return Painted(picture, flow, smooth(1, 0.2, 1.0), torch.full((2, 1, CELLS, CELLS), gain), regions)


def scene_of(portrait: np.ndarray, size: int) -> Scene:
    image = to_images(portrait[None])
    shown = to_pixels(F.avg_pool2d(image, SIZE // size))[0]
    empty = torch.zeros(1)
    return Scene(None, empty, image, portrait, shown, semantics=None, noise=empty, shared=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [256, 512])
@pytest.mark.parametrize("gain", [0.8, 1.0])
def test_a_frame_on_the_processor_is_the_frame_that_training_sees(portrait, flow, size, gain):
    painted, scene = painted_frames(gain, flow), scene_of(portrait, size)
    fast = _composed(scene, painted).astype(int)
    slow = to_pixels(assemble(painted, to_images(scene.portrait_at_frame_size[None]))).astype(int)
    assert fast.shape == (2, size, size, 4)
    assert np.abs(fast - slow).max() <= 3 and np.abs(fast - slow).mean() < 0.5


def test_a_still_face_is_the_portrait_itself(portrait):
    still = np.zeros((2, CELLS, CELLS), np.float32)
    whole = np.ones((CELLS, CELLS), np.float32)
    empty = np.zeros((4, CELLS, CELLS), np.float32)
    frame = composition.compose(portrait, still, whole, whole, empty, [])
    np.testing.assert_array_equal(frame, portrait)


def test_a_crop_is_a_part_of_the_warped_portrait(portrait, flow):
    flat = np.ones((CELLS, CELLS), np.float32)
    whole = composition.warp_crop(portrait, flow[0].numpy(), flat, 0, 0, SIZE, SIZE)
    part = composition.warp_crop(portrait, flow[0].numpy(), flat, 180, 260, 128, 140)
    np.testing.assert_allclose(part, whole[260:388, 180:320], atol=1e-3)
    expected = warp(torch.from_numpy(portrait).movedim(-1, 0)[None].float(), flow[:1])[0].movedim(0, -1)
    np.testing.assert_allclose(whole, np.minimum(expected, expected[..., 3:]), atol=0.05)


def test_nothing_is_drawn_outside_the_head_and_the_body_reaches_the_border(portrait):
    lower = np.roll(portrait, SIZE // 3, axis=0)
    lower[: SIZE // 3] = 0
    still = np.zeros((2, CELLS, CELLS), np.float32)
    ones, empty = np.ones((CELLS, CELLS), np.float32), np.zeros((4, CELLS, CELLS), np.float32)
    frame = composition.compose(lower, still, ones, ones, empty, [])
    np.testing.assert_array_equal(frame, lower)


def test_regions_lie_on_whole_cells_inside_the_picture():
    centers = torch.tensor([[0.5, 0.5], [0.02, 0.99], [0.97, 0.01]])
    for region in (MOUTH, EYES):
        corners = corner(centers, region, CELLS)
        assert (corners % 2 == 0).all() and (corners >= 0).all()
        assert (corners + torch.tensor(region) <= CELLS).all()
        planes = torch.arange(CELLS * CELLS).view(1, 1, CELLS, CELLS).expand(3, 1, -1, -1)
        shown = cut(planes, corners, region)
        assert shown.shape == (3, 1, region.height, region.width)
        assert shown[0, 0, 0, 0] == corners[0, 1] * CELLS + corners[0, 0]
        edge = fade(region)[0, 0]
        assert edge[0].max() < 0.01 and edge[region.height * 2, region.width * 2] == 1, "no seam shows"


def test_pixels_and_images_are_two_ways_to_hold_one_picture(portrait):
    np.testing.assert_array_equal(to_pixels(to_images(portrait[None]))[0], portrait)


def test_the_finest_detail_of_a_portrait_is_the_seeds():
    decoder = PortraitDecoder(channels=(8, 8, 8, 8, 8), blocks=(1, 1, 1, 1, 1))
    for noise in decoder.noise:
        torch.nn.init.constant_(noise.weight, 0.5)
    latents = torch.zeros(1, 16, 16, 16)
    with torch.no_grad():
        first, again, other = (decoder(latents, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == (1, 4, 512, 512)
    assert torch.equal(first, again) and not torch.equal(first, other)
