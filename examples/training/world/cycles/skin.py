"""Skin: colour from melanin and blood, detail from CC0 photographs, two bumps, freckles, stubble, creases."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..colors import LUMINANCE, to_linear
from ..head import Head
from ..people import Person
from .nodes import Nodes, rgba

TEXTURE = 1024  # pixels
BARE = -9.0  # metres: where a texel is no skin
GREY_ROOTS = 0.35  # linear
INNER_MOUTH = np.array([0.30, 0.085, 0.075])
LIP_DARKNESS = ((0.0, 0.5, 1.0), (0.72, 0.74, 0.95))  # of melanin: lips against the skin around them
BEARD_EDGE = (
    (0, 0.010, 0.020, 0.030, 0.040, 0.050, 0.060, 0.070, 0.080),
    (0.0185, 0.0185, 0.013, 0.004, -0.001, 0.004, 0.016, 0.034, 0.065),
)  # metres from the middle of the mouth: how high a beard grows, from the moustache over the cheeks to the ears
JAW_EDGE = ((-0.11, -0.08, -0.05, -0.02), (-0.012, -0.030, -0.048, -0.058))  # depth behind the mouth -> lower end


@dataclass(frozen=True)
class SkinMaps:
    """In texture space, (TEXTURE, TEXTURE), of the average head at rest.

    position: (..., 3) metres, BARE where there is no skin; lips, inside: shares; beards: style -> density 0..1;
    mouth: (3,) its middle; eyes: (2, 3).
    """

    position: np.ndarray
    lips: np.ndarray
    inside: np.ndarray
    beards: dict[str, np.ndarray]
    mouth: np.ndarray
    eyes: np.ndarray

    @property
    def covered(self) -> np.ndarray:
        return self.position[..., 0] > BARE


def skin_maps(head: Head) -> SkinMaps:
    position = _positions(head)
    masks = cv2.resize(head.face_masks, (TEXTURE, TEXTURE), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
    mouth = head.template[head.mouth_vertices].mean(0)
    eyes = np.array([eyelid.center for eyelid in head.eyelids])
    inside = masks[..., 1]
    lips = masks[..., 0] * (1 - inside)
    return SkinMaps(position, lips, inside, _beards(position, masks, mouth), mouth, eyes)


def _positions(head: Head) -> np.ndarray:
    """For every texel its place on the template."""
    out = np.full((TEXTURE, TEXTURE, 3), BARE, np.float32)
    corners = head.uvs[head.uv_triangles] * TEXTURE
    corners[..., 1] = TEXTURE - corners[..., 1]
    for uv, points in zip(corners, head.template[head.triangles], strict=True):
        low, high = np.floor(uv.min(0) - 1).astype(int), np.ceil(uv.max(0) + 1).astype(int)
        (x0, y0), (x1, y1) = np.maximum(low, 0), np.minimum(high, TEXTURE)
        (ax, ay), (bx, by), (cx, cy) = uv
        area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
        if x1 <= x0 or y1 <= y0 or abs(area) < 1e-9:
            continue
        y, x = np.mgrid[y0:y1, x0:x1] + 0.5
        u = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / area
        v = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / area
        w = 1 - u - v
        inside = (u >= -0.02) & (v >= -0.02) & (w >= -0.02)
        point = u[..., None] * points[0] + v[..., None] * points[1] + w[..., None] * points[2]
        out[y0:y1, x0:x1][inside] = point[inside]
    return out


def _ramp(value: np.ndarray, width: float) -> np.ndarray:
    return np.clip(value / width, 0, 1)


def _beards(position: np.ndarray, masks: np.ndarray, mouth: np.ndarray) -> dict[str, np.ndarray]:
    """Style -> where it grows and how densely."""
    across, height, depth = np.abs(position[..., 0]), position[..., 1] - mouth[1], position[..., 2] - mouth[2]
    free = 1 - cv2.dilate(np.maximum(masks[..., 0], masks[..., 1]), np.ones((2, 2)))
    free = free * (position[..., 0] > BARE)
    upper, lower = np.interp(across, *BEARD_EDGE), np.interp(depth, *JAW_EDGE)
    front = _ramp(position[..., 2] - 0.050, 0.02)
    full = _ramp(upper - height + 0.003, 0.014) * _ramp(height - lower, 0.016) * front * free
    bare_spots = np.exp(-(((across - 0.014) / 0.006) ** 2) - ((height + 0.016) / 0.007) ** 2)
    full = full * (1 - 0.55 * bare_spots)
    neck = _ramp(upper - height, 0.012) * _ramp(height - lower + 0.030, 0.030) * _ramp(lower - height + 0.006, 0.01)
    neck = 0.35 * neck * front * free
    moustache = full * (height > -0.004) * _ramp(0.036 - across, 0.008) * _ramp(height + 0.010, 0.006)
    goatee = full * np.maximum(moustache > 0, _ramp(0.030 - across, 0.006))
    shadow = np.maximum(full, neck)
    return {
        "stubble": shadow, "short": np.maximum(full, 0.3 * neck), "full": full, "goatee": goatee,
        "moustache": moustache, "shadow": shadow,
    }  # fmt: skip


def albedo(head: Head, maps: SkinMaps, person: Person) -> np.ndarray:
    """(TEXTURE, TEXTURE, 3) linear. Of the photographs only the detail is kept: painted eye shadow, red lids and casts
    go; the colour is the person's own."""
    position = maps.position
    photo = sum(head.assets.skin(name).astype(np.float32) * share for name, share in person.skin)
    photo = cv2.resize(photo, (TEXTURE, TEXTURE), interpolation=cv2.INTER_AREA)
    photo = to_linear(photo / 255) + 0.002
    cheek = maps.covered & (position[..., 2] > 0.10) & (position[..., 1] > maps.mouth[1] + 0.01)
    cheek &= (position[..., 1] < maps.eyes[0, 1] - 0.012) & (np.abs(position[..., 0]) > 0.02)
    usual = np.median(photo[cheek], 0)
    brightness = (photo @ LUMINANCE) / (usual @ LUMINANCE)
    hue = photo / (photo @ LUMINANCE)[..., None] / (usual / (usual @ LUMINANCE))
    at_eyes = np.exp(-((_eye_distance(maps, 1.25, 0.0) / 0.017) ** 2)) * (position[..., 2] > 0.08)
    made_up = person.female and person.grown
    brightness = np.clip(brightness, 0.15, 2.2) ** (0.95 - at_eyes * (0.25 if made_up else 0.50))
    hue = np.clip(hue, 0.6, 1.7) ** (0.45 - 0.25 * at_eyes)[..., None]
    out = person.tone * brightness[..., None] * hue * _zones(maps, person)
    return _with_mouth(maps, person, out, brightness).clip(0, 1)


