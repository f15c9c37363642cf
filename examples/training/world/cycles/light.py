"""The lights of a scene: lamps, and a photographed panorama round about."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import bpy
import cv2
import numpy as np

from ..colors import LUMINANCE
from ..light import Light
from .scene import Scene

BRIGHTEST = 8.0  # times the usual level: how bright the surroundings get
AROUND = (512, 256)  # pixels of the surroundings as light
PALER = 0.75  # saturation of the surroundings
BALANCE = 0.92  # how much of a cast the camera takes off


def switch_on(scene: Scene, light: Light, face: np.ndarray, pictures: Path) -> None:
    """face: (3,) the middle of the face, metres; pictures: the folder of HDRIs."""
    scene.use_world(_even(light.level) if light.surroundings is None else _surroundings(light, pictures))
    for lamp in light.lamps:
        scene.add_lamp(_direction(lamp.azimuth, lamp.elevation), face, 1.25, lamp.size, lamp.power, lamp.color)


def panorama(name: str, folder: Path) -> np.ndarray:
    """(height, width, 3) linear. Its sun is cut: a lamp stands for it, and four samples a pixel would show it as
    sparks."""
    image = bpy.data.images.load(str(_picture_path(name, folder)), check_existing=True)
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    pixels = np.maximum(np.nan_to_num(pixels.reshape(height, width, 4)[::-1, :, :3]), 0)
    level = pixels @ LUMINANCE.astype(np.float32)
    most = BRIGHTEST * float(np.median(level) + level.clip(0, 4 * np.median(level) + 1e-3).mean())
    return pixels * np.minimum(1, most / np.maximum(level, 1e-4))[..., None]


def backdrop(name: str, folder: Path, turn: float, size: int, view: float = 42, blur: float = 0.02) -> np.ndarray:
    """(size, size, 3) linear: what a camera with a wide aperture sees behind the head; view: degrees."""
    pixels = panorama(name, folder)
    tint, gain = _balance(pixels, turn, 0.5)
    f = np.tan(np.radians(view / 2))
    y, x = np.mgrid[0:size, 0:size]
    ray = np.stack([(x / size * 2 - 1) * f, (1 - y / size * 2) * f + np.tan(np.radians(4)), -np.ones_like(x)], -1)
    u, v = _to_picture(ray / np.linalg.norm(ray, axis=-1, keepdims=True), turn)
    source = np.clip(pixels / tint * gain, 0, 6).astype(np.float32)
    at = (u * source.shape[1]).astype(np.float32), (v * source.shape[0]).astype(np.float32)
    seen = cv2.remap(source, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    radius = max(1, int(size * blur))
    yy, xx = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = (np.hypot(xx, yy) <= radius + 0.3).astype(np.float32)
    seen = cv2.filter2D(seen, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)
    seen = np.maximum(cv2.GaussianBlur(seen, (0, 0), max(0.6, radius * 0.18)), 0)
    middle = float(np.median(seen))
    return seen * float(np.clip(middle, 0.10, 0.55) / max(middle, 1e-3)) ** 0.8  # neither black nor burnt


def _direction(azimuth: float, elevation: float) -> np.ndarray:
    a, e = np.radians([azimuth, elevation])
    return np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])


def _even(level: float) -> bpy.types.World:
    world = bpy.data.worlds.new("even")
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs[0].default_value, background.inputs[1].default_value = (1, 1, 1, 1), level
    return world


def _surroundings(light: Light, folder: Path) -> bpy.types.World:
    """The picture turned about the vertical, its cast and its level as they reach a face taken off."""
    pixels = panorama(light.surroundings, folder)
    tint, gain = _balance(pixels, light.turn, light.level)
    pixels = cv2.resize(pixels, AROUND, interpolation=cv2.INTER_AREA) / tint * gain
    level = (pixels @ LUMINANCE)[..., None]
    pixels = level + (pixels - level) * PALER
    image = bpy.data.images.new("surroundings", *AROUND, alpha=False, float_buffer=True)
    image.colorspace_settings.name = "Linear Rec.709"
    whole = np.concatenate([pixels, np.ones((*pixels.shape[:2], 1))], -1)[::-1]
    image.pixels.foreach_set(np.ascontiguousarray(whole, np.float32).ravel())
    image.update()
    world = bpy.data.worlds.new("surroundings")
    world.use_nodes = True
    tree = world.node_tree
    picture, upright, turned = (
        tree.nodes.new(f"ShaderNode{kind}") for kind in ("TexEnvironment", "Mapping", "Mapping")
    )
    picture.image = image
    upright.inputs["Rotation"].default_value = (np.pi / 2, 0, 0)
    turned.inputs["Rotation"].default_value = (0, 0, np.radians(light.turn))
    place = tree.nodes.new("ShaderNodeTexCoord")
    tree.links.new(place.outputs["Generated"], upright.inputs[0])
    tree.links.new(upright.outputs[0], turned.inputs[0])
    tree.links.new(turned.outputs[0], picture.inputs[0])
    tree.links.new(picture.outputs[0], tree.nodes["Background"].inputs[0])
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 256
    return world


@lru_cache
def _picture_path(name: str, folder: Path) -> Path:
    own = Path(bpy.utils.resource_path("LOCAL")) / "datafiles/studiolights/world"
    for path in (folder / f"{name}.exr", own / f"{name}.exr"):
        if path.exists():
            return path
    raise FileNotFoundError(f"No HDRI {name}.exr in {folder}: see ../README.md for where they come from.")


def _balance(pixels: np.ndarray, turn: float, level: float) -> tuple[np.ndarray, float]:
    """(3,) cast and the gain that brings what a face gets, looking at the camera, to ``level``."""
    rng = np.random.default_rng(0)
    ray = rng.normal(size=(6000, 3))
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    ray[:, 2] = np.abs(ray[:, 2])
    u, v = _to_picture(ray, turn)
    small = cv2.resize(pixels, (256, 128), interpolation=cv2.INTER_AREA)
    seen = small[(v * 127.9).astype(int) % 128, (u * 255.9).astype(int) % 256]
    weight = ray[:, 2:] + 0.15
    light = (seen * weight).sum(0) / weight.sum() + 1e-4
    light = light * 0.75 + 0.25 * pixels.reshape(-1, 3).mean(0)
    tint = (light / light.mean()) ** BALANCE
    return tint, level / float((light / tint) @ LUMINANCE / LUMINANCE.sum())


def _to_picture(ray: np.ndarray, turn: float) -> tuple[np.ndarray, np.ndarray]:
    """Directions (..., 3) -> places 0..1 in an equirectangular picture."""
    x, y, z = ray[..., 0], -ray[..., 2], ray[..., 1]
    cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    x, y = cosine * x - sine * y, sine * x + cosine * y
    return np.arctan2(y, -x) / (2 * np.pi) + 0.5, 1 - (np.arcsin(np.clip(z, -1, 1)) / np.pi + 0.5)
