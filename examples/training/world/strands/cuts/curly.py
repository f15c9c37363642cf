"""Curls, coils and ropes: afro, curly crops, ringlets, locs."""

from __future__ import annotations

import numpy as np

from .. import growth
from ..look import Groom
from ..surface import smoothstep, unit
from .long import across_face, fall


def grow_curly(groom: Groom) -> tuple[np.ndarray, np.ndarray]:
    """Strands (n, s, 3) and their brightness (n,) that stand away from the head in curls or coils."""
    look, scalp, rng = groom.look, groom.scalp, groom.rng
    roots, normals = groom.roots(900, thin=False)
    top, front = scalp.topness(roots), scalp.frontness(roots) * scalp.topness(roots)
    locks = growth.make_locks(roots, look.lock * 1.3, rng)
    own = rng.normal(size=(len(locks.centers), 3))[locks.owner]
    first = unit(normals + 0.30 * own * [1, 0.6, 1] + [0, 0.10, -0.05])
    first = unit(first + front[:, None] * [0, 0.45, -0.25])
    depth = scalp.depth(roots) / groom.scale
    size = 1 + (groom.higher - 1) * 0.7 * top + (groom.wider - 1) * 0.6 * (1 - top)
    length = look.length * np.minimum(groom.longer * size, 1.35) * np.clip(1 + 0.10 * own[:, 0], 0.7, 1.3)
    length *= (0.45 + 0.55 * smoothstep(depth / 0.035)) * groom.scale

    def bend(points: np.ndarray, directions: np.ndarray, normals_here: np.ndarray, share: float) -> np.ndarray:
        rel = (points - scalp.center) / groom.scale
        above = (points[:, 1] - scalp.eyes[1]) / groom.scale
        across = np.clip((0.075 - np.abs(rel[:, 0])) / 0.02, 0, 1)
        face = np.clip((rel[:, 2] - 0.05) / 0.03, 0, 1) * across * np.clip((0.064 - above) / 0.02, 0, 1)
        push = np.zeros_like(points)
        push[:, 0], push[:, 2] = np.sign(rel[:, 0] + 1e-6) * 40 * face, -30 * face
        return push / groom.scale

    guides = growth.grow(
        groom.surface, roots, first, length, 9, bend, look.gravity / groom.scale, look.margin * groom.scale
    )
    strand_roots, _ = groom.roots(look.strands)
    strands = growth.children(guides, roots, strand_roots, rng, 0.09)
    strands = growth.resample(strands, look.steps)
    coarse, fine = (
        growth.make_locks(strand_roots, look.lock, rng),
        growth.make_locks(strand_roots, look.lock * 0.5, rng),
    )
    strands = growth.gather(strands, coarse, look.clump, rng, 0.0, look.lock * 3)
    radius, turn = look.curl
    strands = growth.wave(strands, coarse, scalp.center, rng, radius, turn, look.straight, 1.0, 9.0)
    strands = growth.wave(strands, fine, scalp.center, rng, radius * 0.35, turn * 0.6, look.straight, 1.0, 9.0)
    strands = growth.frizz(strands, look.frizz, rng)
    strands = growth.flyaways(strands, look.fly, 0.006 + 0.02 * look.length, rng)
    edge = 0.5 + 0.5 * smoothstep(scalp.depth(strand_roots) / groom.scale / 0.010)
    strands = strand_roots[:, None] + (strands - strand_roots[:, None]) * edge[:, None, None]
    return groom.surface.push_out(strands, 0.0010, 2), growth.lock_tone([coarse, fine], rng)


def grow_ropes(groom: Groom) -> tuple[np.ndarray, np.ndarray]:
    """Ringlets and locs: a few hundred hanging ropes, each of many strands round one axis."""
    look, scalp, rng, scale = groom.look, groom.scalp, groom.rng, groom.scale
    roots, normals = groom.roots(2500, thin=False)
    order = _spread(roots, look.lock * scale, rng)
    roots, normals = roots[order], normals[order]
    axes = fall(groom, roots, normals, np.zeros(2, bool))
    if look.length < 0.10:  # a crop: shorter at its borders
        short = 0.42 + 0.58 * smoothstep(scalp.depth(roots) / scale / 0.040)
        axes = growth.shorten(axes, np.where(scalp.topness(roots) > 0.4, 1.0, short))
    axes = growth.resample(axes, look.steps)
    axes = axes + growth.noise_along(rng, len(axes), look.steps, 6) * look.frizz * 4
    axes = axes[~across_face(groom, axes)]
    count = len(axes)
    each = max(4, look.strands // count)
    owner = np.repeat(np.arange(count), each)
    locks = growth.Locks(owner, np.arange(count) * each)
    middle = axes[owner]
    arc = growth.arc_length(axes)
    radius, turn = look.curl
    out, side = growth.side_frames(axes, scalp.center)
    if look.family == "rope" and turn > 0:
        hand = np.where(rng.uniform(size=count) < 0.5, -1.0, 1.0)[:, None]
        phase = (
            2 * np.pi * arc / (turn * rng.uniform(0.85, 1.25, count)[:, None]) + rng.uniform(0, 6.28, count)[:, None]
        )
        swell = radius * rng.uniform(0.75, 1.2, count)[:, None] * smoothstep(arc / look.straight)
        helix = side * (np.cos(phase) * swell)[..., None] + out * (np.sin(phase) * swell * hand)[..., None]
        middle = middle + helix[owner]
    around = rng.uniform(0, 2 * np.pi, len(owner))[:, None] + (arc / 0.02)[owner] * rng.normal(1, 0.1, (len(owner), 1))
    thick = look.margin * rng.normal(1, 0.15, count).clip(0.6, 1.4)[owner] * np.sqrt(rng.uniform(0.05, 1, len(owner)))
    shape = np.interp(np.linspace(0, 1, look.steps), [0, 0.08, 0.85, 1], [1.6, 1.0, 0.9, 0.35])
    spread = thick[:, None] * shape[None]
    strands = (
        middle + side[owner] * (np.cos(around) * spread)[..., None] + out[owner] * (np.sin(around) * spread)[..., None]
    )
    strands = growth.frizz(strands, look.frizz, rng, 10)
    strands = growth.shorten(strands, np.clip(1 - np.abs(rng.normal(0, 0.05, len(strands))), 0.6, 1))
    strands = growth.flyaways(strands, look.fly, 0.012, rng)
    tone = growth.lock_tone([locks], rng)
    return groom.surface.push_out(strands, 0.0008, 1), tone


def _spread(points: np.ndarray, apart: float, rng: np.random.Generator) -> np.ndarray:
    """Indices of points at least about apart metres from each other."""
    left = rng.permutation(len(points))
    chosen: list[int] = []
    while len(left):
        first = left[0]
        chosen.append(int(first))
        left = left[np.linalg.norm(points[left] - points[first], axis=1) > apart]
    return np.array(chosen)


__all__ = ["grow_curly", "grow_ropes"]
