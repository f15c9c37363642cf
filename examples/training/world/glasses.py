"""Glasses, modelled here: two rims, a bridge and two temples, all tubes that sit still on the head."""

from __future__ import annotations

import numpy as np

RIM_POINTS, TUBE_POINTS = 40, 6
EYE_RELIEF = 0.0165  # metres from the eyeball's surface to the rim
# Half width, half height (in half eye distances), exponent of the outline, radius of the tube in metres.
FRAMES = {
    "round": (0.70, 0.66, 2.0, 0.0009),
    "oval": (0.78, 0.56, 2.3, 0.0010),
    "square": (0.80, 0.60, 4.0, 0.0016),
    "wide": (0.86, 0.58, 3.0, 0.0020),
}


Mesh = tuple[np.ndarray, np.ndarray]
"""Vertices (n, 3) and triangles (m, 3)."""


def glasses_mesh(frame: str, eye_centers: np.ndarray, eye_radius: float) -> tuple[Mesh, Mesh]:
    """Frame and lenses on the resting head, metres. eye_centers: (2, 3), left (x > 0) and right."""
    half_width, half_height, exponent, radius = FRAMES[frame]
    half = 0.5 * np.linalg.norm(eye_centers[0] - eye_centers[1])
    middle = eye_centers.mean(0)
    front = middle[2] + eye_radius + EYE_RELIEF
    tubes, lenses = [], []
    for sign in (1, -1):
        center = np.array([middle[0] + sign * half, middle[1] - 0.06 * half, front])
        rim = _outline(center, half * half_width, half * half_height, exponent)
        rim[:, 2] -= 0.10 * np.abs(rim[:, 0] - middle[0]) ** 2 / half  # frames wrap around the face a little
        lenses.append(_lens(rim))
        outer = rim[np.argmax(rim[:, 0] * sign)] + np.array([0, 0.25 * half * half_height, 0])
        hinge = outer + np.array([sign * 0.004, 0, -0.004])
        ear = np.array([middle[0] + sign * 0.076, outer[1] - 0.004, middle[2] - 0.075])
        tubes += [_tube(rim, radius, closed=True), _tube(np.array([outer, hinge, ear]), radius, closed=False)]
    inner = half * (1 - half_width)
    x = np.linspace(-inner, inner, 9)
    arch = 0.12 * half * (1 - (x / inner) ** 2)
    bridge = np.stack([middle[0] + x, middle[1] + 0.05 * half + arch, np.full(9, front) + 0.3 * arch], 1)
    tubes.append(_tube(bridge, radius, closed=False))
    return _join(tubes), _join(lenses)


def _join(meshes: list[Mesh]) -> Mesh:
    counts = np.cumsum([0] + [len(vertices) for vertices, _ in meshes])
    triangles = [faces + first for (_, faces), first in zip(meshes, counts, strict=False)]
    return np.concatenate([vertices for vertices, _ in meshes]), np.concatenate(triangles)


def _lens(rim: np.ndarray) -> Mesh:
    """A fan over the rim, a little domed."""
    count = len(rim)
    triangles = [(0, 1 + k, 1 + (k + 1) % count) for k in range(count)]
    return np.concatenate([rim.mean(0)[None] + [[0, 0, 0.0015]], rim]), np.array(triangles)


def _outline(center: np.ndarray, half_width: float, half_height: float, exponent: float) -> np.ndarray:
    """A superellipse facing the viewer, (RIM_POINTS, 3)."""
    angle = np.linspace(0, 2 * np.pi, RIM_POINTS, endpoint=False)
    cosine, sine = np.cos(angle), np.sin(angle)
    x = np.sign(cosine) * np.abs(cosine) ** (2 / exponent) * half_width
    y = np.sign(sine) * np.abs(sine) ** (2 / exponent) * half_height
    return center + np.stack([x, y, np.zeros(RIM_POINTS)], 1)


def _tube(path: np.ndarray, radius: float, closed: bool) -> tuple[np.ndarray, np.ndarray]:
    """A tube along a path (n, 3)."""
    along = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    reference = np.where(np.abs(along[:, 2:]) < 0.7, np.array([[0, 0, 1.0]]), np.array([[0, 1.0, 0]]))
    side = np.cross(along, reference)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(side, along)
    angle = np.linspace(0, 2 * np.pi, TUBE_POINTS, endpoint=False)
    ring = radius * (np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * up[:, None])
    vertices = (path[:, None] + ring).reshape(-1, 3)
    faces = []
    for k in range(len(path) if closed else len(path) - 1):
        following = (k + 1) % len(path)
        for j in range(TUBE_POINTS):
            a, b = k * TUBE_POINTS + j, k * TUBE_POINTS + (j + 1) % TUBE_POINTS
            c, d = following * TUBE_POINTS + j, following * TUBE_POINTS + (j + 1) % TUBE_POINTS
            faces += [(a, c, b), (b, c, d)]
    return vertices, np.array(faces)
