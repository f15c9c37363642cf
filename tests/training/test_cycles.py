"""Pictures of the training world. They need Blender as a module and the assets, see examples/training/world/README.md:
set IMAGINEID_ASSETS and IMAGINEID_HDRI."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bpy", reason="pip install '.[render]' in an environment of its own")

from examples.training.render_people import Studio, World, resting_frame  # noqa: E402
from examples.training.world.camera import HeadPose  # noqa: E402
from examples.training.world.coverage import CLASSES  # noqa: E402
from examples.training.world.light import random_light  # noqa: E402
from examples.training.world.people import random_person  # noqa: E402

SIZE = 96


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    assets, hdri = os.environ.get("IMAGINEID_ASSETS"), os.environ.get("IMAGINEID_HDRI")
    if not assets or not hdri:
        pytest.skip("set IMAGINEID_ASSETS and IMAGINEID_HDRI to the folders of the assets")
    cache = os.environ.get("IMAGINEID_WORLD_CACHE") or tmp_path_factory.mktemp("world")
    return World.load(Path(assets), Path(hdri), Path(cache))


def studio(world, seed, kind="studio", **changes):
    person = replace(random_person(world.head, seed), glasses=None, **changes)
    return Studio(world, person, random_light(seed, kind), SIZE, 2)


def count(shares, name):
    return shares[..., CLASSES.index(name)].sum()


def test_the_same_seed_draws_the_same_picture_and_another_seed_another_person(world):
    first, again, other = (studio(world, seed).shoot(*resting_frame(world.head))[0].astype(int) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 5
    assert (first[..., :3].max(-1) <= first[..., 3] + 1).all(), "premultiplied by alpha"


def test_faces_act(world):
    stage = studio(world, 11)

    def draw(pose=None, **actions):
        return stage.shoot(world.head.action_vector(actions), pose or HeadPose())

    picture, rest, _ = draw()
    assert picture[0, 0, 3] == 0 and picture[SIZE // 2, SIZE // 2, 3] == 255
    assert count(rest, "eyes") > 6 and count(rest, "mouth") < 6
    assert count(draw(eyeBlink=1.0)[1], "eyes") < 0.5 * count(rest, "eyes")
    laugh, shares, _ = draw(mouthSmile=0.9, jawOpen=0.4, mouthUpperUp=0.4)
    inside = shares[..., CLASSES.index("mouth")] > 0.5
    assert inside.sum() > 10 and laugh[inside][:, :3].min(1).max() > 80, "a laugh shows bright teeth"


def test_hair_turns_with_the_head(world):
    stage = studio(world, 11, hair="crew")
    _, ahead, _ = stage.shoot(*resting_frame(world.head))
    _, turned, _ = stage.shoot(np.zeros(52, np.float32), HeadPose(roll=13))
    columns = np.arange(SIZE)

    def middle(shares):
        hair = shares[..., CLASSES.index("hair")].sum(0)
        return (hair * columns).sum() / hair.sum()

    assert middle(turned) > middle(ahead) + 2