def _zones(maps: SkinMaps, person: Person) -> np.ndarray:
    """(TEXTURE, TEXTURE, 3) factor: redder cheeks, nose, chin and ears, darker below the eyes, uneven everywhere."""
    rng = np.random.default_rng([person.seed, 5])
    x, y, z = np.abs(maps.position[..., 0]), maps.position[..., 1] - maps.mouth[1], maps.position[..., 2]

    def blob(place, size):
        return np.exp(-sum(((at - p) / s) ** 2 for at, p, s in zip((x, y, z), place, size, strict=True)))

    red = 0.9 * blob((0.043, 0.030, 0.10), (0.020, 0.018, 0.05)) + 0.9 * blob((0, 0.040, 0.15), (0.014, 0.014, 0.04))
    red += 0.5 * blob((0, -0.036, 0.13), (0.018, 0.012, 0.05)) + 0.35 * blob((0.075, 0.06, 0), (0.02, 0.04, 0.05))
    below_eyes = np.exp(-((_eye_distance(maps, 1.5, 0.014) / 0.008) ** 2)) * (z > 0.08)
    fair = 1 - 0.6 * person.melanin
    even = person.evenness
    blush, tired = rng.uniform(0.5, 1.1), rng.uniform(0.2, 0.8)
    log = fair * blush * red[..., None] * np.array([0.05, -0.20, -0.14])
    log = log + tired * below_eyes[..., None] * np.array([-0.14, -0.20, -0.12])
    for width, strength, channels in (
        (14, 0.008, (0.5, 1.2, 1.1)),
        (5, 0.010, (0.8, 1.1, 1.0)),
        (1.6, 0.040, (1, 1, 1)),
    ):
        field = cv2.GaussianBlur(rng.normal(size=x.shape).astype(np.float32), (0, 0), width)
        log = log + even * strength * (field / field.std())[..., None] * np.array(channels)
    return np.exp(log)


