"""One person in front of the camera: motion in, frames out. What all frames share is computed once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from imagineid_sdk.face.animation.motion import FaceMotion
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES
from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.imagining.adapters.spatial import motion_vector
from imagineid_sdk.imagining.sd15.backend import SD15Backend
from imagineid_sdk.imagining.tiny import TinyBackend
from imagineid_sdk.imagining.workers import Workers
from imagineid_sdk.options import GenerateOptions


class FrameRenderer:
    """A person who can be shown in any motion.

    Attributes:
        identity: who it is, face included.
    """

    def __init__(
        self,
        head: ParametricHead,
        imaginer: TinyBackend | SD15Backend,
        identity: Identity,
        options: GenerateOptions,
        lanes: Workers,
    ) -> None:
        # Both scales have the same calls; what goes from one call to the next is each scale's own.
        self._head, self._options, self._lanes = head, options, lanes
        self._imaginer: Any = imaginer
        self._fitted = head.fit(torch.from_numpy(identity.code))
        self._renderer: Any = imaginer.renderer(head)
        still = FaceMotion(1.0, np.zeros((1, len(ARKIT_BLENDSHAPES)), np.float32), np.zeros((1, 3), np.float32))
        blendshapes, head_pose = torch.from_numpy(still.blendshapes), torch.from_numpy(still.head_pose)
        self._view = self._renderer.reference(head.pose(self._fitted, blendshapes, head_pose))
        if identity.reference is None or identity.reference.shape != imaginer.latent_shape:
            identity = self._imagine_face(identity, still)  # there is no face yet, or it is one of the other scale
        self.identity = identity
        assert self.identity.reference is not None
        latents = torch.from_numpy(self.identity.reference).float()[None]
        self._scene = self._imaginer.set_scene(self.identity, latents)
        self._backdrop = options.backdrop()

    def portrait(self) -> np.ndarray:
        """The person at rest: uint8 ``(256, 256, 3)``, or 4 channels with a transparent background."""
        return self._backdrop.lay_behind(self._imaginer.picture(self._scene))[0]

    def frames(self, motion: FaceMotion) -> Iterator[Any]:
        """Batches of frames, uint8 ``(n, 256, 256, 3 or 4)``; with ``output_type="latent"`` ``(n, 16, 16, 16)``."""
        if self._lanes.count == 1:
            yield from self._in_order(motion)
            return
        # As many batches for every lane, or one would wait for the last of another.
        total, lanes = len(motion.blendshapes), self._lanes.count
        edges = np.linspace(0, total, lanes * -(-total // self.batch_size) + 1).astype(int).tolist()
        parts = (motion.part(first, last) for first, last in pairwise(edges) if first < last)
        for batches in self._lanes.work(lambda part: list(self._in_order(part)), parts):
            yield from batches

    @property
    def batch_size(self) -> int:
        """So many frames keep all lanes busy."""
        return self._lanes.count * self._imaginer.batch_size

    def _in_order(self, motion: FaceMotion) -> Iterator[Any]:
        steps = self._options.num_inference_steps
        for pictures, latents in self._imaginer.imagine_frames(self._scene, self.draw(motion), steps):
            yield latents.cpu() if self._options.output_type == "latent" else self._backdrop.lay_behind(pictures)

    def draw(self, motion: FaceMotion) -> Iterator[tuple[Any, torch.Tensor]]:
        """Geometry and motion vectors ``(n, 55)`` of consecutive frames, as many as the imaginer takes at once."""
        for first in range(0, len(motion.blendshapes), self._imaginer.batch_size):
            part = motion.part(first, first + self._imaginer.batch_size)
            blendshapes, pose = torch.from_numpy(part.blendshapes), torch.from_numpy(part.head_pose)
            posed = self._head.pose(self._fitted, blendshapes, pose)
            yield self._renderer.draw(posed, self._view), motion_vector(blendshapes, pose)

    def _imagine_face(self, identity: Identity, still: FaceMotion) -> Identity:
        geometry, motion = next(self.draw(still))
        latents = self._imaginer.imagine_reference(identity, geometry, motion, self._options.reference_steps)
        return replace(identity, reference=latents[0].half().cpu().numpy())
