"""One person in the scene: everything is built once, then posed for every frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import bpy
import cv2
import numpy as np
from scipy.spatial import cKDTree

from ..body import Body, PosedBody
from ..camera import Framing, HeadPose
from ..coverage import CLASSES, Bundle, Sheet, draw_coverage
from ..glasses import glasses_mesh
from ..head import Head
from ..landmarks import LANDMARK_NAMES
from ..people import Person
from ..strands import LOOKS, Strands, Surface, grow_hair, make_scalp, scalp_tint
from ..strands.beards import grow_beard
from ..strands.brows import grow_brows
from ..strands.lashes import grow_lashes
from ..strands.surface import vertex_normals
from ..wrinkles import creases, face_places
from . import eyes, materials, skin
from .scene import Scene, drawn_triangles, facing, move_mesh, move_strands, place

CLOTH_GAP = 0.006  # metres that hair keeps from clothes
AVERAGE_EYE_TO_MOUTH, AVERAGE_VIEW = 0.0687, 0.287  # metres: of a head of scale 1
UPPER_TEETH, LOWER_TEETH = np.array([0, -0.0028, 0.0014]), np.array([0, 0.0012, 0.0008])
TONGUE = np.array([0, 0.0022, 0.0012])
"""Metres by which teeth and tongue are moved to where a speaking mouth shows them under these lips."""
CREASE_MAP = 512  # pixels
ROOT_SHADOW = 0.018  # metres of a strand that lie in the shade of the others
EYE_LANDMARKS = np.array([name == "eyes" for name in LANDMARK_NAMES])


@dataclass
class _Bound:
    """Strands that follow the skin under their roots: its vertices (n, 3) and their shares."""

    thing: bpy.types.Object
    strands: Strands
    label: str
    vertices: np.ndarray
    shares: np.ndarray
    points: np.ndarray  # of the pose, metres


class Actor:
    """A person's objects in a scene. ``pose`` moves them; ``coverage`` says what a picture of them shows."""

    def __init__(self, scene: Scene, head: Head, maps: skin.SkinMaps, person: Person):
        self.scene, self.head, self.maps, self.person = scene, head, maps, person
        self.body = Body(head, person)
        self.look = LOOKS[person.hair]
        self.rng = np.random.default_rng([person.seed, 7])
        self.rest = self.body.pose(head.action_vector({}))
        scale = 0.5 * self.body.eye_to_mouth / AVERAGE_EYE_TO_MOUTH + 0.5 * self.body.view_width / AVERAGE_VIEW
        middle = self.rest.eye_centers.mean(0)
        self.scalp = make_scalp(middle, scale, self.look, self.rng, float(person.hair_shape[3]))
        self._meshes: dict[str, tuple[bpy.types.Object, np.ndarray]] = {}
        self._rigid: list[tuple[bpy.types.Object, str | None]] = []
        self._hair: tuple[bpy.types.Object, Strands] | None = None
        self._bound: list[_Bound] = []
        self._dress()
        self._fill_mouth()
        self._put_eyes()
        self._put_glasses()
        self._groom()
        self.pose(head.action_vector({}))

    def pose(self, actions: np.ndarray, head_pose: HeadPose | None = None) -> PosedBody:
        """actions: (52,) 0..1."""
        posed = self.body.pose(actions, head_pose)
        self._set_teeth(posed)
        for thing, used in self._meshes.values():
            move_mesh(thing, posed.vertices[used])
        for pair, gaze, center in zip(self.eyes, posed.gaze, posed.eye_centers, strict=True):
            for thing in pair:
                thing.matrix_world = facing(gaze, center)
        for thing, _ in self._rigid:
            place(thing, posed.head)
        self._draw_creases(actions)
        self._move_hair(posed)
        self._move_bound(posed)
        self.posed = posed
        return posed

    def aim(self, framing: Framing) -> np.ndarray:
        """Point the camera; the view-projection matrix (4, 4)."""
        view_projection, center = self.body.view(self.posed, framing)
        self.scene.aim(center, self.body.camera_distance, self.body.view_width * framing.zoom)
        return view_projection

    def coverage(
        self, view_projection: np.ndarray, framing: Framing, box: tuple[int, int, int, int] | None = None
    ) -> np.ndarray:
        """(size, size, classes), or of the box alone: see ``draw_coverage``."""
        sheets = [self._sheet(name) for name in self._meshes]
        for thing, label in [*self._rigid, *((ball, "eyes") for ball, _ in self.eyes)]:
            if label is not None:
                corners, _ = drawn_triangles(thing)
                sheets.append(Sheet(corners, np.full(len(corners), CLASSES.index(label))))
        bundles = [
            Bundle(bound.points, bound.strands.width, bound.strands.tip, CLASSES.index(bound.label))
            for bound in self._bound
        ]
        if self._hair is not None:
            strands = self._hair[1]
            bundles.append(Bundle(self._hair_points, strands.width, strands.tip, CLASSES.index("hair")))
        width = self.body.view_width * framing.zoom
        return draw_coverage(sheets, bundles, view_projection, width, self.scene.size, box)

    # ---------------------------------------------------------------- building

    def _dress(self) -> None:
        """Skin and clothes."""
        person, scene, maps = self.person, self.scene, self.maps
        vertices = self.rest.vertices
        regions = np.zeros((len(vertices), 3), np.float32)
        own = len(self.head.template)
        regions[:own, 0] = scalp_tint(self.scalp, self.look, vertices[:own].astype(float))
        style = "stubble" if person.beard < 1.2 else person.beard_style
        density = maps.beards[style if person.beard > 0.05 else "shadow"]
        grey = cv2.GaussianBlur(density.astype(np.float32), (0, 0), 3)
        classes = np.dstack([maps.lips, maps.inside, np.zeros_like(maps.lips)])
        self._crease_image = bpy.data.images.new("creases", CREASE_MAP, CREASE_MAP, alpha=False, float_buffer=True)
        self._crease_image.colorspace_settings.name = "Non-Color"
        self._creased = False
        images = {
            "skin": scene.add_image("skin", skin.albedo(self.head, maps, person)),
            "classes": scene.add_image("classes", (classes * 255).astype(np.uint8), "Non-Color"),
            "beard": scene.add_image("beard", (np.dstack([grey] * 3) * 255).astype(np.uint8), "Non-Color"),
            "creases": self._crease_image,
        }
        shaven = 0.10 * float(self.rng.uniform(0.3, 1.3)) if not person.female and person.grown else 0.0
        tint = max(shaven, float(np.interp(person.beard, (0, 0.5, 1.2, 2.0), (0, 0.22, 0.36, 0.48))))
        material = skin.skin_material(person, images, self.look.family != "none", tint)
        self._add("skin", material, {"rest": vertices, "regions": regions}, subdivisions=1)
        picture = materials.cloth_picture(self.head, person)
        self._cloth_alpha = picture[..., 3]
        self._add("cloth", materials.cloth_material(scene.add_image("cloth", picture)), {}, subdivisions=1)

    def _fill_mouth(self) -> None:
        rest, body = self.rest.vertices, self.body
        teeth = {"tooth": body.teeth, "rest": rest}
        self._add("teeth", materials.teeth_material(float(self.rng.uniform(0.85, 1.0))), teeth, subdivisions=1)
        self._add("tongue", materials.tongue_material(), {"rest": rest}, subdivisions=1)
        part = self.head.part("teeth", "teeth_base")
        moved = np.linalg.norm(part.placement @ self.head.action_shapes[self.head.action_index["jawOpen"]], axis=1)
        first = body.drawn[slice(*body.spans["teeth"])].min()
        self._teeth, self._lower = np.arange(first, first + len(moved)), moved > 0.004
        self._tongue = np.unique(body.drawn[slice(*body.spans["tongue"])])

    def _put_eyes(self) -> None:
        person, radius = self.person, self.body.eye_radius
        texture = eyes.eye_texture(person.eye, person.iris_brightness, np.random.default_rng(person.seed))
        ball_material = eyes.ball_material(self.scene.add_image("eye", texture))
        shell_material = eyes.shell_material()
        vertices, triangles, uvs = eyes.ball_mesh(radius)
        self.eyes = [
            (
                self.scene.add_mesh("ball", vertices, triangles, ball_material, uvs),
                self.scene.add_mesh("tears", *eyes.shell_mesh(radius), shell_material),
            )
            for _ in (0, 1)
        ]

    def _put_glasses(self) -> None:
        if not self.person.glasses:
            return
        frame, lenses = glasses_mesh(self.person.glasses, self.body.eye_centers, self.body.eye_radius)
        add = self.scene.add_mesh
        self._rigid += [
            (add("frame", *frame, materials.frame_material(self.person.glasses_color)), "glasses"),
            (add("lens", *lenses, materials.lens_material()), None),
        ]

    def _groom(self) -> None:
        person, body, rest = self.person, self.body, self.rest
        surface = self._surface()
        mouth = body.mouth_center(rest)
        brow_card = rest.vertices[body.drawn[np.unique(body.triangles["brow"])]]
        chin = mouth[1] - 0.63 * body.eye_to_mouth
        color, grey = person.hair_color, person.grey
        hair = grow_hair(
            surface, self.scalp, self.look, person.hair_shape, chin, float(np.median(brow_card[:, 1])), self.rng
        )
        if hair is not None:
            smooth = self.look.family in ("long", "up", "braids")
            reach = 0.30 if self.look.family == "crop" else float(np.clip(ROOT_SHADOW / self.look.length, 0.04, 0.30))
            material = materials.hair_material("hair", color, 0.24 if smooth else 0.32, 0.45, grey, root_reach=reach)
            self._hair = self.scene.add_strands("hair", hair, material), hair
        if person.beard > 0.4:
            style = "stubble" if person.beard < 1.2 else person.beard_style
            beard = grow_beard(surface, self._beard_weight(style), mouth, person.beard, style, self.rng)
            dye = np.clip(color * 0.75, 0.006, 0.3)
            material = materials.hair_material("beard", dye, 0.4, 0.5, grey * 0.8, root_shade=0.9)
            self._bind("beard", beard, material)
        self._grow_brows()
        self._grow_lashes()

    def _grow_brows(self) -> None:
        person, body = self.person, self.body
        ids, inverse = np.unique(body.triangles["brow"], return_inverse=True)
        points = self.rest.vertices[body.drawn[ids]].astype(float)
        alpha = self.head.assets.texture("eyebrows", person.brow, 512)[..., 3].astype(float)
        reach = abs(self.rest.eye_centers[0, 0]) + 0.021 * self.scalp.scale
        count = 620 if person.female else 850
        strands = grow_brows(points, body.uvs[ids], inverse.reshape(-1, 3), alpha, reach, self.rng, count)
        dye = np.clip(person.brow_color * 1.8, 0.012, 0.3)
        self._bind("brows", strands, materials.hair_material("brow", dye, 0.4, 0.4, root_shade=0.9))

    def _grow_lashes(self) -> None:
        dye = np.clip(self.person.brow_color * 0.5, 0.006, 0.06)
        material = materials.hair_material("lash", dye, 0.4, 0.2, root_shade=0.9)
        for edge, upper in self._lid_edges():
            self._bind("eyes", grow_lashes(edge, upper=upper, female=self.person.female, rng=self.rng), material)

    def _lid_edges(self) -> list[tuple[np.ndarray, bool]]:
        """Polylines (n, 3) along the four lid edges at rest, from corner to corner, and whether it is an upper one."""
        outline = self.rest.vertices[self.head.landmarks[EYE_LANDMARKS]].reshape(2, 12, 3).astype(float)
        edges = []
        for eye in outline:
            order = np.argsort(eye[:, 0])
            first, last = order[0], order[-1]
            ring = np.roll(eye, -first, axis=0)
            end = (last - first) % 12
            halves = ring[: end + 1], np.roll(ring[::-1], 1, axis=0)[: 12 - end + 1]
            upper = int(halves[1][:, 1].mean() > halves[0][:, 1].mean())
            edges += [(halves[upper], True), (halves[1 - upper], False)]
        return edges

    def _surface(self) -> Surface:
        body, vertices = self.body, self.rest.vertices.astype(float)
        own = vertices[: len(self.head.template)]
        cloth = body.drawn[body.triangles["cloth"]]
        normals = vertex_normals(vertices, cloth)
        middle = normals[cloth].mean(1)
        middle /= np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-9)
        used = np.unique(cloth)
        between = [vertices[cloth].mean(1), vertices[cloth[:, :2]].mean(1), vertices[cloth[:, 1:]].mean(1)]
        points, directions = np.concatenate([vertices[used], *between]), np.concatenate([normals[used], *[middle] * 3])
        skin_triangles = body.drawn[body.triangles["skin"]]
        return Surface(own, skin_triangles, (points + directions * CLOTH_GAP, directions))

    def _beard_weight(self, style: str):
        """(faces, barycentric) -> density of the beard there."""
        density, uvs = self.maps.beards[style], self.body.uvs[self.body.triangles["skin"]]
        size = len(density)

        def weight(faces: np.ndarray, shares: np.ndarray) -> np.ndarray:
            uv = (uvs[faces] * shares[..., None]).sum(1)
            row, column = ((1 - uv[:, 1]) * size).astype(int), (uv[:, 0] * size).astype(int)
            return density[np.clip(row, 0, size - 1), np.clip(column, 0, size - 1)]

        return weight

    def _add(self, name: str, material, attributes: dict[str, np.ndarray], subdivisions: int = 0) -> None:
        triangles = self.body.triangles[name]
        used, inverse = np.unique(self.body.drawn[triangles], return_inverse=True)
        chosen = {key: value[used] for key, value in attributes.items()}
        thing = self.scene.add_mesh(
            name, self.rest.vertices[used], inverse.reshape(-1, 3), material, self.body.uvs[triangles], chosen,
            subdivisions,
        )  # fmt: skip
        self._meshes[name] = thing, used

    def _bind(self, label: str, strands: Strands, material) -> None:
        ids = np.nonzero(self.head.is_skin)[0]
        distance, nearest = cKDTree(self.rest.vertices[ids]).query(strands.points[:, 0], k=3)
        shares = 1 / (distance + 1e-4)
        shares = (shares / shares.sum(1, keepdims=True)).astype(np.float32)
        thing = self.scene.add_strands(label, strands, material)
        self._bound.append(_Bound(thing, strands, label, ids[nearest], shares, strands.points))

    # ---------------------------------------------------------------- posing

    def _set_teeth(self, posed: PosedBody) -> None:
        turn = posed.head[:3, :3]
        shift = np.where(self._lower[:, None], LOWER_TEETH, UPPER_TEETH)
        posed.vertices[self._teeth] += (shift @ turn.T).astype(np.float32)
        posed.vertices[self._tongue] += (TONGUE @ turn.T).astype(np.float32)

    def _draw_creases(self, actions: np.ndarray) -> None:
        field = creases(self._places, self.head, self.person, actions) * self._seen
        if not field.any() and not self._creased:
            return
        self._creased = True
        pixels = np.ones((CREASE_MAP, CREASE_MAP, 4), np.float32)
        pixels[..., :3] = field[::-1, :, None]
        self._crease_image.pixels.foreach_set(pixels.ravel())
        self._crease_image.update()

    @cached_property
    def _places(self) -> np.ndarray:
        step = skin.TEXTURE // CREASE_MAP
        return face_places(self.maps.position[::step, ::step], self.maps.eyes)

    @cached_property
    def _seen(self) -> np.ndarray:
        step = skin.TEXTURE // CREASE_MAP
        position = self.maps.position[::step, ::step]
        return ((position[..., 0] > skin.BARE) & (position[..., 2] > 0.03)).astype(np.float32)

    def _move_hair(self, posed: PosedBody) -> None:
        """Short hair turns with the head; of long hair the lower part stays on the shoulders."""
        if self._hair is None:
            return
        thing, strands = self._hair
        if not strands.loose:
            place(thing, posed.head)
            self._hair_points = _moved(strands.points, posed.head)
            return
        low, high = self.body.bone_heads[1, 1] + 0.01, self.body.bone_heads[3, 1] + 0.03
        share = np.clip((strands.points[..., 1:2] - low) / (high - low), 0, 1)
        share = share * share * (3 - 2 * share)
        turned = _moved(strands.points, posed.head)
        self._hair_points = strands.points + share * (turned - strands.points)
        move_strands(thing, self._hair_points)

    def _move_bound(self, posed: PosedBody) -> None:
        back = np.linalg.inv(posed.head)
        for bound in self._bound:
            place(bound.thing, posed.head)
            now = _moved(posed.vertices[bound.vertices], back)
            moved = ((now - self.rest.vertices[bound.vertices]) * bound.shares[..., None]).sum(1)
            points = bound.strands.points + moved[:, None]
            move_strands(bound.thing, points)
            bound.points = _moved(points, posed.head)

    # ---------------------------------------------------------------- coverage

    def _sheet(self, name: str) -> Sheet:
        corners, uvs = drawn_triangles(self._meshes[name][0])
        if name == "skin":
            middle = uvs.mean(1)
            size = skin.TEXTURE
            row = np.clip(((1 - middle[:, 1]) * size).astype(int), 0, size - 1)
            column = np.clip((middle[:, 0] * size).astype(int), 0, size - 1)
            inside, lips = self.maps.inside[row, column] > 0.5, self.maps.lips[row, column] > 0.5
            return Sheet(corners, np.where(inside, CLASSES.index("mouth"), np.where(lips, CLASSES.index("lips"), 1)))
        if name == "cloth":
            size = len(self._cloth_alpha)
            middle = uvs.mean(1)
            row = np.clip(((1 - middle[:, 1]) * size).astype(int), 0, size - 1)
            column = np.clip((middle[:, 0] * size).astype(int), 0, size - 1)
            corners = corners[self._cloth_alpha[row, column] > 128]
            return Sheet(corners, np.full(len(corners), CLASSES.index("clothing")))
        return Sheet(corners, np.full(len(corners), CLASSES.index("mouth")))


def _moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return (points @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)
