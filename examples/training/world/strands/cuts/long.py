"""Hair that falls: from a parting over the head, past or behind the ears, onto neck and shoulders."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .. import growth
from ..look import Groom
from ..surface import smoothstep, tangent, unit

FRINGE_ANGLE, FRINGE_DEPTH = 53.0, 0.040


def in_fringe(groom: Groom, points: np.ndarray) -> np.ndarray:
    """Which roots (n,) belong to the fringe."""
    if not groom.look.fringe:
        return np.zeros(len(points), bool)
    angle, _ = groom.scalp.angles(points)
    limit = FRINGE_ANGLE if groom.look.fringe == "full" else 34.0
    depth = FRINGE_DEPTH if groom.look.fringe == "full" else 0.026
    middle = 0.010 * np.cos(np.radians(angle) * 90 / limit)
    middle += 0.007 * np.sin(
        points @ np.array([4000.0, 3000.0, 5000.0])
    )  # no clean line behind it, which would show skin
    return (angle < limit) & (groom.scalp.depth(points) < (depth - 0.012 + middle) * groom.scale)


def parting(groom: Groom, points: np.ndarray) -> np.ndarray:
    """Signed distance (n,) to the parting for a head of scale 1; it drifts to the middle towards the crown."""
    rel = (points - groom.scalp.center) / groom.scale
    bow = groom.look.part * (0.55 + 0.45 * smoothstep((rel[:, 2] + 0.06) / 0.14))
    return rel[:, 0] - bow - 0.0012 * np.sin(rel[:, 2] * 90 + groom.scalp.phase[0])


def crowded(groom: Groom) -> Callable[[np.ndarray], np.ndarray]:
    """How many times denser roots are where only they hide the skin: along the parting and at the hairline."""

    def crowd(points: np.ndarray) -> np.ndarray:
        near = np.exp(-((parting(groom, points) / 0.011) ** 2)) * groom.scalp.frontness(points)
        edge = np.exp(-(((groom.scalp.depth(points) / groom.scale - 0.020) / 0.014) ** 2))
        behind = 0.0
        if groom.look.fringe:  # where the fringe goes forwards and the rest to the sides
            angle, _ = groom.scalp.angles(points)
            line = (groom.scalp.depth(points) / groom.scale - FRINGE_DEPTH + 0.004) / 0.010
            behind = np.exp(-(line**2)) * (angle < 62)
        return 1 + 1.6 * np.maximum(np.maximum(near * (groom.scalp.topness(points) > 0.3), 0.6 * edge), behind)

    return crowd


def _tucked(groom: Groom) -> np.ndarray:
    """Whether hair is behind the right (x < 0) and left (x > 0) ear (2,)."""
    return groom.rng.uniform(size=2) < np.array(groom.look.tuck)


def grow_long(groom: Groom) -> tuple[np.ndarray, np.ndarray]:
    """Strands (n, s, 3) and their brightness (n,)."""
    look, scalp, rng = groom.look, groom.scalp, groom.rng
    roots, normals = groom.roots(1200, thin=False)
    tuck = _tucked(groom)
    guides = fall(groom, roots, normals, tuck)
    fringe = in_fringe(groom, roots)
    if fringe.any():
        guides[fringe] = _fringe_guides(groom, roots[fringe], normals[fringe])
    strand_roots, _ = groom.roots(look.strands, crowd=crowded(groom))
    on_line = (np.abs(parting(groom, strand_roots)) < 0.0012) & (scalp.frontness(strand_roots) > 0.4)
    strand_roots = strand_roots[~on_line]
    of_fringe = in_fringe(groom, strand_roots)
    strands = np.empty((len(strand_roots), look.steps, 3))
    for part in (False, True):
        here, there = of_fringe == part, fringe == part
        if here.any():
            there = there if there.sum() > 5 else np.ones(len(there), bool)
            strands[here] = growth.children(guides[there], roots[there], strand_roots[here], rng, 0.05)
    return finish_long(groom, strands, strand_roots, of_fringe, tuck)


def fall(groom: Groom, roots: np.ndarray, normals: np.ndarray, tuck: np.ndarray) -> np.ndarray:
    """Guides (n, s, 3) that leave the parting sideways and then hang."""
    look, scalp, rng = groom.look, groom.scalp, groom.rng
    scale, center, count = groom.scale, scalp.center, len(roots)
    locks = growth.make_locks(roots, look.lock * 1.7, rng)
    own = rng.normal(size=(len(locks.centers), 4))[locks.owner]
    front = scalp.frontness(roots)[:, None]
    gap = parting(groom, roots) + rng.normal(0, 0.0010, count)
    hand = np.tanh(gap / 0.003)
    away = unit(roots - scalp.crown(look.part * 0.4) + [0, 0.015 * scale, 0])
    sideways = np.stack([hand, np.full(count, -0.12), -0.38 + 0.16 * own[:, 0]], 1)
    if look.length < 0.10:  # too short for a parting: to the front and the sides
        sideways = np.stack([0.5 * own[:, 0] + roots[:, 0] / scale * 6, 0.3 + 0 * gap, 0.8 + 0.4 * own[:, 1]], 1)
    near = np.exp(-((gap / 0.016) ** 2)) * front[:, 0]
    lift = look.lift * groom.higher**0.7 * (1 - 0.6 * near) * np.clip(1 + 0.30 * own[:, 1], 0.3, 1.8)
    first = unit(tangent(sideways * front + away * (1 - front), normals) + normals * lift[:, None])
    angle, _ = scalp.angles(roots)
    shorter = look.layers * (smoothstep((100 - angle) / 70) * 0.8 + 0.25 * scalp.topness(roots))
    length = (
        look.length
        * groom.longer
        * (1 - shorter)
        * np.clip(1 + 0.06 * own[:, 2] + rng.normal(0, 0.03, count), 0.7, 1.3)
    )
    height = np.clip(look.margin * (0.75 + 0.45 * own[:, 3].clip(-1.2, 1.8)), 0.0015, None) * groom.wider**0.6
    height *= 1 + (groom.higher - 1) * 0.6 * scalp.topness(roots)
    side = np.where(np.abs(roots[:, 0]) > 0.012 * scale, np.sign(roots[:, 0]), np.where(hand > 0, 1.0, -1.0))
    goes_behind = tuck[(side > 0).astype(int)] & (angle < 118)
    limit = 0.083 + 0.007 * groom.wider + 0.004 * own[:, 2].clip(-1, 1.5)
    framing = np.clip(0.9 + 0.35 * own[:, 0], 0.35, 1.4)

    def cling(points: np.ndarray) -> np.ndarray:
        return look.cling * smoothstep(((points[:, 1] - scalp.eyes[1]) / scale - 0.01) / 0.05)

    def bend(points: np.ndarray, directions: np.ndarray, normals_here: np.ndarray, share: float) -> np.ndarray:
        rel = (points - center) / scale
        above = (points[:, 1] - scalp.eyes[1]) / scale
        push = np.zeros_like(points)
        across = np.clip((0.082 - np.abs(rel[:, 0])) / 0.02, 0, 1)
        face = np.clip((rel[:, 2] - 0.022) / 0.03, 0, 1) * across * np.clip((0.074 - above) / 0.03, 0, 1) * framing
        push[:, 0] += side * 26 * face
        push[:, 2] -= 26 * face
        low = (above > -0.19) & (above < 0.06)
        wide = np.clip((np.abs(rel[:, 0]) - limit) / 0.012, 0, 1) * low
        push[:, 0] -= side * 34 * wide
        under = np.clip((-0.055 - above) / 0.05, 0, 1) * (above > -0.2)  # towards the neck below the jaw
        push[:, 0] -= side * 7 * under * np.clip((np.abs(rel[:, 0]) - 0.060) / 0.02, 0, 1)
        if look.blunt is not None:
            curl_in = np.clip((groom.chin_y + look.blunt * scale + 0.045 - points[:, 1]) / 0.03, 0, 1)
            push[:, 0] -= side * 16 * curl_in
        behind = goes_behind & (rel[:, 2] > -0.040) & (above < 0.062) & (above > -0.05)
        goal = tangent(np.array([0.0, -0.22, -1.0]) + 0 * points, unit(normals_here + 1e-6))
        push[behind] += ((goal - directions) * 75)[behind]
        return push / scale

    return growth.grow(
        groom.surface, roots, first, length * scale, look.steps, bend, look.gravity / scale, height * scale, cling
    )


def _fringe_guides(groom: Groom, roots: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Hair combed onto the forehead: straight down, or to both sides like a curtain."""
    look, rng, scale, count = groom.look, groom.rng, groom.scale, len(roots)
    locks = growth.make_locks(roots, 0.009, rng)
    own = rng.normal(size=(len(locks.centers), 3))[locks.owner]
    x = (roots[:, 0] - groom.scalp.center[0]) / scale
    if look.fringe == "full":
        goal = np.stack([x * 3 + 0.12 * own[:, 0], np.full(count, -0.45), np.ones(count)], 1)
        side_pull, lift, length = x * 25 + 1.5 * own[:, 1], 0.42, np.full(count, 0.140)
    else:
        hand = np.where(parting(groom, roots) > 0, 1.0, -1.0)
        goal = np.stack([hand * 0.75 + 0.12 * own[:, 0], np.full(count, -0.1), np.full(count, 0.75)], 1)
        side_pull, lift, length = hand * (17 + 4 * own[:, 1]), 0.50, 0.125 + 0.012 * own[:, 2]
    first = unit(
        tangent(goal, normals) + normals * (lift * groom.higher * np.clip(1 + 0.25 * own[:, 1], 0.4, 1.6))[:, None]
    )

    def bend(points: np.ndarray, directions: np.ndarray, normals_here: np.ndarray, share: float) -> np.ndarray:
        push = np.zeros_like(points)
        push[:, 2] = -10.0
        local = (points - groom.scalp.center) / scale
        wide = np.clip((np.abs(local[:, 0]) - 0.070) / 0.012, 0, 1)
        push[:, 2] -= 25 * wide
        push[:, 0] = side_pull * (1 if look.fringe == "full" else 1 - 0.9 * share) * (1 - wide)
        push[:, 0] -= np.sign(local[:, 0]) * 40 * wide
        return push / scale

    height = (0.0045 + 0.0025 * own[:, 2].clip(-1, 2)) * scale
    return growth.grow(groom.surface, roots, first, length * scale, look.steps, bend, 30 / scale, height)


