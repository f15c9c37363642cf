"""A head that speaks as one ``.glb`` file: glTF 2.0 with morph targets, a neck of joints and the animation of both.

Morph targets carry ARKit's names in ``mesh.extras.targetNames``, where three.js, Blender and the game engines look for
them. They are stored sparsely: most of a face does not move when a brow does.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imagineid_sdk.errors import MissingExtraError
from imagineid_sdk.face.animation.motion import FaceMotion
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES
from imagineid_sdk.face.mesh.head import JOINT_SHARE, rotation, rotation_vector
from imagineid_sdk.face.mesh.skin_texture import MeshPart
from imagineid_sdk.face.mesh.textured import HeadMesh
from imagineid_sdk.files import check_output_path, placed_when_complete, typed_write_errors

JOINT_NAMES = ("body", "neck01", "neck02", "neck03", "head")
STILL = 2e-5
"""Metres that a vertex moves at least to be in a morph target."""
FLOAT, UNSIGNED_SHORT, UNSIGNED_BYTE = 5126, 5123, 5121
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
KINDS = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}


def save_glb(path: str | os.PathLike[str], mesh: HeadMesh, motion: FaceMotion, about: dict[str, str]) -> Path:
    """Write the mesh and its motion: complete or not at all. The folder is made.

    Args:
        about: what is said of the file, in ``asset.extras``.

    Raises:
        MissingExtraError: pygltflib is not installed.
        VideoError: the file can't be written.
    """
    target = check_output_path(path, ".glb")
    content = glb_bytes(mesh, motion, about)
    with placed_when_complete(target) as partial, typed_write_errors(target):
        partial.write_bytes(content)
    return Path(path)


def glb_bytes(mesh: HeadMesh, motion: FaceMotion, about: dict[str, str]) -> bytes:
    """The content of the file."""
    try:
        import pygltflib
    except ImportError as error:
        raise MissingExtraError("A mesh as .glb", "mesh") from error
    return _Writer(pygltflib).write(mesh, motion, about)


class _Writer:
    """Fills one glTF document and its binary chunk."""

    def __init__(self, gltf: Any) -> None:
        self.gltf, self.document, self.binary = gltf, gltf.GLTF2(), bytearray()

    def write(self, mesh: HeadMesh, motion: FaceMotion, about: dict[str, str]) -> bytes:
        gltf, document = self.gltf, self.document
        document.asset = gltf.Asset(version="2.0", generator=about.get("generator"), extras=about)
        self._texture(mesh.texture)
        normals = _normals(mesh)
        shapes = (mesh.positions + target for target in mesh.targets)
        turned = np.stack([_normals(mesh, shape) for shape in shapes]) - normals
        primitives = [self._part(mesh, part, normals, turned) for part in mesh.parts]
        names = {"targetNames": list(ARKIT_BLENDSHAPES)}
        document.meshes = [
            gltf.Mesh(name="face", primitives=primitives, weights=[0.0] * len(ARKIT_BLENDSHAPES), extras=names)
        ]
        self._skeleton(mesh.joints)
        self._animate(motion)
        document.scene, document.scenes = 0, [gltf.Scene(name="talking head", nodes=[0, 1])]
        document.buffers = [gltf.Buffer(byteLength=len(self.binary))]
        document.set_binary_blob(bytes(self.binary))
        return b"".join(document.save_to_bytes())

    # --- what it is made of -------------------------------------------------------------------------------------------

    def _texture(self, texture: np.ndarray) -> None:
        from PIL import Image  # comes with diffusers

        gltf, file = self.gltf, io.BytesIO()
        Image.fromarray(texture).save(file, "PNG", optimize=True)
        self.document.images = [gltf.Image(name="face", mimeType="image/png", bufferView=self._view(file.getvalue()))]
        self.document.samplers = [gltf.Sampler(magFilter=9729, minFilter=9987, wrapS=33071, wrapT=33071)]
        self.document.textures = [gltf.Texture(source=0, sampler=0)]

    def _part(self, mesh: HeadMesh, part: MeshPart, normals: np.ndarray, turned: np.ndarray) -> Any:
        gltf, source = self.gltf, part.source
        surface = gltf.PbrMetallicRoughness(
            baseColorTexture=gltf.TextureInfo(index=0), metallicFactor=0.0, roughnessFactor=part.roughness
        )
        self.document.materials.append(
            gltf.Material(name=part.name, pbrMetallicRoughness=surface, alphaMode="OPAQUE", alphaCutoff=None)
        )
        joints, weights = _strongest(mesh.joint_weights[source])
        targets = []
        for offsets, turn in zip(mesh.targets[:, source], turned[:, source], strict=True):
            moved = np.flatnonzero((np.abs(offsets) > STILL).any(1))
            swung = np.flatnonzero((np.abs(turn) > 0.004).any(1)) if part.name == "skin" else moved[:0]
            targets.append({"POSITION": self._sparse(offsets, moved), "NORMAL": self._sparse(turn, swung)})
        return gltf.Primitive(
            attributes=gltf.Attributes(
                POSITION=self._accessor(mesh.positions[source], bounds=True),
                NORMAL=self._accessor(normals[source]),
                TEXCOORD_0=self._accessor(part.uvs),
                JOINTS_0=self._accessor(joints, UNSIGNED_BYTE),
                WEIGHTS_0=self._accessor(weights),
            ),
            indices=self._accessor(part.triangles.reshape(-1), UNSIGNED_SHORT, target=ELEMENT_ARRAY_BUFFER),
            material=len(self.document.materials) - 1,
            targets=targets,
        )

    def _skeleton(self, joints: np.ndarray) -> None:
        """Node 0 is the mesh, node 1 the body, whose child is the neck, and so on to the head."""
        gltf = self.gltf
        places = np.concatenate([np.zeros((1, 3)), joints])
        nodes = [gltf.Node(name="talking head", mesh=0, skin=0)]
        for at, name in enumerate(JOINT_NAMES):
            children = [at + 2] if at + 1 < len(JOINT_NAMES) else []
            moved = None if at == 0 else (places[at] - places[at - 1]).tolist()
            nodes.append(gltf.Node(name=name, children=children, translation=moved))
        inverse = np.tile(np.eye(4), (len(places), 1, 1))
        inverse[:, 3, :3] = -places  # columns one after the other, as glTF stores matrices
        self.document.nodes = nodes
        self.document.skins = [
            gltf.Skin(
                name="neck", joints=list(range(1, len(nodes))), skeleton=1,
                inverseBindMatrices=self._accessor(inverse, target=None),
            )
        ]  # fmt: skip

    def _animate(self, motion: FaceMotion) -> None:
        """Frame k of the video is the key at k / fps."""
        gltf = self.gltf
        times = self._accessor(np.arange(len(motion)) / motion.fps, bounds=True, target=None)
        samplers, channels = [], []

        def add(values: np.ndarray, node: int, path: str) -> None:
            samplers.append(
                gltf.AnimationSampler(input=times, output=self._accessor(values, target=None), interpolation="LINEAR")
            )
            goal = gltf.AnimationChannelTarget(node=node, path=path)
            channels.append(gltf.AnimationChannel(sampler=len(samplers) - 1, target=goal))

        add(motion.blendshapes.reshape(-1), 0, "weights")
        turns = rotation_vector(rotation(torch.from_numpy(motion.head_pose).float())).numpy()
        for joint, share in enumerate(JOINT_SHARE):
            add(quaternions(turns * share), joint + 2, "rotation")
        self.document.animations = [gltf.Animation(name="talk", samplers=samplers, channels=channels)]

    # --- numbers into the binary chunk --------------------------------------------------------------------------------

    def _view(self, content: bytes, target: int | None = None) -> int:
        self.binary += b"\0" * (-len(self.binary) % 4)
        view = self.gltf.BufferView(buffer=0, byteOffset=len(self.binary), byteLength=len(content), target=target)
        self.document.bufferViews.append(view)
        self.binary += content
        return len(self.document.bufferViews) - 1

    def _accessor(
        self, values: np.ndarray, kind: int = FLOAT, bounds: bool = False, target: int | None = ARRAY_BUFFER
    ) -> int:
        stored = np.ascontiguousarray(values, {FLOAT: "<f4", UNSIGNED_SHORT: "<u2", UNSIGNED_BYTE: "u1"}[kind])
        return self._add(
            bufferView=self._view(stored.tobytes(), target), componentType=kind, count=len(stored),
            type=KINDS[stored.shape[1:]], **(_bounds(stored) if bounds else {}),
        )  # fmt: skip

    def _sparse(self, values: np.ndarray, kept: np.ndarray) -> int:
        """An accessor that is zero but for the rows that are kept."""
        kept = kept if len(kept) else np.zeros(1, int)
        full = np.zeros(values.shape, np.float32)
        full[kept] = values[kept]
        sparse = self.gltf.Sparse(
            count=len(kept),
            indices=self.gltf.AccessorSparseIndices(
                bufferView=self._view(kept.astype("<u2").tobytes()), componentType=UNSIGNED_SHORT
            ),
            values=self.gltf.AccessorSparseValues(bufferView=self._view(full[kept].astype("<f4").tobytes())),
        )
        return self._add(
            byteOffset=None, componentType=FLOAT, count=len(full), type="VEC3", sparse=sparse, **_bounds(full)
        )

    def _add(self, **fields: Any) -> int:
        self.document.accessors.append(self.gltf.Accessor(**fields))
        return len(self.document.accessors) - 1


def quaternions(turns: np.ndarray) -> np.ndarray:
    """``(frames, 4)`` x, y, z, w of axes times angles ``(frames, 3)`` in radians."""
    angle = np.linalg.norm(turns, axis=1, keepdims=True)
    axis = turns / np.maximum(angle, 1e-9)
    return np.concatenate([axis * np.sin(angle / 2), np.cos(angle / 2)], axis=1)


def _normals(mesh: HeadMesh, positions: np.ndarray | None = None) -> np.ndarray:
    """Unit normals of all vertices; vertices at seams of the texture have one."""
    from imagineid_sdk.face.mesh.rasterizer import vertex_normals

    triangles = np.concatenate([part.source[part.triangles] for part in mesh.parts]).astype(np.int32)
    shape = mesh.positions if positions is None else positions
    return vertex_normals(np.ascontiguousarray(shape, np.float32), triangles)


def _strongest(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The four strongest of five joints: their numbers and their weights, which sum to 1."""
    joints = np.argsort(-weights, axis=1)[:, :4]
    kept = np.take_along_axis(weights, joints, axis=1)
    kept = kept / np.maximum(kept.sum(1, keepdims=True), 1e-6)
    return np.where(kept > 0, joints, 0), kept


def _bounds(values: np.ndarray) -> dict[str, list[float]]:
    flat = values.reshape(len(values), -1)
    return {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()}
