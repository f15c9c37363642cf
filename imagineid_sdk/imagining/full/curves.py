"""Geometry at full scale: the face curves that the ControlNet for MediaPipe faces reads, drawn from our own mesh.

No face is detected anywhere: every point of MediaPipe's curves is a fixed vertex of the mesh (curves.json, chosen by
``examples/training/fit_curves.py``: where it lies on the mean head at rest and with the jaw open).
Colours, order and widths are those of the annotator that the ControlNet was trained with (huggingface/controlnet_aux,
mediapipe_face_common.py; Apache-2.0).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from ...errors import ModelError
from ...face.actions import ACTION_INDEX
from ...face.head import EXTRAS, EYE_CENTRES, HeadFrames, ParametricHead, metres

Colour = tuple[int, int, int]

# Chains of MediaPipe's face mesh topology (468 points), in drawing order. "Left" and "right" are the subject's.
CURVES: tuple[tuple[Colour, tuple[tuple[int, ...], ...]], ...] = (
    ((10, 200, 10), ((  # oval
        10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
        150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 10,
    ),)),
    ((10, 200, 180), (  # left eye
        (263, 249, 390, 373, 374, 380, 381, 382, 362), (263, 466, 388, 387, 386, 385, 384, 398, 362),
    )),
    ((10, 220, 180), ((276, 283, 282, 295, 285), (300, 293, 334, 296, 336))),  # left brow
    ((180, 200, 10), (  # right eye
        (33, 7, 163, 144, 145, 153, 154, 155, 133), (33, 246, 161, 160, 159, 158, 157, 173, 133),
    )),
    ((180, 220, 10), ((46, 53, 52, 65, 55), (70, 63, 105, 66, 107))),  # right brow
    ((10, 180, 10), (  # lips
        (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291), (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
        (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308), (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    )),
)  # fmt: skip
PUPILS: tuple[Colour, Colour] = ((10, 200, 250), (250, 200, 10))
"""Of the left and the right eye; squares of 4 pixels, drawn last."""
LINE_WIDTH = 2
POINTS = tuple(sorted({point for _, chains in CURVES for chain in chains for point in chain}))
FOREIGN = 0.1
"""Distances between the eyes, from a point to the nearest vertex, beyond which the mesh is another one."""
MARGIN = 0.08
"""Widths of the picture around the bald head in which hair and collar move with it."""


@dataclass(frozen=True)
class FaceCurves:
    """Conditions of some frames.

    Attributes:
        pictures: ``(frames, 3, size, size)`` in [0, 1].
        reference: the same of the face at rest, ``(1, 3, size, size)``.
        mask: ``(frames, 1, size / 8, size / 8)`` in [0, 1]: 0 where the person never is, so that the reference's
            background stays as it is.
    """

    pictures: torch.Tensor
    reference: torch.Tensor
    mask: torch.Tensor


@dataclass(frozen=True)
class RestingFace:
    """What later frames are drawn beside: curves ``(1, 3, size, size)`` and coverage of the latents' grid."""

    picture: torch.Tensor
    covered: np.ndarray


class CurveRenderer:
    """Draws the curves of one person's head for pictures of ``size`` pixels and latents of ``latent_size``."""

    def __init__(self, head: ParametricHead, size: int, latent_size: int) -> None:
        self.size, self.latent_size = size, latent_size
        self.triangles = head.triangles.cpu().numpy()
        self.vertices = curve_vertices(head)
        forward = int(head.eye_directions[:, 2].argmax())
        eyes = head.config.num_vertices, head.config.num_vertices + head.config.num_eye_vertices
        self.pupils = [first + forward for first in eyes]

    def reference(self, frames: HeadFrames) -> RestingFace:
        screen = frames.screen[0].float().cpu().numpy()
        return RestingFace(self._picture(screen)[None], self._covered(screen))

    def draw(self, frames: HeadFrames, reference: RestingFace) -> FaceCurves:
        """Curves and masks of every frame of ``frames``."""
        screens = frames.screen.float().cpu().numpy()
        pictures = torch.stack([self._picture(screen) for screen in screens])
        covered = np.stack([self._covered(screen) | reference.covered for screen in screens])
        return FaceCurves(pictures, reference.picture, grow(torch.from_numpy(covered).float()[:, None]))

    def _picture(self, screen: np.ndarray) -> torch.Tensor:
        points = {point: screen[vertex, :2] for point, vertex in self.vertices.items()}
        return draw_curves(points, screen[self.pupils, :2], self.size)

    def _covered(self, screen: np.ndarray) -> np.ndarray:
        from ...face.rasterizer import rasterize

        return rasterize(np.ascontiguousarray(screen), self.triangles, self.latent_size)[0] >= 0


