"""One person, rendered in any motion: mesh, backend, backdrop and mark put together. What all frames share is computed
once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Generic

import numpy as np
import torch

from imagineid_sdk.face.animation.motion import FaceMotion
from imagineid_sdk.face.mesh.gltf import save_glb
from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.face.mesh.textured import HeadMesh, build_head_mesh
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.files import check_output_path
from imagineid_sdk.imagining.adapters.spatial import motion_vector
from imagineid_sdk.imagining.backend import Backend, DrawnT, OnStep, SceneT, ViewT
from imagineid_sdk.imagining.workers import Workers
from imagineid_sdk.precision import pinned
from imagineid_sdk.video.backdrop import Backdrop
from imagineid_sdk.video.provenance import SOURCE_TYPE, file_tags
from imagineid_sdk.video.watermark import Watermark


class FrameRenderer(Generic[ViewT, DrawnT, SceneT]):
    """A motion in, frames out.

    Args:
        head, backend, workers: of the pipeline.
        identity: whom the frames show; the face is imagined first if there is none, or one of another model.
        backdrop: what is laid behind the person.
        size: pixels of a frame's side.
        steps, portrait_steps: denoising steps of a frame and of the portrait; None is the backend's own number.
        latents: give latents instead of pictures.
        on_step: called after each step of the portrait.
        model: fingerprint of the model, kept with the portrait.
        watermark: marks the pixels of every picture.

    Attributes:
        identity: who it is, face included.
    """

    def __init__(
        self, head: ParametricHead, backend: Backend[ViewT, DrawnT, SceneT], workers: Workers, identity: Identity,
        backdrop: Backdrop, *, size: int = 512, steps: int | None = None, portrait_steps: int | None = None,
        latents: bool = False, on_step: OnStep | None = None, model: str = "", watermark: bool = True,
    ) -> None:  # fmt: skip
        self._head, self._backend, self._workers, self._backdrop = head, backend, workers, backdrop
        self._steps, self._latents, self._watermarked = steps, latents, watermark
        self._fitted = head.fit(torch.from_numpy(identity.code))
        self._geometry = backend.geometry(head)
        still = FaceMotion.still()
        self._view = self._geometry.reference(
            head.pose(self._fitted, torch.from_numpy(still.blendshapes), torch.from_numpy(still.head_pose))
        )
        if identity.reference is None or identity.reference.shape != backend.latent_shape:
            geometry, vector = next(self.draw(still))
            made = backend.sample_portrait(identity, geometry, vector, portrait_steps, on_step)
            identity = replace(identity, reference=made[0].half().cpu().numpy(), model=model)
        self.identity, self._size = identity, size

    @cached_property
    def _scene(self) -> SceneT:
        """Made with the first picture: motion alone needs none."""
        assert self.identity.reference is not None
        return self._backend.scene(self.identity, torch.from_numpy(self.identity.reference).float()[None], self._size)

    def portrait(self) -> np.ndarray:
        """The person at rest: uint8 ``(size, size, 3)``, or 4 channels with a transparent background."""
        return self._composite(self._backend.portrait_pixels(self._scene))[0]

    @pinned
    def mesh(self) -> HeadMesh:
        """The head at rest with its texture and 52 morph targets."""
        portrait = Backdrop(None).composite(self._backend.portrait_pixels(self._scene))[0]
        return build_head_mesh(self._head, self._fitted, portrait, self.identity)

    @pinned
    def save_mesh(self, path: str | os.PathLike[str], motion: FaceMotion) -> Path:
        """Write the head in motion as ``.glb``; see `ImagineIDOutput.save_mesh`."""
        check_output_path(path, ".glb")
        about = file_tags(self.identity) | {"digitalSourceType": SOURCE_TYPE}
        return save_glb(path, self.mesh(), motion.checked(), about)

    def frames(self, motion: FaceMotion) -> Iterator[np.ndarray | torch.Tensor]:
        """Batches of frames, uint8 ``(n, size, size, 3 or 4)``, or latents ``(n, *latent_shape)``. Raises OptionError
        for a motion that can't be shown."""
        motion, _ = FaceMotion.taken(motion), self._scene  # one scene, not one for each worker
        if self._workers.count == 1:
            yield from self._in_order(motion)
            return
        # As many batches for every worker, or one would wait for the last of another.
        total, workers = len(motion), self._workers.count
        edges = np.linspace(0, total, workers * -(-total // self.batch_size) + 1).astype(int).tolist()
        parts = (motion.part(first, last) for first, last in pairwise(edges) if first < last)
        for batches in self._workers.work(lambda part: list(self._in_order(part)), parts):
            yield from batches

    @property
    def batch_size(self) -> int:
        """Frames that keep all workers busy."""
        return self._workers.count * self._backend.batch_size

    def _in_order(self, motion: FaceMotion) -> Iterator[np.ndarray | torch.Tensor]:
        for pictures, latents in self._backend.frames(self._scene, self.draw(motion), self._steps):
            yield latents.cpu() if self._latents else self._composite(pictures)

    def _composite(self, pictures: np.ndarray) -> np.ndarray:
        laid = self._backdrop.composite(pictures)
        if self._watermarked:
            self._watermark.add(laid)
        return laid

    @cached_property
    def _watermark(self) -> Watermark:
        """One for all frames, so that it stands still."""
        return Watermark(self._backdrop.composite(self._backend.portrait_pixels(self._scene))[0])

    def draw(self, motion: FaceMotion) -> Iterator[tuple[DrawnT, torch.Tensor]]:
        """Geometry and motion vectors ``(n, 55)`` of consecutive batches."""
        for first in range(0, len(motion), self._backend.batch_size):
            yield self._draw_one(motion.part(first, first + self._backend.batch_size))

    @pinned
    def _draw_one(self, part: FaceMotion) -> tuple[DrawnT, torch.Tensor]:
        blendshapes, pose = torch.from_numpy(part.blendshapes), torch.from_numpy(part.head_pose)
        posed = self._head.pose(self._fitted, blendshapes, pose)
        return self._geometry.draw(posed, self._view), motion_vector(blendshapes, pose)
