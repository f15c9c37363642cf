"""What is computed once for a person gives the frames that computing it every time gives."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel

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


@torch.no_grad()
def test_a_denoiser_with_other_inputs_runs_whole(awake):
    config = {**awake["denoiser"].config, "class_embed_type": "timestep", "_use_default_values": []}
    classed = UNet2DConditionModel.from_config(config)
    assert start_pass(awake["denoiser"], torch.randn(1, 16, 16, 16), torch.randn(1, 5, 8)) is not None
    assert start_pass(classed, torch.randn(1, 16, 16, 16), torch.randn(1, 5, 8)) is None