def _cut_heights(groom: Groom, roots: np.ndarray, fringe: np.ndarray, locks: growth.Locks) -> np.ndarray:
    """Height (n,) under which each strand is cut."""
    look, rng, scale = groom.look, groom.rng, groom.scale
    each = rng.normal(0, 1, len(roots))
    lock = rng.normal(0, 1, len(locks.centers))[locks.owner]
    height = np.full(len(roots), -9.0)
    if look.blunt is not None:
        bottom = groom.chin_y + (look.blunt - 0.045 * groom.shape[2]) * scale
        height[~fringe] = (bottom + (0.0035 * each + 0.004 * lock) * scale)[~fringe]
        angle, _ = groom.scalp.angles(roots)
        height += np.where(fringe, 0, 0.012 * scale * smoothstep((angle - 90) / 60))
    if look.fringe == "full":
        outer = np.clip(np.abs(roots[:, 0]) / scale - 0.014, 0, 0.06)
        ends = 0.010 - 0.005 * groom.shape[2] - 0.35 * outer - 22.0 * outer**2 + 0.0030 * each + 0.0050 * lock
        arc = groom.brow_y + ends * scale
        height[fringe] = arc[fringe]
    return height


def finish_long(
    groom: Groom, strands: np.ndarray, roots: np.ndarray, fringe: np.ndarray, tuck: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Locks, waves, ends, and nothing across the face."""
    look, rng, scalp = groom.look, groom.rng, groom.scalp
    coarse, fine = growth.make_locks(roots, look.lock, rng), growth.make_locks(roots, look.lock * 0.45, rng)
    strands = growth.gather(strands, coarse, look.clump, rng, 0.08, 0.045)
    strands = growth.gather(strands, fine, look.clump * 0.75, rng, 0.0, 0.02)
    if look.curl[0]:
        center = scalp.center
        waved = growth.wave(strands, coarse, center, rng, look.curl[0], look.curl[1], look.straight, 0.6, look.order)
        below = smoothstep((scalp.eyes[1] + 0.088 * groom.scale - strands[..., 1:2]) / (0.075 * groom.scale))
        strands = strands + (waved - strands) * below * np.where(fringe, 0.3, 1.0)[:, None, None]
    strands = growth.frizz(strands, look.frizz, rng)
    strands = growth.flyaways(strands, look.fly, 0.012 + 0.02 * look.length, rng)
    strands = growth.cut(strands, _cut_heights(groom, roots, fringe, coarse))
    tone = growth.lock_tone([coarse, fine], rng)
    keep = fringe | ~(across_face(groom, strands) | _before_ear(groom, strands, tuck))
    if keep.mean() > 0.4:
        strands, tone = strands[keep], tone[keep]
    return groom.surface.push_out(strands, 0.0010, 2), tone


def _before_ear(groom: Groom, strands: np.ndarray, tuck: np.ndarray) -> np.ndarray:
    """Which strands (n,) lie on the temple or cheek of a side whose hair is behind the ear."""
    local = groom.scalp.local(strands)
    angle, height = groom.scalp.angles(strands)
    bare = (local[..., 2] > -0.050) & (height < groom.scalp.line(angle, strands) - 0.014) & (height > -0.08)
    bare &= tuck[(local[..., 0] > 0).astype(int)]
    return bare.sum(1) > 0


def across_face(groom: Groom, strands: np.ndarray, slack: float = 0.009) -> np.ndarray:
    """Which strands (n,) cross the face more than slack under the hairline, where they would read as scratches."""
    scalp = groom.scalp
    flat = strands.reshape(-1, 3)
    angle, height = scalp.angles(flat)
    local = scalp.local(flat)
    face = (np.abs(local[:, 0]) < 0.058) & (local[:, 2] > -0.030) & (height < scalp.line(angle, flat) - slack)
    face &= flat[:, 1] > groom.chin_y - 0.02
    return face.reshape(strands.shape[:2]).sum(1) > 1
