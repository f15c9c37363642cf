"""A small z-buffered rasteriser for the geometry maps: triangles -> per-pixel triangle and interpolated attributes."""

from __future__ import annotations

import numpy as np

from imagineid_sdk.compiled import compiled

EMPTY = -1


@compiled
def rasterize(screen: np.ndarray, triangles: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Nearest triangle of every pixel.

    Args:
        screen: ``(vertices, 3)`` float32: x and y in [0, 1] (y down), depth.
        triangles: ``(triangles, 3)`` int32, counter-clockwise seen from outside; others are culled.
        size: height and width of the result.

    Returns:
        triangle index ``(size, size)`` int32, ``EMPTY`` where there is none, and the perspective-correct weights
        of its first two corners ``(size, size, 2)`` float32.
    """
    index = np.full((size, size), EMPTY, np.int32)
    weights = np.zeros((size, size, 2), np.float32)
    depth = np.full((size, size), np.float32(1e9), np.float32)
    for triangle in range(len(triangles)):
        a, b, c = triangles[triangle]
        ax, ay, bx, by = screen[a, 0] * size, screen[a, 1] * size, screen[b, 0] * size, screen[b, 1] * size
        cx, cy = screen[c, 0] * size, screen[c, 1] * size
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area >= -1e-9:  # y points down, so what faces the camera has a negative area
            continue
        left, right = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0), min(int(max(ax, bx, cx) - 0.5), size - 1)
        top, bottom = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0), min(int(max(ay, by, cy) - 0.5), size - 1)
        over_a, over_b, over_c = 1 / screen[a, 2], 1 / screen[b, 2], 1 / screen[c, 2]
        for row in range(top, bottom + 1):
            y = row + np.float32(0.5)
            for column in range(left, right + 1):
                x = column + np.float32(0.5)
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
                w = 1 - u - v
                if u < 0 or v < 0 or w < 0:
                    continue
                over = u * over_a + v * over_b + w * over_c
                if 1 / over < depth[row, column]:
                    depth[row, column] = 1 / over
                    index[row, column] = triangle
                    weights[row, column, 0] = u * over_a / over
                    weights[row, column, 1] = v * over_b / over
    return index, weights


@compiled
def interpolate(index: np.ndarray, weights: np.ndarray, triangles: np.ndarray, attributes: np.ndarray) -> np.ndarray:
    """Attributes ``(vertices, channels)`` at every pixel: ``(channels, size, size)`` float32, 0 where empty."""
    size, channels = len(index), attributes.shape[1]
    out = np.zeros((channels, size, size), np.float32)
    for row in range(size):
        for column in range(size):
            triangle = index[row, column]
            if triangle < 0:
                continue
            a, b, c = triangles[triangle]
            u, v = weights[row, column]
            for channel in range(channels):
                out[channel, row, column] = (
                    u * attributes[a, channel] + v * attributes[b, channel] + (1 - u - v) * attributes[c, channel]
                )
    return out


@compiled
def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals ``(vertices, 3)`` float32."""
    normals = np.zeros(vertices.shape, np.float32)
    for triangle in range(len(triangles)):
        a, b, c = triangles[triangle]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in (a, b, c):
            normals[corner, 0] += nx
            normals[corner, 1] += ny
            normals[corner, 2] += nz
    for vertex in range(len(normals)):
        x, y, z = normals[vertex]
        length = np.sqrt(x * x + y * y + z * z) + np.float32(1e-12)
        normals[vertex, 0], normals[vertex, 1], normals[vertex, 2] = x / length, y / length, z / length
    return normals


def load() -> None:
    """Draw a triangle: numba takes a second to get ready, and that should not be when the first frame is due."""
    corners = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 1]], np.float32)
    triangles = np.array([[0, 1, 2]], np.int32)
    index, weights = rasterize(corners, triangles, 4)
    interpolate(index, weights, triangles, corners)
    vertex_normals(corners, triangles)
