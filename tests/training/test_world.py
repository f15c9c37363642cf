"""The training world: people are reproducible, speak with visible teeth, blink, and move smoothly.

Tests that draw need the CC0 assets (see examples/training/world/README.md): set IMAGINEID_ASSETS to their folder.
"""

import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("moderngl", reason="pip install '.[train]'")
pytest.importorskip("cv2", reason="pip install '.[train]'")
pytest.importorskip("scipy", reason="pip install '.[train]'")

from examples.training.render_people import FRAMING, render_person, resting_frame  # noqa: E402
from examples.training.world.assets import Assets  # noqa: E402
from examples.training.world.camera import HeadPose, perspective, project  # noqa: E402
from examples.training.world.clips import FPS, random_clip  # noqa: E402
from examples.training.world.expressions import random_frame  # noqa: E402
from examples.training.world.glasses import FRAMES, glasses_mesh  # noqa: E402
from examples.training.world.hair import random_hair_shape, shape_hair  # noqa: E402
from examples.training.world.head import Head  # noqa: E402
from examples.training.world.lighting import random_light, studio_light  # noqa: E402
from examples.training.world.mouth_shade import shade_mouth  # noqa: E402
from examples.training.world.people import childlike, random_person  # noqa: E402
from examples.training.world.renderer import CLASSES, Renderer, less_red  # noqa: E402
from examples.training.world.wrinkles import wrinkle_uniforms  # noqa: E402
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES  # noqa: E402

EYES = np.array([[0.032, 0.735, 0.115], [-0.032, 0.735, 0.115]])


class Actions:
    """The part of a head that expressions need."""

    actions = list(ARKIT_BLENDSHAPES)
    action_index = {name: index for index, name in enumerate(ARKIT_BLENDSHAPES)}
    action_vector = Head.action_vector


def test_lower_teeth_lie_in_the_shade_and_the_face_stays_as_it_was():
    picture, mouth = np.full((256, 256, 4), 200, np.uint8), np.zeros((256, 256), bool)
    mouth[150:170, 110:146] = True
    shaded = shade_mouth(picture, mouth)
    upper, middle, lower = (shaded[row, 128, 0] for row in (151, 157, 168))
    assert lower < 0.7 * upper and upper < middle and shaded[160, 111, 0] < 0.7 * middle
    assert np.array_equal(shaded[..., 3], picture[..., 3])
    away = np.ones_like(mouth)
    away[148:172, 108:148] = False
    assert np.array_equal(shaded[away], picture[away])
    assert shade_mouth(picture, np.zeros_like(mouth)) is picture


def test_no_skin_is_red_like_copper():
    def red_to_green(skin, dark):
        red, green, _ = (skin * less_red(np.full((64, 3), skin, np.float32), dark) / 255) ** 2.2
        return red / green

    copper, brown = np.array([102, 49, 32.0]), np.array([100, 70, 54.0])
    assert red_to_green(copper, 1.0) == pytest.approx(2.4) and red_to_green(copper, 0.0) < 2
    assert np.allclose(less_red(np.full((64, 3), brown, np.float32), 1.0), 1)


def test_hair_is_worn_in_many_ways_and_never_inside_the_skull():
    angles, heights = np.meshgrid(np.linspace(0, 2 * np.pi, 24), np.linspace(-0.2, 0.11, 20))
    center, plain = np.array([0, 0.7, 0.02]), np.array([-1, -1, 0, 0.0])
    round_head = np.sqrt(np.clip(0.12**2 - heights**2, 0.02**2, None))
    points = np.stack([round_head * np.cos(angles), heights, round_head * np.sin(angles)], -1).reshape(-1, 3)
    hair = shape_hair(points + center, center, 0.35, plain) - center
    np.testing.assert_allclose(hair, points, atol=1e-9)
    for place, change in enumerate((1, 1, 1, 1)):
        shape = plain.copy()
        shape[place] = change
        changed = shape_hair(points + center, center, 0.35, shape) - center
        assert np.abs(changed - hair).max() > 0.004
        skull = hair[:, 1] > 0
        assert np.linalg.norm(changed[skull], axis=1).min() > np.linalg.norm(hair[skull], axis=1).min() - 1e-9
    longest, shortest = (shape_hair(points, 0 * center, 0.35, np.array([0, 0, at, 0]))[:, 1].min() for at in (1, -1))
    assert longest < points[:, 1].min() < shortest
    assert (random_hair_shape(3) == random_hair_shape(3)).all()


def test_wrinkles_come_with_the_actions_and_deepen_with_the_years():
    head = SimpleNamespace(action_index={name: index for index, name in enumerate(ARKIT_BLENDSHAPES)})

    def told(age: float, **actions: float) -> dict:
        vector = np.zeros(len(ARKIT_BLENDSHAPES), np.float32)
        for name, value in actions.items():
            vector[ARKIT_BLENDSHAPES.index(name)] = value
        return wrinkle_uniforms(head, SimpleNamespace(phenotype={"age": age}), vector)

    child, young, old = (told(age)["wrinkle_depth"] for age in (0.33, 0.66, 1.0))
    assert child < 0.3 * young and young < 0.7 * old
    rest = told(0.66)
    assert rest["frown"] == 0 and not rest["fold"].any() and not rest["brow_raised"].any()
    smile = told(0.66, mouthSmileLeft=0.8)["fold"]
    assert smile[1] > 0.5 and smile[0] == 0, "the subject's left is at image right"
    assert told(0.66, browOuterUpRight=1)["brow_raised"].tolist() == [0, 1, 0]
    assert told(0.66, browDownLeft=1, browDownRight=1)["frown"] == 1


