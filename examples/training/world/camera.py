"""Cameras and rotations as 4×4 matrices (column vectors)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class HeadPose:
    """Head rotation in degrees: yaw > 0 towards image right, pitch > 0 up, roll > 0 clockwise in the image."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    def rotation(self) -> np.ndarray:
        return rotation(self.yaw, self.pitch, self.roll)


@dataclass(frozen=True)
class Framing:
    """zoom: width of the view against the default; lift: upward shift of the view in eye-mouth distances;
    follow: how far the camera follows the face as the head turns, 0 (the camera stands still) to 1."""

    zoom: float = 1.0
    lift: float = 0.0
    follow: float = 0.55


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """(3, 3) from degrees, signs as in HeadPose."""
    y, p, r = np.radians([yaw, -pitch, -roll])
    cos_y, sin_y, cos_p, sin_p, cos_r, sin_r = np.cos(y), np.sin(y), np.cos(p), np.sin(p), np.cos(r), np.sin(r)
    about_y = np.array([[cos_y, 0, sin_y], [0, 1, 0], [-sin_y, 0, cos_y]])
    about_x = np.array([[1, 0, 0], [0, cos_p, -sin_p], [0, sin_p, cos_p]])
    about_z = np.array([[cos_r, -sin_r, 0], [sin_r, cos_r, 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def perspective(center: np.ndarray, distance: float, width: float) -> np.ndarray:
    """Camera `distance` in front of `center`, where the view is `width` metres wide."""
    near, far = distance - 1.2 if distance > 1.4 else 0.2, distance + 1.5
    f = 2 * distance / width
    projection = np.array(
        [
            [f, 0, 0, 0],
            [0, f, 0, 0],
            [0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)],
            [0, 0, -1, 0],
        ]
    )
    view = np.eye(4)
    view[:3, 3] = -(center + np.array([0, 0, distance]))
    return projection @ view


def orthographic(direction: np.ndarray, center: np.ndarray, radius: float, depth: float) -> np.ndarray:
    """Parallel view along -`direction` of what lies within `radius` of `center`: for lights."""
    z = direction / np.linalg.norm(direction)
    up = np.array([0, 1.0, 0]) if abs(z[1]) < 0.95 else np.array([0, 0, 1.0])
    x = np.cross(up, z)
    x /= np.linalg.norm(x)
    y = np.cross(z, x)
    matrix = np.eye(4)
    matrix[0, :3], matrix[1, :3], matrix[2, :3] = x / radius, y / radius, -z / depth
    matrix[:3, 3] = -matrix[:3, :3] @ center
    return matrix


def project(points: np.ndarray, view_projection: np.ndarray, size: int) -> np.ndarray:
    """(n, 3) metres -> (n, 2) pixels, x right, y down, in a picture of size × size."""
    q = np.c_[points, np.ones(len(points))] @ view_projection.T
    return np.stack([(q[:, 0] / q[:, 3] * 0.5 + 0.5) * size, (0.5 - q[:, 1] / q[:, 3] * 0.5) * size], -1).astype(
        np.float32
    )
