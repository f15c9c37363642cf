"""The head of one person as a mesh that stands by itself: parts with texture, 52 morph targets and a neck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from imagineid_sdk.face.mesh.clipping import clip
from imagineid_sdk.face.mesh.geometry_maps import EYE, IRIS, MOUTH, TEETH, TONGUE
from imagineid_sdk.face.mesh.head import EYE_CENTRES, JOINT_HEADS, JOINTS, FittedHead, ParametricHead
from imagineid_sdk.face.mesh.skin_texture import CLOTHED, FRONT, KnownColours, MeshPart, paint_skin, smoothstep
from imagineid_sdk.face.persona.identity import Identity

EYE_TONES: dict[str, tuple[float, float, float]] = {
    "brown": (0.28, 0.17, 0.10), "hazel": (0.42, 0.31, 0.16), "blue": (0.26, 0.42, 0.60),
    "blue-green": (0.24, 0.46, 0.50), "green": (0.32, 0.44, 0.26), "grey": (0.45, 0.49, 0.52),
    "light blue": (0.48, 0.63, 0.76), "ice": (0.66, 0.75, 0.80),
}  # fmt: skip
SCLERA, PUPIL = (0.90, 0.88, 0.86), (0.02, 0.02, 0.02)
IRIS_REACH, PUPIL_REACH = 0.43, 0.19
"""Sines of the angles from the eye's axis at which iris and pupil end."""
GUMS, TOOTH, FLESH, THROAT = (0.55, 0.27, 0.26), (0.88, 0.85, 0.78), (0.52, 0.25, 0.24), (0.22, 0.07, 0.06)
CROWN, TEETH_DEPTH = 0.0085, 0.022
"""Metres from the bite to the gums, and from the front teeth to those that lie in the dark."""
HANGING = (
    "bob", "bob with fringe", "wavy lob", "long straight", "long side part", "long wavy", "curtain fringe", "plaits",
    "side plait", "long curls", "locs",
)  # fmt: skip
"""Hair that hides the shoulders."""
EYE_SHRINK = 0.97
"""Morph targets move lids along a straight line, a little closer to the eye than on their way around it."""
BUST = 0.215
"""Metres from the middle of the head at which the bust ends, in a round."""
TEETH_WIDTH, TEETH_BACK = 0.86, 0.0015
"""Share of their width, and metres that teeth are set back."""


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
        portrait: the person at rest, uint8 ``(size, size, 3)``, or 4 channels with alpha.
        identity: has the colours of what the portrait does not show.
    """
    count = len(ARKIT_BLENDSHAPES)
    shown = torch.cat([torch.zeros(1, count), torch.eye(count)])
    posed = head.pose(person, shown, torch.zeros(count + 1, 3))
    vertices, screen = posed.vertices.cpu().numpy(), posed.screen[0].cpu().numpy()
    extras, eyes_from = person.extras.cpu().numpy(), head.joint_weights.shape[0]
    _shrink_eyes(vertices[:, eyes_from:], extras[EYE_CENTRES].reshape(2, 3))
    _draw_in(vertices, np.unique(head.triangles[head.triangle_parts == TEETH].cpu().numpy()))
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
    tongue = _swatched("tongue", triangles[parts == TONGUE], 2, 0.45)
    _darken(tongue, rest, 1.6 * TEETH_DEPTH)
    made = [
        skin_part,
        _eyes(head, triangles[(parts == EYE) | (parts == IRIS)], eyes_from),
        _teeth(rest, vertices[1 + BLENDSHAPE_INDEX["jawOpen"]] - rest, triangles[parts == TEETH]),
        tongue,
    ]
    joints = extras[JOINT_HEADS].reshape(JOINTS, 3)
    return HeadMesh(rest, vertices[1:] - rest, weights, joints, made, texture)


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
        paint(
            (rest[:, 2] < middle[2] - 0.03) & (height > -0.045) & (weights[:, JOINTS] > 0.5) & ~ears, identity.hair_rgb
        )
    paint((weights[:, JOINTS] < 0.3) & (weights[:, 0] < 0.12) & (rest[:, 2] < middle[2]), identity.skin_rgb)
    paint(weights[:, 0] > CLOTHED, identity.clothes_rgb)
    paint(mouth, THROAT)
    return KnownColours(mouth, colours, known, weights[:, 0], identity.hair not in HANGING)


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
    ring = 1 - 0.55 * smoothstep((sine - 0.34) / (IRIS_REACH - 0.34))
    iris = np.array(tone) * (fibres * ring * (0.85 + 0.5 * (sine / IRIS_REACH)))[..., None]
    white = np.array(SCLERA) * (1 - 0.25 * smoothstep((sine - 0.6) / 0.5))[..., None] * [1.0, 0.97, 0.96]
    eye = iris + (white - iris) * smoothstep((sine - IRIS_REACH + 0.03) / 0.05)[..., None]
    eye = np.array(PUPIL) + (eye - np.array(PUPIL)) * smoothstep((sine - PUPIL_REACH + 0.03) / 0.05)[..., None]
    texture[top : top + size, left : left + size] = (eye.clip(0, 1) * 255).round()


EYE_FILL = 0.96
"""Share of the eye's box that the front half of the eye fills."""


