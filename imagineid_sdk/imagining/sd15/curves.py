"""Geometry at full scale: the face curves that the ControlNet for MediaPipe faces reads, drawn from our own mesh.

No face is detected anywhere: every point of MediaPipe's curves is a fixed mixture of vertices of the mesh (curves.json,
fitted by ``examples/training/fit_curves.py``).
Colours, order and widths are those of the annotator that the ControlNet was trained with (huggingface/controlnet_aux,
mediapipe_face_common.py; Apache-2.0).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from imagineid_sdk.errors import ModelError
from imagineid_sdk.face.blendshapes import BLENDSHAPE_INDEX
from imagineid_sdk.face.mesh.head import EXTRAS, EYE_CENTRES, HeadFrames, ParametricHead, metres

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
DATA = Path(__file__).parent / "curves.json"
FOREIGN = 0.1
"""Distances between the eyes, from a stored place to the nearest vertex, beyond which the mesh is another one."""
FOREHEAD = (0.0, 0.796, 0.3741)
"""Place (see `vertex_places`) of a forehead vertex that tells with the eyes how far a head nods: blendshapes move it by
less than half a millimetre."""
TURN, NOD, NOD_AT_REST = 0.4, 0.3, 0.24
"""How far from rest the shares of a mixture follow the head, as sines; the fit has seen heads turn and nod so far."""
TERMS = 4
"""Of the shares: what they are at rest, and what turn, its square, and nod add to them."""
HAIR_MARGIN = 0.08
"""Widths of the picture around the bald head in which hair and collar move with it."""


@dataclass(frozen=True, eq=False)
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


@dataclass(frozen=True, eq=False)
class RestingFace:
    """What later frames are drawn beside: curves ``(1, 3, size, size)`` and coverage of the latents' grid."""

    picture: torch.Tensor
    covered: np.ndarray


@dataclass(frozen=True, eq=False)
class CurvePoints:
    """Where the points of MediaPipe's curves lie on a mesh.

    What a point means (the rim of a lid, the middle of a brow) is no one vertex on everybody, and the oval slides along
    the cheek when a head turns. So each is a mixture of vertices that also reaches beyond them: shares of either sign
    that sum to one, and that follow the head.

    Attributes:
        vertices: ``(vertices,)`` numbers of those that are mixed.
        shares: ``(TERMS, points, vertices)``, points in the order of `POINTS`.
        facing: which way a head looks.
    """

    vertices: np.ndarray
    shares: np.ndarray
    facing: Facing

    @classmethod
    def of(cls, head: ParametricHead, path: Path = DATA) -> CurvePoints:
        """Read the mixtures. Vertices are stored as places, not as numbers, since a head that is reduced anew numbers
        them anew.

        Raises:
            ModelError: this head is another mesh.
        """
        stored = json.loads(path.read_text(encoding="utf-8"))
        distance, vertices = torch.cdist(torch.tensor(stored["vertices"]), vertex_places(head)).min(dim=1)
        if distance.max() > FOREIGN:
            raise ModelError(
                f"The face curves do not fit this head: a vertex is {distance.max():.2f} eye distances from the place "
                "that is stored. Fit them again with examples/training/fit_curves.py."
            )
        mixtures = [Mixture(**stored["points"][str(point)]) for point in POINTS]
        shares = np.stack([mixture.shares(len(vertices)) for mixture in mixtures], axis=1)
        return cls(vertices.numpy(), shares, Facing.of(head))

    def on_screen(self, frames: HeadFrames) -> np.ndarray:
        """``(frames, points, 2)`` in [0, 1] of the picture."""
        shares = np.einsum("ft,tpv->fpv", self.facing.terms(frames), self.shares)
        return shares @ frames.screen[:, self.vertices, :2].double().cpu().numpy()


@dataclass(frozen=True, eq=False)
class Mixture:
    """One point as it is stored: the ``nearest`` vertex, and how far to go ``towards`` others, for each term."""

    nearest: int
    towards: Mapping[str, Sequence[float]]

    def shares(self, vertices: int) -> np.ndarray:
        """``(TERMS, vertices)``."""
        shares = np.zeros((TERMS, vertices))
        shares[0, self.nearest] = 1
        for vertex, steps in self.towards.items():
            shares[:, int(vertex)] += steps
            shares[:, self.nearest] -= steps
        return shares