def curve_vertices(head: ParametricHead) -> dict[int, int]:
    """Point of MediaPipe's mesh -> vertex of the head's mesh.

    The points are stored as places, not as numbers of vertices, since a head that is reduced anew numbers them anew.

    Raises:
        ModelError: this head is another mesh.
    """
    stored = json.loads((Path(__file__).parent / "curves.json").read_text(encoding="utf-8"))["points"]
    places = vertex_places(head)
    wanted = torch.tensor([stored[str(point)] for point in POINTS])
    distance, nearest = torch.cdist(wanted, places).min(dim=1)
    if distance.max() > FOREIGN:
        raise ModelError(
            f"The face curves do not fit this head: a point is {distance.max():.2f} eye distances from the nearest "
            "vertex. Fit them again with examples/training/fit_curves.py."
        )
    return dict(zip(POINTS, nearest.tolist(), strict=True))


def vertex_places(head: ParametricHead) -> torch.Tensor:
    """What tells the vertices of the mean head apart, ``(vertices, 6)`` in distances between the eyes, from the middle
    of the two: where each is at rest, and where it is when the jaw opens, or lips that touch would be one."""
    mean = head.identity_mean.float().cpu()
    rest, eyes = mean[:-EXTRAS].view(-1, 3), mean[-EXTRAS:][EYE_CENTRES].view(2, 3)
    jaw = metres(head.action_basis, head.action_range)[ACTION_INDEX["jawOpen"]].view(-1, 3).cpu()
    rest = rest - eyes.mean(0)
    return torch.cat([rest, rest + jaw], dim=1) / (eyes[0] - eyes[1]).norm()


def draw_curves(points: dict[int, np.ndarray], pupils: np.ndarray, size: int) -> torch.Tensor:
    """One annotation ``(3, size, size)`` in [0, 1].

    Args:
        points: point of MediaPipe's mesh -> (x, y) in [0, 1] of the picture; others are left out, as the annotator
            does.
        pupils: ``(2, 2)``, of the left and the right eye.
    """
    from PIL import Image, ImageDraw  # comes with diffusers

    canvas = Image.new("RGB", (size, size))
    pencil = ImageDraw.Draw(canvas)
    for colour, chains in CURVES:
        for chain in chains:
            for start, end in pairwise(chain):
                if inside(points[start]) and inside(points[end]):
                    pencil.line([*(points[start] * size), *(points[end] * size)], fill=colour, width=LINE_WIDTH)
    for colour, pupil in zip(PUPILS, pupils, strict=True):
        if inside(pupil):
            x, y = (int(value) for value in pupil * size)
            pencil.rectangle([x - 2, y - 2, x + 1, y + 1], fill=colour)
    return torch.from_numpy(np.array(canvas)).movedim(-1, 0).float() / 255


def inside(point: np.ndarray) -> bool:
    return bool((point >= 0).all() and (point <= 1).all())


def grow(covered: torch.Tensor) -> torch.Tensor:
    """Coverage ``(frames, 1, size, size)`` with a margin around it that fades out, and exactly 0 beyond."""
    reach = max(1, round(MARGIN * covered.shape[-1]))
    grown = F.max_pool2d(covered, 2 * reach + 1, stride=1, padding=reach)
    return grown * F.avg_pool2d(grown, 3, stride=1, padding=1, count_include_pad=False)
