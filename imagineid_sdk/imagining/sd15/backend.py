"""``sd15``: the backend on Stable Diffusion 1.5 checkpoints; 512x512 frames, window by window.

A window of the motion module is 16 frames: the reference frame, the last frames of the window before, and new ones.
The reference in every window is the anchor (nothing drifts, at any length), the overlap makes the seams; memory is
that of one window.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from imagineid_sdk.errors import OptionError
from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.face.persona.vocabulary import COLORS
from imagineid_sdk.imagining.backend import OnStep
from imagineid_sdk.imagining.initial_noise import person_noise
from imagineid_sdk.imagining.pixels import to_pixels
from imagineid_sdk.imagining.sd15.curves import CurveRenderer, FaceCurves
from imagineid_sdk.imagining.sd15.denoising import DenoisingNetworks, Known, denoise_window, without_motion
from imagineid_sdk.imagining.sd15.prompt import NEGATIVE, describe, encode, pseudo_words
from imagineid_sdk.precision import pinned
from imagineid_sdk.seeds import WINDOWS, torch_generator

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, AutoencoderTiny, ControlNetModel, EulerDiscreteScheduler, UNetMotionModel
    from transformers import CLIPTextModel, CLIPTokenizer

ADAPTERS = ("semantic", "spatial", "blending", "temporal")
WINDOW, OVERLAP = 16, 3
"""Frames that the motion module sees together (as it was trained), and those of them that the last window made."""
FRAME_STEPS, REFERENCE_STEPS, REFERENCE_GUIDANCE = 4, 25, 7.0
"""The motion module is distilled to 4 steps without guidance; the reference is one picture of the plain base."""
SHARED_NOISE = 0.5
"""Share of the noise's variance that all frames have in common, for temporal coherence."""
DECODED_AT_ONCE = 4
"""Frames in the autoencoder together: at 512x512 it needs more memory for one than the denoiser."""


@dataclass(frozen=True, eq=False)
class SD15Scene:
    """Shared by all frames of a person: the latents ``(1, 4, height, width)`` of the portrait and the embedded prompt
    ``(1, tokens, width)``."""

    identity: Identity
    latents: torch.Tensor
    text: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Kept:
    """Frames that a window begins with: latents, curves and noise."""

    latents: torch.Tensor
    curves: torch.Tensor
    noise: torch.Tensor


