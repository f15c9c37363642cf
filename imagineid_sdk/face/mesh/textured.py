"""The head of one person as a mesh that stands by itself: parts with texture, 52 morph targets and a neck.

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
import torch

from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from imagineid_sdk.face.mesh.geometry_maps import EYE, IRIS, MOUTH, TEETH, TONGUE
from imagineid_sdk.face.mesh.head import EYE_CENTRES, JOINT_HEADS, JOINTS, FittedHead, ParametricHead
from imagineid_sdk.face.persona.identity import Identity

FRONT = 512
"""Side of the front in the texture; the texture is twice as wide."""
EYE_TONES: dict[str, tuple[float, float, float]] = {
    "brown": (0.28, 0.17, 0.10), "hazel": (0.42, 0.31, 0.16), "blue": (0.26, 0.42, 0.60),
    "blue-green": (0.24, 0.46, 0.50), "green": (0.32, 0.44, 0.26), "grey": (0.45, 0.49, 0.52),
    "light blue": (0.48, 0.63, 0.76), "ice": (0.66, 0.75, 0.80),
}  # fmt: skip
SCLERA, PUPIL = (0.90, 0.88, 0.86), (0.02, 0.02, 0.02)
IRIS_REACH, PUPIL_REACH = 0.43, 0.19
"""Sines of the angles from the eye's axis at which iris and pupil end."""
GUMS, TOOTH, FLESH, THROAT = (0.58, 0.30, 0.28), (0.88, 0.85, 0.78), (0.62, 0.33, 0.31), (0.22, 0.07, 0.06)
CROWN = 0.0085
"""Metres from the bite to the gums."""
EYE_SHRINK = 0.97
"""Morph targets move lids along a straight line, a little closer to the eye than on their way around it."""
BUST = 0.215
"""Metres from the middle of the head at which the bust ends, in a round."""
CLOTHED = 0.4
"""Share of the body in a vertex's joints from which on it wears clothes."""
SEEN_FROM, SEEN_FULLY = 0.08, 0.30
"""Cosine of the angle between surface and view from which the portrait counts at all, and alone."""
BEHIND = 0.004
"""Metres behind the nearest surface at which a vertex is hidden."""


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
class HeadMesh:
    """A head at rest, in metres: x to the subject's left, y up, z to the front.

    Attributes:
        positions: ``(vertices, 3)``.
        targets: ``(52, vertices, 3)`` that a full blendshape moves each vertex by.
        joint_weights: ``(vertices, 5)`` of body, three joints of the neck, and head.
        joints: ``(4, 3)`` where the neck's joints and the head turn.
        parts: what it is made of.
        texture: ``(512, 1024, 3)`` uint8.
    """

    positions: np.ndarray
    targets: np.ndarray
    joint_weights: np.ndarray
    joints: np.ndarray
    parts: list[MeshPart]
    texture: np.ndarray


