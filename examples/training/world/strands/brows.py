"""Brows: hairs along a natural arc, fitted to where the head's brow cards lie."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from .growth import Strands, noise_along
from .surface import smoothstep, unit

PEAK = 0.64  # where along the brow the arc is highest


def _sample_cards(
    points: np.ndarray, uvs: np.ndarray, triangles: np.ndarray, alpha: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places (n, 3), normals (n, 3) and opacity 0..1 (n,) all over the cards."""
    corners = points[triangles]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1)
    faces = rng.choice(len(triangles), 9000, p=area / area.sum())
    draw = rng.uniform(size=(len(faces), 2))
    root = np.sqrt(draw[:, :1])
    shares = np.concatenate([1 - root, root * (1 - draw[:, 1:]), root * draw[:, 1:]], 1)[..., None]
    places, uv = (corners[faces] * shares).sum(1), (uvs[triangles[faces]] * shares).sum(1)
    rows, columns = alpha.shape
    row = np.clip(((1 - uv[:, 1]) * rows).astype(int), 0, rows - 1)
    column = np.clip((uv[:, 0] * columns).astype(int), 0, columns - 1)
    normals = unit(cross)[faces]
    normals *= np.sign(normals[:, 2:] + 1e-6)
    return places, normals, alpha[row, column] / 255.0


def _arc(along: np.ndarray) -> np.ndarray:
    """Height of a natural brow over its inner end (1 at the peak), along 0..1."""
    rise = np.sin(np.clip(along / PEAK, 0, 1) * np.pi / 2) ** 1.2
    return np.where(along < PEAK, rise, 1 - 1.35 * (np.clip(along - PEAK, 0, 1) / (1 - PEAK)) ** 1.7)


def grow_brows(
    points: np.ndarray,
    uvs: np.ndarray,
    triangles: np.ndarray,
    alpha: np.ndarray,
    center_x: float,
    rng: np.random.Generator,
    count: int,
) -> Strands:
    """Both brows. points (n, 3), uvs (n, 2), triangles (m, 3): cards over them; alpha (h, w) 0..255: their texture.

    center_x: metres from the middle of the face where a brow ends at the latest; count: hairs of both brows.
    """
    places, normals, opacity = _sample_cards(points, uvs, triangles, alpha, rng)
    strong = smoothstep((count - 550) / 250)  # a man's brow is thicker and straighter
    arch = rng.uniform(0.0034, 0.0058) * (1 - 0.35 * strong)
    thick = rng.uniform(0.0036, 0.0046) + rng.uniform(0.0012, 0.0020) * strong
    gap = rng.normal(0, 0.0007)
    strands, tones = [], []
    for side in (-1.0, 1.0):
        mine = (np.sign(places[:, 0]) == side) & (opacity > 0.3) & (np.abs(places[:, 0]) < (center_x or 9.0))
        if mine.sum() < 40:
            continue
        grown = _one_brow(places, normals, mine, side, (arch, thick, gap), rng, count // 2)
        strands.append(grown)
        tones.append(np.clip(rng.normal(0.5, 0.22, len(grown)), 0, 1))
    return Strands(
        np.concatenate(strands).astype(np.float32), 0.00015, 0.15, np.concatenate(tones).astype(np.float32), False
    )


def _one_brow(
    places: np.ndarray, normals: np.ndarray, mine: np.ndarray, side: float, form: tuple[float, float, float],
    rng: np.random.Generator, count: int,
) -> np.ndarray:  # fmt: skip
    """Hairs (count, 6, 3) of one brow. mine: opaque samples of its card; form: arch, half thickness, inner shift."""
    arch, thick, gap = form
    outwards, heights = places[mine, 0] * side, places[mine, 1]
    inner, outer = np.quantile(outwards, [0.02, 0.98])
    inner += gap
    span = outer - inner
    middle = np.median(heights)
    half = thick * span / 0.050
    along = rng.beta(1.15, 1.25, count) * 0.99
    outline = np.interp(along, [0, 0.06, 0.25, 0.6, 0.85, 1], [0.55, 0.95, 1.0, 0.78, 0.42, 0.12])
    across = np.clip(rng.normal(0, 0.50, count), -1, 1)
    base = middle - 0.62 * arch
    x = (inner + along * span + rng.normal(0, 0.0007, count)) * side
    y = base + arch * _arc(along) + across * half * outline
    near = np.sign(places[:, 0]) == side
    _, index = cKDTree(places[near][:, :2]).query(np.stack([x, y], 1), k=3)
    roots = np.stack([x, y, places[near][index][..., 2].mean(1)], 1)
    normal = unit(normals[near][index].mean(1))
    roots = roots - normal * 0.0012
    steep = np.interp(along, [0, 0.12, 0.35, 0.6, 1], [1.25, 0.95, 0.50, 0.12, -0.28])
    angle = steep - 0.45 * across * smoothstep(along * 4) + rng.normal(0, 0.13, count)
    forward = np.stack([np.cos(angle) * side, np.sin(angle), np.zeros(count)], 1)
    forward = unit(forward - normal * (forward * normal).sum(1, keepdims=True))
    length = np.interp(along, [0, 0.15, 0.5, 1], [0.0045, 0.0070, 0.0080, 0.0050]) * rng.uniform(0.7, 1.15, count)
    turned = np.stack([np.full(count, 0.65) * side, np.full(count, -0.55), np.zeros(count)], 1)
    share = np.linspace(0, 1, 6)[None, :, None]
    lean = unit(forward + normal * 0.26)[:, None] * share + (turned - normal * 0.30)[:, None] * share**2 * 0.42
    return roots[:, None] + lean * length[:, None, None] + noise_along(rng, count, 6, 3) * 0.0003
