"""Imagining: a person's reference frame, then each frame of a video, out of the frozen diffusion and its adapters."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from imagineid_sdk.face.mesh.geometry_maps import GeometryMaps, GeometryRenderer
from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.imagining.adapters.blending import BlendingAdapter, decode_reference
from imagineid_sdk.imagining.adapters.semantic import AttributeEmbedder, SemanticAdapter, Semantics
from imagineid_sdk.imagining.adapters.spatial import Residuals, SpatialAdapter
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder
from imagineid_sdk.imagining.denoising import add_residuals, clean_estimate, denoise, denoise_once, describe_person
from imagineid_sdk.imagining.initial_noise import person_noise
from imagineid_sdk.imagining.reference_warp import ReferenceWarp
from imagineid_sdk.imagining.shared_pass import SharedPass, start_pass
from imagineid_sdk.imagining.workers import count_workers

ADAPTERS = ("semantic", "spatial", "blending")
FRAME_STEPS, REFERENCE_STEPS, REFERENCE_GUIDANCE = 1, 10, 2.0
"""The reference is sampled once per identity: it may be slow, and it decides how good every frame looks."""
USUAL_GUIDANCE, USUAL_AGE = 3.0, 62.0
"""Guidance away from the same person who wears the hair as most do and is no older than so many years, composed with
the other as in arXiv 2206.01714: the base follows these words and old age too little by itself."""


@dataclass(frozen=True)
class Scene:
    """What all frames of one person share.

    Attributes:
        latents: of the reference frame, ``(1, latent_channels, 16, 16)``.
        semantics: words, pseudo-words and style.
        noise: ``(1, latent_channels, 16, 16)`` that every frame is denoised from.
        start: what the first denoising step is for all frames; None where a denoiser has to run it whole.
        borrowed: the texture of the reference; None without the blending adapter.
    """

    latents: torch.Tensor
    semantics: Semantics
    noise: torch.Tensor
    start: SharedPass | None
    borrowed: ReferenceWarp | None


@dataclass(frozen=True)
class TinyBackend:
    """The networks of the imagining half. ``adapters`` names those that are switched on.

    All tensors are on ``device``; networks run in bfloat16 autocast where the processor has it.
    """

    autoencoder: HeadAutoencoder
    denoiser: torch.nn.Module
    attribute_embedder: AttributeEmbedder
    semantic_adapter: SemanticAdapter
    spatial_adapter: SpatialAdapter
    blending_adapter: BlendingAdapter
    adapters: tuple[str, ...] = ADAPTERS

    batch_size = 6
    """Frames that go through the networks together: fewer waste time between layers, more don't stay in the cache."""

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        return self.autoencoder.config.latent_channels, 16, 16

    def renderer(self, head: ParametricHead) -> GeometryRenderer:
        return GeometryRenderer(head)

    @property
    def device(self) -> torch.device:
        return next(self.autoencoder.parameters()).device

    def semantics(self, identity: Identity | None) -> Semantics:
        """Words and pseudo-words of a person, ``(1, tokens, width)``, and their style; None describes nobody."""
        weights = self.attribute_embedder.encode(identity.attribute_weights() if identity else {})
        words = self.attribute_embedder(weights[None].to(self.device))
        if identity is None or "semantic" not in self.adapters:
            config = self.semantic_adapter.config
            pseudo = words.new_zeros(1, config.pseudo_words, config.width)
            return Semantics(torch.cat([words, pseudo], dim=1), words.new_zeros(1, 2 * config.style_width))
        person = self.semantic_adapter(describe_person(identity)[None].to(self.device, words.dtype))
        return Semantics(torch.cat([words, person.tokens], dim=1), person.style)

    @torch.no_grad()
    def imagine_reference(
        self,
        identity: Identity,
        geometry: GeometryMaps,
        motion: torch.Tensor,
        steps: int | None = None,
        on_step: Callable[[int, torch.Tensor], None] | None = None,
    ) -> torch.Tensor:
        """Latents ``(1, 16, 16, 16)`` of the person's neutral face: who is imagined is decided here.

        Args:
            identity: sampled person; its seed and traits draw the noise.
            geometry: one frame of maps of the neutral head.
            motion: ``(1, 55)``, see ``motion_vector``.
        """
        noise = person_noise(identity, self.latent_shape).to(self.device)
        # Guidance: away from what the model would imagine of nobody in particular, and of somebody more usual.
        worn = identity.hair_shape and (0.0,) * len(identity.hair_shape)
        usual = replace(identity, hair_shape=worn, age=min(identity.age, USUAL_AGE))
        described = [self.semantics(who) for who in (identity, usual, None)]
        tokens, style = torch.cat([one.tokens for one in described]), torch.cat([one.style for one in described])
        with self._autocast():
            spatial = self._spatial(geometry.maps.expand(3, -1, -1, -1), motion.expand(3, -1), style)

        def estimate(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
            with self._autocast():
                each = denoise_once(self.denoiser, noisy.expand(3, -1, -1, -1), time.expand(3), tokens, spatial)
            person, as_usual, nobody = each.float().chunk(3)
            return nobody + REFERENCE_GUIDANCE * (person - nobody) + USUAL_GUIDANCE * (person - as_usual)

        return denoise(estimate, noise, steps or REFERENCE_STEPS, on_step)

    @torch.no_grad()
    def set_scene(self, identity: Identity, latents: torch.Tensor) -> Scene:
        """Everything that all frames of a person share.

        Args:
            identity: whose words and noise they are.
            latents: ``(1, 16, 16, 16)`` of the reference, from ``imagine_reference``.
        """
        # One noise for the whole video: what it decides stays decided.
        generator = torch.Generator().manual_seed(identity.seed + 1)
        noise = torch.randn(latents.shape, generator=generator).to(self.device)
        semantics = self.semantics(identity)
        with self._autocast():
            reference = decode_reference(self.autoencoder, latents.to(self.device))
            borrowed = ReferenceWarp(self.blending_adapter, reference) if "blending" in self.adapters else None
            start = start_pass(self.denoiser, noise, semantics.tokens)
            return Scene(reference.latents, semantics, noise, start, borrowed)

    def for_many_frames(self) -> TinyBackend:
        """The same with the weights that every frame multiplies by held in bfloat16, where they are used in it:
        otherwise they would be converted again for each batch. Nothing else changes, not one bit of a frame."""
        networks = (self.autoencoder, self.denoiser, self.spatial_adapter, self.blending_adapter)
        convertible = self.device.type == "cpu" and all(
            next(network.parameters()).dtype == torch.float32 for network in networks
        )
        if not (convertible and self._autocasts) or any(hasattr(network, "_hf_hook") for network in networks):
            return self  # what is on an accelerator is large, or in half precision already
        autoencoder, denoiser, spatial, blending = (_converted(network) for network in networks)
        return replace(
            self, autoencoder=autoencoder, denoiser=denoiser, spatial_adapter=spatial, blending_adapter=blending
        )

    @torch.no_grad()
    def picture(self, scene: Scene) -> torch.Tensor:
        """The reference frame, ``(1, 4, 256, 256)``."""
        with self._autocast():
            return self.autoencoder.decode(scene.latents).float()

    @torch.no_grad()
    def imagine(
        self, scene: Scene, drawn: GeometryMaps, motion: torch.Tensor, steps: int = FRAME_STEPS
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Some frames of a video.

        Args:
            scene: from ``set_scene``.
            drawn, motion: geometry maps and motion vectors ``(frames, 55)``.
            steps: denoising steps; 1 is the setting the adapters were trained for.

        Returns:
            pictures ``(frames, 4, 256, 256)`` and latents ``(frames, 16, 16, 16)``.
        """
        frames = len(motion)
        with self._autocast():
            maps = drawn.maps.to(self.device).contiguous(memory_format=torch.channels_last)
            if self._autocasts:  # the networks' first layers would, each for itself
                maps = maps.to(torch.bfloat16)
            spatial = self._spatial(maps, motion, scene.semantics.style)
            blend, lay = (
                (None, None) if scene.borrowed is None else scene.borrowed.warp_to(maps, drawn.flow.to(self.device))
            )
            residuals = add_residuals(spatial, blend.residuals if blend else None)
            tokens = scene.semantics.tokens.expand(frames, -1, -1)

            def estimate(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
                if scene.start is None or float(time[0]) < 1:
                    return denoise_once(self.denoiser, noisy, time, tokens, spatial, blend)
                return clean_estimate(noisy, time, scene.start.velocity(residuals), blend)

            latents = denoise(estimate, scene.noise.expand(frames, -1, -1, -1), steps)
            pictures = self.autoencoder.decode(latents, lay)
        return pictures.float(), latents.float()

    def imagine_frames(
        self, scene: Scene, geometry: Iterator[tuple[GeometryMaps, torch.Tensor]], steps: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """``imagine`` for one batch of maps and motion vectors after the other; ``steps`` None is 1."""
        for drawn, motion in geometry:
            yield self.imagine(scene, drawn, motion, steps or FRAME_STEPS)

    @property
    def lanes(self) -> int:
        """How many batches of one scene may be imagined side by side."""
        hooked = any(hasattr(network, "_hf_hook") for network in (self.autoencoder, self.denoiser))
        return 1 if hooked or self.device.type != "cpu" else count_workers()

    def _spatial(self, maps: torch.Tensor, motion: torch.Tensor, style: torch.Tensor) -> Residuals | None:
        if "spatial" not in self.adapters:
            return None
        return self.spatial_adapter(maps.to(self.device), motion.to(self.device), style)

    @property
    def _autocasts(self) -> bool:
        return bfloat16_pays(self.device)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._autocasts)


def _converted(network: Any, name: str = "") -> Any:
    """The same network with convolutions and matrices in bfloat16, but for the decoder's last layer; everything else is
    shared with the original."""
    converted = copy.copy(network)
    converted._modules = {key: _converted(layer, f"{name}.{key}") for key, layer in network._modules.items()}
    if isinstance(network, (torch.nn.Conv2d, torch.nn.Linear)) and name != ".decoder.last":
        converted._parameters = {
            key: None if weight is None else torch.nn.Parameter(weight.bfloat16(), requires_grad=False)
            for key, weight in network._parameters.items()
        }
    return converted


def bfloat16_pays(device: torch.device) -> bool:
    """Whether this device multiplies bfloat16 matrices in hardware; elsewhere it would be slower than float32."""
    if device.type != "cpu":
        return True
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
