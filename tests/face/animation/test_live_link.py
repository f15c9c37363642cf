"""Motion goes into the tools that people have, and comes back as it was."""

from __future__ import annotations

import csv
import json
import os

import numpy as np
import pytest

from imagineid_sdk import FaceMotion
from imagineid_sdk.errors import OptionError
from imagineid_sdk.face.animation.live_link import BLENDSHAPE_COLUMNS, COLUMNS, timecode
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX


@pytest.fixture
def motion() -> FaceMotion:
    random = np.random.default_rng(3)
    blendshapes = np.round(random.uniform(0, 1, (70, 52)), 4).astype(np.float32)
    return FaceMotion(25.0, blendshapes, np.round(random.normal(0, 6, (70, 3)), 3).astype(np.float32))


@pytest.mark.parametrize("suffix", [".csv", ".json"])
@pytest.mark.parametrize("fps", [12.5, 24, 25, 30000 / 1001, 30, 60])
def test_a_motion_comes_back_to_the_last_bit(tmp_path, motion, suffix, fps):
    given = FaceMotion(fps, motion.blendshapes, motion.head_pose)
    loaded = FaceMotion.load(given.save(tmp_path / "deep" / f"talk{suffix}"))
    assert loaded.fps == pytest.approx(fps, rel=1e-6)
    assert np.array_equal(loaded.blendshapes, given.blendshapes)
    assert np.array_equal(loaded.head_pose, given.head_pose)


def test_the_columns_are_those_of_live_link_face(tmp_path, motion):
    with motion.save(tmp_path / "talk.csv").open(newline="") as file:
        header, first, *rest = csv.reader(file)
    assert tuple(header) == COLUMNS and len(header) == 63 and len(rest) == 69
    assert header[:4] == ["Timecode", "BlendShapeCount", "EyeBlinkLeft", "EyeLookDownLeft"]
    assert header[16:20] == ["JawForward", "JawRight", "JawLeft", "JawOpen"]
    assert header[53:57] == ["TongueOut", "HeadYaw", "HeadPitch", "HeadRoll"] and header[-1] == "RightEyeRoll"
    assert {name.lower() for name in BLENDSHAPE_COLUMNS} == {name.lower() for name in ARKIT_BLENDSHAPES}
    assert first[:2] == ["00:00:00:00.000", "61"]
    assert float(first[19]) == pytest.approx(motion.blendshapes[0, BLENDSHAPE_INDEX["jawOpen"]], abs=1e-6)
    assert float(first[55]) == pytest.approx(-np.radians(motion.head_pose[0, 1]), abs=1e-6)  # down is positive


def test_eyes_turn_as_their_blendshapes_say(tmp_path):
    blendshapes = np.zeros((1, 52), np.float32)
    blendshapes[0, [BLENDSHAPE_INDEX["eyeLookOutLeft"], BLENDSHAPE_INDEX["eyeLookInRight"]]] = 1
    path = FaceMotion(25, blendshapes, np.zeros((1, 3), np.float32)).save(tmp_path / "look.json")
    row = json.loads(path.read_text())["frames"][0]
    assert row["LeftEyeYaw"] == pytest.approx(row["RightEyeYaw"]) and row["LeftEyeYaw"] > 0.3  # to the image's right


def test_an_edit_in_a_spreadsheet_is_what_comes_back(tmp_path, motion):
    path = motion.save(tmp_path / "talk.csv")
    rows = list(csv.reader(path.open(newline="")))
    for row in rows[1:]:
        row[rows[0].index("JawOpen")] = "0.5"
    csv.writer(path.open("w", newline="")).writerows(rows)
    loaded = FaceMotion.load(path)
    assert (loaded.blendshapes[:, BLENDSHAPE_INDEX["jawOpen"]] == 0.5).all()
    others = [at for at, name in enumerate(ARKIT_BLENDSHAPES) if name != "jawOpen"]
    assert np.array_equal(loaded.blendshapes[:, others], motion.blendshapes[:, others])


