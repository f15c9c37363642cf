"""Scalp hair of one head from a named look and four continuous shape parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .cuts import FAMILIES
from .cuts.short import fade_share
from .growth import Strands
from .look import Groom, Look
from .scalp import Scalp
from .surface import Surface


def make_scalp(eyes: np.ndarray, scale: float, look: Look, rng: np.random.Generator, hairline: float = 0.0) -> Scalp:
    """The hairline of one head. eyes (3,): middle between them, metres; scale: 1 for an average man's head."""
    phase = tuple(rng.uniform(0, 6.28, 3))
    corners = float(rng.uniform(0.003, 0.009) if look.family == "crop" else rng.uniform(0.0, 0.004))
    peak = float(rng.choice([0.0, rng.uniform(0, 0.004)]))
    scalp = Scalp(np.asarray(eyes, float), float(scale), corners=corners, peak=peak, phase=phase)
    return replace(scalp, **look.scalp).with_hairline(hairline)


def scalp_tint(scalp: Scalp, look: Look, points: np.ndarray) -> np.ndarray:
    """0..1: share of the hair's colour that skin takes at points (n, 3) of the resting pose."""
    if look.family == "none":
        return np.zeros(len(points))
    tint = scalp.tint(points)
    if look.fade:
        share = fade_share(scalp, look, points)
        tint = tint * (0.10 + 0.90 * share**0.7)
    return tint


def grow_hair(
    surface: Surface,
    scalp: Scalp,
    look: Look,
    shape: np.ndarray,
    chin_y: float,
    brow_y: float,
    rng: np.random.Generator,
) -> Strands | None:
    """Strands of a look. shape (4,) in -1..1: volume on top, volume at the sides, length, hairline (1: further back).

    chin_y and brow_y: heights in metres of the resting pose.
    """
    if look.family == "none":
        return None
    shape = np.clip(np.asarray(shape, float), -1, 1)
    groom = Groom(surface, scalp.with_hairline(shape[3]), look, shape, chin_y, brow_y, rng)
    points, tone = FAMILIES[look.family](groom)
    good = np.isfinite(points).all((1, 2))
    return Strands(points[good].astype(np.float32), look.width, look.tip, tone[good].astype(np.float32), look.loose)
