"""Strands (n, s, 3) in metres: growing guides, children between guides, locks, waves, curls, frizz, cutting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .surface import Surface, smoothstep, unit

DOWN = np.array([0.0, -1.0, 0.0])
SCALP_AREA = 0.055
Bend = Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Strands:
    """Hair of one material."""

    points: np.ndarray  # (n, s, 3) float32, metres, resting pose, root first
    width: float  # metres at the root
    tip: float  # share of the width at the tip
    tone: np.ndarray  # (n,) 0..1, brightness of the lock each belongs to
    loose: bool  # long: the lower part stays on the shoulders when the head turns


@dataclass(frozen=True)
class Locks:
    """Neighbouring strands that hang together."""

    owner: np.ndarray  # (n,) lock of each strand
    centers: np.ndarray  # (m,) strand in the middle of each lock


def grow(
    surface: Surface,
    roots: np.ndarray,
    first: np.ndarray,
    length: np.ndarray,
    steps: int,
    bend: Bend | None = None,
    gravity: float | np.ndarray = 0.0,
    margin: float | np.ndarray = 0.003,
    cling: float | Callable[[np.ndarray], np.ndarray] = 0.0,
) -> np.ndarray:
    """Guides (n, steps, 3) that start along first (n, 3), bend by gravity and bend() (1/m), and slide over the surface.

    bend(points, directions, normals, share of the strand) gives (n, 3); margin: metres kept from the surface;
    cling (1/m²), a number or a function of points: pull back to the surface for each metre over the margin.
    """
    points = np.empty((len(roots), steps, 3))
    points[:, 0] = here = roots
    direction = unit(first)
    stride = (np.broadcast_to(length, len(roots)) / (steps - 1))[:, None]
    gravity, margin = (np.broadcast_to(value, len(roots))[:, None] for value in (gravity, margin))
    normals, signed = direction, np.zeros(len(roots))
    for step in range(1, steps):
        share = step / (steps - 1)
        pull = DOWN * gravity * (0.35 + 0.65 * min(1.0, step / 6))
        if bend is not None:
            pull = pull + bend(here, direction, normals, share)
        strength = cling(here)[:, None] if callable(cling) else cling
        room = margin * min(1.0, step / 3)
        pull = pull - normals * np.clip(signed[:, None] - room, 0, 0.02) * strength
        change = pull * stride
        change /= np.maximum(1.0, np.linalg.norm(change, axis=1, keepdims=True) / 0.9)
        direction = unit(direction + change)
        there = here + direction * stride
        signed, normals = surface.distance(there)
        there = there + normals * np.clip(room - signed[:, None], 0, None)
        direction = unit(there - here)
        here = here + direction * stride
        points[:, step] = here
    return points


def children(
    guides: np.ndarray,
    guide_roots: np.ndarray,
    roots: np.ndarray,
    rng: np.random.Generator,
    shorter: float = 0.1,
    near: int = 4,
) -> np.ndarray:
    """Strands (n, s, 3) from roots (n, 3) between guides (m, s, 3); guides that part ways are not mixed."""
    distance, index = cKDTree(guide_roots).query(roots, k=near)
    weight = 1.0 / (distance + 0.002) ** 2
    agree = np.ones_like(distance)
    for step in (max(1, guides.shape[1] // 5), guides.shape[1] // 2):
        way = unit(guides[:, step] - guides[:, 0])
        agree = np.minimum(agree, (way[index] * way[index[:, :1]]).sum(-1))
    weight *= smoothstep((agree - 0.55) / 0.35) + 1e-9
    weight /= weight.sum(1, keepdims=True)
    offsets = guides - guide_roots[:, None]
    strands = np.zeros((len(roots), guides.shape[1], 3))
    for column in range(near):
        strands += weight[:, column, None, None] * offsets[index[:, column]]
    strands += roots[:, None]
    return shorten(strands, np.clip(1 - np.abs(rng.normal(0, shorter, len(roots))), 0.35, 1)) if shorter else strands


def shorten(strands: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Strands with only the first share (n,) of their points' span, resampled to the same count."""
    count, steps, _ = strands.shape
    where = np.linspace(0, 1, steps)[None] * share[:, None] * (steps - 1)
    low = np.clip(where.astype(int), 0, steps - 2)
    blend = (where - low)[..., None]
    row = np.arange(count)[:, None]
    return strands[row, low] * (1 - blend) + strands[row, low + 1] * blend


