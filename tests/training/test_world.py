"""The training world: people are reproducible, move smoothly, have hair with a natural hairline and an exact alpha.

Tests that need the head want the CC0 assets (see examples/training/world/README.md): set IMAGINEID_ASSETS to their
folder. Those that draw with Cycles are in test_cycles.py.
"""

import os
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("cv2", reason="pip install '.[train]'")
pytest.importorskip("scipy", reason="pip install '.[train]'")

from examples.training.world.assets import Assets  # noqa: E402
from examples.training.world.camera import HeadPose, perspective, project  # noqa: E402
from examples.training.world.clips import FPS, random_clip  # noqa: E402
from examples.training.world.coverage import CLASSES, Bundle, Sheet, draw_coverage, visible_class  # noqa: E402
from examples.training.world.expressions import bare_teeth, random_frame  # noqa: E402
from examples.training.world.glasses import FRAMES, glasses_mesh  # noqa: E402
from examples.training.world.head import Head  # noqa: E402
from examples.training.world.light import LIGHTS, random_light  # noqa: E402
from examples.training.world.people import childlike, random_person  # noqa: E402
from examples.training.world.strands import LOOKS, random_look  # noqa: E402
from examples.training.world.wrinkles import creases  # noqa: E402
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES  # noqa: E402

EYES = np.array([[0.032, 0.735, 0.115], [-0.032, 0.735, 0.115]])
VIEW = perspective(np.zeros(3), 2.0, 0.3)


class Actions:
    """The part of a head that expressions need."""

    actions = list(ARKIT_BLENDSHAPES)
    action_index = {name: index for index, name in enumerate(ARKIT_BLENDSHAPES)}
    action_vector = Head.action_vector


def test_a_square_covers_exactly_its_share_of_every_pixel():
    half = 0.3 * 20.5 / 64 / 2
    corners = np.array([[-half, -half, 0], [half, -half, 0], [half, half, 0], [-half, half, 0]])
    square = Sheet(corners[[[0, 1, 2], [0, 2, 3]]], np.array([1, 1]))
    shares = draw_coverage([square], [], VIEW, 0.3, 64)
    np.testing.assert_allclose(shares.sum(-1), 1, atol=1e-6)
    assert shares[..., 1].sum() == pytest.approx(20.5**2, rel=0.03)
    assert set(np.unique(shares[32, :, 1])) <= {0, 0.25, 0.5, 0.75, 1}, "edges are soft"
    assert visible_class(shares)[32, 32] == 1 and visible_class(shares)[0, 0] == 0


def test_a_single_hair_is_fainter_than_a_lock():
    def strands(count):
        x = np.linspace(-0.002, 0.002, count) if count > 1 else np.full(1, 0.0003)
        points = np.zeros((count, 5, 3))
        points[..., 0], points[..., 1] = x[:, None], np.linspace(-0.05, 0.05, 5)
        return draw_coverage([], [Bundle(points, 0.0003, 1.0, CLASSES.index("hair"))], VIEW, 0.3, 128)

    alone, lock = (strands(count)[..., CLASSES.index("hair")][64].max() for count in (1, 60))
    assert 0 < alone < 0.15 and lock > 0.9


def test_creases_come_with_the_blendshapes_and_deepen_with_the_years():
    x, y = np.meshgrid(np.linspace(-1, 1, 101), np.linspace(-1.2, 1, 111))
    places = np.stack([x, y], -1)

    def field(age, **actions):
        vector = np.zeros(len(ARKIT_BLENDSHAPES), np.float32)
        for name, value in actions.items():
            vector[ARKIT_BLENDSHAPES.index(name)] = value
        return creases(places, Actions(), SimpleNamespace(phenotype={"age": age}, child=childlike(age)), vector)

    child, young, old = (field(age, browInnerUp=1).max() for age in (0.33, 0.66, 1.0))
    assert child < 0.3 * young and young < 0.7 * old
    assert field(0.66).max() == 0 and field(1.0).max() > 0.1, "only the old have creases at rest"
    smile = field(0.66, mouthSmileLeft=0.8)
    assert smile[x > 0.1].max() > 0.2 and smile[x < -0.1].max() < 0.05, "the subject's left is at image right"
    frown = field(0.66, browDownLeft=1, browDownRight=1)
    assert frown[(np.abs(x) < 0.2) & (y > 0)].max() > 0.4 and frown[y < -0.2].max() < 0.05


