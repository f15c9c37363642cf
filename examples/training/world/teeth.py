"""MakeHuman's teeth, set where a speaking mouth shows them: the upper row lower, the lower row behind it."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

TOOTH_VERTICES = 63  # every tooth is a mesh of its own, the gums are one large one
UPPER_SHIFT, LOWER_SHIFT = np.array([0, -0.0022, -0.0004]), np.array([0, -0.0026, -0.0010])  # metres
TONGUE_SHIFT = np.array([0, -0.0030, -0.0015])
WIDENING = 0.16  # closes the gaps between neighbours
LOWER_MOVES = 0.004  # metres that the lower row moves at jawOpen 1, at least
ARCH_HALF_WIDTH = 0.022


def arrange_teeth(points: np.ndarray, faces: np.ndarray, jaw_open: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corrected points (vertices, 3) and attributes (vertices, 3): tooth 1 or gum 0, from incisal edge 0 to gum 1, and
    distance from the middle of the arch, 0..1.

    points: on the template, metres; jaw_open: (vertices, 3) displacement of the action.
    """
    arranged, attributes = points.copy(), np.zeros((len(points), 3), np.float32)
    lower = np.linalg.norm(jaw_open, axis=1) > LOWER_MOVES
    for tooth in _single_teeth(faces, len(points)):
        is_lower = lower[tooth].mean() > 0.5
        lower[tooth] = is_lower
        center = points[tooth].mean(0)
        along = np.array([center[2] - 0.085, 0, -center[0]])  # tangent of the dental arch
        along /= np.linalg.norm(along)
        arranged[tooth] += ((points[tooth] - center) @ along)[:, None] * along * WIDENING
        height = (points[tooth, 1] - points[tooth, 1].min()) / np.ptp(points[tooth, 1])
        attributes[tooth, 0] = 1
        attributes[tooth, 1] = 1 - height if is_lower else height
    attributes[:, 2] = np.clip(np.abs(points[:, 0]) / ARCH_HALF_WIDTH, 0, 1)
    return arranged + np.where(lower[:, None], LOWER_SHIFT, UPPER_SHIFT), attributes


def _single_teeth(faces: np.ndarray, count: int) -> list[np.ndarray]:
    """Vertices of each connected mesh of a tooth's size."""
    edges = (np.ones(faces.size), (faces.ravel(), np.roll(faces, 1, axis=1).ravel()))
    _, label = sp.csgraph.connected_components(sp.csr_matrix(edges, shape=(count, count)))
    groups = [np.nonzero(label == group)[0] for group in range(label.max() + 1)]
    return [group for group in groups if len(group) == TOOTH_VERTICES]
