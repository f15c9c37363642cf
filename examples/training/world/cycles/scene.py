"""Blender as a renderer: meshes and strands in, noisy linear pictures with the denoiser's guides out."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import bmesh
import bpy
import numpy as np
import OpenEXR
from mathutils import Matrix
from PIL import Image

from ..colors import to_display
from ..strands import Strands

SENSOR = 36.0  # millimetres
FILTER_WIDTH = 1.4  # pixels
STRAND_SHAPE = ((0.0, 0.6, 1.0), (1.0, 0.9))  # along a strand: where its width is told, and how wide it still is


@dataclass(frozen=True)
class Shot:
    """One noisy picture. color: (h, w, 3) linear, premultiplied; alpha: (h, w, 1); albedo, normal: (h, w, 3)."""

    color: np.ndarray
    alpha: np.ndarray
    albedo: np.ndarray
    normal: np.ndarray


class Scene:
    """An empty Blender scene for one person. Making another one empties Blender: only one lives at a time.

    size: pixels of the whole picture; samples: paths a pixel.
    """

    def __init__(self, size: int, samples: int, threads: int = 1):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self.size = size
        self._scene = bpy.context.scene
        self._camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
        bpy.context.collection.objects.link(self._camera)
        self._scene.camera = self._camera
        self._folder = tempfile.TemporaryDirectory(prefix="cycles-")
        self._set_quality(samples)
        render = self._scene.render
        render.engine, render.film_transparent, render.use_persistent_data = "CYCLES", True, True
        render.threads_mode, render.threads = "FIXED", threads
        render.resolution_percentage = 100
        settings = render.image_settings
        settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR_MULTILAYER", "RGBA", "16"
        self._scene.cycles_curves.shape = "RIBBONS"
        self._scene.cycles_curves.subdivisions = 1
        self.use_world(None)

    def _set_quality(self, samples: int) -> None:
        """Two bounces and ambient light beyond 0.3 m: a face hardly shows the difference, at a third of the price."""
        cycles = self._scene.cycles
        cycles.device, cycles.samples, cycles.use_adaptive_sampling = "CPU", samples, False
        cycles.max_bounces, cycles.transparent_max_bounces = 2, 8
        cycles.diffuse_bounces = cycles.glossy_bounces = cycles.transmission_bounces = 1
        cycles.caustics_reflective = cycles.caustics_refractive = False
        cycles.sample_clamp_indirect, cycles.sample_clamp_direct, cycles.blur_glossy = 3.0, 12.0, 0.5
        cycles.use_fast_gi, cycles.ao_bounces_render = True, 1
        cycles.filter_width, cycles.use_light_tree = FILTER_WIDTH, False
        cycles.use_denoising = False
        bpy.context.view_layer.cycles.denoising_store_passes = True

    def use_world(self, world: bpy.types.World | None) -> None:
        """The light from everywhere; None: black."""
        if world is None:
            world = bpy.data.worlds.new("black")
            world.use_nodes = True
            world.node_tree.nodes["Background"].inputs[1].default_value = 0.0
        self._scene.world = world
        world.light_settings.distance = 0.3

    def set_samples(self, samples: int) -> None:
        self._scene.cycles.samples = samples

    def set_seed(self, seed: int) -> None:
        """Of the noise. The same for all frames of a person, so that what is left of it keeps still."""
        self._scene.cycles.seed = seed % 2**31

    def aim(self, center: np.ndarray, distance: float, width: float) -> None:
        """Look along -z at ``center`` from ``distance`` metres away, where the view is ``width`` metres wide."""
        self._camera.location = center + np.array([0, 0, distance])
        camera = self._camera.data
        camera.sensor_width, camera.clip_start = SENSOR, 0.1
        camera.lens = SENSOR * distance / width

    def render(self, box: tuple[int, int, int, int] | None = None) -> Shot:
        """The whole picture, or the pixels ``(left, top, right, bottom)`` of it."""
        render, size = self._scene.render, self.size
        render.resolution_x = render.resolution_y = size
        render.use_border = render.use_crop_to_border = box is not None
        if box is not None:
            render.border_min_x, render.border_max_x = box[0] / size, box[2] / size
            render.border_min_y, render.border_max_y = 1 - box[3] / size, 1 - box[1] / size
        path = Path(self._folder.name) / "shot.exr"
        render.filepath = str(path)
        with _quiet():
            bpy.ops.render.render(write_still=True)
        with OpenEXR.File(str(path)) as file:
            layers = {name.split(".", 1)[-1]: channel.pixels for name, channel in file.channels().items()}
        combined = _layer(layers, "Combined", 4)
        return Shot(
            np.maximum(combined[..., :3], 0),
            np.clip(combined[..., 3:], 0, 1),
            np.clip(_layer(layers, "Denoising Albedo", 3), 0, 1),
            _layer(layers, "Denoising Normal", 3),
        )

    def add_mesh(
        self,
        name: str,
        vertices: np.ndarray,
        triangles: np.ndarray,
        material: bpy.types.Material,
        uvs: np.ndarray | None = None,
        attributes: dict[str, np.ndarray] | None = None,
        subdivisions: int = 0,
    ) -> bpy.types.Object:
        """vertices (v, 3); triangles (t, 3); uvs (t, 3, 2) of their corners; attributes: (v, 3) each."""
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(vertices.tolist(), [], triangles.tolist())
        if uvs is not None:
            mesh.uv_layers.new(name="uv").data.foreach_set("uv", uvs.reshape(-1).astype(np.float32))
        for key, value in (attributes or {}).items():
            stored = mesh.attributes.new(key, "FLOAT_VECTOR", "POINT")
            stored.data.foreach_set("vector", value.reshape(-1).astype(np.float32))
        if subdivisions:
            _join_triangles(mesh)
        mesh.shade_smooth()
        mesh.materials.append(material)
        thing = bpy.data.objects.new(name, mesh)
        bpy.context.collection.objects.link(thing)
        if subdivisions:
            modifier = thing.modifiers.new("subdivide", "SUBSURF")
            modifier.render_levels = modifier.levels = subdivisions
        return thing

    def add_strands(self, name: str, strands: Strands, material: bpy.types.Material) -> bpy.types.Object:
        count, points, _ = strands.points.shape
        curves = bpy.data.hair_curves.new(name)
        curves.add_curves([points] * count)
        curves.position_data.foreach_set("vector", strands.points.reshape(-1).astype(np.float32))
        widths = np.interp(np.linspace(0, 1, points), STRAND_SHAPE[0], (*STRAND_SHAPE[1], strands.tip)) * strands.width
        radius = curves.attributes.get("radius") or curves.attributes.new("radius", "FLOAT", "POINT")
        radius.data.foreach_set("value", np.tile(widths / 2, count).astype(np.float32))
        curves.attributes.new("tone", "FLOAT", "CURVE").data.foreach_set("value", strands.tone.astype(np.float32))
        curves.materials.append(material)
        thing = bpy.data.objects.new(name, curves)
        bpy.context.collection.objects.link(thing)
        return thing

    def add_image(self, name: str, pixels: np.ndarray, colorspace: str = "sRGB") -> bpy.types.Image:
        """pixels: (h, w, 3) linear floats, or (h, w, 3 or 4) uint8 as stored."""
        if pixels.dtype != np.uint8:
            pixels = (to_display(pixels) * 255 + 0.5).astype(np.uint8)
        path = Path(self._folder.name) / f"{name}.png"
        Image.fromarray(pixels).save(path, compress_level=1)
        image = bpy.data.images.load(str(path))
        image.colorspace_settings.name = colorspace
        image.pack()
        return image

    def add_lamp(
        self, direction: np.ndarray, center: np.ndarray, distance: float, size: float, power: float, color=(1, 1, 1)
    ) -> None:
        """A round area light, ``size`` metres wide, ``power`` watts, that looks at ``center``."""
        lamp = bpy.data.lights.new("lamp", "AREA")
        lamp.shape, lamp.size, lamp.energy, lamp.color = "DISK", size, power, color
        thing = bpy.data.objects.new("lamp", lamp)
        bpy.context.collection.objects.link(thing)
        away = np.asarray(direction, float) / np.linalg.norm(direction)
        thing.matrix_world = facing(away, np.asarray(center) + away * distance)


def move_mesh(thing: bpy.types.Object, vertices: np.ndarray) -> None:
    thing.data.attributes["position"].data.foreach_set("vector", vertices.reshape(-1).astype(np.float32))
    thing.data.update()


def move_strands(thing: bpy.types.Object, points: np.ndarray) -> None:
    thing.data.position_data.foreach_set("vector", points.reshape(-1).astype(np.float32))
    thing.data.update_tag()


def place(thing: bpy.types.Object, matrix: np.ndarray) -> None:
    """matrix: (4, 4), from the thing's own space to the world's."""
    thing.matrix_world = Matrix(matrix.tolist())


def drawn_triangles(thing: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """Of a mesh as Cycles sees it, subdivided: corners (t, 3, 3) in metres and texture coordinates (t, 3, 2)."""
    graph = bpy.context.evaluated_depsgraph_get()
    mesh = thing.evaluated_get(graph).to_mesh()
    positions = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", positions)
    mesh.calc_loop_triangles()
    corners = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    loops = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("vertices", corners)
    mesh.loop_triangles.foreach_get("loops", loops)
    uvs = np.zeros((len(loops), 2), np.float32)
    if mesh.uv_layers:
        of_loops = np.empty(len(mesh.loops) * 2, np.float32)
        mesh.uv_layers[0].data.foreach_get("uv", of_loops)
        uvs = of_loops.reshape(-1, 2)[loops]
    matrix = np.array(thing.matrix_world)
    points = positions.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
    thing.evaluated_get(graph).to_mesh_clear()
    return points[corners].reshape(-1, 3, 3), uvs.reshape(-1, 3, 2)


def facing(direction: np.ndarray, center: np.ndarray) -> Matrix:
    """What turns +z into ``direction`` and moves the origin to ``center``."""
    z = direction / np.linalg.norm(direction)
    x = np.cross([0, 1.0, 0], z)
    x /= np.linalg.norm(x)
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2], matrix[:3, 3] = x, np.cross(z, x), z, center
    return Matrix(matrix.tolist())


def _join_triangles(mesh: bpy.types.Mesh) -> None:
    """Back to quadrangles, which subdivide without creases."""
    work = bmesh.new()
    work.from_mesh(mesh)
    bmesh.ops.join_triangles(work, faces=work.faces, angle_face_threshold=1.2, angle_shape_threshold=1.4, cmp_uvs=True)
    work.to_mesh(mesh)
    work.free()


def _layer(layers: dict[str, np.ndarray], name: str, channels: int) -> np.ndarray:
    """(h, w, channels) of a render pass, stored whole or channel by channel."""
    whole = [pixels for key, pixels in layers.items() if name in key and pixels.ndim == 3]
    if whole:
        return np.array(whole[0], np.float32)[..., :channels]
    single = sorted((key for key in layers if name in key), key=lambda key: "RXGYBZA".index(key[-1]))
    return np.stack([np.array(layers[key], np.float32) for key in single], -1)[..., :channels]


class _quiet:
    """Blender prints every step of a render to the file descriptor: not here."""

    def __enter__(self) -> None:
        self._null, self._kept = os.open(os.devnull, os.O_WRONLY), os.dup(1)
        os.dup2(self._null, 1)

    def __exit__(self, *error) -> None:
        os.dup2(self._kept, 1)
        os.close(self._null)
        os.close(self._kept)
