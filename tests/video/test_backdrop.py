"""Pictures behind the person look as they do in a viewer."""

from __future__ import annotations

import resource

import numpy as np
import pytest
from PIL import Image

from imagineid_sdk.video.backdrop import Backdrop

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def corners(option: object) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Colours at the upper left and lower right."""
    picture = Backdrop.from_option(option).picture
    assert picture is not None and picture.shape == (512, 512, 3)
    return tuple(picture[20, 20].tolist()), tuple(picture[-20, -20].tolist())


def test_a_photograph_of_a_phone_stands_upright(tmp_path):
    picture = Image.new("RGB", (200, 200), RED)
    picture.paste(BLUE, (100, 0, 200, 200))
    exif = picture.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees: what is stored on the left is above
    picture.save(tmp_path / "phone.png", exif=exif)
    left_above, right_below = corners(tmp_path / "phone.png")
    assert left_above == RED and right_below == BLUE
    assert tuple(Backdrop.from_option(tmp_path / "phone.png").picture[20, -20]) == RED


@pytest.mark.parametrize("kind", ["png", "webp", "array"])
def test_what_is_transparent_in_a_picture_shows_white(tmp_path, kind):
    pixels = np.zeros((200, 200, 4), np.uint8)
    pixels[..., 0], pixels[:, 100:, 3] = 255, 255
    if kind != "array":
        Image.fromarray(pixels).save(tmp_path / f"half.{kind}", lossless=True)
    assert corners(pixels if kind == "array" else tmp_path / f"half.{kind}") == (WHITE, RED)


def test_sixteen_bits_of_grey_keep_their_light(tmp_path):
    Image.fromarray(np.full((100, 100), 32_896, np.uint16)).save(tmp_path / "grey.png")
    assert corners(tmp_path / "grey.png")[0] == (128, 128, 128)


@pytest.mark.parametrize("shape", [(1, 3000, 3), (3000, 1, 3), (2, 700, 3)])
def test_a_narrow_picture_fills_no_memory(shape):
    picture = np.full(shape, 90, np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (Backdrop.from_option(picture).picture == 90).all()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
