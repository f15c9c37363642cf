"""One person in front of the camera: motion in, frames out. What all frames share is computed once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from .face.actions import ARKIT_ACTIONS
from .face.geometry import GeometryMaps, GeometryRenderer
from .face.head import ParametricHead
from .face.identity import Identity
from .face.motion import FaceMotion
from .imagining.imaginer import Imaginer
from .imagining.spatial import motion_vector
from .options import GenerateOptions

BATCH = 16
"""Frames that go through the networks together."""


class Performance:
    """A person who can be shown in any motion.

    Attributes:
        identity: who it is, face included.
    """

    def __init__(self, head: ParametricHead, imaginer: Imaginer, identity: Identity, options: GenerateOptions) -> None:
        self._head, self._imaginer, self._options = head, imaginer.for_many_frames(), options
        self._fitted = head.fit(torch.from_numpy(identity.code))
        self._renderer = GeometryRenderer(head)
        still = FaceMotion(1.0, np.zeros((1, len(ARKIT_ACTIONS)), np.float32), np.zeros((1, 3), np.float32))
        actions, head_pose = torch.from_numpy(still.actions), torch.from_numpy(still.head_pose)
        self._view = self._renderer.reference(head.pose(self._fitted, actions, head_pose))
        self.identity = identity if identity.reference is not None else self._imagine_face(identity, still)
        assert self.identity.reference is not None
        latents = torch.from_numpy(self.identity.reference).float()[None]
        self._scene = self._imaginer.set_scene(self.identity, latents)
        self._backdrop = options.backdrop()

    def portrait(self) -> np.ndarray:
        """The person at rest: uint8 ``(256, 256, 3)``, or 4 channels with a transparent background."""
        return self._backdrop.lay_behind(self._imaginer.picture(self._scene))[0]

    def frames(self, motion: FaceMotion) -> Iterator[Any]:
        """Batches of frames, uint8 ``(n, 256, 256, 3 or 4)``; with ``output_type="latent"`` ``(n, 16, 16, 16)``."""
        for maps, vectors in self.draw(motion):
            pictures, latents = self._imaginer.imagine(self._scene, maps, vectors, self._options.num_inference_steps)
            yield latents.cpu() if self._options.output_type == "latent" else self._backdrop.lay_behind(pictures)

    def draw(self, motion: FaceMotion) -> Iterator[tuple[GeometryMaps, torch.Tensor]]:
        """Geometry maps and motion vectors ``(n, 55)`` of consecutive frames, `BATCH` at a time."""
        actions, pose = torch.from_numpy(motion.actions), torch.from_numpy(motion.head_pose)
        for first in range(0, len(actions), BATCH):
            part = slice(first, first + BATCH)
            posed = self._head.pose(self._fitted, actions[part], pose[part])
            yield self._renderer.draw(posed, self._view), motion_vector(actions[part], pose[part])

    def _imagine_face(self, identity: Identity, still: FaceMotion) -> Identity:
        geometry, motion = next(self.draw(still))
        latents = self._imaginer.imagine_reference(identity, geometry, motion, self._options.reference_steps)
        return replace(identity, reference=latents[0].half().cpu().numpy())
