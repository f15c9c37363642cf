"""Geometry maps: conditions of the diffusion, drawn from the posed head, and the flow from each frame to the portrait.

Fourteen channels: surface normal, position code (which point of the mean head this is), six part masks, coverage and
visibility in the reference; beside them the flow to the reference frame, extended smoothly over hair, clothes and
background, and nothing else: no colour is ever drawn.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from imagineid_sdk.face.mesh.head import HeadFrames, ParametricHead

SKIN, LIPS, MOUTH, TEETH, TONGUE, EYE, IRIS = range(7)
"""Parts of the mesh as ``ParametricHead.triangle_parts`` names them."""
MAP_CHANNELS = 14
MAP_SIZE = 128
VISIBILITY_TOLERANCE = 0.006
"""Metres by which a surface may lie behind the reference's nearest surface and still count as seen there."""


@dataclass(frozen=True, eq=False)
class GeometryMaps:
    """Conditions of the diffusion.

    Attributes:
        maps: ``(frames, 14, 128, 128)`` float32 in [-1, 1].
        flow: ``(frames, 2, 128, 128)`` float32: how far, in widths of the picture (x, y), the same surface point
            lies in the reference frame. A still pixel has 0, 0.
        centers: ``(frames, 2, 2)`` float32: where the mouth and the middle between the eyes are, in widths of the
            picture (x, y).
    """

    maps: torch.Tensor
    flow: torch.Tensor
    centers: torch.Tensor


@dataclass(frozen=True, eq=False)
class ReferenceView:
    """Screen positions ``(vertices, 3)`` and depth ``(128, 128)`` of the reference frame."""

    screen: np.ndarray
    depth: np.ndarray


class GeometryRenderer:
    """Draws the geometry maps of one person; holds the tables of the head as arrays."""

    def __init__(self, head: ParametricHead) -> None:
        self.triangles = head.triangles.int().cpu().numpy()
        self.codes = head.position_codes.float().cpu().numpy()
        parts = head.triangle_parts.cpu().numpy()
        self.part_masks = np.stack([parts == part for part in (LIPS, MOUTH, TEETH, TONGUE, EYE, IRIS)]).astype(
            np.float32
        )
        self._mouth = np.unique(self.triangles[parts == LIPS])
        self._eyes = np.unique(self.triangles[(parts == EYE) | (parts == IRIS)])

    def reference(self, frames: HeadFrames) -> ReferenceView:
        """The view that later frames are compared with: the first of ``frames``."""
        from imagineid_sdk.face.mesh.rasterizer import interpolate, rasterize

        screen = np.ascontiguousarray(frames.screen[0].cpu().numpy())
        index, weights = rasterize(screen, self.triangles, MAP_SIZE)
        depth = interpolate(index, weights, self.triangles, np.ascontiguousarray(screen[:, 2:]))[0]
        return ReferenceView(screen, np.where(index < 0, np.float32(1e3), depth))

    def draw(self, frames: HeadFrames, reference: ReferenceView) -> GeometryMaps:
        """Maps of every frame of ``frames``."""
        vertices, screen = frames.vertices.cpu().numpy(), frames.screen.cpu().numpy()

        def one(frame: int) -> tuple[np.ndarray, np.ndarray]:
            return self._draw_one(np.ascontiguousarray(vertices[frame]), np.ascontiguousarray(screen[frame]), reference)

        threads = torch.get_num_threads()
        if threads == 1:  # one of several workers: the others draw beside this one
            drawn = [one(frame) for frame in range(len(vertices))]
        else:
            with ThreadPoolExecutor(threads) as pool:
                drawn = list(pool.map(one, range(len(vertices))))
        maps = torch.from_numpy(np.stack([maps for maps, _ in drawn]))
        flow = extend_flow(torch.from_numpy(np.stack([flow for _, flow in drawn])), maps[:, 12:13])
        centers = np.stack([screen[:, part, :2].mean(1) for part in (self._mouth, self._eyes)], axis=1)
        return GeometryMaps(maps, flow, torch.from_numpy(centers))

    def _draw_one(
        self, vertices: np.ndarray, screen: np.ndarray, reference: ReferenceView
    ) -> tuple[np.ndarray, np.ndarray]:
        from imagineid_sdk.face.mesh.rasterizer import interpolate, rasterize, vertex_normals

        index, weights = rasterize(screen, self.triangles, MAP_SIZE)
        normals = vertex_normals(vertices, self.triangles)
        attributes = np.concatenate([normals, self.codes, reference.screen], axis=1)
        drawn = interpolate(index, weights, self.triangles, attributes)
        covered = index >= 0
        maps = np.empty((MAP_CHANNELS, MAP_SIZE, MAP_SIZE), np.float32)
        maps[:6] = drawn[:6]
        maps[6:12] = self.part_masks[:, index] * covered
        maps[12] = covered
        maps[13] = covered & self._seen(drawn[6:9], reference.depth)
        rows, columns = np.mgrid[:MAP_SIZE, :MAP_SIZE].astype(np.float32)
        here = np.stack([(columns + 0.5) / MAP_SIZE, (rows + 0.5) / MAP_SIZE])
        return maps, (drawn[6:8] - here) * covered

    @staticmethod
    def _seen(position: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Whether surface points with these reference positions were the nearest surface there."""
        column = np.clip((position[0] * MAP_SIZE).astype(np.int32), 0, MAP_SIZE - 1)
        row = np.clip((position[1] * MAP_SIZE).astype(np.int32), 0, MAP_SIZE - 1)
        return position[2] < depth[row, column] + VISIBILITY_TOLERANCE


def extend_flow(flow: torch.Tensor, covered: torch.Tensor) -> torch.Tensor:
    """Extend the flow over pixels that the mesh does not cover: hair moves with the scalp below it, and the border of
    the picture stays still.

    Pull-push: averages of the known pixels at ever coarser scales fill the unknown ones.

    Args:
        flow: ``(frames, 2, size, size)``, 0 where not ``covered``.
        covered: ``(frames, 1, size, size)`` 0 or 1.
    """
    known = covered.clone()
    # The border is an anchor of zero flow wherever the body does not cross it.
    known[..., 0, :] = known[..., :, 0] = known[..., :, -1] = 1.0
    levels = [(flow * known, known)]
    while levels[-1][0].shape[-1] > 4:
        total, weight = levels[-1]
        total, weight = F.avg_pool2d(total, 2), F.avg_pool2d(weight, 2)
        scale = 1 / weight.clamp_min(1e-4)
        filled = (weight > 0).float()
        levels.append((total * scale * filled, filled))
    coarse = levels[-1][0]
    for total, weight in reversed(levels[:-1]):
        coarse = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        coarse = total * weight + coarse * (1 - weight)
    return coarse
