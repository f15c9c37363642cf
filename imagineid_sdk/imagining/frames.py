"""The frames of a video: one denoising step each, anchored to the portrait, whose pixels they carry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from imagineid_sdk.face.mesh.geometry_maps import GeometryMaps
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.imagining import composition
from imagineid_sdk.imagining.adapters.blending import LatentBlend, warp
from imagineid_sdk.imagining.adapters.painting import CELL, Region
from imagineid_sdk.imagining.adapters.semantic import Semantics
from imagineid_sdk.imagining.denoising import add_residuals, clean_estimate, denoise, denoise_once
from imagineid_sdk.imagining.initial_noise import scene_noise
from imagineid_sdk.imagining.networks import TinyNetworks
from imagineid_sdk.imagining.painted import CropWarped, Painted, assemble, crop_of, decode_frames, paint
from imagineid_sdk.imagining.pixels import to_images, to_pixels
from imagineid_sdk.imagining.portrait import decode_portrait
from imagineid_sdk.imagining.shared_pass import SharedPass, start_pass

STEPS = 1
"""Denoising steps that the adapters were trained for."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What all frames of one person share.

    Attributes:
        networks: with weights as frames need them.
        latents: of the portrait, ``(1, latent_channels, 16, 16)``.
        portrait_image: the portrait at full resolution, ``(1, 4, 512, 512)`` in [-1, 1].
        portrait_rgba: the same as uint8 ``(512, 512, 4)``, premultiplied colour and alpha.
        portrait_at_frame_size: the same, ``(size, size, 4)``.
        semantics: words, pseudo-words and style.
        noise: ``(1, latent_channels, 16, 16)`` that every frame is denoised from: what it decides stays decided.
        shared: the part of the first denoising step that is the same for all frames; None where there is none.
    """

    networks: TinyNetworks
    latents: torch.Tensor
    portrait_image: torch.Tensor
    portrait_rgba: np.ndarray
    portrait_at_frame_size: np.ndarray
    semantics: Semantics
    noise: torch.Tensor
    shared: SharedPass | None


def make_scene(networks: TinyNetworks, identity: Identity, latents: torch.Tensor, size: int) -> Scene:
    """``latents`` ``(1, 16, 16, 16)`` of the portrait; ``size``: pixels of a frame's side."""
    networks, latents = networks.for_many_frames(), networks.cast(latents)
    pixels = decode_portrait(networks, identity, latents)
    portrait = to_images(pixels[None]).to(networks.device)
    noise = scene_noise(identity, tuple(latents.shape)).to(networks.device)
    semantics = networks.semantics(identity)
    with networks.autocast():
        shared = start_pass(networks.denoiser, networks.cast(noise), semantics.tokens)
    shown = to_pixels(F.avg_pool2d(portrait, portrait.shape[-1] // size))[0]
    return Scene(networks, latents, portrait, pixels, shown, semantics, noise, shared)


def imagine_frames(
    scene: Scene, geometry: GeometryMaps, motion: torch.Tensor, steps: int
) -> tuple[np.ndarray, torch.Tensor]:
    """Frames ``(frames, size, size, 4)`` uint8, premultiplied colour and alpha, and latents ``(frames, 16, 16, 16)``
    float32.

    Args:
        geometry: maps of the frames.
        motion: ``(frames, 55)``, see `motion_vector`.
    """
    networks = scene.networks
    blending = "blending" in networks.adapters
    flow = geometry.flow.to(networks.device)
    on_cpu = networks.device.type == "cpu"
    with networks.autocast():
        # Under autocast the networks' first layers would convert them, each for itself.
        maps = geometry.maps.to(networks.device).contiguous(memory_format=torch.channels_last)
        maps = maps.to(torch.bfloat16 if networks.autocasts else networks.dtype)
        blend = None
        if blending:
            blend = networks.blending_adapter.blend_latents(warp(scene.latents, flow).to(maps.dtype), maps)
        latents = _denoised(scene, maps, motion, blend, steps)
        picture, trunk = decode_frames(networks.autoencoder, latents.to(networks.dtype))
        if not blending:
            size = len(scene.portrait_at_frame_size)
            own = F.interpolate(picture.float(), size=(size, size), mode="bilinear", align_corners=False)
            return to_pixels(own), latents.float()
        crop = _crop_of_pixels(scene, flow) if on_cpu else crop_of(warp(scene.portrait_image, flow))
        coarse = F.avg_pool2d(scene.portrait_image, CELL)
        painted = paint(networks.blending_adapter, picture, trunk, coarse, maps, flow, geometry.centers, crop)
    if on_cpu:
        return _composed(scene, painted), latents.float()
    shown = F.avg_pool2d(scene.portrait_image, scene.portrait_image.shape[-1] // len(scene.portrait_at_frame_size))
    return to_pixels(assemble(painted, shown)), latents.float()


def _denoised(
    scene: Scene, maps: torch.Tensor, motion: torch.Tensor, blend: LatentBlend | None, steps: int
) -> torch.Tensor:
    networks, frames = scene.networks, len(motion)
    spatial = networks.spatial(maps, motion, scene.semantics.style)
    residuals = add_residuals(spatial, blend.residuals if blend else None)
    tokens = scene.semantics.tokens.expand(frames, -1, -1)

    def estimate(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        if scene.shared is None or float(time[0]) < 1:
            return denoise_once(networks.denoiser, noisy, time, tokens, spatial, blend)
        return clean_estimate(noisy, time, scene.shared.velocity(residuals), blend)

    return denoise(estimate, scene.noise.expand(frames, -1, -1, -1), steps)


def _crop_of_pixels(scene: Scene, flow: torch.Tensor) -> CropWarped:
    """Warps no more of the portrait than is painted."""
    flows, flat = flow.numpy(), np.ones(flow.shape[-2:], np.float32)

    def crop(region: Region, corners: torch.Tensor) -> torch.Tensor:
        places = (corners * CELL).tolist()
        height, width = region.height * CELL, region.width * CELL
        crops = [
            composition.warp_crop(scene.portrait_rgba, one, flat, left, top, height, width)
            for one, (left, top) in zip(flows, places, strict=True)
        ]
        return to_images(np.stack(crops))

    return crop


def _composed(scene: Scene, painted: Painted) -> np.ndarray:
    """What `assemble` gives, by `composition.compose`."""
    size, full = len(scene.portrait_at_frame_size), len(scene.portrait_rgba)
    own = to_pixels(painted.picture).astype(np.float32).transpose(0, 3, 1, 2)
    flow, masks, gains = painted.flow.numpy(), painted.mask[:, 0].numpy(), painted.gain[:, 0].numpy()
    shrink = full // size
    patches: list[list[composition.Patch]] = [[] for _ in own]
    for region in painted.regions:
        pixels, mask = region.shrunk(shrink)
        drawn, shares = to_pixels(pixels).astype(np.float32), mask[:, 0].float().numpy()
        for k, (x, y) in enumerate((region.corners * (CELL // shrink)).tolist()):
            patches[k].append(composition.Patch(x, y, drawn[k], shares[k]))
    portrait, layers = scene.portrait_at_frame_size, zip(flow, gains, masks, own, patches, strict=True)
    return np.stack([composition.compose(portrait, *layer) for layer in layers])