@dataclass(frozen=True, eq=False)
class SD15Backend:
    """The networks of the imagining half. ``adapters`` names those that are switched on; ``device`` is where they
    run; ``background`` is a colour word for the prompt or None."""

    autoencoder: AutoencoderKL | AutoencoderTiny
    denoiser: UNetMotionModel
    spatial_adapter: ControlNetModel
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    scheduler: EulerDiscreteScheduler
    adapters: tuple[str, ...]
    device: torch.device
    background: Any = None

    def __post_init__(self) -> None:
        if self.background is not None and self.background not in COLORS:
            raise OptionError(
                f"background={self.background!r} can't be used at full scale, where the base model paints it. Give a "
                f"colour word ({', '.join(COLORS)}), or nothing."
            )

    batch_size = WINDOW - 1 - OVERLAP
    """New frames in one window."""
    workers = 1
    """Windows are made in order: each begins with the last frames of the one before."""

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        size = self.denoiser.config.sample_size
        return self.denoiser.config.in_channels, size, size

    @property
    def size(self) -> int:
        """Pixels of a frame's side."""
        return self.latent_shape[1] * 2 ** (len(self.autoencoder.config.block_out_channels) - 1)

    def geometry(self, head: ParametricHead) -> CurveRenderer:
        return CurveRenderer(head, self.size, self.latent_shape[1])

    def semantics(self, identity: Identity) -> torch.Tensor:
        """Text embeddings of a person ``(1, tokens, width)``."""
        known = identity if "semantic" in self.adapters else None
        words = describe(known, f"plain {self.background or 'grey'}")
        table = cast(torch.Tensor, self.text_encoder.get_input_embeddings().weight)
        pseudo = pseudo_words(known, self.tokenizer, table) if known else None
        return encode(self.tokenizer, self.text_encoder, *words, pseudo)

    @pinned
    def sample_portrait(
        self, identity: Identity, geometry: FaceCurves, motion: torch.Tensor, steps: int | None = None,
        on_step: OnStep | None = None,
    ) -> torch.Tensor:  # fmt: skip
        """Latents ``(1, 4, height, width)`` of the person's neutral face, by the frozen base alone.

        Args:
            geometry: curves of the neutral head.
            motion: not needed here: the curves say it all.
        """
        text = torch.cat([self.semantics(identity), encode(self.tokenizer, self.text_encoder, NEGATIVE, "", None)])
        noise = person_noise(identity, self.latent_shape).to(self.device)
        curves = geometry.pictures.to(self.device)
        # The base was trained with another noise schedule than the motion module.
        plain = type(self.scheduler).from_config(
            self.scheduler.config, beta_schedule="scaled_linear", timestep_spacing="leading"
        )
        with without_motion(self.denoiser):
            return denoise_window(
                self._networks(), plain, noise, text, curves, steps or REFERENCE_STEPS, REFERENCE_GUIDANCE,
                on_step=on_step,
            )  # fmt: skip

    @pinned
    def scene(self, identity: Identity, latents: torch.Tensor, size: int = 512) -> SD15Scene:
        """Everything that all frames of a person share; ``latents`` are those of `sample_portrait`; their size is the
        base model's."""
        return SD15Scene(identity, latents.to(self.device), self.semantics(identity))

    @pinned
    def portrait_pixels(self, scene: SD15Scene) -> np.ndarray:
        """The reference frame, uint8 ``(1, size, size, 3)``."""
        return to_pixels(self._decode(scene.latents))

    def frames(
        self, scene: SD15Scene, geometry: Iterator[tuple[FaceCurves, torch.Tensor]], steps: int | None = None
    ) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        """Frames of a video, window by window.

        Yields:
            pictures uint8 ``(frames, size, size, 3)`` and latents ``(frames, 4, height, width)``.
        """
        anchored = "blending" in self.adapters
        temporal = "temporal" in self.adapters
        generator = torch_generator(scene.identity.seed, WINDOWS)
        shared = _noise(1, self.latent_shape, generator)
        anchor_noise = _mix(shared, _noise(1, self.latent_shape, generator)).to(self.device)
        before: _Kept | None = None
        for drawn, _ in geometry:
            noise = _mix(shared, _noise(len(drawn.pictures), self.latent_shape, generator)).to(self.device)
            anchor = _Kept(scene.latents, drawn.reference.to(self.device), anchor_noise)
            kept = [anchor] if anchored and temporal else []
            if before is not None and temporal:
                kept.append(before)
            pictures, made = self._window(scene, drawn, noise, kept, steps or FRAME_STEPS)
            before = _Kept(made.latents[-OVERLAP:], made.curves[-OVERLAP:], made.noise[-OVERLAP:])
            yield to_pixels(pictures), made.latents

    @pinned
    def _window(
        self, scene: SD15Scene, drawn: FaceCurves, noise: torch.Tensor, kept: list[_Kept], steps: int
    ) -> tuple[torch.Tensor, _Kept]:
        """New frames, decoded, behind the frames that the window begins with."""
        curves = drawn.pictures.to(self.device)
        anchored = "blending" in self.adapters
        known = self._known(scene, [part.latents for part in kept], drawn.mask.to(self.device), anchored)
        with nullcontext() if "temporal" in self.adapters else without_motion(self.denoiser):
            latents = denoise_window(
                self._networks(), self.scheduler, torch.cat([*(part.noise for part in kept), noise]), scene.text,
                torch.cat([*(part.curves for part in kept), curves]), steps, known=known,
            )[-len(curves) :]  # fmt: skip
        return self._decode(latents), _Kept(latents, curves, noise)

    @staticmethod
    def _known(scene: SD15Scene, kept: list[torch.Tensor], mask: torch.Tensor, anchored: bool) -> Known | None:
        """Whole frames first, then the new ones with the reference's background, if it is to stay."""
        if not kept and not anchored:
            return None
        frames = torch.cat([*kept, scene.latents.expand(len(mask), -1, -1, -1)])
        new = mask if anchored else torch.ones_like(mask)
        return Known(frames, torch.cat([new.new_zeros(len(frames) - len(new), *new.shape[1:]), new]))

    def _networks(self) -> DenoisingNetworks:
        return DenoisingNetworks(self.denoiser, self.spatial_adapter if "spatial" in self.adapters else None)

    def _decode(self, latents: torch.Tensor) -> torch.Tensor:
        scaled = latents.to(self.autoencoder.dtype) / self.autoencoder.config.scaling_factor
        parts = scaled.split(DECODED_AT_ONCE)
        return torch.cat([self.autoencoder.decode(part).sample.float() for part in parts])


def _noise(frames: int, shape: tuple[int, int, int], generator: torch.Generator) -> torch.Tensor:
    """Drawn on the CPU, frame after frame: the same on every device, and a longer video begins like a shorter one."""
    options: dict[str, Any] = {"generator": generator, "dtype": torch.float32, "device": "cpu"}
    return torch.cat([torch.randn(1, *shape, **options) for _ in range(frames)])


def _mix(shared: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Noise of unit variance of which all frames have a part in common."""
    return SHARED_NOISE**0.5 * shared + (1 - SHARED_NOISE) ** 0.5 * own
