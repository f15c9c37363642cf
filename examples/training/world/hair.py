"""How one cut of hair differs from head to head: higher, wider, longer, further back.

Four figures of -1..1, in this order (``Identity.hair_shape``).
"""

from __future__ import annotations

import numpy as np

HIGHER, WIDER = 0.18, 0.12
"""What the part above the eyes gains in height, and all of it in width, at 1; at -1 nothing, or it would go into the
skull."""
TALLEST, WIDEST = 0.41, 0.44
"""Shares of the view, from the middle of the skull, beyond which hair is not made higher or wider: it would leave the
picture."""
SHORTER, LONGER = 0.55, 1.25
"""What is left of the length below the ears at -1 and at 1."""
FORWARD, BACK = 5.0, 8.0
"""Degrees by which the hair of the skull turns into the forehead (at -1) and back (at 1)."""
SKULL, EARS = 0.10, -0.03
"""Metres above the middle of the skull: where the turn is whole, fading out to as much below; where length begins."""


def random_hair_shape(seed: int) -> np.ndarray:
    """Own random numbers: the rest of the person stays as it is."""
    return np.random.default_rng([seed, 2]).uniform(-1, 1, 4).astype(np.float32)


def shape_hair(points: np.ndarray, center: np.ndarray, view_width: float, shape: np.ndarray) -> np.ndarray:
    """Resting hair (n, 3), the middle of the skull and the width of the view, metres -> the same hair, shaped."""
    height, width, length, hairline = shape
    x, y, z = (points - center).T
    y, z = turn_back(y, z, hairline)
    higher = (height + 1) / 2 * np.clip(TALLEST * view_width / y.max() - 1, 0, HIGHER)
    wider = (width + 1) / 2 * np.clip(WIDEST * view_width / np.abs(x).max() - 1, 0, WIDER)
    y = np.where(y > 0, y * (1 + higher), y)
    y = np.where(y < EARS, EARS + (y - EARS) * np.interp(length, (-1, 0, 1), (SHORTER, 1, LONGER)), y)
    return center + np.stack([x * (1 + wider), y, z * (1 + wider / 2)], -1)


def turn_back(height: np.ndarray, depth: np.ndarray, hairline: float) -> tuple[np.ndarray, np.ndarray]:
    """Heights and depths around the middle of the skull after the turn about the axis through the ears."""
    angle = np.radians(np.interp(hairline, (-1, 0, 1), (-FORWARD, 0, BACK)))
    angle = angle * np.clip((height + SKULL) / (2 * SKULL), 0, 1)
    return height * np.cos(angle) + depth * np.sin(angle), depth * np.cos(angle) - height * np.sin(angle)
