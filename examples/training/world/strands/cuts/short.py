"""Short cuts: hair that keeps a direction over the head, long on top and tapered at sides and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import growth
from ..look import Groom, Look
from ..scalp import Scalp
from ..surface import smoothstep, tangent, unit

FADE_ANGLES, FADE_HEIGHTS = (60, 80, 120, 180), (0.028, -0.005, -0.022, -0.048)


def fade_share(scalp: Scalp, look: Look, points: np.ndarray) -> np.ndarray:
    """0 where a faded side is skin, 1 where it is hair."""
    angle, height = scalp.angles(points)
    bottom = np.interp(angle, FADE_ANGLES, FADE_HEIGHTS)
    front = smoothstep((62 - angle) / 14)
    return np.maximum(1 - look.fade * (1 - smoothstep((height - bottom) / (0.012 + 0.05 * look.fade))), front)


def _flow(groom: Groom, points: np.ndarray, wander: np.ndarray) -> np.ndarray:
    """Direction (n, 3), not yet in the skin's plane, that hair at points is combed to; wander (n, 3): a lock's own."""
    scalp, look = groom.scalp, groom.look
    rel = (points - scalp.center) / scalp.scale
    top, front = scalp.topness(points)[:, None], scalp.frontness(points)[:, None]
    away = points - scalp.crown(0.016 * np.sign(look.part or 1))
    away = unit(away * [1, 0.35, 1])
    sides = unit(np.stack([0.10 * np.sign(rel[:, 0]), -np.ones(len(rel)), -0.42 * np.ones(len(rel))], 1))
    ones, x = np.ones(len(rel)), rel[:, 0]
    if look.way == "forward":
        combed = np.stack([0.22 * np.sign(look.part or 1) * ones + 1.5 * x, 0 * x, ones], 1)
    elif look.way == "back":
        combed = np.stack([x * 5, 0.1 * ones, -ones], 1)
    elif look.way == "side":
        hand = np.sign(look.part or 1)
        beyond = np.tanh((x - look.part) * hand / 0.0015)  # 1 on the small side of the parting
        rising = smoothstep((rel[:, 2] - 0.03) / 0.05)  # near the forehead hair goes back, then over
        back = np.where(beyond > 0, -0.45, -0.20 - look.quiff * rising)
        combed = np.stack([hand * beyond, np.where(beyond > 0, -0.4, 0.0), back], 1)
    elif look.way == "spikes":
        combed = np.stack([x * 2, 0.9 * ones, 0.7 * ones], 1)
    else:
        combed = away
    if look.way == "messy":
        combed = away * 0.55 + np.stack([0.35 * np.sign(look.part or 1) * ones, 0.15 * ones, 0.25 * ones], 1)
    use = top * front if look.way in ("side",) else top * (0.25 + 0.75 * front)
    if look.way == "back":
        use = np.maximum(use, 0.55 * smoothstep((rel[:, 1:2] - 0.0) / 0.05))
        sides = unit(sides * [1, 0.55, 1.9])
    direction = unit(combed) * use + away * top * (1 - use) + sides * (1 - top)
    return unit(direction + wander * (0.25 + 0.75 * top))


def _lengths(groom: Groom, roots: np.ndarray, top: np.ndarray) -> np.ndarray:
    """Metres (n,)."""
    look, scalp = groom.look, groom.scalp
    angle, _ = scalp.angles(roots)
    depth = scalp.depth(roots) / scalp.scale
    taper = np.where(angle > 62, 0.30 + 0.70 * smoothstep(depth / 0.045), 1.0)
    side = look.side * groom.wider**0.6 * taper
    length = side + (look.top * groom.longer - side) * top
    if look.fade:
        length *= 0.12 + 0.88 * fade_share(scalp, look, roots)
    return np.maximum(length, 0.0016) * groom.scale


def grow_short(groom: Groom) -> tuple[np.ndarray, np.ndarray]:
    """Strands (n, s, 3) and their brightness (n,)."""
    look, scalp, rng, surface = groom.look, groom.scalp, groom.rng, groom.surface
    roots, normals = groom.roots(1000, thin=False)
    locks = growth.make_locks(roots, look.lock * 1.6, rng)
    loose = {"messy": 0.65, "spikes": 0.35, "forward": 0.16, "crown": 0.2}.get(look.way, 0.08)
    wander = rng.normal(0, loose, (len(locks.centers), 3))[locks.owner] + rng.normal(0, 0.05, roots.shape)
    top, front = scalp.topness(roots), scalp.frontness(roots)
    length = _lengths(groom, roots, top) * rng.normal(1, 0.10, len(locks.centers))[locks.owner].clip(0.75, 1.3)
    lift = look.lift * (0.35 + 0.65 * top) * (1 + (groom.higher - 1) * top)
    edge = smoothstep(1 - scalp.depth(roots) / 0.02) * top * front
    if look.way == "back":
        lift = lift + 0.38 * edge * groom.higher
    if look.way == "side":
        heavy = (roots[:, 0] / scalp.scale - look.part) * np.sign(look.part) < 0
        lift = lift + np.where(heavy, (0.25 + 0.45 * look.quiff) * edge * groom.higher, 0)
        gap = np.abs(roots[:, 0] / scalp.scale - look.part) / 0.010
        lift *= 0.45 + 0.55 * smoothstep(gap)
    lift = np.clip(lift, 0, 0.95)[:, None]
    combed = tangent(_flow(groom, roots, wander), normals)
    first = unit(combed * (1 - lift) + normals * lift)

    def bend(points: np.ndarray, directions: np.ndarray, normals_here: np.ndarray, share: float) -> np.ndarray:
        goal = _flow(groom, points, wander)
        goal = tangent(goal, unit(normals_here + 1e-6)) - 0.10 * normals_here
        return (goal - directions) * look.gravity

    layer = (
        look.margin
        * (0.5 + 1.0 * top * groom.higher)
        * rng.normal(1, 0.35, len(locks.centers))[locks.owner].clip(0.4, 1.8)
    )
    layer = np.minimum(layer, length * 0.3)
    guides = growth.grow(surface, roots, first, length, look.steps, bend, 0.0, layer, look.cling)
    crowd = _crowded(groom) if look.way == "side" else None
    strand_roots, _ = groom.roots(look.strands, soft=0.006, crowd=crowd)
    if look.fade:
        share = fade_share(scalp, look, strand_roots)
        strand_roots = strand_roots[rng.uniform(size=len(share)) < smoothstep((share - 0.10) / 0.25)]
    if look.way == "side":
        strand_roots = _open_parting(groom, strand_roots)
    strands = growth.children(guides, roots, strand_roots, rng, 0.10)
    return _dress(groom, strands, strand_roots)


def _crowded(groom: Groom) -> Callable[[np.ndarray], np.ndarray]:
    """How many times denser roots are along the parting, where hair leaves to both sides."""

    def crowd(points: np.ndarray) -> np.ndarray:
        gap = points[:, 0] / groom.scale - groom.look.part
        return 1 + 1.4 * np.exp(-((gap / 0.012) ** 2)) * groom.scalp.topness(points)

    return crowd


def _open_parting(groom: Groom, roots: np.ndarray) -> np.ndarray:
    """Roots without those on the line of the parting."""
    gap = np.abs(roots[:, 0] / groom.scale - groom.look.part - 0.0006 * np.sin(roots[:, 2] * 300))
    on_line = (gap < 0.0013) & (groom.scalp.frontness(roots) > 0.9) & (groom.scalp.topness(roots) > 0.5)
    return roots[~on_line]


def _dress(groom: Groom, strands: np.ndarray, roots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Locks, frizz and a fine hairline."""
    look, rng, scalp = groom.look, groom.rng, groom.scalp
    coarse, fine = growth.make_locks(roots, look.lock, rng), growth.make_locks(roots, look.lock * 0.45, rng)
    top = scalp.topness(roots)
    if look.clump:
        dressed = growth.gather(strands, coarse, look.clump, rng, 0.1, look.lock * 1.5)
        dressed = growth.gather(dressed, fine, look.clump * 0.8, rng, 0.0, look.lock)
        share = (0.25 + 0.75 * top)[:, None, None]
        strands = strands + (dressed - strands) * share
    if look.curl[0]:
        strands = growth.wave(
            strands, coarse, scalp.center, rng, look.curl[0], look.curl[1], look.straight, 0.5, look.order
        )
    strands = growth.frizz(strands, look.frizz, rng)
    strands = growth.flyaways(strands, look.fly, 0.10 * look.top + 0.001, rng)
    depth = scalp.depth(roots) / scalp.scale
    finer = 0.40 + 0.60 * smoothstep(depth / 0.012)
    if look.way in ("forward", "side", "messy"):
        finer = np.maximum(finer, 0.8 * (top > 0.4))
    strands = roots[:, None] + (strands - roots[:, None]) * finer[:, None, None]
    strands = groom.surface.push_out(strands, 0.0007)
    return strands, growth.lock_tone([coarse, fine], rng)


__all__ = ["fade_share", "grow_short"]
