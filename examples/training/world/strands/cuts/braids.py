"""Braids: two plaits or one, and cornrows."""

from __future__ import annotations

import numpy as np

from .. import growth
from ..look import Groom
from ..surface import unit
from .long import across_face, crowded
from .up import combed, from_parting, tie_point

AXES = np.eye(3)
PERIOD = 0.056  # metres of plait for one full turn of a bundle


def plait(axis: np.ndarray, across: np.ndarray, over: np.ndarray, bundle: np.ndarray, spread: np.ndarray,
          width: float, period: float, begin: float = 0.0) -> np.ndarray:  # fmt: skip
    """Strands (n, s, 3) of a three-bundle plait.

    axis, across, over (s, 3): the middle and two directions across it; bundle (n,) 0..2; spread (n, 2): place in the
    bundle's cross-section, metres; width: half width in metres; begin: phase.
    """
    arc = growth.arc_length(axis[None])[0]
    taper = np.interp(np.linspace(0, 1, len(axis)), [0, 0.08, 0.8, 1], [0.45, 1, 0.8, 0.35])
    phase = 2 * np.pi * (arc / period + bundle[:, None] / 3) + begin
    aside = np.sin(phase) * width * taper
    height = np.sin(2 * phase) * width * 0.48 * taper
    aside = aside + spread[:, :1] * taper
    height = height + spread[:, 1:] * taper
    return axis[None] + aside[..., None] * across[None] + height[..., None] * over[None]


def _spread(count: int, size: float, rng: np.random.Generator) -> np.ndarray:
    turn, radius = rng.uniform(0, 2 * np.pi, count), size * np.sqrt(rng.uniform(0.15, 1, count))
    return np.stack([np.cos(turn) * radius, np.sin(turn) * radius], 1)


def _hang(groom: Groom, tie: np.ndarray, outward: np.ndarray, length: float, steps: int, forward: float,
          around: bool) -> np.ndarray:  # fmt: skip
    """The axis (steps, 3) of a plait that hangs from tie over the shoulder."""
    here, direction = tie.copy(), unit(outward + [0, -0.4, 0.0])
    points = [here]
    stride = length / (steps - 1)
    for step in range(1, steps):
        share = step / steps
        aside = np.interp(share, [0, 0.15, 0.35], [0.9, 0.6, 0.05]) if around else 0.05
        aim = np.array(
            [aside * np.sign(tie[0]), -1.0, np.interp(share, [0, 0.1, 0.5, 0.7], [0.3, forward, forward, 0.05])]
        )
        direction = unit(direction + aim * stride * 34)
        here = here + direction * stride
        signed, normals = groom.surface.distance(here[None])
        here = here + normals[0] * max(0.0, 0.014 * groom.scale - signed[0])
        points.append(here)
    return np.array(points)


def grow_braids(groom: Groom) -> tuple[np.ndarray, np.ndarray]:
    """Strands (n, s, 3) and their brightness (n,)."""
    return _cornrows(groom) if groom.look.rows else _plaits(groom)


def _plaits(groom: Groom) -> tuple[np.ndarray, np.ndarray]:
    """Hair combed to one or two ties low behind the ears, plaited below."""
    look, rng, scalp, scale = groom.look, groom.rng, groom.scalp, groom.scale
    roots, _ = groom.roots(look.strands, soft=0.012, crowd=crowded(groom))
    two = look.tie[0] != 0 and look.tail == "two"
    sides = (1.0, -1.0) if two else (np.sign(look.tie[0]) or 1.0,)
    line = look.part + 0.0016 * np.sign(np.sin(roots[:, 2] * 130))
    gap = (roots[:, 0] - scalp.center[0]) / scale - line
    all_strands, all_roots = [], []
    hanging = look.steps - 12
    for side in sides:
        mine = roots[(gap * side > 0.0013)] if two else roots
        tie, outward = tie_point(groom, (abs(look.tie[0]) * side, look.tie[1], look.tie[2]))
        paths = combed(groom, mine, tie, 12)
        if not two:
            paths = from_parting(groom, paths)
        axis = _hang(
            groom, tie, outward, look.length * groom.longer * scale, hanging + 1, 0.55 if two else 0.9, not two
        )
        along = unit(np.gradient(axis, axis=0))
        out = axis - scalp.center
        out[:, 1] = 0
        over = unit(out - along * (out * along).sum(1, keepdims=True))
        across = np.cross(along, over)
        bundle = rng.integers(0, 3, len(mine))
        place = _spread(len(mine), look.margin * 1.9 * scale, rng)
        hang = plait(axis, across, over, bundle, place, look.margin * 1.75 * scale, PERIOD * scale)
        paths[:, -1] = hang[:, 0]
        strands = np.concatenate([paths, hang[:, 1:]], 1)
        all_strands.append(growth.shorten(strands, np.clip(1 - np.abs(rng.normal(0, 0.03, len(mine))), 0.7, 1)))
        all_roots.append(mine)
    strands, roots = np.concatenate(all_strands), np.concatenate(all_roots)
    strands = growth.frizz(strands, look.frizz, rng, 12)
    strands = growth.flyaways(strands, look.fly, 0.012, rng)
    coarse, fine = growth.make_locks(roots, look.lock, rng), growth.make_locks(roots, 0.004, rng)
    keep = ~across_face(groom, strands[:, :12], 0.022)
    return groom.surface.push_out(strands[keep], 0.0009), growth.lock_tone([coarse, fine], rng)[keep]


def _longest_run(inside: np.ndarray) -> slice:
    """The longest stretch of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return slice(0, 0)
    best = int(np.argmax(ends - starts))
    return slice(int(starts[best]), int(ends[best]))


def _cornrows(groom: Groom) -> tuple[np.ndarray, np.ndarray]:
    """Rows of thin plaits over the head from the hairline to the nape, skin between them."""
    look, rng, scalp, scale, surface = groom.look, groom.rng, groom.scalp, groom.scale, groom.surface
    center = scalp.center
    all_strands, locks = [], []
    steps = look.steps
    each = look.strands // look.rows
    for row in range(look.rows):
        aside = np.radians(-68 + 136 * (row + 0.5) / look.rows)
        turn = np.radians(np.linspace(-15, 232, 220))[:, None]
        ring = np.sin(aside) * AXES[0] + np.cos(aside) * (np.cos(turn) * AXES[2] + np.sin(turn) * AXES[1])
        line = center + ring * 0.12 * scale
        for _ in range(6):
            signed, normals = surface.distance(line)
            line = line - (line - center) * np.clip(signed / np.linalg.norm(line - center, axis=1), -0.5, 0.5)[:, None]
        inside = _longest_run(scalp.depth(line) > 0.001)
        if inside.stop - inside.start < 30:
            continue
        line = line[inside]
        axis = growth.resample(line[None], steps)[0]
        signed, normals = surface.distance(axis)
        axis = axis + normals * (0.0032 * scale - signed)[:, None]
        along = unit(np.gradient(axis, axis=0))
        across = unit(np.cross(along, normals))
        bundle, place = rng.integers(0, 3, each), _spread(each, 0.0018 * scale, rng)
        strands = plait(axis, across, unit(normals), bundle, place, 0.0030 * scale, 0.017 * scale, rng.uniform(0, 6))
        all_strands.append(strands)
        locks.append(np.full(each, len(locks)))
    strands = growth.frizz(np.concatenate(all_strands), look.frizz, rng, 20)
    owner = np.concatenate(locks)
    level = growth.Locks(owner, np.arange(len(locks)))
    return surface.push_out(strands, 0.0006), growth.lock_tone([level], rng)
