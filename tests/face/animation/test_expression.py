"""Emotions on a face that speaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import imagineid_sdk
from imagineid_sdk.face.animation.expression import EXPRESSION_MATRIX, EXPRESSIONS, add_expression, lip_gap
from imagineid_sdk.face.blendshapes import BLENDSHAPE_INDEX, GAZE_PITCH, GAZE_YAW
from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.listening.profile import EMOTIONS

UPPER_LIP, LOWER_LIP = 106, 98  # landmarks: the middle of the inner lips


def face(**blendshapes: float) -> np.ndarray:
    row = np.zeros((1, 52), dtype=np.float32)
    for name, value in blendshapes.items():
        for side in (name,) if name in BLENDSHAPE_INDEX else (name + "Left", name + "Right"):
            row[0, BLENDSHAPE_INDEX[side]] = value
    return row


def feeling(emotion: str, intensity: float = 1.0) -> np.ndarray:
    row = np.zeros((1, len(EMOTIONS)), dtype=np.float32)
    row[0, EMOTIONS.index(emotion)] = intensity
    return row


SHUT_LIPS = {
    "rest": face(),
    "pressed (m)": face(mouthPress=0.45, mouthRollLower=0.3, mouthRollUpper=0.2),
    "shut over an open jaw (b)": face(jawOpen=0.3, mouthClose=0.3),
}


@pytest.fixture(scope="module")
def head() -> ParametricHead:
    return ParametricHead.from_pretrained(Path(imagineid_sdk.__file__).parent / "weights" / "tiny" / "head")


def test_the_lip_gap_is_that_of_the_mesh(head):
    shapes = np.concatenate([
        *SHUT_LIPS.values(),
        face(jawOpen=0.4),
        face(jawOpen=0.3, mouthFunnel=0.5),
        face(jawOpen=0.1, mouthLowerDown=0.25, mouthUpperUp=0.15),
        face(mouthSmile=0.7),
    ])  # fmt: skip
    code = torch.zeros(head.config.num_identity_codes)
    vertices = head(code, torch.from_numpy(shapes), torch.zeros(len(shapes), 3)).vertices
    upper, lower = (vertices[:, head.landmark_vertices[k], 1] for k in (UPPER_LIP, LOWER_LIP))
    eyes = head.shape(code)[1][:6].view(2, 3)
    on_the_mesh = ((upper - lower) / (eyes[0] - eyes[1]).norm()).numpy()
    assert np.abs(lip_gap(shapes) - on_the_mesh).max() < 0.08
    assert np.corrcoef(lip_gap(shapes), on_the_mesh)[0, 1] > 0.98


def test_a_full_eye_look_turns_the_eye_by_the_angle_that_gaze_counts_on(head):
    shapes = np.concatenate([face(), face(eyeLookOutLeft=1.0), face(eyeLookUpLeft=1.0)])
    vertices = head(torch.zeros(head.config.num_identity_codes), torch.from_numpy(shapes), torch.zeros(3, 3)).vertices
    first, size = head.config.num_vertices, head.config.num_eye_vertices
    pupil = vertices[:, first + int(head.eye_directions[:, 2].argmax())] - vertices[:, first : first + size].mean(1)
    straight, outwards, upwards = pupil / pupil.norm(dim=1, keepdim=True)
    for turned, degrees in ((outwards, GAZE_YAW), (upwards, GAZE_PITCH)):
        assert abs(float((straight @ turned).arccos().rad2deg()) - degrees) < 1.0
    assert outwards[0] > straight[0] and upwards[1] > straight[1]


def test_every_emotion_has_a_look_of_its_own():
    assert set(EXPRESSIONS) == set(EMOTIONS)
    distance = np.linalg.norm(EXPRESSION_MATRIX[:, None] - EXPRESSION_MATRIX[None], axis=2)
    assert distance[~np.eye(len(EMOTIONS), dtype=bool)].min() > 0.4


def test_neutral_changes_nothing():
    words = face(jawOpen=0.4, mouthFunnel=0.2)
    assert np.array_equal(add_expression(words, feeling("neutral")), words)


@pytest.mark.parametrize("emotion", EMOTIONS)
@pytest.mark.parametrize("lips", SHUT_LIPS)
def test_no_emotion_parts_lips_that_are_shut(emotion, lips):
    before = SHUT_LIPS[lips]
    assert lip_gap(add_expression(before, feeling(emotion))) <= lip_gap(before) + 0.01


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_no_emotion_shuts_an_open_vowel(emotion):
    vowel = face(jawOpen=0.4)
    assert lip_gap(add_expression(vowel, feeling(emotion))) > 0.7 * lip_gap(vowel)


def test_a_smile_leaves_rounded_lips_round():
    smile = EXPRESSIONS["happy"]["mouthSmile"]
    rounded = add_expression(face(mouthPucker=0.8), feeling("happy"))[0, BLENDSHAPE_INDEX["mouthSmileLeft"]]
    spread = add_expression(face(jawOpen=0.3), feeling("happy"))[0, BLENDSHAPE_INDEX["mouthSmileLeft"]]
    assert rounded < 0.6 * smile and spread == pytest.approx(smile)


def test_half_the_intensity_is_half_the_look():
    full, half = add_expression(face(), feeling("sad")), add_expression(face(), feeling("sad", 0.5))
    assert np.allclose(half, full / 2, atol=1e-6)


def test_everything_stays_in_range():
    loud = np.ones((1, 52), dtype=np.float32)
    everything = np.ones((1, len(EMOTIONS)), dtype=np.float32)
    result = add_expression(loud, everything)
    assert result.max() <= 1 and result.min() >= 0 and result.dtype == np.float32
