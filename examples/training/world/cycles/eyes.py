"""Eyeballs: a matt ball with a sunk iris, and a wet shell over it (cornea and tear film) that alone reflects."""

from __future__ import annotations

import cv2
import numpy as np

from .nodes import Nodes

IRIS = 0.44  # radians: half the iris as seen from the middle of the ball
IRIS_RADIUS = 0.335  # in the texture, whose half width is 1
SEGMENTS = 40
COLORS = {
    "bluegreen": (0.10, 0.15, 0.15), "lightblue": (0.16, 0.24, 0.31), "green": (0.13, 0.125, 0.055),
    "grey": (0.15, 0.17, 0.19), "blue": (0.10, 0.165, 0.25), "ice": (0.20, 0.26, 0.30), "brown": (0.095, 0.047, 0.022),
    "brownlight": (0.135, 0.070, 0.030),
}  # fmt: skip


def eye_texture(color: str, brightness: float, rng: np.random.Generator, size: int = 512) -> np.ndarray:
    """(size, size, 3) linear: an eyeball from the front, with iris, pupil, limbus and veins."""
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    radius, angle = np.hypot(x, y) / 0.5, np.arctan2(y, x)
    base = np.array(COLORS[color]) * (0.55 + 0.35 * min(brightness, 1.2))
    base = base * 0.85 + 0.15 * base.mean()
    pupil = 0.150 * rng.uniform(0.9, 1.2)
    t = np.clip((radius - pupil) / (IRIS_RADIUS - pupil), 0, 1)
    iris = base * (1 + 0.35 * _fibres(rng, radius, angle, pupil))[..., None]
    ring = 0.5 * np.exp(-(((t - 0.28) / 0.13) ** 2))[..., None] * np.array([1.25, 1.0, 0.7])
    limbus = 1 - 0.72 * np.clip((t - 0.70) / 0.30, 0, 1) ** 1.6
    below_lid = 0.78 + 0.22 * np.clip(0.5 + y / IRIS_RADIUS, 0, 1)
    iris = iris * (1 + ring) * (limbus * below_lid * np.clip(t / 0.05, 0.1, 1))[..., None]
    veins = np.abs(cv2.GaussianBlur(rng.normal(size=(size, size)).astype(np.float32), (0, 0), 5))
    veins = np.exp(-((veins / veins.std() / 0.10) ** 2))[..., None]
    outwards = np.clip((radius - 0.40) / 0.5, 0, 1)[..., None]
    upwards = np.clip((-y - 0.02) / 0.30, 0, 1)[..., None]
    white = np.array([0.50, 0.455, 0.425]) * (1 - outwards * np.array([0.16, 0.30, 0.32]))
    white = white * (1 - 0.25 * veins * outwards * np.array([0.4, 1, 1])) * (1 - 0.40 * upwards)
    share = np.clip((radius - IRIS_RADIUS + 0.016) / 0.04, 0, 1)[..., None]
    out = iris * (1 - share) + white * share
    seen = np.clip((radius - pupil + 0.008) / 0.016, 0, 1)[..., None]
    return np.clip(out * seen + 0.0008 * (1 - seen), 0, 1)


def _fibres(rng: np.random.Generator, radius: np.ndarray, angle: np.ndarray, pupil: float) -> np.ndarray:
    """Unit variance, streaks from the pupil outwards."""
    polar = np.tile(rng.normal(size=(64, 360)).astype(np.float32), (1, 3))
    polar = cv2.GaussianBlur(polar, (0, 0), sigmaX=1.1, sigmaY=9)[:, 360:720]
    around = ((angle + np.pi) / (2 * np.pi) * 359).astype(np.float32)
    outwards = np.clip((radius - pupil) / (IRIS_RADIUS - pupil) * 63, 0, 63).astype(np.float32)
    return cv2.remap(polar / polar.std(), around, outwards, cv2.INTER_LINEAR)


def ball_mesh(radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, triangles, and texture coordinates of the triangles' corners; the eye looks along +z."""
    polar = np.r_[np.linspace(0.0, IRIS, 9), np.linspace(IRIS + 0.025, 1.75, 18)]
    wide, deep = np.sin(polar), np.cos(polar)
    inner = polar <= IRIS
    t = polar[inner] / IRIS
    deep[inner] = np.cos(IRIS) - 0.045 - 0.03 * (1 - t**2) + 0.045 * np.clip((t - 0.9) / 0.1, 0, 1)
    vertices, triangles = _lathe(wide, deep, radius)
    uv = vertices[:, :2] / radius / np.sin(IRIS) * IRIS_RADIUS * 0.5
    far = np.hypot(*uv.T) * 2
    uv = uv * np.where(far > 0.97, 0.97 / np.maximum(far, 1e-6), 1)[:, None] + 0.5
    return vertices, triangles, uv[triangles]


def shell_mesh(radius: float) -> tuple[np.ndarray, np.ndarray]:
    polar = np.r_[np.linspace(0.0, 0.62, 18), np.linspace(0.68, 1.6, 12)]
    bulge = 1.006 + 0.075 * np.exp(-((polar / 0.40) ** 4))
    return _lathe(np.sin(polar) * bulge, np.cos(polar) * bulge, radius)


def _lathe(wide: np.ndarray, deep: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    around = np.linspace(0, 2 * np.pi, SEGMENTS, endpoint=False)
    rings = [np.outer(wide, np.cos(around)), np.outer(wide, np.sin(around)), np.repeat(deep[:, None], SEGMENTS, 1)]
    triangles = []
    for ring in range(len(wide) - 1):
        for k in range(SEGMENTS):
            a, b = ring * SEGMENTS + k, ring * SEGMENTS + (k + 1) % SEGMENTS
            triangles += [(a, a + SEGMENTS, b), (b, a + SEGMENTS, b + SEGMENTS)]
    return np.stack(rings, -1).reshape(-1, 3) * radius, np.array(triangles)


def ball_material(image):
    nodes = Nodes("eyeball")
    inputs = {
        "Base Color": nodes("TexImage", image=image).outputs["Color"], "Roughness": 0.6, "Subsurface Weight": 0.15,
        "Subsurface Scale": 0.001, "Specular IOR Level": 0.0,
    }  # fmt: skip
    return nodes.done(nodes("BsdfPrincipled", inputs))


def shell_material():
    nodes = Nodes("tears")
    path = nodes("LightPath")
    share = nodes.math("MINIMUM", nodes("Fresnel", {"IOR": 1.40}).outputs[0], 0.085)
    share = nodes.math("MULTIPLY", share, nodes.math("SUBTRACT", 1.0, path.outputs["Is Shadow Ray"]))
    gloss = nodes("BsdfAnisotropic", {"Roughness": 0.05, "Color": (1, 1, 1, 1)})
    return nodes.done(nodes.mix_shaders(share, nodes("BsdfTransparent"), gloss))