@dataclass(frozen=True, eq=False)
class Facing:
    """Reads from a posed mesh which way its head looks.

    Attributes:
        eyes: vertices of the left and of the right eye; they turn about their middle, which is the head's.
        forehead: a vertex.
    """

    eyes: tuple[slice, slice]
    forehead: int

    @classmethod
    def of(cls, head: ParametricHead) -> Facing:
        first, size = head.config.num_vertices, head.config.num_eye_vertices
        places = vertex_places(head)[:, :3]
        forehead = int((places - torch.tensor(FOREHEAD)).norm(dim=1).argmin())
        return cls((slice(first, first + size), slice(first + size, first + 2 * size)), forehead)

    def terms(self, frames: HeadFrames) -> np.ndarray:
        """``(frames, TERMS)``: factors of a mixture's shares."""
        vertices = frames.vertices.double().cpu().numpy()
        left, right = (vertices[:, eye].mean(axis=1) for eye in self.eyes)
        across = unit(left - right)
        upwards = vertices[:, self.forehead] - (left + right) / 2
        upwards = unit(upwards - (upwards * across).sum(axis=1, keepdims=True) * across)
        turn = np.clip(-across[:, 2], -TURN, TURN)
        nod = np.clip(upwards[:, 2] - NOD_AT_REST, -NOD, NOD)
        return np.stack([np.ones_like(turn), turn, turn**2, nod], axis=1)


class CurveRenderer:
    """Draws the curves of one person's head for pictures of ``size`` pixels and latents of ``latent_size``."""

    def __init__(self, head: ParametricHead, size: int, latent_size: int) -> None:
        self.size, self.latent_size = size, latent_size
        self.triangles = head.triangles.int().cpu().numpy()
        self.points = CurvePoints.of(head)
        forward = int(head.eye_directions[:, 2].argmax())
        eyes = head.config.num_vertices, head.config.num_vertices + head.config.num_eye_vertices
        self.pupils = [first + forward for first in eyes]

    def reference(self, frames: HeadFrames) -> RestingFace:
        return RestingFace(self._pictures(frames)[:1], self._covered(frames.screen[0].float().cpu().numpy()))

    def draw(self, frames: HeadFrames, reference: RestingFace) -> FaceCurves:
        """Curves and masks of every frame of ``frames``."""
        screens = frames.screen.float().cpu().numpy()
        covered = np.stack([self._covered(screen) | reference.covered for screen in screens])
        margin = grow(torch.from_numpy(covered).float()[:, None])
        return FaceCurves(self._pictures(frames), reference.picture, margin)

    def _pictures(self, frames: HeadFrames) -> torch.Tensor:
        pupils = frames.screen[:, self.pupils, :2].float().cpu().numpy()
        faces = [dict(zip(POINTS, places, strict=True)) for places in self.points.on_screen(frames)]
        return torch.stack([draw_curves(face, eyes, self.size) for face, eyes in zip(faces, pupils, strict=True)])

    def _covered(self, screen: np.ndarray) -> np.ndarray:
        from imagineid_sdk.face.mesh.rasterizer import rasterize

        return rasterize(np.ascontiguousarray(screen), self.triangles, self.latent_size)[0] >= 0


def vertex_places(head: ParametricHead) -> torch.Tensor:
    """What tells the vertices of the mean head apart, ``(vertices, 6)`` in distances between the eyes, from the middle
    of the two: where each is at rest, and where it is when the jaw opens, or lips that touch would be one."""
    mean = head.identity_mean.float().cpu()
    rest, eyes = mean[:-EXTRAS].view(-1, 3), mean[-EXTRAS:][EYE_CENTRES].view(2, 3)
    jaw = metres(head.action_basis, head.action_range)[BLENDSHAPE_INDEX["jawOpen"]].view(-1, 3).cpu()
    rest = rest - eyes.mean(0)
    return torch.cat([rest, rest + jaw], dim=1) / (eyes[0] - eyes[1]).norm()


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


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
    reach = max(1, round(HAIR_MARGIN * covered.shape[-1]))
    grown = F.max_pool2d(covered, 2 * reach + 1, stride=1, padding=reach)
    return grown * F.avg_pool2d(grown, 3, stride=1, padding=1, count_include_pad=False)
