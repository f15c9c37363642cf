"""The texture of the skin, and where each part of the head lies in it.

The texture is the portrait where it shows the skin, seen from the front; everywhere else the colours at the border of
what was seen flow over the mesh, so nothing ends in an edge. One picture holds it all:

    +-----------+-----+-----+
    |           |left |right|   front: the portrait, through the camera that drew it
    |   front   |side |side |   sides: the angle about the vertical axis, and the height
    |           +--+--+-----+   mouth: its inside
    |           |mo|eye|swatch  eye: both eyes; swatches: teeth, gums and tongue
    +-----------+--+--+-----+
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FRONT = 512
"""Side of the front in the texture; the texture is twice as wide."""
SEEN_FROM, SEEN_FULLY = 0.08, 0.30
"""Cosine of the angle between surface and view from which the portrait counts at all, and alone."""
BEHIND = 0.004
"""Metres behind the nearest surface at which a vertex is hidden."""
CLOTHED = 0.4
"""Share of the body in a vertex's joints from which on it wears clothes."""


@dataclass(frozen=True, eq=False)
class MeshPart:
    """One material's triangles.

    Attributes:
        name: "skin", "eyes", "teeth" or "tongue".
        source: ``(vertices,)`` index of each vertex in `HeadMesh.positions`; vertices at seams are there twice.
        uvs: ``(vertices, 2)``, v down, as glTF has it.
        triangles: ``(triangles, 3)``, counter-clockwise from outside.
        roughness: of the material.
    """

    name: str
    source: np.ndarray
    uvs: np.ndarray
    triangles: np.ndarray
    roughness: float


@dataclass(frozen=True, eq=False)
class KnownColours:
    """Colours of places that the portrait does not show.

    Attributes:
        mouth: vertices of its inside.
        colours: ``(vertices, 3)`` in 0..255.
        known: ``(vertices,)`` bool.
        weight_of_body: ``(vertices,)``, above `CLOTHED` where there are clothes.
        shoulders_seen: whether no hair hangs over the shoulders, so that the portrait shows the clothes.
    """

    mouth: np.ndarray
    colours: np.ndarray
    known: np.ndarray
    weight_of_body: np.ndarray
    shoulders_seen: bool


def paint_skin(
    rest: np.ndarray, screen: np.ndarray, triangles: np.ndarray, skin: np.ndarray, elsewhere: KnownColours,
    portrait: np.ndarray,
) -> tuple[np.ndarray, MeshPart]:  # fmt: skip
    """The texture ``(512, 1024, 3)`` with the skin on it, and the skin.

    Args:
        rest, screen: of all vertices ``(vertices, 3)``, in metres and as the portrait shows them.
        triangles: all of the head, which may hide each other; skin: those of the skin.
        elsewhere: colours of what the portrait does not show.
        portrait: uint8 ``(size, size, 3 or 4)``.
    """
    picture, alpha = _square(portrait)
    seen, trust = _seen(rest, screen, triangles, alpha)
    in_front = (trust[skin] > 0).all(1)
    fill = _vertex_colours(picture, alpha, screen, skin, seen, trust, elsewhere)

    texture = np.empty((FRONT, 2 * FRONT, 3), np.float32)
    texture[:] = fill[np.unique(skin)].mean(0)
    blend = trust.copy()
    blend[np.unique(skin[~in_front])] = 0  # both sides of a seam show the same colours
    front = _bake(screen[:, :2], skin[in_front], np.concatenate([fill, blend[:, None]], 1), FRONT)
    share = np.where(front[3:] >= 0, front[3:], 1) * smoothstep((alpha[None] - 0.8) / 0.2)
    base = np.where(front[3:] >= 0, front[:3], texture[0, 0][:, None, None])
    texture[:, :FRONT] = (share * picture.transpose(2, 0, 1) + (1 - share) * base).transpose(1, 2, 0)

    source = np.unique(skin[in_front])
    parts = [(source, screen[source, :2] * [0.5, 1.0], np.searchsorted(source, skin[in_front]))]
    charts = _side_charts(rest, skin[~in_front], np.all(np.isin(skin[~in_front], elsewhere.mouth), axis=1))
    parts += [_draw_chart(texture, fill, *chart) for chart in charts if len(chart[1])]
    firsts = np.cumsum([0, *(len(source) for source, _, _ in parts)])
    faces = [chart + first for (_, _, chart), first in zip(parts, firsts, strict=False)]
    sources, uvs = [source for source, _, _ in parts], [places for _, places, _ in parts]
    part = MeshPart("skin", np.concatenate(sources), np.concatenate(uvs), np.concatenate(faces), 0.6)
    return texture.round().clip(0, 255).astype(np.uint8), part


