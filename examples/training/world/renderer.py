"""Drawing people with OpenGL on EGL. A software driver such as Mesa's llvmpipe is enough: no GPU, no screen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import moderngl
import numpy as np

from .body import Body, PosedBody
from .camera import Framing, HeadPose, orthographic, project
from .face_masks import face_mask_texture
from .head import Head
from .lighting import Light, studio_light
from .occlusion import bake_occlusion
from .people import EYE_TEXTURES, Person
from .wrinkles import wrinkle_uniforms

CLASSES = ("background", "skin", "lips", "mouth", "eyes", "brows", "hair", "clothing")  # of the segmentation map
SUPERSAMPLING = 1.5
SHADOW_SIZE = 384
SHADER_OF = {
    "skin": "skin", "eye": "eye", "teeth": "mouth", "tongue": "mouth", "cloth": "cloth", "hair": "hair", "lash": "card",
    "brow": "card",
    "glasses": "glasses",
}  # fmt: skip
LIT_SHADERS = {"skin", "eye", "mouth", "cloth", "hair", "card", "glasses"}
BLEND = (moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA)
SWEPT_HAIR = ("bob01", "bob02", "braid01", "short03")
BLINKS = ("eyeBlinkLeft", "eyeBlinkRight")
BROW_LIFT = 0.004  # metres
RED_AT_MOST, YELLOW_AT_MOST = (1.75, 2.4), (1.6, 1.95)
"""Red to green and green to blue of a skin's texture, linear: of the lightest and of the darkest."""
LASH_COLOR = np.array([0.012, 0.010, 0.010])


@dataclass(frozen=True)
class Picture:
    """rgba: (size, size, 4) uint8, alpha is the person's coverage; normal: (size, size, 3) uint8, 128 = 0;
    classes: (size, size) uint8, index into CLASSES; landmarks: (112, 2) pixels; view_projection: (4, 4)."""

    rgba: np.ndarray
    normal: np.ndarray
    classes: np.ndarray
    landmarks: np.ndarray
    view_projection: np.ndarray

    @property
    def rgb(self) -> np.ndarray:
        return self.rgba[..., :3]


@dataclass
class _Buffers:
    """A person's geometry and textures on the GL side."""

    body: Body
    moving: moderngl.Buffer  # position, normal
    fixed: moderngl.Buffer  # texture coordinate, attributes, place
    indices: dict[str, moderngl.Buffer]
    arrays: dict[tuple[str, str], moderngl.VertexArray]
    skin: moderngl.Texture
    hair_order: np.ndarray  # (triangles, 3), near ones first