def _with_mouth(maps: SkinMaps, person: Person, skin: np.ndarray, brightness: np.ndarray) -> np.ndarray:
    """Lips in their own colour with a soft edge, then the inside."""
    melanin = person.melanin
    color = person.tone * np.interp(melanin, *LIP_DARKNESS)
    color = color * np.array([1.0, 0.60 + 0.16 * melanin, 0.66 + 0.16 * melanin])
    lines = np.clip(brightness / max(np.median(brightness[maps.lips > 0.5]), 0.05), 0.4, 1.6)[..., None]
    share = (cv2.GaussianBlur(maps.lips, (0, 0), 2.6) * 0.92)[..., None]
    out = skin * (1 - share) + share * color * lines
    painted = share * person.lip_amount * 0.8
    out = out * (1 - painted) + painted * person.lip_color * 0.7 * lines
    inside = cv2.GaussianBlur(maps.inside, (0, 0), 0.8)[..., None]
    return out * (1 - inside) + inside * INNER_MOUTH


def _eye_distance(maps: SkinMaps, wide: float, lower: float) -> np.ndarray:
    """Metres in the plane of the face from the nearer eye, or from ``lower`` metres below it; ``wide`` flattens."""
    x, y = maps.position[..., 0], maps.position[..., 1]
    return np.min([np.hypot((x - eye[0]) / wide, y - eye[1] + lower) for eye in maps.eyes], axis=0)


def skin_material(person: Person, images: dict, hairy: bool, beard_tint: float):
    """images: skin, classes (red lips, green inside), beard (grey), creases (grey)."""
    nodes = Nodes("skin")
    color = nodes("TexImage", image=images["skin"], interpolation="Cubic").outputs["Color"]
    classes = nodes("SeparateColor", {"Color": nodes("TexImage", image=images["classes"]).outputs["Color"]})
    wet = nodes.math("MAXIMUM", classes.outputs[0], classes.outputs[1])
    place = nodes.attribute("rest")
    scalp = nodes("SeparateXYZ", {"Vector": nodes.attribute("regions")}).outputs[0]
    fine = nodes.noise(place, 520.0, 4.0)
    pores = nodes("TexVoronoi", {"Vector": place, "Scale": 900.0}, feature="F1").outputs["Distance"]
    color = _texture(nodes, person, color, place, fine, pores)
    color = _freckles(nodes, person, color, place, wet)
    dye = person.hair_color * (1 - person.grey) + person.grey * GREY_ROOTS
    under_hair = np.clip(dye, 0, 0.3) * (0.45 if hairy else 0.75)
    color = nodes.mix(nodes.math("MULTIPLY", scalp, 0.90 if hairy else 0.30), color, rgba(under_hair))
    if beard_tint > 0:
        grown = nodes("TexImage", image=images["beard"]).outputs["Color"]
        shadow = np.clip(person.hair_color, 0, 0.06) * 0.6 + np.array([0.010, 0.011, 0.013])
        color = nodes.mix(nodes.math("MULTIPLY", grown, beard_tint), color, rgba(shadow))
    old = float(np.clip((person.phenotype["age"] - 0.65) / 0.3, 0, 1))
    grain = nodes.math("ADD", nodes.math("MULTIPLY", pores, 0.6), nodes.math("MULTIPLY", fine, 0.8))
    grown_up = 1 - 0.5 * person.child
    bump = nodes("Bump", {"Height": grain, "Strength": (0.70 + 0.2 * old) * grown_up, "Distance": 0.00055})
    waves = nodes.noise(place, 190.0)
    bump = nodes(
        "Bump", {"Height": waves, "Strength": (0.40 + 0.3 * old) * grown_up, "Distance": 0.0010, "Normal": bump}
    )
    creases = nodes("TexImage", image=images["creases"], interpolation="Cubic").outputs["Color"]
    bump = nodes("Bump", {"Height": creases, "Strength": 1.0, "Distance": 0.0028, "Normal": bump}, invert=True)
    color = nodes.mix(nodes.math("MULTIPLY", creases, 0.35), color, (0.62, 0.50, 0.45, 1), "MULTIPLY")
    rough = nodes.math("ADD", 0.37, nodes.math("MULTIPLY", nodes.ramp(fine, 0.3, 0.7), 0.18))
    rough = nodes.math("ADD", rough, nodes.math("MULTIPLY", scalp, 0.25))
    rough = nodes.math("SUBTRACT", rough, nodes.math("MULTIPLY", wet, 0.10))
    melanin = person.melanin
    gloss = float(0.50 - 0.08 * melanin)
    shader = nodes(
        "BsdfPrincipled",
        {
            "Base Color": color, "Roughness": rough, "IOR": 1.4, "Subsurface Weight": 1.0,
            "Subsurface Radius": (1.0, 0.40 + 0.15 * melanin, 0.24 + 0.2 * melanin),
            "Subsurface Scale": float(0.0036 - 0.0016 * melanin), "Normal": bump,
            "Specular IOR Level": nodes.ramp(scalp, 0.0, 1.0, gloss, 0.2 * gloss),
        },
        subsurface_method="BURLEY",
    )  # fmt: skip
    return nodes.done(shader)