def build_head_mesh(head: ParametricHead, person: FittedHead, portrait: np.ndarray, identity: Identity) -> HeadMesh:
    """The mesh of a person.

    Args:
        portrait: the person at rest, uint8 ``(size, size, 3)``, or 4 channels with a matte.
        identity: has the colours of what the portrait does not show.
    """
    count = len(ARKIT_BLENDSHAPES)
    shown = torch.cat([torch.zeros(1, count), torch.eye(count)])
    posed = head.pose(person, shown, torch.zeros(count + 1, 3))
    vertices, screen = posed.vertices.cpu().numpy(), posed.screen[0].cpu().numpy()
    extras, eyes_from = person.extras.cpu().numpy(), head.joint_weights.shape[0]
    _shrink_eyes(vertices[:, eyes_from:], extras[EYE_CENTRES].reshape(2, 3))
    weights = np.zeros((vertices.shape[1], JOINTS + 1), np.float32)
    weights[:eyes_from] = head.joint_weights.float().cpu().numpy()
    weights[eyes_from:, JOINTS] = 1  # eyes turn with the head
    triangles = head.triangles.int().cpu().numpy()
    parts = head.triangle_parts.cpu().numpy()
    middle = np.array([0, extras[EYE_CENTRES][1], (vertices[0, :eyes_from, 2].max() + extras[JOINT_HEADS][-1]) / 2])
    skin = triangles[(parts != EYE) & (parts != IRIS) & (parts != TEETH) & (parts != TONGUE)]
    skin, cut = clip(skin, BUST - np.linalg.norm(vertices[0] - middle, axis=1))
    vertices, screen, weights = cut.add_to(vertices, 1), cut.add_to(screen), cut.add_to(weights)
    rest = np.ascontiguousarray(vertices[0])

    known = _known_colours(rest, weights, np.unique(triangles[parts == MOUTH]), middle, identity)
    texture, skin_part = paint_skin(rest, np.ascontiguousarray(screen), triangles, skin, known, portrait)
    paint_eye(texture, EYE_TONES[identity.eye_color])
    paint_swatches(texture)
    made = [
        skin_part,
        _eyes(head, triangles[(parts == EYE) | (parts == IRIS)], eyes_from),
        _teeth(rest, vertices[1 + BLENDSHAPE_INDEX["jawOpen"]] - rest, triangles[parts == TEETH]),
        _swatched("tongue", triangles[parts == TONGUE], 2, 0.45),
    ]
    joints = extras[JOINT_HEADS].reshape(JOINTS, 3)
    return HeadMesh(rest, vertices[1:] - rest, weights, joints, made, texture)


# --- the skin ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class KnownColours:
    """Colours of places that the portrait does not show.

    Attributes:
        mouth: vertices of its inside.
        colours: ``(vertices, 3)`` in 0..255.
        known: ``(vertices,)`` bool.
        weight_of_body: ``(vertices,)``, above `CLOTHED` where there are clothes.
    """

    mouth: np.ndarray
    colours: np.ndarray
    known: np.ndarray
    weight_of_body: np.ndarray


def _known_colours(
    rest: np.ndarray, weights: np.ndarray, mouth: np.ndarray, middle: np.ndarray, identity: Identity
) -> KnownColours:
    colours, known = np.zeros((len(rest), 3), np.float32), np.zeros(len(rest), bool)

    def paint(where: np.ndarray, colour: tuple[float, float, float]) -> None:
        colours[where], known[where] = np.array(colour) * 255, True

    height = rest[:, 1] - middle[1]
    if identity.hair != "bald":
        wide = np.abs(rest[(weights[:, JOINTS] > 0.9) & (np.abs(height) < 0.07), 0]).max()
        ears = (np.abs(rest[:, 0]) > 0.82 * wide) & (height < 0.02)
        paint((rest[:, 2] < middle[2] - 0.03) & (height > -0.045) & (weights[:, JOINTS] > 0.5) & ~ears, identity.hair_rgb)
    paint((weights[:, JOINTS] < 0.3) & (weights[:, 0] < 0.12) & (rest[:, 2] < middle[2]), identity.skin_rgb)
    paint(weights[:, 0] > CLOTHED, identity.clothes_rgb)
    paint(mouth, THROAT)
    return KnownColours(mouth, colours, known, weights[:, 0])


@dataclass(frozen=True, eq=False)
class Cut:
    """New vertices on edges between old ones, behind all others.

    Attributes:
        first, second: ``(new,)`` old vertices.
        share: ``(new,)`` of the second.
    """

    first: np.ndarray
    second: np.ndarray
    share: np.ndarray

    def add_to(self, values: np.ndarray, axis: int = 0) -> np.ndarray:
        """What is known of the old vertices, and the same of the new ones."""
        one, other = values.take(self.first, axis), values.take(self.second, axis)
        share = self.share.reshape([-1 if at == axis else 1 for at in range(values.ndim)])
        return np.concatenate([values, one + (other - one) * share], axis=axis).astype(np.float32)


