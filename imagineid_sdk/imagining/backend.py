"""Backend: the interface of a diffusion model with its adapters. `tiny.TinyBackend` and `sd15.SD15Backend` have it.

`ViewT` is the face at rest, as a geometry source keeps it; `DrawnT` the conditions of some frames; `SceneT` everything
that all frames of a person share. They are opaque to everybody but their own backend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
import torch

from imagineid_sdk.face.mesh.head import HeadFrames, ParametricHead
from imagineid_sdk.face.persona.identity import Identity

ViewT = TypeVar("ViewT")
DrawnT = TypeVar("DrawnT")
MadeT = TypeVar("MadeT", covariant=True)
SceneT = TypeVar("SceneT")

OnStep: TypeAlias = Callable[[int, float, torch.Tensor], torch.Tensor]
"""Called after each denoising step with its index, its time and the latents; returns the latents to go on with."""


class GeometrySource(Protocol[ViewT, MadeT]):
    """Draws the spatial adapter's conditions from the posed mesh."""

    def reference(self, frames: HeadFrames) -> ViewT:
        """The face at rest, which later frames are compared with: the first of `frames`."""

    def draw(self, frames: HeadFrames, reference: ViewT) -> MadeT:
        """Conditions of every frame of `frames`."""


class Backend(Protocol[ViewT, DrawnT, SceneT]):
    """Networks that imagine, with the adapters that are switched on."""

    @property
    def batch_size(self) -> int:
        """Frames that go through the networks together."""

    @property
    def workers(self) -> int:
        """Batches of one scene that may be imagined side by side."""

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a frame's latents."""

    def geometry(self, head: ParametricHead) -> GeometrySource[ViewT, DrawnT]:
        """The geometry source of a head."""

    def sample_portrait(
        self, identity: Identity, geometry: DrawnT, motion: torch.Tensor, steps: int | None, on_step: OnStep | None
    ) -> torch.Tensor:
        """Latents ``(1, *latent_shape)`` of a person at rest, from noise.

        Args:
            geometry: one frame of the neutral head.
            motion: ``(1, 55)``, see `motion_vector`.
            steps: denoising steps; None is what the model does best with.
        """

    def scene(self, identity: Identity, latents: torch.Tensor, size: int) -> SceneT:
        """What all frames of a person share; ``latents`` are those of `sample_portrait`, ``size`` is the side of a
        frame in pixels, where the model has a choice."""

    def portrait_pixels(self, scene: SceneT) -> np.ndarray:
        """The portrait, uint8 ``(1, size, size, 3)``, or 4 channels: premultiplied colour and alpha."""

    def frames(
        self, scene: SceneT, geometry: Iterator[tuple[DrawnT, torch.Tensor]], steps: int | None
    ) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        """For each batch, pictures ``(frames, size, size, 3 or 4)`` as in `portrait_pixels` and latents
        ``(frames, *latent_shape)``.

        Args:
            geometry: conditions and motion vectors ``(frames, 55)`` of consecutive batches.
            steps: denoising steps; None is what the adapters were trained for.
        """
