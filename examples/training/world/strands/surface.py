"""What roots grow on and strands collide with: points with normals, in metres, y up, z to the camera."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import cKDTree

CORNERS = np.array([[1 / 3, 1 / 3, 1 / 3], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) of length one."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def tangent(vectors: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Vectors (n, 3) laid into the planes of normals (n, 3), of length one."""
    return unit(vectors - normals * (vectors * normals).sum(-1, keepdims=True))


def smoothstep(value: np.ndarray | float) -> np.ndarray:
    """0 below 0, 1 above 1, smooth between."""
    value = np.clip(value, 0.0, 1.0)
    return value * value * (3.0 - 2.0 * value)


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area-weighted normals (n, 3) of vertices (n, 3), triangles (m, 3)."""
    corners = vertices[triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], cross)
    return unit(normals)


class Surface:
    """Skin (roots are drawn on it) and anything else that strands must stay out of."""

    def __init__(
        self, vertices: np.ndarray, triangles: np.ndarray, extra: tuple[np.ndarray, np.ndarray] | None = None
    ) -> None:
        """vertices (n, 3) and triangles (m, 3) of the skin; extra: points and normals (k, 3) of clothes."""
        self.vertices, self.triangles = np.asarray(vertices, float), triangles
        self.normals = vertex_normals(self.vertices, triangles)
        corners, normals = self.vertices[triangles], self.normals[triangles]
        blends = [CORNERS[0], np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.5, 0.5]), np.array([0.5, 0.0, 0.5])]
        used = np.unique(triangles)  # the mesh may bring vertices of no triangle, which have no normal
        points = [self.vertices[used], *(np.einsum("mkc,k->mc", corners, blend) for blend in blends)]
        directions = [self.normals[used], *(unit(np.einsum("mkc,k->mc", normals, blend)) for blend in blends)]
        if extra is not None:
            points.append(np.asarray(extra[0], float))
            directions.append(np.asarray(extra[1], float))
        self.points, self.directions = np.concatenate(points), np.concatenate(directions)
        self.tree = cKDTree(self.points)

    def distance(self, points: np.ndarray, reach: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
        """Signed distance (n,) and normals (n, 3) for points (n, 3); points beyond reach get reach and no normal."""
        found, index = self.tree.query(points, distance_upper_bound=reach)
        near = np.isfinite(found)
        index = np.where(near, index, 0)
        normals = self.directions[index] * near[:, None]
        signed = ((points - self.points[index]) * normals).sum(-1)
        return np.where(near, signed, reach), normals

    def push_out(self, strands: np.ndarray, margin: float, passes: int = 1) -> np.ndarray:
        """Strands (n, s, 3) with every point but the root at least margin outside."""
        count, steps, _ = strands.shape
        flat = strands.reshape(-1, 3).copy()
        for _ in range(passes):
            signed, normals = self.distance(flat, 0.02)
            inside = signed < margin
            inside.reshape(count, steps)[:, 0] = False
            flat[inside] += normals[inside] * (margin - signed[inside])[:, None]
        return flat.reshape(count, steps, 3)

    def _pick(self, rng: np.random.Generator, chance: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Faces (count,) and barycentric weights (count, 3) with face chance ∝ chance (m,)."""
        faces = rng.choice(len(self.triangles), count, p=chance / chance.sum())
        draw = rng.uniform(size=(count, 2))
        root = np.sqrt(draw[:, :1])
        return faces, np.concatenate([1 - root, root * (1 - draw[:, 1:]), root * draw[:, 1:]], 1)

    def _areas(self) -> np.ndarray:
        corners = self.vertices[self.triangles]
        return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)

    def _at(self, faces: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions and normals (n, 3)."""
        corners = self.triangles[faces]
        points = (self.vertices[corners] * weights[..., None]).sum(1)
        return points, unit((self.normals[corners] * weights[..., None]).sum(1))

    def sample(self, rng: np.random.Generator, weight: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """count positions and normals (count, 3), spread evenly where the weight (n,) of the vertices is not zero."""
        chance = self._areas() * (weight[self.triangles].max(1) > 0)
        return self._at(*self._pick(rng, chance, count))

    def sample_faces(
        self, rng: np.random.Generator, weight_of: Callable[[np.ndarray, np.ndarray], np.ndarray], count: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions, normals (n, 3) and weights (n,) with density ∝ weight_of(faces, barycentric) in 0..1."""
        every = np.arange(len(self.triangles))
        most = np.max([weight_of(every, np.tile(corner, (len(every), 1))) for corner in CORNERS], 0)
        faces, weights = self._pick(rng, self._areas() * (most > 0.01), count * 4)
        density = weight_of(faces, weights)
        keep = np.nonzero(rng.uniform(size=len(faces)) < density)[0][:count]
        points, normals = self._at(faces[keep], weights[keep])
        return points, normals, density[keep]
