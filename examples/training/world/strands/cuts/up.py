"""Hair combed over the head to where it is bound: ponytail, buns."""

from __future__ import annotations

import numpy as np

from .. import growth
from ..look import Groom
from ..surface import smoothstep, unit
from .long import across_face, crowded, parting

ON_HEAD = 13  # points of each strand on the way to the tie


def tie_point(groom: Groom, tie: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Where hair is bound, 1 cm over the skin, and the direction out of the head there."""
    point = groom.scalp.eyes + np.array(tie) * groom.scale
    signed, normals = groom.surface.distance(point[None])
    outward = unit(point - groom.scalp.center)
    return point + outward * (0.010 * groom.scale - signed[0]), unit(normals[0] + outward)


def combed(groom: Groom, roots: np.ndarray, tie: np.ndarray, steps: int = ON_HEAD) -> np.ndarray:
    """Paths (n, steps, 3) over the head from roots to tie (3,): a great circle with the relief of locks."""
    scalp, rng, scale, count = groom.scalp, groom.rng, groom.scale, len(roots)
    center = scalp.center
    start, goal = roots - center, tie - center
    start_length, goal_length = np.linalg.norm(start, axis=1), np.linalg.norm(goal)
    start_dir, goal_dir = unit(start), unit(goal)
    angle = np.arccos(np.clip(start_dir @ goal_dir, -0.999, 1))
    sine = np.maximum(np.sin(angle), 1e-3)
    locks = growth.make_locks(roots, 0.010, rng)
    fine = growth.make_locks(roots, 0.0045, rng)
    relief = (
        0.0010 * rng.normal(size=len(locks.centers))[locks.owner]
        + 0.0006 * rng.normal(size=len(fine.centers))[fine.owner]
    )
    layer = rng.uniform(0, 1, count)  # which strands lie above the others
    sway = np.cross(goal_dir, start_dir) * (0.0018 * rng.normal(size=len(locks.centers))[locks.owner])[:, None] * scale
    paths = np.empty((count, steps, 3))
    paths[:, 0] = roots
    for step in range(1, steps):
        share = step / (steps - 1)
        first = (np.sin((1 - share) * angle) / sine)[:, None] * start_dir
        direction = first + (np.sin(share * angle) / sine)[:, None] * goal_dir
        points = center + direction * (start_length * (1 - share) + goal_length * share)[:, None]
        points = points + sway * np.sin(np.pi * share)
        signed, normals = groom.surface.distance(points)
        rise = float(smoothstep(share * 3.2))
        bump = 0.0016 + groom.look.margin * groom.higher * np.sin(np.pi * share) ** 0.7 + 0.0045 * layer * share
        height = np.maximum((bump + relief * (1 - share) * 1.2) * rise, 0.0008) * scale
        paths[:, step] = points + normals * (height - signed)[:, None] if step < steps - 1 else tie
    return paths


def _disc(outward: np.ndarray, count: int, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Offsets (count, 3) in the disc across outward (3,)."""
    turn, size = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.uniform(0, 1, count)) * radius
    first = unit(np.cross(outward, [0.3, 1.0, 0.2]))
    second = np.cross(outward, first)
    return first * (np.cos(turn) * size)[:, None] + second * (np.sin(turn) * size)[:, None]


def _tail(groom: Groom, tie: np.ndarray, outward: np.ndarray, disc: np.ndarray, steps: int) -> np.ndarray:
    """The hanging part (n, steps, 3) of a ponytail."""
    look, rng, scale = groom.look, groom.rng, groom.scale
    count = len(disc)
    length = look.length * groom.longer * scale * (1.02 - 0.50 * rng.beta(1.2, 3.0, count))
    stride = (length / steps)[:, None]
    direction = np.tile(unit(outward + [0, 0.25, 0]), (count, 1)) + disc / scale * 12
    hand = 1.0 if look.tie[0] >= 0 else -1.0
    here = tie + disc
    points = np.empty((count, steps, 3))
    for step in range(steps):
        aside = np.array([0.42 * hand * max(0.0, 1 - step / 4), -1.25, 0.06 * (step > 2)])
        direction = unit(direction + aside * (16 * stride) + disc / scale * 5.0 * stride)
        here = here + direction * stride
        signed, normals = groom.surface.distance(here)
        here = here + normals * np.clip(0.006 * scale - signed, 0, None)[:, None]
        points[:, step] = here
    locks = growth.make_locks(disc * 4, 0.012, rng)
    points = growth.gather(points, locks, 0.85, rng, 0.1, 0.05)
    core = points.mean(0, keepdims=True)
    points += (core - points) * 0.35 * smoothstep(np.linspace(-0.2, 1, steps))[None, :, None]
    return growth.wave(points, locks, groom.scalp.center, rng, 0.005 * scale, 0.12, 0.04, 0.8, 0.6)


