"""The curves that the ControlNet reads: colours where its annotator puts them, on the sides that it means."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch

from imagineid_sdk.errors import ModelError
from imagineid_sdk.face.blendshapes import BLENDSHAPE_INDEX
from imagineid_sdk.face.mesh.head import EXTRAS
from imagineid_sdk.imagining.sd15.curves import CURVES, POINTS, PUPILS, CurvePoints, CurveRenderer, draw_curves, grow

SIZE = 256


@pytest.fixture(scope="module")
def head(shipped_weights):
    from imagineid_sdk.face.mesh.head import ParametricHead
    from imagineid_sdk.hub.loading import load_component

    return load_component(shipped_weights, "head", ParametricHead)


def draw(head, yaw: float = 0.0, **blendshapes: float):
    values, pose = torch.zeros(2, 52), torch.zeros(2, 3)
    pose[1, 0] = yaw
    for name, value in blendshapes.items():
        values[1, BLENDSHAPE_INDEX[name]] = value
    posed = head(torch.zeros(head.config.num_identity_codes), values, pose)
    renderer = CurveRenderer(head, SIZE, SIZE // 8)
    return renderer.draw(posed, renderer.reference(posed))


def where(picture: torch.Tensor, colour: tuple[int, int, int]) -> np.ndarray:
    """(x, y) of the pixels of exactly this colour, in widths of the picture."""
    pixels = (picture.movedim(0, -1) * 255).round().to(torch.uint8).numpy()
    rows, columns = np.nonzero((pixels == np.array(colour, np.uint8)).all(-1))
    return np.stack([columns, rows], axis=1) / SIZE


def test_every_curve_is_where_faces_have_it(head):
    picture = draw(head).pictures[0]
    middles = {colour: where(picture, colour).mean(0) for colour, _ in CURVES}
    oval, left_eye, left_brow, right_eye, right_brow, lips = middles.values()
    assert left_eye[0] > oval[0] > right_eye[0]  # the subject's left is the picture's right
    assert left_brow[1] < left_eye[1] < lips[1] and right_brow[1] < right_eye[1] < lips[1]
    assert abs(lips[0] - oval[0]) < 0.03
    for pupil, eye in zip(PUPILS, (left_eye, right_eye), strict=True):
        assert np.abs(where(picture, pupil).mean(0) - eye).max() < 0.03


def test_the_mouth_opens_the_lids_close_and_the_head_turns(head):
    def height(picture, colour):
        return np.ptp(where(picture, colour)[:, 1])

    lips, left_eye = CURVES[5][0], CURVES[1][0]
    rest, wide = draw(head, jawOpen=1.0).pictures
    assert height(wide, lips) > 1.3 * height(rest, lips)
    rest, shut = draw(head, eyeBlinkLeft=1.0).pictures
    assert height(shut, left_eye) < height(rest, left_eye)
    rest, turned = draw(head, yaw=15.0).pictures
    assert where(turned, lips)[:, 0].mean() > where(rest, lips)[:, 0].mean() + 0.01


def test_the_points_move_with_the_head_and_are_symmetric(head):
    points, code = CurvePoints.of(head), torch.zeros(head.config.num_identity_codes)
    # Shares that sum to one, whatever the head does: a head elsewhere has its curves there.
    assert np.allclose(points.shares.sum(axis=2), [[1], [0], [0], [0]])
    pose = torch.tensor([[0.0, 0.0, 0.0], [20.0, 5.0, 0.0], [-20.0, 5.0, 0.0]])
    rest, one_way, other_way = points.on_screen(head(code, torch.zeros(3, 52), pose))
    oval = CURVES[0][1][0]
    rows = [POINTS.index(point) for point in oval]
    mirrored = [POINTS.index(point) for point in reversed(oval)]  # it begins and ends on the forehead
    for seen, twin in ((rest, rest), (one_way, other_way)):
        assert np.abs(seen[rows] - (twin[mirrored] * [-1, 1] + [1, 0])).max() < 0.02


def test_another_mesh_is_refused(head):
    other = deepcopy(head)
    other.identity_mean[:-EXTRAS] += 0.05
    with pytest.raises(ModelError, match="do not fit this head.*fit_curves.py"):
        CurvePoints.of(other)


def test_points_outside_the_picture_are_left_out():
    points = {point: np.array([0.5, 0.5]) for point in POINTS}
    inside = draw_curves(points, np.full((2, 2), -1.0), 64)
    assert inside[:, :20].max() == 0
    outside = draw_curves({point: np.array([1.2, 0.5]) for point in POINTS}, np.full((2, 2), -1.0), 64)
    assert outside.max() == 0


def test_the_person_is_inside_the_mask_and_the_corners_are_not(head):
    mask = draw(head, yaw=15.0).mask
    assert mask.shape == (2, 1, SIZE // 64 * 8, SIZE // 64 * 8)
    assert (mask[:, 0, 16, 16] == 1).all() and (mask[:, 0, 0, [0, -1]] == 0).all()


def test_a_margin_fades_out_and_ends():
    covered = torch.zeros(1, 1, 64, 64)
    covered[..., 32, 32] = 1
    row = grow(covered)[0, 0, 32]
    assert row[32] == 1 and 0 < row[27] < 1 and row[26] == 0
