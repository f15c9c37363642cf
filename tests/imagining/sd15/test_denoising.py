"""A window of frames at tiny sizes: what is known is kept, and without the motion module the base is itself."""

from __future__ import annotations

import pytest
import torch
from diffusers import EulerDiscreteScheduler, MotionAdapter, UNet2DConditionModel, UNetMotionModel

from imagineid_sdk.errors import WeightsError
from imagineid_sdk.hub.compose import with_motion
from imagineid_sdk.imagining.sd15.denoising import DenoisingNetworks, Known, denoise_window, without_motion

SHAPE = (3, 4, 8, 8)


@pytest.fixture(scope="module")
def base() -> UNet2DConditionModel:
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=8, block_out_channels=(32, 64), layers_per_block=1, cross_attention_dim=16, attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    ).eval()  # fmt: skip


@pytest.fixture(scope="module")
def moving(base) -> UNetMotionModel:
    """The base with a motion module that changes what it gives."""
    adapter = MotionAdapter(block_out_channels=(32, 64), motion_layers_per_block=1)
    with torch.no_grad():
        for name, weight in adapter.named_parameters():
            if name.endswith("proj_out.weight"):
                weight.normal_(std=0.2)
    return with_motion(base, adapter.state_dict())


@pytest.fixture
def scheduler() -> EulerDiscreteScheduler:
    return EulerDiscreteScheduler(beta_schedule="linear", timestep_spacing="trailing")


@torch.no_grad()
def test_without_motion_the_frozen_base_is_left(base, moving):
    latents, text = torch.randn(SHAPE), torch.randn(1, 5, 16)
    alone = base(latents, torch.tensor(500.0), encoder_hidden_states=text.expand(3, -1, -1)).sample
    networks = DenoisingNetworks(moving, None)
    with without_motion(moving):
        still = networks.predict_noise(latents[None], torch.tensor(500.0), text, None)[0]
    assert torch.allclose(still, alone, atol=1e-5)  # the time's embedding is computed once instead of per frame
    moving_frames = networks.predict_noise(latents[None], torch.tensor(500.0), text, None)[0]
    assert not torch.allclose(moving_frames, alone, atol=1e-3)


@torch.no_grad()
def test_what_is_known_is_kept_exactly(moving, scheduler):
    noise, text = torch.randn(SHAPE), torch.randn(1, 5, 16)
    wanted, mask = torch.randn(SHAPE), torch.ones(3, 1, 8, 8)
    mask[0], mask[1, :, :2] = 0, 0  # a whole frame, and a part of another
    seen: list[int] = []
    made = denoise_window(
        DenoisingNetworks(moving, None), scheduler, noise, text, None, 3, known=Known(wanted, mask),
        on_step=lambda step, _, latents: seen.append(step) or latents,
    )  # fmt: skip
    assert torch.equal(made[0], wanted[0]) and torch.equal(made[1, :, :2], wanted[1, :, :2])
    assert not torch.allclose(made[2], wanted[2]) and torch.isfinite(made).all()
    assert seen == [0, 1, 2]


@torch.no_grad()
def test_guidance_of_one_is_none(moving, scheduler):
    noise, text = torch.randn(SHAPE), torch.randn(2, 5, 16)
    alone = denoise_window(DenoisingNetworks(moving, None), scheduler, noise, text[:1], None, 2)
    guided = denoise_window(DenoisingNetworks(moving, None), scheduler, noise, text, None, 2, guidance=1.0)
    away = denoise_window(DenoisingNetworks(moving, None), scheduler, noise, text, None, 2, guidance=7.0)
    assert torch.allclose(alone, guided, atol=1e-3) and not torch.allclose(alone, away, atol=1e-2)


def test_a_motion_module_of_another_size_is_refused(base):
    foreign = MotionAdapter(block_out_channels=(32, 32), motion_layers_per_block=1).state_dict()
    with pytest.raises(WeightsError, match="motion module does not fit"):
        with_motion(base, foreign)