def _seen(
    rest: np.ndarray, screen: np.ndarray, triangles: np.ndarray, alpha: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which vertices the portrait shows, bool ``(vertices,)``, and how far its colours count there, 0..1."""
    from imagineid_sdk.face.mesh.rasterizer import interpolate, rasterize, vertex_normals

    index, weights = rasterize(screen, triangles, FRONT)
    depth = interpolate(index, weights, triangles, np.ascontiguousarray(screen[:, 2:]))[0]
    nearest = _widened(np.where(index < 0, np.float32(1e3), depth))
    column, row = _pixels_of(screen)
    inside = ((screen[:, :2] > 0.002) & (screen[:, :2] < 0.998)).all(1)
    seen = inside & (screen[:, 2] < nearest[row, column] + BEHIND)
    facing = vertex_normals(rest, triangles) @ np.array([0, 0, 1], np.float32)
    trust = smoothstep((facing - SEEN_FROM) / (SEEN_FULLY - SEEN_FROM)) * seen * (alpha[row, column] > 0.95)
    return seen, trust


def _vertex_colours(
    picture: np.ndarray, alpha: np.ndarray, screen: np.ndarray, skin: np.ndarray, seen: np.ndarray, trust: np.ndarray,
    elsewhere: KnownColours,
) -> np.ndarray:  # fmt: skip
    """Colours ``(vertices, 3)``: the portrait's, those known from elsewhere, and between them what flows over the
    mesh."""
    column, row = _pixels_of(screen)
    soft = _blurred(np.concatenate([picture * alpha[..., None], alpha[..., None]], axis=2))[row, column]
    colours, fixed = soft[:, :3] / np.maximum(soft[:, 3:], 1e-3), (trust > 0.35) & (soft[:, 3] > 0.5)
    if elsewhere.shoulders_seen and (cloth := _shoulders(picture, alpha)) is not None:
        elsewhere.colours[elsewhere.weight_of_body > CLOTHED] = cloth
    unseen = elsewhere.known & ~seen
    colours[unseen], fixed[unseen] = elsewhere.colours[unseen], True
    return spread(colours, fixed, skin, np.unique(skin))


def _pixels_of(screen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Column and row of each vertex in the portrait."""
    at = (np.clip(screen[:, :2], 0, 1 - 1e-6) * FRONT).astype(int)
    return at[:, 0], at[:, 1]


def _draw_chart(
    texture: np.ndarray, fill: np.ndarray, place: tuple[int, int, int, int], hidden: np.ndarray, corners: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws a chart of `_side_charts` on the texture; its vertices, their places on it, and its triangles."""
    left, top, width, height = place
    # Every corner by itself, then equal ones joined: a vertex at the back may lie on both sides.
    keys = np.concatenate([hidden.reshape(-1, 1), corners.reshape(-1, 2)], axis=1).round(6)
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    source, within = unique[:, 0].astype(int), unique[:, 1:].astype(np.float32)
    chart = inverse.reshape(-1, 3)
    baked = _grown(_bake(within, chart, np.concatenate([fill[source], np.ones((len(source), 1))], 1), FRONT))
    rows = ((np.arange(height) + 0.5) / height * FRONT).astype(int)
    columns = ((np.arange(width) + 0.5) / width * FRONT).astype(int)
    texture[top : top + height, left : left + width] = baked[:, rows[:, None], columns[None]].transpose(1, 2, 0)
    return source, (within * [width, height] + [left, top]) / [2 * FRONT, FRONT], chart


def _shoulders(picture: np.ndarray, alpha: np.ndarray) -> np.ndarray | None:
    """The colour at the lower edge of the portrait, left and right of the neck; None where nothing is seen there."""
    edge = np.zeros_like(alpha, bool)
    edge[-FRONT // 20 :, : FRONT // 3] = edge[-FRONT // 20 :, -FRONT // 3 :] = True
    seen = picture[edge & (alpha > 0.95)]
    return np.median(seen, axis=0) if len(seen) > FRONT // 4 else None


def spread(colours: np.ndarray, fixed: np.ndarray, triangles: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Colours of all vertices: those that are fixed, and smoothly between and beyond them over the mesh."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    ends, other = np.concatenate([edges[:, 0], edges[:, 1]]), np.concatenate([edges[:, 1], edges[:, 0]])
    filled, known = np.where(fixed[:, None], colours, 0).astype(np.float64), fixed.copy()

    def gathered(values: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(ends, values[other, one], len(values)) for one in range(values.shape[1])], axis=1)

    for _ in range(len(used)):  # outwards from what is known, ring by ring
        near = np.bincount(ends, known[other].astype(float), len(known))
        ring = ~known & (near > 0)
        if not ring.any():
            break
        filled[ring] = gathered(filled)[ring] / near[ring, None]
        known |= ring
    filled[~known] = colours[fixed].mean(0) if fixed.any() else 128
    number = np.maximum(np.bincount(ends, minlength=len(known)), 1)[:, None]
    for _ in range(300):
        filled = np.where(fixed[:, None], filled, gathered(filled) / number)
    return filled.astype(np.float32)


def _side_charts(
    rest: np.ndarray, hidden: np.ndarray, of_mouth: np.ndarray
) -> list[tuple[tuple[int, int, int, int], np.ndarray, np.ndarray]]:
    """Place in the texture (left, top, width, height), triangles, and their corners ``(triangles, 3, 2)`` in 0..1."""
    low, high = rest[np.unique(hidden)].min(0) - 0.005, rest[np.unique(hidden)].max(0) + 0.005
    axis = (low[2] + high[2]) / 2
    charts = []
    half, tall = FRONT // 2, FRONT * 3 // 4
    for place, side in (((FRONT, 0, half, tall), 1.0), ((FRONT + half, 0, half, tall), -1.0)):
        mine = hidden[~of_mouth & (np.where(rest[hidden].mean(1)[:, 0] >= 0, 1.0, -1.0) == side)]
        corners = rest[mine]
        angle = np.arctan2(side * corners[..., 0], axis - corners[..., 2])  # 0 at the back, pi at the front
        angle = np.where(angle < -np.pi / 2, angle + 2 * np.pi, angle)
        u, v = (angle + 0.8) / (np.pi + 1.6), (high[1] - corners[..., 1]) / (high[1] - low[1])
        charts.append((place, mine, np.stack([u, v], axis=-1).clip(0, 1)))
    mouth = hidden[of_mouth]
    corners = rest[mouth]
    box = (corners - corners.min((0, 1))) / np.maximum(np.ptp(corners, axis=(0, 1)), 1e-6) if len(mouth) else corners
    place = (FRONT, tall, FRONT - tall, FRONT - tall)
    charts.append((place, mouth, box[..., [0, 2]] * 0.9 + 0.05))
    return charts


def _bake(places: np.ndarray, triangles: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """Values ``(vertices, channels)`` drawn at places ``(vertices, 2)`` in 0..1: ``(channels, size, size)``; the last
    channel is -1 where nothing is."""
    from imagineid_sdk.face.mesh.rasterizer import interpolate, rasterize

    flat = np.concatenate([places, np.ones((len(places), 1))], axis=1).astype(np.float32)
    first, second, third = (flat[triangles[:, corner], :2] for corner in range(3))
    one, other = second - first, third - first
    backwards = one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0] > 0
    turned = np.where(backwards[:, None], triangles[:, ::-1], triangles).astype(np.int32)
    index, weights = rasterize(np.ascontiguousarray(flat), np.ascontiguousarray(turned), size)
    drawn = interpolate(index, weights, turned, np.ascontiguousarray(values, np.float32))
    drawn[-1, index < 0] = -1
    return drawn


def _grown(drawn: np.ndarray) -> np.ndarray:
    """``(3, size, size)``: what was drawn, continued over the empty places around it."""
    levels = [(drawn[:-1] * (drawn[-1:] >= 0), (drawn[-1:] >= 0).astype(np.float32))]
    while levels[-1][1].shape[-1] > 1:
        colour, known = (_halved(one) for one in levels[-1])
        levels.append((colour / np.maximum(known, 1e-6) * (known > 0), (known > 0).astype(np.float32)))
    result = levels[-1][0]
    for colour, known in reversed(levels[:-1]):
        result = np.where(known > 0, colour, result.repeat(2, 1).repeat(2, 2))
    return result


def _halved(image: np.ndarray) -> np.ndarray:
    channels, size, _ = image.shape
    return image.reshape(channels, size // 2, 2, size // 2, 2).mean((2, 4))


def _square(portrait: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours ``(512, 512, 3)`` float32 in 0..255 and alpha ``(512, 512)`` in 0..1."""
    from PIL import Image  # comes with diffusers

    if portrait.shape[2] == 3:
        portrait = np.concatenate([portrait, np.full_like(portrait[..., :1], 255)], axis=2)
    pixels = portrait.astype(np.float32)
    pixels[..., :3] *= pixels[..., 3:] / 255
    layers = [
        Image.fromarray(layer).resize((FRONT, FRONT), Image.Resampling.BICUBIC) for layer in np.moveaxis(pixels, 2, 0)
    ]
    red, green, blue, alpha = (np.asarray(layer) for layer in layers)
    alpha = (alpha / 255).clip(0, 1)
    colour = np.stack([red, green, blue], axis=2) / np.maximum(alpha, 0.05)[..., None]
    return colour.clip(0, 255), alpha


def _blurred(picture: np.ndarray, reach: int = 3) -> np.ndarray:
    for axis in (0, 1):
        picture = np.mean([np.roll(picture, step, axis) for step in range(-reach, reach + 1)], axis=0)
    return picture


def _widened(depth: np.ndarray) -> np.ndarray:
    """The farthest depth among each pixel and its neighbours: edges hide nothing of their own surface."""
    padded = np.pad(np.where(depth > 100, -np.inf, depth), 1, mode="edge")
    size = len(depth)
    shifted = [padded[row : row + size, column : column + size] for row in range(3) for column in range(3)]
    return np.maximum.reduce(shifted)


def smoothstep(share: np.ndarray) -> np.ndarray:
    share = share.clip(0, 1)
    return share**2 * (3 - 2 * share)
