"""Imagining: a person's reference frame, then each frame of a video, out of the frozen diffusion and its adapters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from ..face.geometry import GeometryMaps, GeometryRenderer
from ..face.head import ParametricHead
from ..face.identity import Identity
from .autoencoder import HeadAutoencoder
from .blending import BlendingAdapter, Reference, decode_reference
from .denoising import denoise, denoise_once, describe_person
from .semantic import SemanticAdapter, Semantics, WordEmbedder
from .spatial import Residuals, SpatialAdapter

ADAPTERS = ("semantic", "spatial", "blending")
FRAME_STEPS, REFERENCE_STEPS, REFERENCE_GUIDANCE = 1, 16, 2.0
"""The reference is sampled once per identity: it may be slow, and it decides how good every frame looks."""


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

    batch = 16
    """Frames that go through the networks together."""

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
        steps: int | None = None,
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

        return denoise(estimate, noise, steps or REFERENCE_STEPS, on_step)

    @torch.no_grad()
    def decode_reference(self, latents: torch.Tensor) -> tuple[Reference, torch.Tensor]:
        """The reference that frames are anchored to, and its picture ``(1, 4, 256, 256)``."""
        with self._autocast():
            reference = decode_reference(self.autoencoder, latents.to(self.device))
            picture = self.autoencoder.decode(latents.to(self.device))
        # Warping interpolates in float32, so the features are converted once instead of once a frame.
        return Reference(latents.to(self.device), [feature.float() for feature in reference.features]), picture

    @torch.no_grad()
    def imagine_frames(
        self,
        identity: Identity,
        reference: Reference,
        geometry: Iterator[tuple[GeometryMaps, torch.Tensor]],
        steps: int | None = None,
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Frames of a video, batch by batch.

        Args:
            identity: whose words and noise all frames share.
            reference: from ``decode_reference``.
            geometry: maps and motion vectors ``(frames, 55)`` of consecutive frames.
            steps: denoising steps; None is 1, the setting the adapters were trained for.

        Yields:
            pictures ``(frames, 4, 256, 256)`` and latents ``(frames, 16, 16, 16)``.
        """
        semantics = self.semantics(identity)
        # One noise for the whole video: what it decides stays decided.
        generator = torch.Generator().manual_seed(identity.seed + 1)
        noise = torch.randn(reference.latents.shape, generator=generator).to(self.device)
        for drawn, motion in geometry:
            yield self._imagine_batch(semantics, noise, reference, drawn, motion, steps or FRAME_STEPS)

    def _imagine_batch(
        self,
        semantics: Semantics,
        noise: torch.Tensor,
        reference: Reference,
        drawn: GeometryMaps,
        motion: torch.Tensor,
        steps: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        maps = drawn.maps.to(self.device).contiguous(memory_format=torch.channels_last)
        flow = drawn.flow.to(self.device)
        frames = len(maps)
        with self._autocast():
            spatial = self._spatial(maps, motion, semantics.style)
            blending = "blending" in self.adapters
            blend = self.blending_adapter.latent_blend(reference, maps, flow) if blending else None

            def estimate(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
                return denoise_once(self.denoiser, noisy, time, semantics.tokens.expand(frames, -1, -1), spatial, blend)

            latents = denoise(estimate, noise.expand(frames, -1, -1, -1), steps)
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