def clip(triangles: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, Cut]:
    """Triangles where ``inside`` ``(vertices,)``, which is linear along edges, is above 0; those on its edge are cut."""
    within = inside[triangles] > 0
    kept, edges, number = [triangles[within.all(1)]], [], len(inside)
    crossing, within = triangles[within.any(1) & ~within.all(1)], within[within.any(1) & ~within.all(1)]
    lone = np.where(within.sum(1) == 1, within.argmax(1), (~within).argmax(1))  # the corner on a side of its own
    rows = np.arange(len(crossing))
    corner, after, before = (crossing[rows, (lone + step) % 3] for step in (0, 1, 2))
    for ends in (after, before):
        edges.append(np.stack([corner, ends], axis=1))
    unique, inverse = np.unique(np.sort(np.concatenate(edges), axis=1), axis=0, return_inverse=True)
    on_after, on_before = np.split(inverse.reshape(-1) + number, 2)
    alone = within.sum(1) == 1
    kept.append(np.stack([corner, on_after, on_before], axis=1)[alone])
    kept.append(np.stack([on_after, after, before], axis=1)[~alone])
    kept.append(np.stack([on_after, before, on_before], axis=1)[~alone])
    first, second = unique[:, 0], unique[:, 1]
    return np.concatenate(kept).astype(np.int32), Cut(first, second, inside[first] / (inside[first] - inside[second]))


def paint_skin(
    rest: np.ndarray, screen: np.ndarray, triangles: np.ndarray, skin: np.ndarray, elsewhere: KnownColours,
    portrait: np.ndarray,
) -> tuple[np.ndarray, MeshPart]:  # fmt: skip
    """The texture ``(512, 1024, 3)`` with the skin on it, and the skin."""
    from imagineid_sdk.face.mesh.rasterizer import interpolate, rasterize, vertex_normals

    picture, matte = _square(portrait)
    index, weights = rasterize(screen, triangles, FRONT)
    depth = interpolate(index, weights, triangles, np.ascontiguousarray(screen[:, 2:]))[0]
    nearest = _widened(np.where(index < 0, np.float32(1e3), depth))
    at = (np.clip(screen[:, :2], 0, 1 - 1e-6) * FRONT).astype(int)
    inside = ((screen[:, :2] > 0.002) & (screen[:, :2] < 0.998)).all(1)
    seen = inside & (screen[:, 2] < nearest[at[:, 1], at[:, 0]] + BEHIND)

    normals = vertex_normals(rest, triangles)
    view = np.array([0, 0, 1], np.float32)
    trust = _smooth((normals @ view - SEEN_FROM) / (SEEN_FULLY - SEEN_FROM)) * seen * (matte[at[:, 1], at[:, 0]] > 0.95)
    in_front = (trust[skin] > 0).all(1)
    at_seam = np.unique(skin[~in_front])
    blend = trust.copy()
    blend[at_seam] = 0  # both sides of a seam show the same colours

    soft = _blurred(np.concatenate([picture * matte[..., None], matte[..., None]], axis=2))[at[:, 1], at[:, 0]]
    colours, fixed = soft[:, :3] / np.maximum(soft[:, 3:], 1e-3), (trust > 0.35) & (soft[:, 3] > 0.5)
    dressed = fixed & (elsewhere.weight_of_body > CLOTHED)
    if dressed.sum() >= 6:  # clothes as they look in the picture
        elsewhere.colours[elsewhere.weight_of_body > CLOTHED] = colours[dressed].mean(0)
    unseen = elsewhere.known & ~seen
    colours[unseen], fixed[unseen] = elsewhere.colours[unseen], True
    fill = spread(colours, fixed, skin, np.unique(skin))

    texture = np.empty((FRONT, 2 * FRONT, 3), np.float32)
    texture[:] = fill[np.unique(skin)].mean(0)
    front = _bake(screen[:, :2], skin[in_front], np.concatenate([fill, blend[:, None]], 1), FRONT)
    share = np.where(front[3:] >= 0, front[3:], matte[None]) * (matte[None] > 0.5)
    base = np.where(front[3:] >= 0, front[:3], texture[0, 0][:, None, None])
    texture[:, :FRONT] = (share * picture.transpose(2, 0, 1) + (1 - share) * base).transpose(1, 2, 0)

    sources, uvs, faces = [np.unique(skin[in_front])], [], []
    uvs.append(screen[sources[0], :2] * [0.5, 1.0])
    faces.append(np.searchsorted(sources[0], skin[in_front]))
    charts = _side_charts(rest, skin[~in_front], np.isin(skin[~in_front], elsewhere.mouth).all(1))
    for (left, top, width, height), hidden, corners in charts:
        if not len(hidden):
            continue
        # Every corner by itself, then equal ones joined: a vertex at the back may lie on both sides.
        keys = np.concatenate([hidden.reshape(-1, 1), corners.reshape(-1, 2)], axis=1).round(6)
        unique, inverse = np.unique(keys, axis=0, return_inverse=True)
        source, place = unique[:, 0].astype(int), unique[:, 1:].astype(np.float32)
        chart = inverse.reshape(-1, 3)
        baked = _grown(_bake(place, chart, np.concatenate([fill[source], np.ones((len(source), 1))], 1), FRONT))
        rows = (np.arange(height) + 0.5) / height * FRONT
        columns = (np.arange(width) + 0.5) / width * FRONT
        texture[top: top + height, left: left + width] = baked[
            :, rows.astype(int)[:, None], columns.astype(int)[None]
        ].transpose(1, 2, 0)
        faces.append(chart + sum(map(len, sources)))
        sources.append(source)
        uvs.append((place * [width, height] + [left, top]) / [2 * FRONT, FRONT])
    part = MeshPart("skin", np.concatenate(sources), np.concatenate(uvs), np.concatenate(faces), 0.6)
    return texture.round().clip(0, 255).astype(np.uint8), part


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
    """Colours ``(512, 512, 3)`` float32 in 0..255 and matte ``(512, 512)`` in 0..1."""
    from PIL import Image  # comes with diffusers

    if portrait.shape[2] == 3:
        portrait = np.concatenate([portrait, np.full_like(portrait[..., :1], 255)], axis=2)
    pixels = portrait.astype(np.float32)
    pixels[..., :3] *= pixels[..., 3:] / 255
    layers = [Image.fromarray(layer).resize((FRONT, FRONT), Image.Resampling.BICUBIC) for layer in np.moveaxis(pixels, 2, 0)]
    red, green, blue, matte = (np.asarray(layer) for layer in layers)
    matte = (matte / 255).clip(0, 1)
    colour = np.stack([red, green, blue], axis=2) / np.maximum(matte, 0.05)[..., None]
    return colour.clip(0, 255), matte


