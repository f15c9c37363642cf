"""The frames of a video: one denoising step each, anchored to the portrait."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from imagineid_sdk.face.mesh.geometry_maps import GeometryMaps
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.imagining.adapters.blending import decode_reference
from imagineid_sdk.imagining.adapters.semantic import Semantics
from imagineid_sdk.imagining.denoising import add_residuals, clean_estimate, denoise, denoise_once
from imagineid_sdk.imagining.initial_noise import scene_noise
from imagineid_sdk.imagining.networks import Networks
from imagineid_sdk.imagining.reference_warp import ReferenceWarp
from imagineid_sdk.imagining.shared_pass import SharedPass, start_pass

STEPS = 1
"""Denoising steps that the adapters were trained for."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What all frames of one person share.

    Attributes:
        networks: with weights as frames need them.
        latents: of the portrait, ``(1, latent_channels, 16, 16)``.
        semantics: words, pseudo-words and style.
        noise: ``(1, latent_channels, 16, 16)``; every frame is denoised from the same.
        shared: the part of the first denoising step that all frames share; None for a denoiser that has none.
        warp: the portrait's features; None without the blending adapter.
    """

    networks: Networks
    latents: torch.Tensor
    semantics: Semantics
    noise: torch.Tensor
    shared: SharedPass | None
    warp: ReferenceWarp | None


def make_scene(networks: Networks, identity: Identity, latents: torch.Tensor) -> Scene:
    """``latents`` ``(1, 16, 16, 16)`` of the portrait."""
    networks = networks.for_many_frames()
    noise = scene_noise(identity, tuple(latents.shape)).to(networks.device)
    semantics = networks.semantics(identity)
    with networks.autocast():
        reference = decode_reference(networks.autoencoder, networks.cast(latents))
        warp = ReferenceWarp(networks.blending_adapter, reference) if "blending" in networks.adapters else None
        shared = start_pass(networks.denoiser, networks.cast(noise), semantics.tokens)
    return Scene(networks, reference.latents, semantics, noise, shared, warp)


def imagine_frames(
    scene: Scene, geometry: GeometryMaps, motion: torch.Tensor, steps: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures ``(frames, 4, 256, 256)`` in [-1, 1] and latents ``(frames, 16, 16, 16)``, float32.

    Args:
        geometry: maps of the frames.
        motion: ``(frames, 55)``, see `motion_vector`.
    """
    networks, frames = scene.networks, len(motion)
    with networks.autocast():
        maps = geometry.maps.to(networks.device).contiguous(memory_format=torch.channels_last)
        # Under autocast the networks' first layers would convert them, each for itself.
        maps = maps.to(torch.bfloat16 if networks.autocasts else networks.dtype)
        spatial = networks.spatial(maps, motion, scene.semantics.style)
        blend, decoder_blend = None, None
        if scene.warp is not None:
            blend, decoder_blend = scene.warp.warp_to(maps, geometry.flow.to(networks.device))
        residuals = add_residuals(spatial, blend.residuals if blend else None)
        tokens = scene.semantics.tokens.expand(frames, -1, -1)

        def estimate(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
            if scene.shared is None or float(time[0]) < 1:
                return denoise_once(networks.denoiser, noisy, time, tokens, spatial, blend)
            return clean_estimate(noisy, time, scene.shared.velocity(residuals), blend)

        latents = denoise(estimate, scene.noise.expand(frames, -1, -1, -1), steps)
        pictures = networks.autoencoder.decode(latents.to(networks.dtype), decoder_blend)
    return pictures.float(), latents.float()