def cut(strands: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Strands shortened where they first fall under height (n,) metres."""
    steps = strands.shape[1]
    below = strands[..., 1] < height[:, None]
    below[:, :2] = False
    found = below.any(1)
    first = np.where(found, below.argmax(1), steps - 1)
    row = np.arange(len(strands))
    upper, lower = strands[row, first - 1, 1], strands[row, first, 1]
    part = np.clip((upper - height) / np.maximum(upper - lower, 1e-6), 0, 1)
    return shorten(strands, np.where(found, first - 1 + part, steps - 1) / (steps - 1))


def resample(strands: np.ndarray, steps: int) -> np.ndarray:
    """Strands with steps points each on Catmull-Rom curves through the old ones."""
    last = strands.shape[1] - 1
    where = np.linspace(0, last - 1e-4, steps)
    low = where.astype(int)
    blend = (where - low)[None, :, None]
    before, start, end, after = (strands[:, np.clip(low + shift, 0, last)] for shift in (-1, 0, 1, 2))
    linear = (end - before) * blend
    square = (2 * before - 5 * start + 4 * end - after) * blend**2
    cubic = (3 * start - before - 3 * end + after) * blend**3
    return 0.5 * (2 * start + linear + square + cubic)


def noise_along(rng: np.random.Generator, count: int, steps: int, knots: int) -> np.ndarray:
    """Smooth random offsets (count, steps, 3) of unit size, zero at the root."""
    values = rng.normal(size=(count, knots, 3))
    values[:, 0] = 0
    where = np.linspace(0, knots - 1.001, steps)
    low = where.astype(int)
    blend = smoothstep(where - low)[None, :, None]
    return values[:, low] * (1 - blend) + values[:, low + 1] * blend


def arc_length(strands: np.ndarray) -> np.ndarray:
    """Metres from the root (n, s)."""
    segments = np.linalg.norm(np.diff(strands, axis=1), axis=2)
    return np.concatenate([np.zeros((len(strands), 1)), np.cumsum(segments, 1)], 1)


def make_locks(roots: np.ndarray, size: float, rng: np.random.Generator) -> Locks:
    """Locks of about size metres across at the scalp, with ragged borders."""
    count = int(np.clip(SCALP_AREA / size**2, 4, len(roots)))
    centers = rng.choice(len(roots), count, replace=False)
    jitter = rng.normal(0, size * 0.22, roots.shape)
    return Locks(cKDTree(roots[centers]).query(roots + jitter)[1], centers)


def gather(
    strands: np.ndarray, locks: Locks, amount: float, rng: np.random.Generator, start: float = 0.0, reach: float = 0.05
) -> np.ndarray:
    """Strands pulled towards the middle of their lock, more to the tip: locks with tapered ends and gaps between."""
    middle = strands[locks.centers][locks.owner]
    along = np.linspace(0, 1, strands.shape[1])[None, :, None]
    pull = amount * smoothstep((along - start) / (1 - start) * 1.25)
    pull = pull * np.clip(rng.normal(0.85, 0.2, (len(strands), 1, 1)), 0.2, 1)
    apart = np.linalg.norm(strands - middle, axis=2, keepdims=True)
    return strands + (middle - strands) * pull * np.exp(-((apart / reach) ** 2))


def side_frames(strands: np.ndarray, center: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two directions (n, s, 3) across each strand: away from the upright axis through center (3,), and along it."""
    along = unit(np.gradient(strands, axis=1))
    out = strands - center
    out[..., 1] *= 0.3
    out = unit(out - along * (out * along).sum(-1, keepdims=True))
    return out, np.cross(along, out)


def wave(
    strands: np.ndarray,
    locks: Locks,
    center: np.ndarray,
    rng: np.random.Generator,
    radius: float,
    length: float,
    begin: float,
    flat: float = 0.6,
    order: float = 0.7,
) -> np.ndarray:
    """Locks in waves or ringlets: radius and length of a turn in metres; begin: metres of straight root.

    flat: out of the head against sideways; order: spread of the phase (radians) between neighbouring locks.
    """
    middle = strands[locks.centers]
    out, side = side_frames(middle, center)
    arc = arc_length(middle)
    count = len(middle)
    hand = np.where(rng.uniform(size=count) < 0.5, -1.0, 1.0)[:, None]
    phase = rng.normal(0, order, count)[:, None] + rng.uniform(0, 2 * np.pi)
    turn = 2 * np.pi * arc / (length * rng.uniform(0.85, 1.2, count)[:, None]) + phase
    size = radius * rng.uniform(0.7, 1.2, count)[:, None] * smoothstep(arc / max(begin, 1e-4))
    offset = side * (np.cos(turn) * size)[..., None] + out * (np.sin(turn) * size * flat * hand)[..., None]
    return strands + offset[locks.owner]


def frizz(strands: np.ndarray, size: float, rng: np.random.Generator, knots: int = 7) -> np.ndarray:
    """Every strand a little on its own way: size in metres."""
    along = np.linspace(0, 1, strands.shape[1])[None, :, None]
    return strands + noise_along(rng, len(strands), strands.shape[1], knots) * size * np.clip(along * 3, 0, 1)


def flyaways(strands: np.ndarray, share: float, size: float, rng: np.random.Generator) -> np.ndarray:
    """A share of the strands leaves its lock by about size metres at the tip."""
    strands = strands.copy()
    chosen = np.nonzero(rng.uniform(size=len(strands)) < share)[0]
    along = np.linspace(0, 1, strands.shape[1])[None, :, None]
    strands[chosen] += noise_along(rng, len(chosen), strands.shape[1], 4) * size * along
    return strands


def lock_tone(locks: list[Locks], rng: np.random.Generator) -> np.ndarray:
    """Brightness (n,) 0..1: neighbours form locks of one brightness, which still shows at 256 pixels."""
    total = rng.normal(0, 0.4, len(locks[0].owner))
    for level in locks:
        total += rng.normal(0, 0.8, len(level.centers))[level.owner]
    return np.clip(0.5 + 0.26 * total, 0, 1).astype(np.float32)
