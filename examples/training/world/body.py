"""One person's geometry: everything that is drawn, and how it deforms. No OpenGL here."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import scipy.sparse as sp

from .camera import Framing, HeadPose, perspective, rotation
from .head import MODEL_SCALE, Head, Part, split_by_uv
from .people import Person

LID_CLEARANCE = 1.045  # lids stay this many eyeball radii away from the eyeball's centre
BONE_SHARE = (0.18, 0.18, 0.22, 0.42)  # of a head turn: three neck bones, head
GAZE_YAW, GAZE_PITCH = 28.0, 22.0  # degrees at an eyeLook action of 1
FIELD_OF_VIEW = 14.0  # degrees, a portrait lens


@dataclass(frozen=True)
class PosedBody:
    """vertices: (vertices, 3); gaze: (2, 3) unit vectors and eye_centers: (2, 3), left and right; head: (4, 4) from the
    resting head to the turned one; metres."""

    vertices: np.ndarray
    gaze: np.ndarray
    eye_centers: np.ndarray
    head: np.ndarray


class Body:
    """The surfaces of a person share one vertex list: head and fitted parts. Eyeballs, glasses and strands come in
    the picture.

    Surfaces: skin, brow (a card that shows where brows grow), teeth, tongue, cloth. A drawn vertex is a vertex with one
    texture coordinate: `drawn` maps to vertices, `spans[surface]` is its range of drawn vertices, `triangles[surface]`
    (n, 3) index drawn vertices. `teeth` (vertices, 3): tooth 1 or gum 0, height and side, see `arrange_teeth`.
    """

    def __init__(self, head: Head, person: Person):
        self.head, self.person = head, person
        vertices, self.bone_heads = head.shape(head.shape_weights(person.phenotype, person.local))
        spheres = [_fit_sphere(vertices[eye]) for eye in head.eyes]
        self.eye_centers = np.array([center for center, _ in spheres])
        self.eye_radius = float(np.mean([radius for _, radius in spheres]))
        self.action_scale = self._action_scale(vertices)
        self._add_surfaces(vertices)
        self.moving = np.nonzero(np.abs(head.action_shapes).max((0, 2)) > 1e-7)[0]
        self.action_basis = (head.action_shapes[:, self.moving] * self.action_scale[:, None, None]).astype(np.float32)
        self.rest = vertices.astype(np.float32)
        self.rest[self.moving] += np.tensordot(head.action_vector(person.rest), self.action_basis, 1)
        self.teeth = np.zeros((len(vertices) + len(self.offsets), 3), np.float32)
        part = head.part("teeth", "teeth_base")
        self.teeth[self.drawn[slice(*self.spans["teeth"])]] = part.attributes[part.vertices]
        self._set_view()

    def pose(
        self, actions: np.ndarray, head_pose: HeadPose | None = None, gaze: tuple[float, float] = (0.0, 0.0)
    ) -> PosedBody:
        """actions: (52,) 0..1; gaze: extra degrees (right, up) beside the eyeLook actions."""
        surface = self._clear_of_eyes(self._act(actions))
        parts = self.placement @ surface + self.offsets
        turns = self._eye_rotations(actions, gaze)
        vertices = np.concatenate([surface, parts]).astype(np.float32)
        bones = self._bone_matrices((head_pose or HeadPose()).rotation())
        blended = (self.skinning @ bones.reshape(5, 12)).reshape(-1, 3, 4)
        vertices = np.einsum("nij,nj->ni", blended[:, :, :3], vertices) + blended[:, :, 3]
        head = np.vstack([bones[4], [0, 0, 0, 1]])
        centers = self.eye_centers @ head[:3, :3].T + head[:3, 3]
        return PosedBody(vertices, np.stack([head[:3, :3] @ turn[:, 2] for turn in turns]), centers, head)

    def view(self, posed: PosedBody, framing: Framing) -> tuple[np.ndarray, np.ndarray]:
        """View-projection matrix (4, 4) and the point that the camera looks at."""
        face = self._face_center(posed)
        center = self.view_center.copy()
        center[:2] += ((face - self.rest_face_center) * framing.follow)[:2]
        center[1] += framing.lift * self.eye_to_mouth
        return perspective(center, self.camera_distance, self.view_width * framing.zoom), center

    def mouth_center(self, posed: PosedBody) -> np.ndarray:
        return posed.vertices[self.head.mouth_vertices].mean(0)

    def _act(self, actions: np.ndarray) -> np.ndarray:
        vertices = self.rest.copy()
        used = np.nonzero(actions)[0]
        if len(used):
            vertices[self.moving] += (actions[used] @ self.action_basis[used].reshape(len(used), -1)).reshape(-1, 3)
        return vertices

    def _clear_of_eyes(self, vertices: np.ndarray) -> np.ndarray:
        for eyelid, center in zip(self.head.eyelids, self.eye_centers, strict=True):
            offset = vertices[eyelid.region] - center
            distance = np.linalg.norm(offset, axis=1)
            limit = self.eye_radius * LID_CLEARANCE
            inside = (distance < limit) & (offset[:, 2] > 0)
            vertices[eyelid.region[inside]] = center + offset[inside] * (limit / distance[inside])[:, None]
        return vertices

    def _eye_rotations(self, actions: np.ndarray, gaze: tuple[float, float]) -> list[np.ndarray]:
        def value(name: str) -> float:
            return actions[self.head.action_index[name]]

        turns = []
        for side, outward in (("Left", 1), ("Right", -1)):
            yaw = GAZE_YAW * (value("eyeLookOut" + side) - value("eyeLookIn" + side)) * outward
            pitch = GAZE_PITCH * (value("eyeLookUp" + side) - value("eyeLookDown" + side))
            turns.append(rotation(gaze[0] + yaw, gaze[1] + pitch, 0))
        return turns

    def _bone_matrices(self, turn: np.ndarray) -> np.ndarray:
        """(5, 3, 4): body, three neck bones, head, each with its share of the turn."""
        vector = cv2.Rodrigues(turn)[0]
        chain = [np.eye(4)]
        for share, pivot in zip(BONE_SHARE, self.bone_heads, strict=True):
            part = cv2.Rodrigues(vector * share)[0]
            matrix = np.eye(4)
            matrix[:3, :3], matrix[:3, 3] = part, pivot - part @ pivot
            chain.append(chain[-1] @ matrix)
        return np.stack(chain)[:, :3].astype(np.float32)

    def _action_scale(self, vertices: np.ndarray) -> np.ndarray:
        """(52,): actions fit the person: mouth width, eye distance, and for blinks the gap between the lids."""
        head = self.head
        mouth = np.ptp(vertices[head.mouth_vertices][:, 0]) / np.ptp(head.template[head.mouth_vertices][:, 0])
        template_eyes = np.linalg.norm(head.eyelids[0].center - head.eyelids[1].center)
        eyes = np.linalg.norm(self.eye_centers[0] - self.eye_centers[1]) / template_eyes
        around_mouth = [any(word in name for word in ("mouth", "jaw", "tongue")) for name in head.actions]
        scale = np.where(around_mouth, mouth, eyes).astype(np.float32)
        for eyelid, blink in zip(head.eyelids, ("eyeBlinkLeft", "eyeBlinkRight"), strict=True):
            gap = vertices[eyelid.upper_margin, 1] - vertices[eyelid.lower_margin, 1]
            scale[head.action_index[blink]] = np.clip(gap / eyelid.gap, 0.5, 1.8)
        return scale

    def _add_surfaces(self, vertices: np.ndarray) -> None:
        head, person = self.head, self.person
        self.spans: dict[str, tuple[int, int]] = {}
        self.triangles: dict[str, np.ndarray] = {}
        self._drawn: list[np.ndarray] = []
        self._uvs: list[np.ndarray] = []
        placements, offsets, skinning = [], [], [head.skinning]
        corners, triangles = split_by_uv(*self._visible_skin())
        self._add("skin", corners[:, 0], head.uvs[corners[:, 1]], triangles)
        count = len(head.template)
        for surface, kind, name in _part_list(person):
            part = head.part(kind, name)
            size = part_scale(head, vertices, part.scale)
            placements.append(part.placement)
            offset = part.offsets * size
            offsets.append(offset.astype(np.float32))
            weights = self._part_skinning(surface, part, part.placement @ vertices + offsets[-1])
            skinning.append(weights.astype(np.float32))
            self._add(surface, part.vertices + count, part.uvs, part.triangles)
            count += len(part.offsets)
        self.placement, self.offsets = sp.vstack(placements).tocsr(), np.concatenate(offsets)
        self.skinning, self.drawn = np.concatenate(skinning), np.concatenate(self._drawn)
        self.uvs = np.concatenate(self._uvs).astype(np.float32)

    def _add(self, surface: str, vertices: np.ndarray, uvs: np.ndarray, triangles: np.ndarray) -> None:
        first = sum(len(part) for part in self._drawn)
        self._drawn.append(vertices)
        self._uvs.append(uvs)
        self.triangles[surface] = (triangles + first).astype(np.int32)
        self.spans[surface] = (first, first + len(vertices))

    def _visible_skin(self) -> tuple[np.ndarray, np.ndarray]:
        """The skin without what the clothes cover."""
        hidden = self.head.part("clothes", self.person.clothes).hidden
        reduced = self.head.to_reduced[hidden] if len(hidden) else np.array([], int)
        covered = np.zeros(len(self.head.template), bool)
        covered[reduced[reduced >= 0]] = True
        shown = ~covered[self.head.triangles].any(1)
        return self.head.triangles[shown], self.head.uv_triangles[shown]

    def _part_skinning(self, surface: str, part: Part, vertices: np.ndarray) -> np.ndarray:
        with_head = np.array([0, 0, 0, 0, 1], np.float32)
        if surface in ("teeth", "tongue", "brow"):
            return np.tile(with_head, (len(vertices), 1))
        weights = np.clip(part.placement @ self.head.skinning, 0, None)
        weights /= np.maximum(weights.sum(1, keepdims=True), 1e-6)
        return weights

    def _set_view(self) -> None:
        posed = self.pose(np.zeros(len(self.head.actions), np.float32))
        eyes, mouth = posed.eye_centers.mean(0), self.mouth_center(posed)
        self.eye_to_mouth = eyes[1] - mouth[1]
        self.view_width = _view_width(posed.eye_centers, mouth)
        self.view_center = np.array([0, eyes[1] - 0.20 * self.eye_to_mouth, eyes[2]])
        self.camera_distance = self.view_width / 2 / np.tan(np.radians(FIELD_OF_VIEW / 2))
        self.rest_face_center = self._face_center(posed)

    def _face_center(self, posed: PosedBody) -> np.ndarray:
        return 0.5 * (posed.eye_centers.mean(0) + self.mouth_center(posed))


def _view_width(eyes: np.ndarray, mouth: np.ndarray) -> float:
    distance = float(np.linalg.norm(eyes[0] - eyes[1]))
    return 2 * max(2 * distance, 1.8 * float(eyes[:, 1].mean() - mouth[1])) * 1.16


def _part_list(person: Person) -> list[tuple[str, str, str]]:
    """(surface, kind of asset, name)."""
    return [
        ("brow", "eyebrows", person.brow),
        ("teeth", "teeth", "teeth_base"),
        ("tongue", "tongue", "tongue01"),
        ("cloth", "clothes", person.clothes),
    ]


def part_scale(head: Head, vertices: np.ndarray, scale: dict[str, tuple[int, int, float]]) -> np.ndarray:
    """(3,): how much larger than the mesh's author's model the person is, along each axis."""
    factors = []
    for axis, name in enumerate("xyz"):
        if name not in scale:
            factors.append(MODEL_SCALE)
            continue
        first, second, distance = scale[name]
        ends = vertices[head.to_reduced[[first, second]]]
        factors.append(abs(ends[0, axis] - ends[1, axis]) / distance)
    return np.array(factors, np.float32)


def _fit_sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Least-squares centre and radius."""
    system = np.c_[2 * points, np.ones(len(points))]
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    center = solution[:3]
    return center, np.sqrt(solution[3] + center @ center)