def test_head_turns_as_its_signs_say():
    nose = np.array([0, 0, 1.0])
    assert (HeadPose(yaw=20).rotation() @ nose)[0] > 0
    assert (HeadPose(pitch=20).rotation() @ nose)[1] > 0
    assert (HeadPose(roll=20).rotation() @ np.array([0, 1.0, 0]))[0] > 0


def test_the_point_looked_at_is_in_the_middle():
    center = np.array([0.01, 0.7, 0.1])
    np.testing.assert_allclose(project(center[None], perspective(center, 2.0, 0.3), 256), [[128, 128]])


def test_same_seed_same_light_and_every_kind_comes():
    assert random_light(3).to_dict() == random_light(3).to_dict() != random_light(4).to_dict()
    assert {random_light(seed).kind for seed in range(60)} == set(LIGHTS)
    assert random_light(3, "evening").kind == "evening"


def test_frames_are_valid_actions():
    rng = np.random.default_rng(0)
    for _ in range(50):
        actions, pose = random_frame(Actions(), rng)
        assert actions.shape == (52,) and actions.min() >= 0 and actions.max() <= 1
        assert abs(pose.yaw) <= 26 and abs(pose.pitch) <= 16 and abs(pose.roll) <= 13


def test_an_open_jaw_bares_teeth_and_rounded_lips_do_not():
    index = Actions.action_index["mouthUpperUpLeft"]
    head = Actions()
    wide, rounded, shut = (
        bare_teeth(head, head.action_vector(actions))[index]
        for actions in ({"jawOpen": 0.5}, {"jawOpen": 0.5, "mouthFunnel": 1.0}, {"mouthSmile": 0.8})
    )
    assert wide > 0.1 and rounded < 0.3 * wide and shut == 0


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
    (vertices, triangles), (lens, faces) = glasses_mesh(frame, EYES, 0.012)
    assert triangles.max() == len(vertices) - 1 and faces.max() == len(lens) - 1
    np.testing.assert_allclose(vertices[:, 0].min(), -vertices[:, 0].max(), atol=1e-6)
    clearance = np.linalg.norm(vertices[None] - EYES[:, None], axis=2).min()
    assert clearance > 0.012, "a rim cuts into an eyeball"


def test_childhood_ends():
    assert childlike(0.25) == 1 and childlike(0.6) == 0


def test_hair_suits_who_wears_it():
    rng = np.random.default_rng(0)

    def looks(**person):
        phenotype = {"african": 0.0, "asian": 0.0, "caucasian": 1.0} | person
        return {random_look(phenotype, rng) for _ in range(200)}

    assert looks(gender=0.0, age=0.40).isdisjoint({"receding", "balding", "bald"}), "boys have their hair"
    assert len(looks(gender=1.0, age=0.7)) >= 8 and len(looks(gender=0.0, age=0.7)) >= 8
    assert looks(gender=1.0, age=0.7, african=1.0, caucasian=0.0) & {"afro", "locs", "cornrows"}
    assert looks(gender=0.0, age=0.7) <= set(LOOKS)


def test_a_wrong_assets_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="README"):
        Assets(tmp_path)


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    folder = os.environ.get("IMAGINEID_ASSETS")
    if not folder:
        pytest.skip("set IMAGINEID_ASSETS to the folder of the MakeHuman assets")
    pytest.importorskip("anny", reason="pip install '.[train]'")
    cache = os.environ.get("IMAGINEID_WORLD_CACHE") or tmp_path_factory.mktemp("world")
    return Head.load(Assets(folder), cache)


def test_the_same_seed_is_the_same_person_and_nobody_is_odd(head):
    assert str(random_person(head, 3).to_dict()) == str(random_person(head, 3).to_dict())
    for seed in range(40):
        person = random_person(head, seed)
        assert max(abs(value) for value in person.local.values()) <= 0.8 + 0.1
        assert 0 <= person.melanin <= 1 and (person.tone > 0).all() and person.tone[0] > person.tone[2]
        assert person.grown or not person.beard, "children have no beards"
        assert person.female or not person.lip_amount, "men wear no lipstick"
