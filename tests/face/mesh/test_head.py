"""The parametric head: what a user would see if the geometry were wrong."""

from __future__ import annotations

import pytest
import torch

from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from imagineid_sdk.face.mesh.head import ParametricHead, rotation, rotation_vector
from imagineid_sdk.hub.loading import load_component


@pytest.fixture(scope="module")
def head(shipped_weights) -> ParametricHead:
    return load_component(shipped_weights, "head", ParametricHead)


def posed(head: ParametricHead, pose=(0.0, 0.0, 0.0), code=None, **blendshapes: float):
    vector = torch.zeros(1, len(ARKIT_BLENDSHAPES))
    for name, value in blendshapes.items():
        vector[0, BLENDSHAPE_INDEX[name]] = value
    code = torch.zeros(head.config.num_identity_codes) if code is None else code
    return head(code, vector, torch.tensor([pose]))


def test_the_face_is_in_the_middle_of_the_picture(head):
    landmarks = head.landmarks(posed(head))[0]
    assert (landmarks > 0.1).all() and (landmarks < 0.95).all()
    assert abs(float(landmarks[:, 0].mean()) - 0.5) < 0.02


def test_an_open_jaw_lowers_the_chin_and_not_the_brows(head):
    moved = (head.landmarks(posed(head, jawOpen=0.8)) - head.landmarks(posed(head)))[0] * 256
    assert moved[:, 1].max() > 8
    assert moved[:, 1].min() > -1
    top = head.landmarks(posed(head))[0][:, 1].argsort()[:15]
    assert moved[top].abs().max() < 0.5


def test_a_turned_head_looks_the_way_its_yaw_says(head):
    to_the_right = head.landmarks(posed(head, (20.0, 0.0, 0.0)))[0].mean(0)
    upwards = head.landmarks(posed(head, (0.0, 15.0, 0.0)))[0].mean(0)
    still = head.landmarks(posed(head))[0].mean(0)
    assert to_the_right[0] > still[0] + 0.02
    assert upwards[1] < still[1] - 0.01


def test_a_blink_covers_the_iris(head):
    from imagineid_sdk.face.mesh.geometry_maps import GeometryRenderer

    renderer = GeometryRenderer(head)
    reference = renderer.reference(posed(head))
    iris = [
        float(renderer.draw(posed(head, eyeBlinkLeft=b, eyeBlinkRight=b), reference).maps[0, 11].sum()) for b in (0, 1)
    ]
    assert iris[0] > 15
    assert iris[1] < 0.15 * iris[0]


def test_other_codes_are_other_heads(head):
    random = torch.Generator().manual_seed(3)
    codes = torch.randn(8, head.config.num_identity_codes, generator=random)  # people, of whom some are average
    moved = [(head.landmarks(posed(head, code=code)) - head.landmarks(posed(head))).norm(dim=-1) for code in codes]
    assert 1.5 < 256 * float(torch.stack(moved).mean()) < 15


def test_the_mesh_does_not_depend_on_the_callers_autocast(head):
    code = torch.randn(head.config.num_identity_codes, generator=torch.Generator().manual_seed(5))
    phenotype = torch.rand(head.config.num_phenotype_features, generator=torch.Generator().manual_seed(6))
    outside, mean = posed(head, (14.0, -6.0, 3.0), code, jawOpen=0.7, eyeLookInLeft=0.5), head.mean_code(phenotype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = posed(head, (14.0, -6.0, 3.0), code, jawOpen=0.7, eyeLookInLeft=0.5)
        assert torch.equal(head.mean_code(phenotype), mean)
    assert torch.equal(inside.vertices, outside.vertices) and torch.equal(inside.screen, outside.screen)


def test_rotations_survive_the_trip_through_their_vector():
    turn = rotation(torch.tensor([[12.0, -7.0, 5.0], [0.0, 0.0, 0.0]]))
    from imagineid_sdk.face.mesh.head import skew

    assert torch.allclose(torch.linalg.matrix_exp(skew(rotation_vector(turn))), turn, atol=1e-5)
