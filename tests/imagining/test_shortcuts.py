"""What is computed once for a person gives the frames that computing it every time gives."""

from __future__ import annotations

import pytest
import torch
from imagineid_sdk.imagining.reference_warp import ReferenceWarp, as_table, corners, fetch

from imagineid_sdk.imagining.adapters.blending import MaskedBlend, decode_reference, warp
from imagineid_sdk.imagining.denoising import TIMESTEPS
from imagineid_sdk.imagining.shared_pass import start_pass


@pytest.fixture
def awake(small):
    """Adapters that do something: fresh ones add nothing."""
    with torch.no_grad():
        for network in (small["blending"], small["spatial"]):
            for parameter in network.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return small


@torch.no_grad()
def test_the_first_step_is_the_denoisers_own(awake):
    noise, tokens = torch.randn(1, 16, 16, 16), torch.randn(1, 5, 8)
    residuals = awake["spatial"](torch.rand(3, 14, 128, 128), torch.rand(3, 55))
    whole = awake["denoiser"](
        noise.expand(3, -1, -1, -1), torch.full((3,), float(TIMESTEPS)), tokens.expand(3, -1, -1),
        down_block_additional_residuals=tuple(residuals[0]), mid_block_additional_residual=residuals[1],
    ).sample  # fmt: skip
    start = start_pass(awake["denoiser"], noise, tokens)
    assert torch.allclose(start.velocity(residuals), whole, atol=1e-4)
    alone = awake["denoiser"](noise, torch.full((1,), float(TIMESTEPS)), tokens).sample
    assert torch.allclose(start.velocity(None), alone, atol=1e-4)


def test_a_denoiser_with_other_inputs_runs_whole():
    assert start_pass(torch.nn.Identity(), torch.randn(1, 16, 16, 16), torch.randn(1, 5, 8)) is None


@torch.no_grad()
def test_fetched_pixels_are_warped_pixels():
    features, flow = torch.rand(1, 5, 32, 32), 0.3 * torch.randn(2, 2, 128, 128)
    fetched = fetch(as_table(features), corners(flow, 32), 32)
    assert torch.allclose(fetched, warp(features, flow), atol=1e-4)
    assert fetched.is_contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def test_borrowed_texture_is_the_adapters(awake):
    reference = decode_reference(awake["autoencoder"], torch.randn(1, 16, 16, 16))
    maps, flow = torch.rand(2, 14, 128, 128), 0.05 * torch.randn(2, 2, 128, 128)
    latents, adapter = torch.randn(2, 16, 16, 16), awake["blending"]
    blend, lay = ReferenceWarp(adapter, reference).warp_to(maps, flow)
    expected = adapter.latent_blend(reference, maps, flow)
    made, wanted = ([*each.residuals[0], each.residuals[1], each.mask, each.latents] for each in (blend, expected))
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(made, wanted, strict=True))
    picture = awake["autoencoder"].decode(latents, lay)
    plain = awake["autoencoder"].decode(latents, adapter.decoder_blend(reference, maps, flow))
    assert torch.allclose(picture, plain, atol=1e-4)


@torch.no_grad()
def test_a_blend_in_two_halves_is_the_whole_blend():
    blend = MaskedBlend(6)
    for parameter in blend.parameters():
        parameter.add_(0.3 * torch.randn_like(parameter))
    hidden, warped, seen = torch.randn(2, 6, 8, 8), torch.randn(2, 6, 8, 8), torch.rand(2, 2, 8, 8)
    halves = blend.after_warp(hidden, blend.before_warp(warped), seen)
    assert torch.allclose(halves, blend(hidden, warped, seen), atol=1e-5)
