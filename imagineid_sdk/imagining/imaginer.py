"""Imagining: a person's reference frame, then each frame of a video, out of the frozen diffusion and its adapters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..face.geometry import GeometryMaps
from ..face.identity import Identity
from .autoencoder import HeadAutoencoder
from .blending import BlendingAdapter, Reference, decode_reference
from .denoising import denoise, denoise_once, describe_person
from .semantic import SemanticAdapter, Semantics, WordEmbedder
from .spatial import Residuals, SpatialAdapter

ADAPTERS = ("semantic", "spatial", "blending")
REFERENCE_STEPS, REFERENCE_GUIDANCE = 16, 2.0
"""The reference is sampled once per identity: it may be slow, and it decides how good every frame looks."""


@dataclass(frozen=True)
class Scene:
    """What all frames of one person share.

    Attributes:
        semantics: words, pseudo-words and style.
        noise: ``(1, latent_channels, 16, 16)`` that every frame is denoised from.
        reference: what frames are anchored to.
    """

    semantics: Semantics
    noise: torch.Tensor
    reference: Reference


@dataclass(frozen=True)
class Imaginer:
    """The networks of the imagining half. ``adapters`` names those that are switched on.

    All tensors are on ``device``; networks run in bfloat16 autocast where the processor has it.
    """

    autoencoder: HeadAutoencoder
    denoiser: torch.nn.Module
    words: WordEmbedder
    semantic_adapter: SemanticAdapter
    spatial_adapter: SpatialAdapter
    blending_adapter: BlendingAdapter
    adapters: tuple[str, ...] = ADAPTERS

    @property
    def device(self) -> torch.device:
        return next(self.autoencoder.parameters()).device

    def semantics(self, identity: Identity | None) -> Semantics:
        """Words and pseudo-words of a person, ``(1, tokens, width)``, and their style; None describes nobody."""
        attributes = identity.words() if identity else {}
        words = self.words(torch.tensor([self.words.index(attributes)], device=self.device))
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
        steps: int = REFERENCE_STEPS,
        on_step: Callable[[int, torch.Tensor], None] | None = None,
    ) -> torch.Tensor:
        """Latents ``(1, 16, 16, 16)`` of the person's neutral face: who is imagined is decided here.

        Args:
            identity: sampled person; its seed draws the noise.
            geometry: one frame of maps of the neutral head.
            motion: ``(1, 55)``, see ``motion_vector``.
        """
        generator = torch.Generator().manual_seed(identity.seed)
        channels = self.autoencoder.config.latent_channels
        noise = torch.randn(1, channels, 16, 16, generator=generator).to(self.device)
        # Guidance: away from what the model would imagine of nobody in particular.
        given, nobody = self.semantics(identity), self.semantics(None)
        tokens, style = torch.cat([given.tokens, nobody.tokens]), torch.cat([given.style, nobody.style])
        with self._autocast():
            spatial = self._spatial(geometry.maps.expand(2, -1, -1, -1), motion.expand(2, -1), style)

        def estimate(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
            with self._autocast():
                both = denoise_once(self.denoiser, noisy.expand(2, -1, -1, -1), time.expand(2), tokens, spatial)
            with_words, without = both.float().chunk(2)
            return without + REFERENCE_GUIDANCE * (with_words - without)

        return denoise(estimate, noise, steps, on_step)

    @torch.no_grad()
    def set_scene(self, identity: Identity, latents: torch.Tensor) -> Scene:
        """Everything that all frames of a person share.

        Args:
            identity: whose words and noise they are.
            latents: ``(1, 16, 16, 16)`` of the reference, from ``imagine_reference``.
        """
        with self._autocast():
            reference = decode_reference(self.autoencoder, latents.to(self.device))
        # Warping interpolates in float32, so the features are converted once instead of once a frame.
        reference = Reference(reference.latents, [feature.float() for feature in reference.features])
        # One noise for the whole video: what it decides stays decided.
        generator = torch.Generator().manual_seed(identity.seed + 1)
        noise = torch.randn(latents.shape, generator=generator).to(self.device)
        return Scene(self.semantics(identity), noise, reference)

    @torch.no_grad()
    def picture(self, scene: Scene) -> torch.Tensor:
        """The reference frame, ``(1, 4, 256, 256)``."""
        with self._autocast():
            return self.autoencoder.decode(scene.reference.latents).float()

    @torch.no_grad()
    def imagine(
        self, scene: Scene, drawn: GeometryMaps, motion: torch.Tensor, steps: int = 1
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Some frames of a video.

        Args:
            scene: from ``set_scene``.
            drawn, motion: geometry maps and motion vectors ``(frames, 55)``.
            steps: denoising steps; 1 is the setting the adapters were trained for.

        Returns:
            pictures ``(frames, 4, 256, 256)`` and latents ``(frames, 16, 16, 16)``.
        """
        maps = drawn.maps.to(self.device).contiguous(memory_format=torch.channels_last)
        flow, reference = drawn.flow.to(self.device), scene.reference
        frames = len(maps)
        with self._autocast():
            spatial = self._spatial(maps, motion, scene.semantics.style)
            blending = "blending" in self.adapters
            blend = self.blending_adapter.latent_blend(reference, maps, flow) if blending else None
            tokens = scene.semantics.tokens.expand(frames, -1, -1)

            def estimate(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
                return denoise_once(self.denoiser, noisy, time, tokens, spatial, blend)

            latents = denoise(estimate, scene.noise.expand(frames, -1, -1, -1), steps)
            lay = self.blending_adapter.decoder_blend(reference, maps, flow) if blending else None
            pictures = self.autoencoder.decode(latents, lay)
        return pictures.float(), latents.float()

    def _spatial(self, maps: torch.Tensor, motion: torch.Tensor, style: torch.Tensor) -> Residuals | None:
        if "spatial" not in self.adapters:
            return None
        return self.spatial_adapter(maps.to(self.device), motion.to(self.device), style)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bfloat16_pays(self.device))


def bfloat16_pays(device: torch.device) -> bool:
    """Whether this device multiplies bfloat16 matrices in hardware; elsewhere it would be slower than float32."""
    if device.type != "cpu":
        return True
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
