"""Ambient occlusion, baked once per person: how much of the sky each vertex sees."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

from .body import Body, PosedBody
from .camera import orthographic

DIRECTIONS = 40
RADIUS = 0.26  # metres: half the width of the region that may cast shade
LIFT = 0.0015  # metres off the surface, so that it doesn't shade itself


def bake_occlusion(body: Body, posed: PosedBody, depth_map: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """(drawn vertices,) 0.03 .. 1. depth_map: a parallel view (4, 4) -> (size, size) depths 0..1 of what it sees."""
    points = posed.vertices[body.drawn]
    normals = _shading_normals(body, posed, points)
    lifted = points + normals * LIFT
    center = posed.eye_centers.mean(0) + np.array([0, -0.05, -0.06])
    seen, total = np.zeros(len(points)), np.zeros(len(points))
    for direction in _sphere(DIRECTIONS):
        weight = np.clip(normals @ direction + 0.15, 0, None)
        view = orthographic(direction, center, RADIUS, 0.5)
        seen += weight * _visibility(lifted @ view[:3, :3].T + view[:3, 3], depth_map(view))
        total += weight
    occlusion = np.clip(seen / np.maximum(total, 1e-6) * 1.12, 0.03, 1)
    skin = slice(*body.spans["skin"])
    occlusion[skin] = _smooth(occlusion[skin], body.drawn[skin], body.head.triangles, len(body.head.template))
    return occlusion


def _shading_normals(body: Body, posed: PosedBody, points: np.ndarray) -> np.ndarray:
    """Hair counts as the round head below it, eyes as their spheres."""
    normals = body.normals(posed.vertices)[body.drawn]
    centers = {"eye": np.repeat(posed.eye_centers, len(body.eye_directions), 0)}
    if "hair" in body.spans:
        centers["hair"] = body.hair_center
    for surface, center in centers.items():
        span = slice(*body.spans[surface])
        outward = points[span] - center
        normals[span] = outward / np.linalg.norm(outward, axis=1, keepdims=True)
    return normals


def _sphere(count: int) -> np.ndarray:
    """Evenly spread unit vectors (Fibonacci lattice)."""
    k = np.arange(count) + 0.5
    polar, around = np.arccos(1 - 2 * k / count), np.pi * (1 + 5**0.5) * k
    return np.stack([np.cos(around) * np.sin(polar), np.cos(polar), np.sin(around) * np.sin(polar)], -1)


def _visibility(points: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """(n,) 0..1 for points in clip space; outside of the map 0.8."""
    size = len(depths)
    column, row = (np.clip(((points[:, axis] * 0.5 + 0.5) * size).astype(int), 0, size - 1) for axis in (0, 1))
    behind = (points[:, 2] * 0.5 + 0.5) - depths[row, column] - 0.006
    inside = (np.abs(points[:, :2]) < 0.98).all(1)
    return np.where(inside, np.clip(1 - behind * 160, 0, 1), 0.8)


def _smooth(values: np.ndarray, vertices: np.ndarray, triangles: np.ndarray, count: int) -> np.ndarray:
    """Mean over copies of a vertex, then half of the neighbours' mean."""
    total, copies = np.zeros(count), np.zeros(count)
    np.add.at(total, vertices, values)
    np.add.at(copies, vertices, 1)
    mean = total / np.maximum(copies, 1)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    both_ways = (np.r_[edges[:, 0], edges[:, 1]], np.r_[edges[:, 1], edges[:, 0]])
    neighbours = sp.csr_matrix((np.ones(len(edges) * 2), both_ways), shape=(count, count))
    neighbours.data[:] = 1
    degree = np.maximum(np.asarray(neighbours.sum(1)).ravel(), 1)
    return (0.5 * mean + 0.5 * (neighbours @ mean) / degree)[vertices]
