"""Denoising with adapters: one step, and the whole way from noise to latents.

Rectified flow (arXiv 2209.03003): latents at time 0 and noise at time 1 lie on a straight line, the denoiser gives
the velocity along it, and an estimate of the clean latents follows from any point.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.imagining.adapters.blending import LatentBlend
from imagineid_sdk.imagining.adapters.spatial import Residuals
from imagineid_sdk.imagining.backend import OnStep

TIMESTEPS = 1000


def describe_person(identity: Identity) -> torch.Tensor:
    """What the semantic adapter reads, ``(codes + VECTOR_SIZE,)`` float32."""
    return torch.cat([torch.from_numpy(identity.code).float(), torch.from_numpy(identity.to_vector())])


def add_residuals(first: Residuals | None, second: Residuals | None) -> Residuals | None:
    """Sum of two adapters' residuals."""
    if first is None or second is None:
        return first or second
    return [a + b for a, b in zip(first[0], second[0], strict=True)], first[1] + second[1]


def denoise_once(
    denoiser: nn.Module,
    noisy: torch.Tensor,
    time: torch.Tensor,
    tokens: torch.Tensor,
    spatial: Residuals | None,
    blend: LatentBlend | None = None,
) -> torch.Tensor:
    """Estimate of the clean latents from noisy ones.

    Args:
        noisy: ``(frames, channels, 16, 16)``.
        time: ``(frames,)`` in (0, 1].
        tokens: ``(frames, tokens, width)``.
        spatial: additions of the spatial adapter.
        blend: what the blending adapter adds, and the reference that its mask lets through.
    """
    residuals = add_residuals(spatial, blend.residuals if blend else None)
    skips, middle = residuals if residuals else (None, None)
    velocity = denoiser(
        noisy.to(tokens.dtype).contiguous(memory_format=torch.channels_last),
        time * TIMESTEPS,
        tokens,
        down_block_additional_residuals=tuple(skips) if skips else None,
        mid_block_additional_residual=middle,
    ).sample
    return clean_estimate(noisy, time, velocity, blend)


def clean_estimate(
    noisy: torch.Tensor, time: torch.Tensor, velocity: torch.Tensor, blend: LatentBlend | None
) -> torch.Tensor:
    """Clean latents along the velocity from noisy ones, and the reference where the mask lets it through."""
    clean = noisy - time[:, None, None, None] * velocity.float()
    if blend is not None:
        clean = clean + blend.mask * (blend.latents.float() - clean)
    return clean


def denoise(
    estimate: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    noise: torch.Tensor,
    steps: int,
    on_step: OnStep | None = None,
) -> torch.Tensor:
    """Euler's method from noise to latents.

    Args:
        estimate: (noisy latents, time ``(frames,)``) -> estimate of the clean latents.
        noise: ``(frames, channels, 16, 16)``.
        steps: 1 jumps to the first estimate.
        on_step: called after each step, see `OnStep`.
    """
    times = torch.linspace(1, 0, steps + 1, device=noise.device).tolist()
    current = noise
    for step, (time, following) in enumerate(zip(times, times[1:], strict=False)):
        clean = estimate(current, torch.full((len(noise),), time, device=noise.device))
        current = clean if following == 0 else clean + (current - clean) * (following / time)
        if on_step is not None:
            current = on_step(step, time, current)
    return current
