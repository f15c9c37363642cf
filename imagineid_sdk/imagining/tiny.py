"""``tiny``: the backend whose weights ship with the package: portraits of 512x512 from 16x16 latents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from imagineid_sdk.face.mesh.geometry_maps import GeometryMaps, GeometryRenderer
from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.imagining import frames as video_frames
from imagineid_sdk.imagining import portrait
from imagineid_sdk.imagining.backend import OnStep
from imagineid_sdk.imagining.frames import Scene
from imagineid_sdk.imagining.networks import TinyNetworks
from imagineid_sdk.imagining.workers import count_workers
from imagineid_sdk.precision import pinned

ADAPTERS = ("semantic", "spatial", "blending")


@dataclass(frozen=True, eq=False)
class TinyBackend:
    """See `Backend`."""

    networks: TinyNetworks
    batch_size: int = 6
    """Fewer frames waste time between layers, more don't stay in the processor's cache."""

    @property
    def workers(self) -> int:
        on_cpu = self.networks.device.type == "cpu" and not self.networks.offloaded
        return count_workers() if on_cpu else 1

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        return self.networks.autoencoder.config.latent_channels, 16, 16

    def geometry(self, head: ParametricHead) -> GeometryRenderer:
        return GeometryRenderer(head)

    @pinned
    def sample_portrait(
        self, identity: Identity, geometry: GeometryMaps, motion: torch.Tensor, steps: int | None = None,
        on_step: OnStep | None = None,
    ) -> torch.Tensor:  # fmt: skip
        return portrait.sample_portrait(
            self.networks, self.latent_shape, identity, geometry, motion, steps or portrait.STEPS, on_step
        )

    @pinned
    def scene(self, identity: Identity, latents: torch.Tensor, size: int = 512) -> Scene:
        return video_frames.make_scene(self.networks, identity, latents, size)

    def portrait_pixels(self, scene: Scene) -> np.ndarray:
        return scene.portrait_at_frame_size[None]

    def frames(
        self, scene: Scene, geometry: Iterator[tuple[GeometryMaps, torch.Tensor]], steps: int | None = None
    ) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        for drawn, motion in geometry:
            yield self.imagine(scene, drawn, motion, steps or video_frames.STEPS)

    @pinned
    def imagine(
        self, scene: Scene, drawn: GeometryMaps, motion: torch.Tensor, steps: int = video_frames.STEPS
    ) -> tuple[np.ndarray, torch.Tensor]:
        """One batch of `frames`."""
        return video_frames.imagine_frames(scene, drawn, motion, steps)