def _texture(nodes: Nodes, person: Person, color, place, fine, pores):
    """Blotches of some millimetres, grain and pores: in the colour as well, which survives denoising."""
    even = person.evenness * (1 - 0.6 * person.child)
    blotches = nodes.ramp(nodes.noise(place, 110.0), 0.35, 0.7)
    color = nodes.mix(nodes.math("MULTIPLY", blotches, 0.20 * even), color, (1.03, 0.87, 0.84, 1), "MULTIPLY")
    color = nodes.mix(
        nodes.math("MULTIPLY", nodes.ramp(fine, 0.45, 0.75), 0.40 * even), color, (0.84, 0.76, 0.71, 1), "MULTIPLY"
    )
    deep = nodes.ramp(pores, 0.30, 0.0)
    return nodes.mix(nodes.math("MULTIPLY", deep, 0.55 * even), color, (0.80, 0.71, 0.66, 1), "MULTIPLY")


def _freckles(nodes: Nodes, person: Person, color, place, wet):
    """Freckles of some fair people, spots of the old, a few moles of everybody."""
    cells = nodes("TexVoronoi", {"Vector": place, "Scale": 230.0, "Randomness": 1.0}, feature="F1")
    chosen = nodes("SeparateColor", {"Color": cells.outputs["Color"]})
    free = nodes.math("SUBTRACT", 1.0, wet)

    def dots(channel: int, rarest: float, large: float, small: float):
        gate = nodes.math("GREATER_THAN", chosen.outputs[channel], rarest)
        dot = nodes.ramp(cells.outputs["Distance"], large, small)
        return nodes.math("MULTIPLY", dot, nodes.math("MULTIPLY", gate, free))

    if person.freckles > 0:
        color = nodes.mix(
            nodes.math("MULTIPLY", dots(0, 0.72, 0.34, 0.16), person.freckles), color, (0.76, 0.62, 0.52, 1), "MULTIPLY"
        )
    moles = nodes.math("MULTIPLY", dots(1, 0.9965, 0.26, 0.18), 0.75)
    return nodes.mix(moles, color, (0.42, 0.30, 0.25, 1), "MULTIPLY")
