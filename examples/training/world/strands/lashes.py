"""Lashes along the edge of a lid."""

from __future__ import annotations

import numpy as np

from . import growth
from .growth import Strands
from .surface import smoothstep


def grow_lashes(
    lid_edge: np.ndarray, *, upper: bool, female: bool, rng: np.random.Generator, scale: float = 1.0
) -> Strands:
    """Lashes of one lid. lid_edge (n, 3): polyline from corner to corner in the resting pose, metres, face to +z.

    The result follows a blink when bound to the skin under its roots.
    """
    count = int((96 if upper else 50) * (1.1 if female else 0.9))
    share = np.sort(rng.uniform(0.05, 0.97, count))
    roots = _along(np.asarray(lid_edge, float), share)
    outer = share if abs(lid_edge[-1, 0]) > abs(lid_edge[0, 0]) else 1 - share  # 0 at the nose, 1 at the temple
    side = np.sign(np.asarray(lid_edge)[:, 0].mean())
    middle = np.interp(outer, [0, 0.15, 0.55, 0.85, 1], [0.45, 0.70, 1.0, 1.05, 0.75])
    longest = (0.0072 if female else 0.0054) if upper else (0.0034 if female else 0.0027)
    length = longest * scale * middle * rng.uniform(0.70, 1.10, count)
    fan = side * np.interp(outer, [0, 0.3, 0.6, 1], [-0.45, -0.12, 0.25, 0.95])
    groups = np.floor(share * count / 3.2).astype(int)
    fan = fan + rng.normal(0, 0.16, groups.max() + 1)[groups] + rng.normal(0, 0.07, count)
    steps = np.linspace(0, 1, 7)[None, :, None]
    if upper:
        start = np.stack([fan * 0.55, np.full(count, -0.05), np.ones(count)], 1)
        turn = np.stack([fan * 0.35, np.full(count, 0.62), np.full(count, -0.22)], 1)
    else:
        start = np.stack([fan * 0.55, np.full(count, -0.55), np.full(count, 0.80)], 1)
        turn = np.stack([fan * 0.35, np.full(count, -0.20), np.full(count, -0.05)], 1)
    start /= np.linalg.norm(start, axis=1, keepdims=True)
    points = roots[:, None] + (start[:, None] * steps + turn[:, None] * steps**2 * 0.75) * length[:, None, None]
    points = points + growth.noise_along(rng, count, 7, 3) * 0.00025
    points[..., 2] += 0.0004 * smoothstep(steps[..., 0] * 4)
    width = (0.00012 if female else 0.00010) if upper else 0.00008
    tone = np.clip(rng.normal(0.5, 0.15, count), 0, 1).astype(np.float32)
    return Strands(points.astype(np.float32), width, 0.2, tone, False)


def _along(edge: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Points (n, 3) at shares 0..1 of a smooth curve through a polyline."""
    fine = growth.resample(edge[None], 64)[0]
    length = growth.arc_length(fine[None])[0]
    return np.stack([np.interp(share * length[-1], length, fine[:, axis]) for axis in range(3)], 1)