def paint_swatches(texture: np.ndarray) -> None:
    """Teeth and gums, one above the other, and the tongue."""
    left, top, size = SWATCHES
    height = (np.arange(size) + 0.5) / size
    ramp = smoothstep((height - 0.45) / 0.1)[:, None, None]
    light = 1 - 0.7 * smoothstep((np.arange(size) + 0.5) / size)[None, :, None]  # little falls on the teeth at the back
    teeth = np.array(TOOTH) + ramp * (np.array(GUMS) - np.array(TOOTH))
    texture[top : top + size, left : left + size] = 255 * teeth * light
    texture[top : top + size, left + size : left + 2 * size] = 255 * np.array(FLESH) * light


def _swatched(name: str, triangles: np.ndarray, column: int, roughness: float, height: float = 0.5) -> MeshPart:
    left, top, size = SWATCHES
    source = np.unique(triangles)
    place = [(left + (column - 0.5) * size) / (2 * FRONT), (top + height * size) / FRONT]
    return MeshPart(name, source, np.tile(place, (len(source), 1)), np.searchsorted(source, triangles), roughness)


def _darken(part: MeshPart, rest: np.ndarray, depth: float) -> None:
    """Moves what lies so many metres behind the foremost vertex to the dark side of its swatch."""
    behind = rest[part.source, 2].max() - rest[part.source, 2]
    part.uvs[:, 0] += (np.clip(behind / depth, 0.03, 0.97) - 0.5) * SWATCHES[2] / (2 * FRONT)


def _teeth(rest: np.ndarray, opened: np.ndarray, triangles: np.ndarray) -> MeshPart:
    """Teeth, white up to the gums; ``opened`` is what jawOpen moves each vertex by."""
    part = _swatched("teeth", triangles, 1, 0.35)
    _, top, size = SWATCHES
    _darken(part, rest, TEETH_DEPTH)
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


def _draw_in(vertices: np.ndarray, teeth: np.ndarray) -> None:
    """``(poses, vertices, 3)``, in place: the teeth a little narrower, or the closed lips would show them."""
    vertices[:, teeth] *= np.array([TEETH_WIDTH, 1, 1], np.float32)
    vertices[:, teeth, 2] -= TEETH_BACK


def _shrink_eyes(eyes: np.ndarray, centres: np.ndarray) -> None:
    """``(poses, vertices of both eyes, 3)``, in place."""
    half = eyes.shape[1] // 2
    for eye, centre in enumerate(centres):
        mine = eyes[:, eye * half : (eye + 1) * half]
        mine[:] = centre + (mine - centre) * EYE_SHRINK