class Renderer:
    """Draws one person at a time. `release(person)` frees a person's buffers."""

    def __init__(self, head: Head, size: int = 256):
        self.head, self.size = head, size
        self.context = moderngl.create_context(standalone=True, backend="egl")
        self._programs = {name: self._program(name, "surface") for name in sorted(LIT_SHADERS)}
        self._programs["depth"] = self._program("depth", "depth")
        self._programs["background"] = self._program("background", "screen")
        self._programs["downsample"] = self._program("downsample", "screen")
        self._make_targets()
        self._textures: dict[tuple[str, str], moderngl.Texture] = {}
        self._luminance: dict[tuple[str, str], float] = {}
        self._people: dict[int, _Buffers] = {}
        self._masks = self._upload_texture(face_mask_texture(head.face_masks))

    def render(
        self,
        person: Person,
        actions: dict[str, float] | np.ndarray | None = None,
        *,
        pose: HeadPose | None = None,
        gaze: tuple[float, float] = (0.0, 0.0),
        light: Light | None = None,
        framing: Framing | None = None,
    ) -> Picture:
        """One frame. actions: (52,) or names, see Head.action_vector; gaze: degrees (right, up)."""
        buffers = self._prepare(person)
        body = buffers.body
        vector = self.head.action_vector(actions if actions is not None else {})
        posed = body.pose(vector, pose, gaze)
        self._upload(buffers, posed)
        light = light or studio_light()
        view_projection, center = body.view(posed, framing or Framing())
        camera = center + np.array([0, 0, body.camera_distance])
        toward_light = orthographic(light.directions()[0], center + np.array([0, -0.05, -0.05]), 0.25, 0.5)
        self._draw_shadow(buffers, toward_light)
        self._sort_hair(buffers, posed, camera)
        self._set_common_uniforms(view_projection, toward_light, camera, light)
        self._draw_background(light)
        self._draw_surfaces(buffers, posed, vector)
        rgba, normal, classes = self._downsample()
        landmarks = project(posed.vertices[self.head.landmarks], view_projection, self.size)
        return Picture(rgba, normal[..., :3].copy(), classes[..., 0].copy(), landmarks, view_projection)

    def body(self, person: Person) -> Body:
        """The person's geometry, prepared on first use."""
        return self._prepare(person).body

    def release(self, person: Person) -> None:
        buffers = self._people.pop(id(person), None)
        if buffers is not None:
            for item in (
                *buffers.arrays.values(),
                *buffers.indices.values(),
                buffers.moving,
                buffers.fixed,
                buffers.skin,
            ):
                item.release()

    # ------------------------------------------------------------------ set-up

    def _program(self, fragment: str, vertex: str) -> moderngl.Program:
        folder = Path(__file__).parent / "shaders"
        head = ["#version 330"] + [f"#define CLASS_{name.upper()} {index}." for index, name in enumerate(CLASSES)]
        includes = ["lighting.glsl"] if fragment in LIT_SHADERS else []
        includes += ["wrinkles.glsl"] if fragment == "skin" else []
        includes += ["hair_window.glsl"] if fragment in ("hair", "depth") else []
        sources = [(folder / name).read_text() for name in [*includes, f"{fragment}.frag"]]
        return self.context.program(
            vertex_shader="#version 330\n" + (folder / f"{vertex}.vert").read_text(),
            fragment_shader="\n".join(head + sources),
        )

    def _make_targets(self) -> None:
        context, large = self.context, int(self.size * SUPERSAMPLING)
        self._large = [context.texture((large, large), 4) for _ in range(3)]
        for texture, kind in zip(self._large, (moderngl.LINEAR, moderngl.LINEAR, moderngl.NEAREST), strict=True):
            texture.filter = (kind, kind)
            texture.repeat_x = texture.repeat_y = False
        self._large_frame = context.framebuffer(self._large, context.depth_renderbuffer((large, large)))
        self._final = [context.texture((self.size, self.size), 4) for _ in range(3)]
        self._final_frame = context.framebuffer(self._final)
        self._shadow = context.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        self._shadow.compare_func = ""
        self._shadow.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._shadow.repeat_x = self._shadow.repeat_y = False
        self._shadow_frame = context.framebuffer([], self._shadow)
        corners = context.buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1], np.float32).tobytes())
        self._screen = {
            name: context.vertex_array(self._programs[name], [(corners, "2f", "corner")])
            for name in ("background", "downsample")
        }

    def _upload_texture(self, image: np.ndarray) -> moderngl.Texture:
        flipped = np.ascontiguousarray(image[::-1])
        texture = self.context.texture((image.shape[1], image.shape[0]), image.shape[2], flipped.tobytes())
        texture.build_mipmaps()
        texture.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
        texture.repeat_x = texture.repeat_y = True
        return texture

    def _texture(self, kind: str, name: str) -> moderngl.Texture:
        if (kind, name) not in self._textures:
            size = {"clothes": 1024, "hair": 1024, "tongue": 256}.get(kind, 512)
            self._textures[kind, name] = self._upload_texture(self.head.assets.texture(kind, name, size))
        return self._textures[kind, name]

    def _mean_luminance(self, kind: str, name: str) -> float:
        """Of the opaque part of a texture, linear."""
        if (kind, name) not in self._luminance:
            image = self.head.assets.texture(kind, name, 128).astype(np.float32) / 255
            luminance = image[..., :3] ** 2.2 @ np.array([0.3, 0.6, 0.1], np.float32)
            weight = image[..., 3] + 1e-6
            self._luminance[kind, name] = max(float((luminance * weight).sum() / weight.sum()), 0.004)
        return self._luminance[kind, name]

    def _prepare(self, person: Person) -> _Buffers:
        if id(person) not in self._people:
            body = Body(self.head, person)
            count = len(body.drawn)
            moving = self.context.buffer(reserve=count * 24, dynamic=True)
            fixed = self.context.buffer(reserve=count * 32, dynamic=True)
            indices = {
                name: self.context.buffer(triangles.tobytes(), dynamic=True)
                for name, triangles in body.triangles.items()
            }
            arrays = {
                (surface, program): self._vertex_array(program, moving, fixed, index)
                for surface, index in indices.items()
                for program in (SHADER_OF[surface], "depth")
            }
            skin = self._upload_texture(_blend_skins(self.head, person))
            buffers = _Buffers(
                body, moving, fixed, indices, arrays, skin, body.triangles.get("hair", np.zeros((0, 3), np.int32))
            )
            self._write_fixed(buffers)
            self._bake_occlusion(buffers)
            self._people[id(person)] = buffers
        return self._people[id(person)]

    def _vertex_array(self, program: str, moving, fixed, index) -> moderngl.VertexArray:
        used = {
            name for name in self._programs[program] if isinstance(self._programs[program][name], moderngl.Attribute)
        }
        content = []
        own = (("uv", 2), ("attributes", 4), ("place", 2))
        for buffer, fields in ((moving, (("position", 3), ("normal", 3))), (fixed, own)):
            layout = " ".join(f"{width}f" if name in used else f"{4 * width}x" for name, width in fields)
            names = [name for name, _ in fields if name in used]
            if names:
                content.append((buffer, layout, *names))
        return self.context.vertex_array(self._programs[program], content, index)

    def _write_fixed(self, buffers: _Buffers) -> None:
        body = buffers.body
        buffers.fixed.write(np.c_[body.uvs, body.attributes, body.places].astype(np.float32).tobytes())

    def _bake_occlusion(self, buffers: _Buffers) -> None:
        body = buffers.body
        posed = body.pose(self.head.action_vector({"jawOpen": 0.35}))
        self._upload(buffers, posed)
        with_depth = self.context.depth_texture((256, 256))
        with_depth.compare_func = ""
        frame = self.context.framebuffer([], with_depth)

        def depth_map(view: np.ndarray) -> np.ndarray:
            self._begin_depth(frame)
            self._draw_depth(buffers, view, without=("glasses",))
            return np.frombuffer(with_depth.read(), np.float32).reshape(256, 256)

        body.attributes[:, 0] = bake_occlusion(body, posed, depth_map)
        self._write_fixed(buffers)
        frame.release()
        with_depth.release()

    # ------------------------------------------------------------------ one frame

    def _upload(self, buffers: _Buffers, posed: PosedBody) -> None:
        both = np.concatenate([posed.vertices, buffers.body.normals(posed.vertices)], 1)
        buffers.moving.write(both[buffers.body.drawn].astype(np.float32).tobytes())

    def _begin_depth(self, frame: moderngl.Framebuffer) -> None:
        self.context.enable(moderngl.DEPTH_TEST)
        self.context.disable(moderngl.BLEND)
        self.context.disable(moderngl.CULL_FACE)
        frame.use()
        frame.depth_mask = True
        frame.clear(depth=1.0)

    def _draw_depth(self, buffers: _Buffers, view: np.ndarray, without: tuple[str, ...] = ()) -> None:
        person = buffers.body.person
        self._set("depth", view_projection=view.T.copy(), swept=float(person.hair in SWEPT_HAIR))
        for surface in buffers.body.triangles:
            if surface in ("lash", "brow") or surface in without:
                continue
            cut = {"hair": 0.35, "cloth": 0.5}.get(surface, 0.0)
            self._set("depth", is_hair=int(surface == "hair"), alpha_cut=cut)
            if surface == "hair":
                self._texture("hair", person.hair).use(0)
            elif surface == "cloth":
                self._texture("clothes", person.clothes).use(0)
            self._cull(surface == "skin")
            buffers.arrays[surface, "depth"].render()
        self._cull(False)

    def _draw_shadow(self, buffers: _Buffers, toward_light: np.ndarray) -> None:
        self._begin_depth(self._shadow_frame)
        self._draw_depth(buffers, toward_light, without=("tongue", "teeth", "eye", "cloth"))

    def _sort_hair(self, buffers: _Buffers, posed: PosedBody, camera: np.ndarray) -> None:
        """Near strands first: with the depth test on, hidden ones cost nothing."""
        if "hair" in buffers.indices:
            triangles = buffers.body.triangles["hair"]
            middles = posed.vertices[buffers.body.drawn[triangles]].sum(1) / 3
            order = np.argsort(((middles - camera) ** 2).sum(1))
            buffers.hair_order = triangles[order].astype(np.int32)

    def _set_common_uniforms(self, view_projection, toward_light, camera, light: Light) -> None:
        for name in LIT_SHADERS:
            self._set(
                name,
                view_projection=view_projection.T.copy(),
                light_projection=toward_light.T.copy(),
                camera=camera,
                lift=0.0,
                light_direction=light.directions(),
                light_color=light.colors(),
                ambient=float(light.ambient),
                surface_texture=0,
                face_masks=1,
                shadow_map=2,
            )

    def _set(self, program: str, **uniforms) -> None:
        """Uniforms that a shader doesn't use were optimised away, so they are skipped."""
        for name, value in uniforms.items():
            if name not in self._programs[program]:
                continue
            if isinstance(value, np.ndarray):
                self._programs[program][name].write(value.astype(np.float32).tobytes())
            else:
                self._programs[program][name] = value

    def _cull(self, back_faces: bool) -> None:
        (self.context.enable if back_faces else self.context.disable)(moderngl.CULL_FACE)

    def _draw_background(self, light: Light) -> None:
        self._large_frame.use()
        self._large_frame.depth_mask = True
        self._large_frame.clear(depth=1.0)
        self.context.disable(moderngl.DEPTH_TEST)
        self._set("background", inner_color=tuple(light.background_inner), outer_color=tuple(light.background_outer))
        self._screen["background"].render(moderngl.TRIANGLE_STRIP)
        self.context.enable(moderngl.DEPTH_TEST)

    def _draw_surfaces(self, buffers: _Buffers, posed: PosedBody, actions: np.ndarray) -> None:
        self._shadow.use(2)
        self._masks.use(1)
        person = buffers.body.person
        self._draw_skin(buffers, posed, actions)
        self._draw_eyes(buffers, posed)
        self._draw_inside_of_mouth(buffers, posed, actions)
        self.context.enable(moderngl.BLEND)
        self.context.blend_func = BLEND
        gain = float(0.65 / self._mean_luminance("clothes", person.clothes))
        cloth = {"dye": person.shirt**2.2, "dye_gain": gain, "dye_amount": person.shirt_tint}
        self._draw(buffers, "cloth", self._texture("clothes", person.clothes), **cloth)
        self._large_frame.depth_mask = False
        brow = {
            "tint": person.brow_color,
            "gain": person.brow_gain,
            "class_index": float(CLASSES.index("brows")),
            "lift": BROW_LIFT,
            "blink": 0.0,
        }
        self._draw(buffers, "brow", self._texture("eyebrows", person.brow), **brow)
        blink = float(np.clip(actions[[self.head.action_index[name] for name in BLINKS]].mean(), 0, 1))
        lash = {"tint": LASH_COLOR, "gain": 0.75 * person.lash_gain, "class_index": 0.0, "lift": 0.0, "blink": blink}
        self._draw(buffers, "lash", self._texture("eyelashes", person.lash), **lash)
        self._large_frame.depth_mask = True
        if person.glasses:
            self._draw(buffers, "glasses", buffers.skin, frame_color=person.glasses_color)
        if not person.shaved:
            self._draw_hair(buffers, posed)
        self.context.disable(moderngl.BLEND)
        self.context.disable(moderngl.DEPTH_TEST)

    def _draw(
        self, buffers: _Buffers, surface: str, texture: moderngl.Texture, *, cull: bool = False, **uniforms
    ) -> None:
        texture.use(0)
        self._set(SHADER_OF[surface], **uniforms)
        self._cull(cull)
        buffers.arrays[surface, SHADER_OF[surface]].render()
        self._cull(False)

    def _draw_skin(self, buffers: _Buffers, posed: PosedBody, actions: np.ndarray) -> None:
        person = buffers.body.person
        uniforms = {
            "skin_tone": person.tone,
            "hair_color": person.hair_color,
            "scalp_hair": {"bald": 0.0, "buzz": 0.95}.get(person.hair, 0.9),
            "swept": float(person.hair in SWEPT_HAIR),
            "beard": person.beard,
            "lip_color": person.lip_color,
            "lip_amount": person.lip_amount,
            "blush": person.blush,
            "mouth_depth": float(buffers.body.mouth_center(posed)[2]),
            **wrinkle_uniforms(self.head, person, actions),
        }
        self._draw(buffers, "skin", buffers.skin, cull=True, **uniforms)

    def _draw_eyes(self, buffers: _Buffers, posed: PosedBody) -> None:
        person = buffers.body.person
        uniforms = {
            "eye_center": posed.eye_centers,
            "gaze": posed.gaze,
            "iris_brightness": person.iris_brightness,
            "iris_brown": 0.8 if person.eye == "brown" else 0.0,
        }
        self._draw(buffers, "eye", self._texture("eyes", EYE_TEXTURES[person.eye]), **uniforms)

    def _draw_inside_of_mouth(self, buffers: _Buffers, posed: PosedBody, actions: np.ndarray) -> None:
        def value(name: str) -> float:
            return actions[self.head.action_index[name]]

        parted = 0.5 * (value("mouthUpperUpLeft") + value("mouthLowerDownLeft")) + 0.2 * value("mouthSmileLeft")
        rounded = max(value("mouthFunnel"), value("mouthPucker"))
        openness = float(np.clip(0.4 + 1.2 * value("jawOpen") + parted, 0, 1) * (1 - min(rounded, 1)))
        front = buffers.body.mouth_center(posed)[2]
        teeth = {"is_tongue": 0, "depth_fade": (front - 0.036, front - 0.006), "openness": openness}
        self._draw(buffers, "teeth", self._texture("teeth", "teeth"), cull=True, **teeth)
        tongue = {"is_tongue": 1, "depth_fade": (front - 0.045, front - 0.004), "openness": openness}
        self._draw(buffers, "tongue", self._texture("tongue", "tongue01"), **tongue)

    def _draw_hair(self, buffers: _Buffers, posed: PosedBody) -> None:
        body = buffers.body
        uniforms = {
            "hair_color": body.person.hair_color,
            "mean_luminance": self._mean_luminance("hair", body.person.hair),
            "head_center": posed.eye_centers.mean(0) + (body.hair_center - body.eye_centers.mean(0)),
            "swept": float(body.person.hair in SWEPT_HAIR),
            "is_afro": float(body.person.hair == "afro01"),
        }
        texture = self._texture("hair", body.person.hair)
        buffers.indices["hair"].write(buffers.hair_order.tobytes())
        self._draw(buffers, "hair", texture, solid=1.0, **uniforms)
        # Thin strands blend over what is behind them, so they come back to front and hide nothing.
        buffers.indices["hair"].write(np.ascontiguousarray(buffers.hair_order[::-1]).tobytes())
        self._large_frame.depth_mask = False
        self._draw(buffers, "hair", texture, solid=0.0, **uniforms)
        self._large_frame.depth_mask = True

    def _downsample(self) -> list[np.ndarray]:
        for unit, texture in enumerate(self._large):
            texture.use(unit)
        self._final_frame.use()
        offset = 0.25 / self.size * min(SUPERSAMPLING / 1.5, 1.3)
        self._set("downsample", color_map=0, normal_map=1, class_map=2, offset=offset)
        self._screen["downsample"].render(moderngl.TRIANGLE_STRIP)
        shape = (self.size, self.size, 4)
        return [np.frombuffer(texture.read(), np.uint8).reshape(shape)[::-1].copy() for texture in self._final]


def _blend_skins(head: Head, person: Person) -> np.ndarray:
    blended = sum(head.assets.skin(name).astype(np.float32) * share for name, share in person.skin)
    dark = sum(share for name, share in person.skin if "darkskinned" in name)
    return np.clip(blended * less_red(blended, dark), 0, 255).astype(np.uint8)


def less_red(skin: np.ndarray, dark: float) -> np.ndarray:
    """(3,) factor on a texture as displayed: some of MakeHuman's skins, the dark and the old ones most, are red like
    copper (red to green 5 to 1 in linear light). RED_AT_MOST and YELLOW_AT_MOST bound the ratio of their medians."""
    red, green, blue = (np.median(skin.reshape(-1, 3)[::16], axis=0) / 255) ** 2.2
    redder = max(1.0, red / green / np.interp(dark, (0, 1), RED_AT_MOST))
    yellower = max(1.0, green / blue / np.interp(dark, (0, 1), YELLOW_AT_MOST))
    return np.array([redder**-0.5, redder**0.5, redder**0.5 * yellower]) ** (1 / 2.2)
