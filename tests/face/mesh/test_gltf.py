"""The imagined head stands by itself: a valid glTF that speaks as the video does."""

from __future__ import annotations

import json
import struct
import sys

import numpy as np
import pytest
import torch

pytest.importorskip("pygltflib", reason="the extra mesh is not installed")

from imagineid_sdk import FaceMotion
from imagineid_sdk.errors import MissingExtraError, VideoError
from imagineid_sdk.face.animation.motion import Playback
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from imagineid_sdk.face.mesh.clipping import clip
from imagineid_sdk.face.mesh.gltf import quaternions


class Glb:
    """Reads what glTF 2.0 says a file holds, with nothing of the writer."""

    def __init__(self, content: bytes) -> None:
        magic, version, length = struct.unpack_from("<4sII", content)
        assert (magic, version, length) == (b"glTF", 2, len(content))
        size = struct.unpack_from("<I", content, 12)[0]
        self.json = json.loads(content[20 : 20 + size])
        self.binary = content[20 + size + 8 :]

    def view(self, index: int) -> bytes:
        view = self.json["bufferViews"][index]
        return self.binary[view.get("byteOffset", 0) :][: view["byteLength"]]

    def array(self, index: int) -> np.ndarray:
        accessor = self.json["accessors"][index]
        kind = {5126: "<f4", 5123: "<u2", 5121: "u1"}[accessor["componentType"]]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor["type"]]
        values = np.zeros((accessor["count"], width), kind)
        if "bufferView" in accessor:
            values[:] = np.frombuffer(self.view(accessor["bufferView"]), kind).reshape(-1, width)
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            rows = np.frombuffer(self.view(sparse["indices"]["bufferView"]), "<u2")
            values[rows] = np.frombuffer(self.view(sparse["values"]["bufferView"]), kind).reshape(-1, width)
        return values


@pytest.fixture(scope="module")
def renderer(pipeline, example_audio):
    person = pipeline.imagine(example_audio / "hello.wav", num_faces=1, seed=7, reference_steps=2)[0].identity
    return pipeline.renderer(person)


@pytest.fixture(scope="module")
def motion() -> FaceMotion:
    blendshapes = np.zeros((4, 52), np.float32)
    blendshapes[1, BLENDSHAPE_INDEX["jawOpen"]] = 0.7
    blendshapes[2, [BLENDSHAPE_INDEX["mouthSmileLeft"], BLENDSHAPE_INDEX["browInnerUp"]]] = 0.8
    return FaceMotion(25.0, blendshapes, np.array([[0, 0, 0], [12, 0, 0], [0, -8, 3], [-15, 5, -4]], np.float32))


@pytest.fixture(scope="module")
def glb(renderer, motion, tmp_path_factory) -> Glb:
    folder = tmp_path_factory.mktemp("mesh")
    return Glb(renderer.save_mesh(folder / "new" / "talk.glb", motion).read_bytes())


def test_the_face_has_eyes_teeth_and_a_tongue(glb):
    assert [one["name"] for one in glb.json["materials"]] == ["skin", "eyes", "teeth", "tongue"]
    for primitive in glb.json["meshes"][0]["primitives"]:
        triangles = glb.array(primitive["indices"]).reshape(-1, 3)
        places = glb.array(primitive["attributes"]["POSITION"])
        assert triangles.max() < len(places) and np.ptp(places, axis=0).max() < 0.5  # metres
        normals = glb.array(primitive["attributes"]["NORMAL"])
        assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-3)
        uvs = glb.array(primitive["attributes"]["TEXCOORD_0"])
        assert uvs.min() >= 0 and uvs.max() <= 1


def test_programs_find_52_morph_targets_by_arkits_names(glb):
    mesh = glb.json["meshes"][0]
    assert mesh["extras"]["targetNames"] == list(ARKIT_BLENDSHAPES)
    assert all(len(primitive["targets"]) == 52 for primitive in mesh["primitives"])
    moved = [np.abs(glb.array(target["POSITION"])).max() for target in mesh["primitives"][0]["targets"]]
    assert sum(one > 0.0005 for one in moved) >= 45  # tongueOut and the like leave the skin alone