@pytest.mark.parametrize(("separator", "point"), [(";", ","), ("\t", ".")])
def test_a_spreadsheet_of_another_country_is_read(tmp_path, motion, separator, point):
    path = motion.save(tmp_path / "talk.csv")
    path.write_text(path.read_text().replace(",", separator).replace(".", point))
    loaded = FaceMotion.load(path)
    assert loaded.fps == 25 and np.array_equal(loaded.blendshapes, motion.blendshapes)


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_rows_that_were_cut_out_are_filled_in_where_they_were(tmp_path, motion, suffix):
    path = motion.save(tmp_path / f"talk{suffix}")
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:20] + lines[40:]))
    loaded = FaceMotion.load(path)
    assert loaded.fps == 25 and len(loaded) == len(motion)
    assert np.array_equal(loaded.blendshapes[45:], motion.blendshapes[45:])
    steps = np.diff(loaded.blendshapes[22:35], axis=0)
    assert np.abs(steps - steps[0]).max() < 1e-5, "straight from one neighbour to the other"


def test_a_rate_of_nothing_is_refused(tmp_path, motion):
    path = motion.save(tmp_path / "talk.json")
    path.write_text(path.read_text().replace('"fps": 25.0', '"fps": 0'))
    with pytest.raises(OptionError, match="fps=0"):
        FaceMotion.load(path)


def test_a_recording_of_a_phone_tells_its_rate(tmp_path, motion):
    """The app's timecodes begin at the time of day, between two frames."""
    path = motion.save(tmp_path / "phone.csv")
    rows = list(csv.reader(path.open(newline="")))
    for frame, row in enumerate(rows[1:]):
        part = 42.137 + frame
        row[0] = f"17:32:{8 + int(part // 60):02}:{part % 60:06.3f}"
    csv.writer(path.open("w", newline="")).writerows(rows)
    assert FaceMotion.load(path).fps == 60


def test_timecodes_count_frames():
    assert [timecode(frame, 25) for frame in (0, 24, 25, 1500)] == [
        "00:00:00:00.000", "00:00:00:24.000", "00:00:01:00.000", "00:01:00:00.000"
    ]  # fmt: skip


def test_less_than_a_second_needs_its_rate_told(tmp_path, motion):
    path = motion.part(0, 10).save(tmp_path / "short.csv")
    with pytest.raises(OptionError, match="fps=25"):
        FaceMotion.load(path)
    assert FaceMotion.load(path, fps=30).fps == 30


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "", "no frames"),
        ("a.csv", "Timecode,JawOpen\n00:00:00:00.000,0.5\n", "columns EyeBlinkLeft"),
        ("a.json", "[1, 2]", "Expected"),
        ("a.json", '{"fps": 25, "frames": [1]}', "Expected"),
        ("a.txt", "", "does not end in .csv or .json"),
        ("nowhere.csv", None, "can't be read"),
    ],
)
def test_what_is_no_motion_is_told_apart(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(OptionError, match=words):
        FaceMotion.load(tmp_path / name)


def test_impossible_values_are_named(tmp_path, motion):
    path = motion.save(tmp_path / "talk.csv")
    text = path.read_text().splitlines()
    for value, words in (("1.5", "eyeBlinkLeft is 1.5 in frame 1"), ("open", "EyeBlinkLeft='open'")):
        cells = text[2].split(",")
        path.write_text("\n".join([*text[:2], ",".join([*cells[:2], value, *cells[3:]]), *text[3:]]))
        with pytest.raises(OptionError, match=words):
            FaceMotion.load(path)


def test_a_motion_at_another_rate_takes_as_long(motion):
    faster = motion.at_rate(50)
    assert len(faster) == 140 and faster.fps == 50
    assert np.allclose(faster.blendshapes[1:-1].mean(0), motion.blendshapes.mean(0), atol=0.05)
    assert motion.at_rate(25) is motion


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path, motion):
    (tmp_path / "talk.csv").mkdir()
    with pytest.raises(OptionError, match="is a folder"):
        motion.save(tmp_path / "talk.csv")
    assert os.listdir(tmp_path) == ["talk.csv"]