def _blurred(picture: np.ndarray, reach: int = 3) -> np.ndarray:
    for axis in (0, 1):
        picture = np.mean([np.roll(picture, step, axis) for step in range(-reach, reach + 1)], axis=0)
    return picture


def _widened(depth: np.ndarray) -> np.ndarray:
    """The farthest depth among each pixel and its neighbours: edges hide nothing of their own surface."""
    padded = np.pad(np.where(depth > 100, -np.inf, depth), 1, mode="edge")
    size = len(depth)
    shifted = [padded[row: row + size, column: column + size] for row in range(3) for column in range(3)]
    return np.maximum.reduce(shifted)


def _smooth(share: np.ndarray) -> np.ndarray:
    share = share.clip(0, 1)
    return share**2 * (3 - 2 * share)


# --- eyes, teeth and tongue -------------------------------------------------------------------------------------------

EYE_BOX = (FRONT + FRONT // 4, FRONT * 3 // 4, FRONT // 4)
"""Left, top and side of the eye in the texture."""
SWATCHES = (FRONT + FRONT // 2, FRONT * 3 // 4, FRONT // 4)


def paint_eye(texture: np.ndarray, tone: tuple[float, float, float]) -> None:
    """An eye seen from the front: the white to the rim, iris and pupil."""
    left, top, size = EYE_BOX
    rows, columns = (np.mgrid[:size, :size] + 0.5) / size * 2 - 1
    sine, angle = np.hypot(rows, columns) / EYE_FILL, np.arctan2(rows, columns)
    fibres = 1 + 0.10 * np.sin(23 * angle + 2 * np.sin(5 * angle)) + 0.06 * np.sin(61 * angle)
    ring = 1 - 0.55 * _smooth((sine - 0.34) / (IRIS_REACH - 0.34))
    iris = np.array(tone) * (fibres * ring * (0.85 + 0.5 * (sine / IRIS_REACH)))[..., None]
    white = np.array(SCLERA) * (1 - 0.25 * _smooth((sine - 0.6) / 0.5))[..., None] * [1.0, 0.97, 0.96]
    eye = iris + (white - iris) * _smooth((sine - IRIS_REACH + 0.03) / 0.05)[..., None]
    eye = np.array(PUPIL) + (eye - np.array(PUPIL)) * _smooth((sine - PUPIL_REACH + 0.03) / 0.05)[..., None]
    texture[top: top + size, left: left + size] = (eye.clip(0, 1) * 255).round()


EYE_FILL = 0.96
"""Share of the eye's box that the front half of the eye fills."""


def paint_swatches(texture: np.ndarray) -> None:
    """Teeth and gums, one above the other, and the tongue."""
    left, top, size = SWATCHES
    height = (np.arange(size) + 0.5) / size
    ramp = _smooth((height - 0.45) / 0.1)[:, None, None]
    texture[top: top + size, left: left + size] = 255 * (np.array(TOOTH) + ramp * (np.array(GUMS) - np.array(TOOTH)))
    texture[top: top + size, left + size: left + 2 * size] = 255 * np.array(FLESH)


def _swatched(name: str, triangles: np.ndarray, column: int, roughness: float, height: float = 0.5) -> MeshPart:
    left, top, size = SWATCHES
    source = np.unique(triangles)
    place = [(left + (column - 0.5) * size) / (2 * FRONT), (top + height * size) / FRONT]
    return MeshPart(name, source, np.tile(place, (len(source), 1)), np.searchsorted(source, triangles), roughness)


def _teeth(rest: np.ndarray, opened: np.ndarray, triangles: np.ndarray) -> MeshPart:
    """Teeth, white up to the gums; ``opened`` is what jawOpen moves each vertex by."""
    part = _swatched("teeth", triangles, 1, 0.35)
    _, top, size = SWATCHES
    lower = np.linalg.norm(opened[part.source], axis=1) > 0.003
    away = np.zeros(len(part.source))
    for jaw, up in ((~lower, 1), (lower, -1)):
        height, row = up * rest[part.source[jaw], 1], (rest[part.source[jaw], 2] / 0.006).round().astype(int)
        edges = np.array([height[np.abs(row - one) < 2].min() for one in row])  # where the teeth nearby end
        away[jaw] = height - edges
    part.uvs[:, 1] = (top + np.clip(0.5 * away / CROWN, 0.03, 0.97) * size) / FRONT
    return part


def _eyes(head: ParametricHead, triangles: np.ndarray, eyes_from: int) -> MeshPart:
    left, top, size = EYE_BOX
    directions = np.tile(head.eye_directions.float().cpu().numpy(), (2, 1))
    length = np.hypot(directions[:, 0], directions[:, 1])
    behind = np.where(directions[:, 2] < 0, 1 / np.maximum(length, 1e-6), 1.0)[:, None]  # the white of the rim
    place = np.where(length[:, None] > 1e-6, directions[:, :2] * behind, directions[:, :2]) * [1, -1] * EYE_FILL
    uvs = ((place + 1) / 2 * size + [left, top]) / [2 * FRONT, FRONT]
    source = np.arange(eyes_from, eyes_from + len(directions))
    return MeshPart("eyes", source, uvs, triangles - eyes_from, 0.12)


def _shrink_eyes(eyes: np.ndarray, centres: np.ndarray) -> None:
    """``(poses, vertices of both eyes, 3)``, in place."""
    half = eyes.shape[1] // 2
    for eye, centre in enumerate(centres):
        mine = eyes[:, eye * half: (eye + 1) * half]
        mine[:] = centre + (mine - centre) * EYE_SHRINK