def test_the_animation_moves_the_mesh_as_the_video_is_drawn(glb, renderer, motion, pipeline):
    """Morph targets, then the joints, as a viewer computes them, against the parametric head itself."""
    animation = glb.json["animations"][0]
    tracks = {}
    for channel in animation["channels"]:
        sampler = animation["samplers"][channel["sampler"]]
        assert np.allclose(glb.array(sampler["input"])[:, 0], np.arange(4) / 25)
        tracks[channel["target"]["node"], channel["target"]["path"]] = glb.array(sampler["output"])
    weights = tracks[0, "weights"].reshape(4, 52)
    assert np.array_equal(weights, motion.blendshapes)

    primitive = glb.json["meshes"][0]["primitives"][2]  # teeth move with jaw and head
    places = glb.array(primitive["attributes"]["POSITION"])
    targets = np.stack([glb.array(target["POSITION"]) for target in primitive["targets"]])
    joints, shares = (glb.array(primitive["attributes"][name]) for name in ("JOINTS_0", "WEIGHTS_0"))
    inverse = glb.array(glb.json["skins"][0]["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    teeth = np.unique(pipeline.head.triangles[pipeline.head.triangle_parts == 3].numpy())
    posed = pipeline.head.pose(
        renderer._fitted, torch.from_numpy(motion.blendshapes), torch.from_numpy(motion.head_pose)
    ).vertices.numpy()[:, teeth]
    for frame in range(4):
        matrices, parent = [np.eye(4)], np.eye(4)
        for node in range(2, 6):
            local = np.eye(4)
            x, y, z, w = tracks[node, "rotation"][frame]
            local[:3, :3] = [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
            local[:3, 3] = glb.json["nodes"][node]["translation"]
            parent = parent @ local
            matrices.append(parent)
        moved = places + np.tensordot(weights[frame], targets, 1)
        flat = np.concatenate([moved, np.ones((len(moved), 1))], axis=1)
        each = np.einsum("jab,vb->vja", np.stack(matrices) @ inverse, flat)
        shown = (np.take_along_axis(each, joints[..., None], 1) * shares[..., None]).sum(1)[:, :3]
        assert np.abs(shown.mean(0) - posed[frame].mean(0)).max() < 0.003  # they are set back a little


def test_the_texture_shows_the_portrait(renderer):
    mesh = renderer.mesh()
    skin = mesh.parts[0]
    nose = np.argmax(mesh.positions[skin.source, 2])
    column, row = (skin.uvs[nose] * [1024, 512]).astype(int)
    portrait = renderer.portrait()
    size = len(portrait)
    seen = portrait[row * size // 512, column * size // 512, :3].astype(int)
    assert np.abs(mesh.texture[row, column].astype(int) - seen).max() < 16
    assert mesh.texture.shape == (512, 1024, 3) and mesh.texture[:, :512].std() > 20


def test_it_says_that_nobody_is_shown(glb):
    assert "No such person exists" in glb.json["asset"]["extras"]["comment"]


def test_a_mesh_has_its_own_ending(renderer, motion, tmp_path):
    with pytest.raises(VideoError, match=".glb"):
        renderer.save_mesh(tmp_path / "talk.obj", motion)


def test_a_cut_goes_through_triangles_not_along_them():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    triangles, cut = clip(np.array([[0, 1, 2], [0, 2, 3]]), 0.25 - square[:, 0])
    places = cut.add_to(square)
    corners = places[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    assert area == pytest.approx(0.25) and places[triangles.reshape(-1), 0].max() == pytest.approx(0.25)
    assert (np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > -1e-9).all()


def test_turns_are_unit_quaternions():
    turns = quaternions(np.array([[0, 0, 0], [0, np.pi / 2, 0]]))
    assert np.allclose(turns, [[0, 0, 0, 1], [0, np.sqrt(0.5), 0, np.sqrt(0.5)]])


def test_a_motion_holds_its_last_frame_when_the_sound_goes_on(motion):
    playback = Playback(motion)
    first, rest = playback.advance(None, 3), playback.advance(None, 4)  # type: ignore[arg-type]
    assert np.array_equal(first.blendshapes, motion.blendshapes[:3])
    assert np.array_equal(rest.head_pose, np.repeat(motion.head_pose[3:], 4, axis=0)) and playback.frames_made == 7


def test_without_its_library_the_error_names_the_extra(renderer, motion, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pygltflib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'imagineid-sdk\[mesh\]'"):
        renderer.save_mesh(tmp_path / "talk.glb", motion)
    assert not any(tmp_path.iterdir())