def test_head_turns_as_its_signs_say():
    nose = np.array([0, 0, 1.0])
    assert (HeadPose(yaw=20).rotation() @ nose)[0] > 0
    assert (HeadPose(pitch=20).rotation() @ nose)[1] > 0
    assert (HeadPose(roll=20).rotation() @ np.array([0, 1.0, 0]))[0] > 0


def test_the_point_looked_at_is_in_the_middle():
    center = np.array([0.01, 0.7, 0.1])
    np.testing.assert_allclose(project(center[None], perspective(center, 2.0, 0.3), 256), [[128, 128]])


def test_same_seed_same_light():
    assert random_light(3).to_dict() == random_light(3).to_dict() != random_light(4).to_dict()


def test_frames_are_valid_actions():
    rng = np.random.default_rng(0)
    for _ in range(50):
        actions, pose = random_frame(Actions(), rng)
        assert actions.shape == (52,) and actions.min() >= 0 and actions.max() <= 1
        assert abs(pose.yaw) <= 26 and abs(pose.pitch) <= 16 and abs(pose.roll) <= 13


def test_clips_move_smoothly_and_blink():
    actions, poses = random_clip(Actions(), np.random.default_rng(5), 500)
    assert actions.shape == (500, 52) and actions.min() >= 0 and actions.max() <= 1
    jaw = actions[:, ARKIT_BLENDSHAPES.index("jawOpen")]
    assert np.ptp(jaw) > 0.2 and np.abs(np.diff(jaw)).max() < 0.4
    degrees = np.array([[pose.yaw, pose.pitch, pose.roll] for pose in poses])
    assert np.ptp(degrees[:, 0]) > 2 and np.abs(np.diff(degrees, axis=0)).max() * FPS < 60
    blink = actions[:, ARKIT_BLENDSHAPES.index("eyeBlinkLeft")]
    closures = np.sum((blink[1:] > 0.5) & (blink[:-1] <= 0.5))
    assert 2 <= closures <= 15
    again, _ = random_clip(Actions(), np.random.default_rng(5), 500)
    np.testing.assert_array_equal(actions, again)


@pytest.mark.parametrize("frame", FRAMES)
def test_glasses_surround_the_eyes(frame):
    vertices, triangles = glasses_mesh(frame, EYES, 0.012)
    assert triangles.max() == len(vertices) - 1
    np.testing.assert_allclose(vertices[:, 0].min(), -vertices[:, 0].max(), atol=1e-6)
    clearance = np.linalg.norm(vertices[None] - EYES[:, None], axis=2).min()
    assert clearance > 0.012, "a rim cuts into an eyeball"


def test_childhood_ends():
    assert childlike(0.25) == 1 and childlike(0.6) == 0


def test_a_wrong_assets_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="README"):
        Assets(tmp_path)


@pytest.fixture(scope="module")
def renderer(tmp_path_factory):
    folder = os.environ.get("IMAGINEID_ASSETS")
    if not folder:
        pytest.skip("set IMAGINEID_ASSETS to the folder of the MakeHuman assets")
    cache = os.environ.get("IMAGINEID_WORLD_CACHE") or tmp_path_factory.mktemp("world")
    return Renderer(Head.load(Assets(folder), cache), size=128)


def count(picture, name):
    return int((picture.classes == CLASSES.index(name)).sum())


def test_same_seed_same_picture_and_another_seed_another_person(renderer):
    first, _ = render_person(renderer, 3, [resting_frame(renderer.head)])
    again, _ = render_person(renderer, 3, [resting_frame(renderer.head)])
    other, _ = render_person(renderer, 4, [resting_frame(renderer.head)])
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 5


def test_faces_act(renderer):
    person = replace(random_person(renderer.head, 11), glasses=None)

    def draw(**actions):
        return renderer.render(person, actions, light=studio_light(), framing=FRAMING)

    rest = draw()
    assert rest.rgba[0, 0, 3] == 0 and rest.rgba[64, 64, 3] == 255
    assert count(rest, "eyes") > 40 and count(rest, "mouth") < 25
    assert count(draw(eyeBlink=1.0), "eyes") < 0.2 * count(rest, "eyes")
    laugh = draw(mouthSmile=0.9, jawOpen=0.4, mouthUpperUp=0.4)
    assert count(laugh, "mouth") > 60
    inside = laugh.rgb[laugh.classes == CLASSES.index("mouth")]
    assert (inside.min(1) > 120).mean() > 0.2, "a laugh shows bright teeth"
    turned = renderer.render(person, {}, pose=HeadPose(yaw=20), light=studio_light(), framing=FRAMING)
    assert turned.landmarks[:, 0].mean() > rest.landmarks[:, 0].mean() + 2
    renderer.release(person)
