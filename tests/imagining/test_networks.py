"""The networks at tiny sizes: shapes, switches, and what training may and may not change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imagineid_sdk.errors import OptionError
from imagineid_sdk.imagining.adapters.blending import warp
from imagineid_sdk.imagining.denoising import denoise, denoise_once
from imagineid_sdk.imagining.outline import mend_outline
from imagineid_sdk.imagining.painted import assemble, crop_of, decode_frames, paint
from imagineid_sdk.imagining.portrait_decoder import remove_checkerboard
from imagineid_sdk.video.backdrop import Backdrop


def test_pictures_go_to_latents_sixteen_times_smaller_and_back(small):
    latents = small["autoencoder"].encode(torch.zeros(2, 4, 256, 256))
    assert latents.shape == (2, 16, 16, 16)
    assert small["autoencoder"].decode(latents).shape == (2, 4, 128, 128)  # a decoder of one level less


def test_a_portrait_keeps_its_lines_and_loses_the_grid_of_pixel_shuffling():
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    slope, line = (rows + 2 * columns) / 200, (rows == 32).float()
    grid = 0.1 * (-1) ** columns + 0.1 * (-1) ** (rows + columns)
    drawn = (slope + line)[None, None]
    within = (..., slice(8, 56), slice(8, 56))
    cleared = remove_checkerboard(drawn + grid)
    assert (cleared - remove_checkerboard(drawn))[within].abs().max() < 1e-3
    assert (cleared - drawn)[within].abs().max() < 0.3 and remove_checkerboard(slope[None, None])[within].allclose(
        slope[8:56, 8:56], atol=1e-4
    )


def test_specks_beside_the_head_go_and_stray_hairs_stay():
    picture = np.zeros((128, 128, 4), np.uint8)
    picture[40:128, 40:90] = 200  # the head
    picture[37, 60] = 40  # a hair that stands off
    picture[60:64, 8:12] = 150  # a speck
    cleared = mend_outline(picture)
    assert not cleared[60:64, 8:12].any() and cleared[37, 60, 3] == 40
    assert (cleared[40:128, 40:90] == 200).all()


def test_dots_along_hair_become_a_soft_edge_and_clean_edges_stay():
    picture = np.zeros((128, 128, 4), np.uint8)
    picture[30:128, 40:90] = (90, 60, 30, 255)  # the head
    rows, columns = np.mgrid[40:80, 90:100]
    picture[40:80, 90:100] = ((rows + columns) % 2)[..., None] * picture[60, 60]  # hair, or not
    cleared = mend_outline(picture)
    hair = cleared[45:75, 93:97, 3].astype(int)
    assert np.abs(np.diff(hair, axis=0)).max() < 20 and 60 < hair.mean() < 200
    assert np.abs(cleared[45:75, 93:97, 0] / hair - 90 / 255).max() < 0.03  # of the colour that it had
    assert (cleared[90:, :85] == picture[90:, :85]).all() and (cleared[30:, :80] == picture[30:, :80]).all()


def test_no_dark_line_is_drawn_around_the_person():
    picture = np.zeros((128, 128, 4), np.uint8)
    picture[20:, 30:100] = (30, 20, 10, 255)
    picture[22:, 32:98] = (200, 150, 120, 255)
    cleared = mend_outline(picture)
    assert (np.abs(cleared[20:, 30:100].astype(int) - (200, 150, 120, 255)) <= 1).all()
    assert (cleared[..., 3] == picture[..., 3]).all()


def test_no_neck_grows_out_of_hair_that_the_picture_cuts_off():
    picture = np.zeros((128, 128, 4), np.uint8)
    picture[:, 30:100] = (40, 30, 20, 255)  # tall hair
    picture[:10, 45:85] = (200, 150, 120, 255)
    cleared = mend_outline(picture)
    assert (cleared[:12, 45:85] == (40, 30, 20, 255)).all() and (cleared[..., 3] == picture[..., 3]).all()


def test_holes_in_clothes_are_filled_and_the_gap_between_hair_and_neck_stays():
    picture = np.zeros((128, 128, 4), np.uint8)
    picture[20:128, 20:108] = (90, 60, 30, 255)
    picture[100:106, 40:48] = 0  # a hole
    picture[122:128, 60:66] = 0  # one at the lower edge
    picture[50:90, 70:95] = 0  # a gap
    filled = mend_outline(picture)
    for hole in (filled[100:106, 40:48], filled[122:128, 60:66]):
        assert (np.abs(hole.astype(int) - (90, 60, 30, 255)) <= 1).all()
    assert not filled[50:90, 70:95].any() and not filled[:20].any()


def test_adapters_begin_as_if_they_were_not_there(small):
    maps, motion = torch.rand(1, 14, 128, 128), torch.rand(1, 55)
    noise, time, tokens = torch.randn(1, 16, 16, 16), torch.ones(1), torch.randn(1, 5, 8)
    with torch.no_grad():
        alone = denoise_once(small["denoiser"], noise, time, tokens, None)
        adapted = denoise_once(small["denoiser"], noise, time, tokens, small["spatial"](maps, motion))
    assert torch.allclose(alone, adapted, atol=1e-5)


def test_training_the_adapters_leaves_the_base_bit_identical(small):
    base = [
        *small["autoencoder"].requires_grad_(False).parameters(),
        *small["denoiser"].requires_grad_(False).parameters(),
    ]
    before = [parameter.clone() for parameter in base]
    adapters = [small[name] for name in ("semantic", "spatial", "blending")]
    optimizer = torch.optim.AdamW([p for adapter in adapters for p in adapter.parameters()], lr=1e-2)
    adapters_before = [p.clone() for adapter in adapters for p in adapter.parameters()]
    latents, maps, flow = torch.randn(2, 16, 16, 16), torch.rand(2, 14, 128, 128), torch.zeros(2, 2, 128, 128)
    for _ in range(3):
        person = small["semantic"](torch.rand(2, 5))
        tokens = torch.cat([small["words"](small["words"].encode({}).expand(2, -1, -1)), person.tokens], dim=1)
        blend = small["blending"].blend_latents(warp(latents[:1], flow), maps)
        spatial = small["spatial"](maps, torch.rand(2, 55), person.style)
        made = denoise_once(small["denoiser"], torch.randn_like(latents), torch.ones(2), tokens, spatial, blend)
        picture, trunk = decode_frames(small["autoencoder"], made)
        full = torch.rand(2, 4, 512, 512)
        coarse, centers = torch.rand(2, 4, 128, 128), torch.full((2, 2, 2), 0.5)
        painted = paint(small["blending"], picture, trunk, coarse, maps, flow, centers, crop_of(full))
        picture = assemble(painted, full)
        optimizer.zero_grad()
        ((made - latents).square().mean() + picture.square().mean()).backward()
        optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(before, base, strict=True))
    changed = [
        not torch.equal(a, b)
        for a, b in zip(adapters_before, [p for x in adapters for p in x.parameters()], strict=True)
    ]
    assert sum(changed) > 0.9 * len(changed)


def test_a_still_flow_leaves_features_where_they_are():
    features = torch.rand(1, 3, 32, 32)
    assert torch.allclose(warp(features, torch.zeros(2, 2, 128, 128)), features.expand(2, -1, -1, -1), atol=1e-4)
    shifted = warp(features, torch.full((1, 2, 32, 32), 1 / 32))
    assert torch.allclose(shifted[0, :, :-1, :-1], features[0, :, 1:, 1:], atol=1e-4)


def test_denoising_ends_at_the_estimate_when_it_is_sure():
    wanted, steps = torch.randn(1, 4, 4, 4), []

    def on_step(step: int, time: float, latents: torch.Tensor) -> torch.Tensor:
        steps.append((step, round(time, 3)))
        return latents

    made = denoise(lambda noisy, time: wanted, torch.randn(1, 4, 4, 4), 5, on_step)
    assert torch.allclose(made, wanted) and steps == [(0, 1.0), (1, 0.8), (2, 0.6), (3, 0.4), (4, 0.2)]


def test_words_that_are_not_given_have_a_token_of_their_own(small):
    words = small["words"]
    assert words.encode({}).argmax(1).tolist() == [0, 3]
    assert words.encode({"hair": {"short": 1.0}}).argmax(1).tolist() == [2, 3]


def test_between_words_lies_what_is_between_them(small):
    words, slot = small["words"], dict(small["words"].config.vocabulary)["hair"]
    one, other, both = (
        words(words.encode({"hair": shares})[None])
        for shares in ({slot[0]: 1.0}, {slot[1]: 1.0}, {slot[0]: 0.25, slot[1]: 0.75})
    )
    assert torch.allclose(both, 0.25 * one + 0.75 * other, atol=1e-6)


def test_backgrounds_are_exact_and_transparent_is_transparent():
    nothing = np.zeros((1, 256, 256, 4), np.uint8)
    assert (Backdrop.from_option("#204060").composite(nothing) == [0x20, 0x40, 0x60]).all()
    assert (Backdrop.from_option((1, 2, 3)).composite(nothing) == [1, 2, 3]).all()
    assert Backdrop.from_option("transparent").composite(nothing).shape == (1, 256, 256, 4)
    assert (Backdrop.from_option("transparent").composite(nothing)[..., 3] == 0).all()
    picture = np.full((300, 400, 3), 77, np.uint8)
    assert (Backdrop.from_option(picture).composite(nothing) == 77).all()
    with pytest.raises(OptionError, match="neither a picture that exists nor a known place or colour"):
        Backdrop.from_option("mauvish")
