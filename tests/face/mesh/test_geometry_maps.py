"""Geometry maps and flow: every frame knows where its surface was in the reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from imagineid_sdk.face.mesh.geometry_maps import MAP_CHANNELS, GeometryRenderer, extend_flow
from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.hub.loading import load_component


@pytest.fixture(scope="module")
def drawn(shipped_weights):
    head = load_component(shipped_weights, "head", ParametricHead)
    blendshapes = torch.zeros(3, len(ARKIT_BLENDSHAPES))
    blendshapes[1, BLENDSHAPE_INDEX["jawOpen"]] = 0.7
    pose = torch.tensor([[0.0, 0, 0], [0, 0, 0], [15, 0, 0]])
    frames = head(torch.zeros(head.config.num_identity_codes), blendshapes, pose)
    renderer = GeometryRenderer(head)
    return renderer.draw(frames, renderer.reference(frames))


def test_the_reference_does_not_move_against_itself(drawn):
    assert drawn.maps.shape == (3, MAP_CHANNELS, 128, 128)
    assert drawn.flow[0].abs().max() * 128 < 0.1


def test_an_open_mouth_shows_what_the_reference_hid(drawn):
    assert drawn.maps[1, 7:10].sum() > drawn.maps[0, 7:10].sum() + 20
    seen = [float(drawn.maps[i, 13].sum() / drawn.maps[i, 12].sum()) for i in (0, 1)]
    assert seen[0] > 0.995
    assert seen[1] < seen[0]


def test_the_flow_of_a_turned_head_leads_back(drawn):
    nose = drawn.flow[2, 0, 55:70, 60:75]
    assert float(nose.mean()) < -0.02  # what is on the right now came from the left


def test_flow_is_continued_smoothly_and_dies_at_the_border():
    flow, covered = torch.zeros(1, 2, 128, 128), torch.zeros(1, 1, 128, 128)
    flow[:, :, 40:90, 40:90] = 0.1
    covered[:, :, 40:90, 40:90] = 1
    extended = extend_flow(flow, covered)
    assert np.isclose(float(extended[0, 0, 60, 60]), 0.1)
    assert 0.02 < float(extended[0, 0, 60, 34]) < 0.11
    assert abs(float(extended[0, 0, 0, 64])) < 1e-6
