"""Denoising a window of frames: base, motion module and ControlNet; known latents are kept.

Mask-guided latent blending without training: after every step, where the mask is 0, the latents are replaced by the
known ones at that step's noise (as in Blended Latent Diffusion, arXiv 2206.02779); at the end the known latents remain
exactly. Known are the background of the reference frame everywhere, and whole frames that the window begins with.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from imagineid_sdk.imagining.backend import OnStep

if TYPE_CHECKING:
    from diffusers import ControlNetModel, EulerDiscreteScheduler, UNetMotionModel


@dataclass(frozen=True, eq=False)
class Known:
    """What a window keeps: ``latents`` ``(frames, channels, height, width)`` where ``mask`` ``(frames, 1, height,
    width)`` is 0."""

    latents: torch.Tensor
    mask: torch.Tensor


@dataclass(frozen=True, eq=False)
class DenoisingNetworks:
    """The networks of one step; ``controlnet`` is None when the spatial adapter is off."""

    denoiser: UNetMotionModel
    controlnet: ControlNetModel | None

    def predict_noise(
        self, latents: torch.Tensor, time: torch.Tensor, text: torch.Tensor, curves: torch.Tensor | None
    ) -> torch.Tensor:
        """Predicted noise of ``latents`` ``(batch, frames, channels, height, width)``.

        Args:
            text: ``(batch, tokens, width)``.
            curves: ``(batch * frames, 3, size, size)``.
        """
        frames = latents.shape[1]
        latents = latents.to(self.denoiser.dtype)
        text = text.to(self.denoiser.dtype).repeat_interleave(frames, dim=0)
        down, middle = None, None
        if self.controlnet is not None and curves is not None:
            down, middle = self.controlnet(
                latents.flatten(0, 1), time, encoder_hidden_states=text,
                controlnet_cond=curves.to(self.controlnet.dtype), return_dict=False,
            )  # fmt: skip
        predicted = self.denoiser(
            latents.transpose(1, 2), time, encoder_hidden_states=text,
            down_block_additional_residuals=down, mid_block_additional_residual=middle,
        ).sample  # fmt: skip
        return predicted.transpose(1, 2).float()


def denoise_window(
    networks: DenoisingNetworks,
    scheduler: EulerDiscreteScheduler,
    noise: torch.Tensor,
    text: torch.Tensor,
    curves: torch.Tensor | None,
    steps: int,
    guidance: float = 1.0,
    known: Known | None = None,
    on_step: OnStep | None = None,
) -> torch.Tensor:
    """Latents ``(frames, channels, height, width)`` float32 of consecutive frames.

    Args:
        scheduler: an EulerDiscreteScheduler; only its config is used, since its state belongs to one window.
        noise: of unit variance, in the shape of the result.
        text: of the person ``(1, tokens, width)``; with ``guidance`` above 1 a second row that it leads away from.
        curves: ``(frames, 3, size, size)``.
        known: what is kept.
        on_step: called after each step, see `OnStep`.
    """
    scheduler = type(scheduler).from_config(scheduler.config)
    scheduler.set_timesteps(steps, device=noise.device)
    latents, rows = noise * scheduler.init_noise_sigma, len(text)
    spread = curves if curves is None else curves.repeat(rows, 1, 1, 1)
    for step, time in enumerate(scheduler.timesteps):
        scaled = scheduler.scale_model_input(latents, time)
        predicted = networks.predict_noise(scaled.expand(rows, *scaled.shape), time, text, spread)
        if rows > 1:
            predicted = predicted[1:] + guidance * (predicted[:1] - predicted[1:])
        latents = scheduler.step(predicted[0], time, latents).prev_sample
        if known is not None:
            kept = known.latents
            if step + 1 < len(scheduler.timesteps):
                kept = scheduler.add_noise(kept, noise, scheduler.timesteps[step + 1].expand(len(kept)))
            latents = known.mask * latents + (1 - known.mask) * kept
        if on_step is not None:
            latents = on_step(step, float(time), latents)
    return latents


@contextmanager
def without_motion(denoiser: UNetMotionModel) -> Iterator[None]:
    """Bypass the motion module within the block: the frozen 2D base is left."""
    from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D

    here = threading.get_ident()  # another thread may be making frames with it

    def bypass(_: nn.Module, inputs: tuple[torch.Tensor, ...], __: torch.Tensor) -> torch.Tensor | None:
        return inputs[0] if threading.get_ident() == here else None

    layers = [layer for layer in denoiser.modules() if isinstance(layer, AnimateDiffTransformer3D)]
    hooks = [layer.register_forward_hook(bypass) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