def _bun(groom: Groom, tie: np.ndarray, outward: np.ndarray, disc: np.ndarray, steps: int) -> np.ndarray:
    """The wound part (n, steps, 3) of a bun: coils round the tie's axis, laid in a few thick ropes."""
    rng, scale, count = groom.rng, groom.scale, len(disc)
    size = 0.029 * scale * groom.longer**0.7
    middle = tie + outward * size * 0.55
    first = unit(np.cross(outward, [0.2, 1.0, 0.3]))
    second = np.cross(outward, first)
    rope = rng.integers(0, 5, count)
    start = (rope * 1.2566 + rng.normal(0, 0.28, count))[:, None]
    share = np.linspace(0, 1, steps)[None]
    turn = start + share * 4.6
    lean = (
        (rope / 4.0 * 1.5 - 0.55)[:, None] + 0.35 * np.sin(turn * 1.0 + rope[:, None]) + rng.normal(0, 0.16, (count, 1))
    )
    round_ = np.cos(turn)[..., None] * first + np.sin(turn)[..., None] * second
    shell = size * (1 + 0.10 * rng.normal(size=5)[rope][:, None] + rng.uniform(-0.16, 0.06, (count, 1)))[..., None]
    ring = middle + (np.cos(lean)[..., None] * round_ + np.sin(lean)[..., None] * outward * 0.85) * shell
    blend = smoothstep(share * 5)[..., None]
    return ring * blend + (tie + disc)[:, None] * (1 - blend)


def grow_up(groom: Groom) -> tuple[np.ndarray, np.ndarray]:
    """Strands (n, s, 3) and their brightness (n,)."""
    look, rng, scalp, scale = groom.look, groom.rng, groom.scalp, groom.scale
    roots, _ = groom.roots(look.strands, soft=0.016, crowd=crowded(groom))
    if look.part:
        on_line = (np.abs(parting(groom, roots)) < 0.0014) & (scalp.frontness(roots) > 0.4)
        roots = roots[~on_line]
    tie, outward = tie_point(groom, look.tie)
    disc = _disc(outward, len(roots), 0.010 * scale, rng)
    paths = combed(groom, roots, tie)
    paths = from_parting(groom, paths) if look.part else from_parting(groom, paths, 0.30, 0.03)
    paths[:, -1] += disc
    rest = look.steps - ON_HEAD
    below = (_tail if look.tail == "tail" else _bun)(groom, tie, outward, disc, rest)
    strands = np.concatenate([paths, below], 1)
    coarse, fine = growth.make_locks(roots, look.lock, rng), growth.make_locks(disc * 3, 0.009, rng)
    tone = growth.lock_tone([coarse, fine], rng)
    strands = growth.frizz(strands, look.frizz, rng, 10)
    strands = _loose_hair(groom, strands, roots)
    keep = ~across_face(groom, strands[:, :ON_HEAD], 0.022)
    return groom.surface.push_out(strands[keep], 0.0009), tone[keep]


def from_parting(groom: Groom, paths: np.ndarray, amount: float = 1.0, soft: float = 0.002) -> np.ndarray:
    """Paths (n, s, 3) that first leave the parting sideways and go round the head; soft: width of the parting."""
    share = np.linspace(0, 1, paths.shape[1])[None, :, None]
    gap = parting(groom, paths[:, 0])
    front = groom.scalp.frontness(paths[:, 0]) * smoothstep((0.075 - np.abs(gap)) / 0.06) * amount
    hand = np.tanh(gap / soft)
    shift = np.zeros_like(paths)
    shift[..., 0] = (hand * front * 0.066)[:, None] * groom.scale
    shift[..., 1] = (-np.abs(hand) * front * 0.036)[:, None] * groom.scale
    out = paths + shift * np.sin(np.pi * share**0.8) ** 0.9
    local = groom.scalp.local(out)
    beside = (local[..., 2] < -0.040) & (local[..., 2] > -0.120) & (np.abs(local[..., 0]) > 0.05)
    over_ear = np.minimum(local[:, :1, 1], 0.042)  # above the ear, not across it
    lift = np.where(beside, np.clip(over_ear - local[..., 1], 0, 0.08), 0) * (groom.look.tie[1] > -0.05)
    out[..., 1] += lift * groom.scale
    count, steps, _ = out.shape
    wanted = groom.surface.distance(paths.reshape(-1, 3))[0].clip(0.0008, 0.012)
    for _ in range(3):
        signed, normals = groom.surface.distance(out.reshape(-1, 3))
        out = out + (normals * (wanted - signed).clip(-0.02, 0.02)[:, None]).reshape(count, steps, 3)
        out[:, 1:-1] = 0.5 * out[:, 1:-1] + 0.25 * (out[:, 2:] + out[:, :-2])
        out[:, 0], out[:, -1] = paths[:, 0], paths[:, -1]
    return groom.surface.push_out(out, 0.0008)


def _loose_hair(groom: Groom, strands: np.ndarray, roots: np.ndarray) -> np.ndarray:
    """Short hairs that escape: at the hairline and over the top."""
    rng, scalp, scale = groom.rng, groom.scalp, groom.scale
    depth = scalp.depth(roots) / scale
    escape = np.nonzero(rng.uniform(size=len(roots)) < groom.look.fly * (0.5 + 3.0 * (depth < 0.008)))[0]
    along = np.linspace(0, 1, strands.shape[1])[None, :, None]
    short = growth.resample(strands[escape, :5], strands.shape[1])
    out = growth.noise_along(rng, len(escape), strands.shape[1], 3) * 0.005 * scale * along
    strands = strands.copy()
    strands[escape] = short + out
    return strands
