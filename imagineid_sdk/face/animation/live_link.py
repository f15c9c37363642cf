"""Motion as files, in the columns of Epic's app Live Link Face, which Unreal, Blender and Maya tools read.

A row is a frame: Timecode, BlendShapeCount, 52 blendshapes from 0 to 1, then the angles of the head and of both eyes.
The angles are radians about the axes of ARKit's face anchor: yaw > 0 towards the right of the picture, pitch > 0 down,
roll > 0 counter-clockwise in the picture. The eyes' angles follow from the eyeLook columns and are not read back.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imagineid_sdk.errors import OptionError, check_number, check_path
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX, GAZE_PITCH, GAZE_YAW
from imagineid_sdk.files import placed_when_complete, typed_write_errors

if TYPE_CHECKING:
    from imagineid_sdk.face.animation.motion import FaceMotion

_EYE = ("EyeBlink", "EyeLookDown", "EyeLookIn", "EyeLookOut", "EyeLookUp", "EyeSquint", "EyeWide")
BLENDSHAPE_COLUMNS: tuple[str, ...] = (
    *(f"{name}Left" for name in _EYE), *(f"{name}Right" for name in _EYE),
    "JawForward", "JawRight", "JawLeft", "JawOpen", "MouthClose", "MouthFunnel", "MouthPucker", "MouthRight",
    "MouthLeft", "MouthSmileLeft", "MouthSmileRight", "MouthFrownLeft", "MouthFrownRight", "MouthDimpleLeft",
    "MouthDimpleRight", "MouthStretchLeft", "MouthStretchRight", "MouthRollLower", "MouthRollUpper",
    "MouthShrugLower", "MouthShrugUpper", "MouthPressLeft", "MouthPressRight", "MouthLowerDownLeft",
    "MouthLowerDownRight", "MouthUpperUpLeft", "MouthUpperUpRight", "BrowDownLeft", "BrowDownRight", "BrowInnerUp",
    "BrowOuterUpLeft", "BrowOuterUpRight", "CheekPuff", "CheekSquintLeft", "CheekSquintRight", "NoseSneerLeft",
    "NoseSneerRight", "TongueOut",
)  # fmt: skip
"""In the order of the app's files."""
HEAD_COLUMNS = ("HeadYaw", "HeadPitch", "HeadRoll")
EYE_COLUMNS = tuple(f"{side}Eye{angle}" for side in ("Left", "Right") for angle in ("Yaw", "Pitch", "Roll"))
VALUE_COLUMNS = (*BLENDSHAPE_COLUMNS, *HEAD_COLUMNS, *EYE_COLUMNS)
COLUMNS = ("Timecode", "BlendShapeCount", *VALUE_COLUMNS)

HEAD_SIGNS = np.array([1.0, -1.0, -1.0])
"""From the pitch and roll of `FaceMotion` (up, clockwise) to those of the file (down, counter-clockwise)."""
ORDER = [BLENDSHAPE_INDEX[name[0].lower() + name[1:]] for name in BLENDSHAPE_COLUMNS]

DECIMALS = 10
"""As many as the app writes: float32 comes back to the last bit."""
SUFFIXES = (".csv", ".json")
SEPARATORS = ",", ";", "\t"
MOST_FRAMES = 1_000_000
"""That timecodes may span: one that is mistyped could fill the memory."""
SAME_RATE = 0.02
"""Share by which the rate of the timecodes may differ from the one that is given, if they are to tell missing rows."""


def save_motion(motion: FaceMotion, path: str | os.PathLike[str]) -> Path:
    """Write a motion as csv or json, by the ending: complete or not at all.

    Raises:
        OptionError: another ending, or the file can't be written.
    """
    kind = check_suffix(path)
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise OptionError(f"{os.fspath(path)!r} is a folder. Give the name of a file in it, such as motion{kind}.")
    text = _csv_text(motion) if kind == ".csv" else _json_text(motion)
    with placed_when_complete(target, OptionError) as partial, typed_write_errors(target, OptionError):
        partial.write_text(text, encoding="utf-8", newline="")
    return Path(path)


def load_motion(path: str | os.PathLike[str], fps: float | None = None, fallback: float | None = None) -> FaceMotion:
    """Read what `save_motion` or the app Live Link Face wrote.

    Args:
        path: a csv or json file.
        fps: frames per second; None reads it from the file. A csv tells it by its timecodes, which takes a second of
            them. They also tell rows that are missing, which are filled in between their neighbours.
        fallback: the rate of a file that does not tell its own.

    Raises:
        OptionError: no such file, another kind of file, a column that is missing, or values that are no motion.
    """
    from imagineid_sdk.face.animation.motion import FaceMotion

    label, kind = os.fspath(path), check_suffix(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"The motion {label!r} can't be read: {error}.") from error
    stated, rows = _read_csv(text, label) if kind == ".csv" else _read_json(text, label)
    missing = [name for name in (*BLENDSHAPE_COLUMNS, *HEAD_COLUMNS) if rows and name not in rows[0]]
    if not rows or missing:
        what = f"the columns {', '.join(missing[:3])} are missing" if missing else "it has no frames"
        raise OptionError(f"The motion {label!r} can't be used: {what}. Expected the columns of Live Link Face.")
    values = np.array([[_number(row, name, label, at) for name in VALUE_COLUMNS[:55]] for at, row in enumerate(rows)])
    told = _timecodes([str(row.get("Timecode", "")) for row in rows])
    rates = fps, stated, None if told is None else told.fps, fallback
    fps = next((rate for rate in rates if rate is not None), None)
    if fps is None:
        raise OptionError(f"The motion {label!r} does not tell its frame rate. Give it: fps=25.")
    check_number(f"The motion {label!r}: fps", fps, 1, 120)
    if told is not None and abs(told.fps / fps - 1) < SAME_RATE:
        values = told.regular(values)
    blendshapes = np.zeros((len(values), len(ARKIT_BLENDSHAPES)), np.float32)
    blendshapes[:, ORDER] = values[:, :52]
    head_pose = np.round(np.degrees(values[:, 52:]) * HEAD_SIGNS, 6).astype(np.float32)
    return FaceMotion(float(fps), blendshapes, head_pose + np.float32(0)).checked(label)  # + 0: no negative zeros


def check_suffix(path: str | os.PathLike[str]) -> str:
    """The ending, in small letters; raises OptionError unless motion can be written so."""
    check_path(path)
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise OptionError(
            f"{os.fspath(path)!r} does not end in .csv or .json, the kinds of motion file. Change the name."
        )
    return suffix


def timecode(frame: int, fps: float) -> str:
    """``HH:MM:SS:FF.fff`` of a frame; a second has ``ceil(fps)`` parts."""
    base = math.ceil(fps - 1e-6)
    parts = round(frame / fps * base, 3)
    seconds, part = divmod(parts, base)
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}:{part:06.3f}"


def _rows(motion: FaceMotion) -> list[list[Any]]:
    def look(way: str, side: str) -> np.ndarray:
        return motion.blendshapes[:, BLENDSHAPE_INDEX[f"eyeLook{way}{side}"]]

    eyes = []
    for side, outwards in (("Left", 1.0), ("Right", -1.0)):
        yaw = GAZE_YAW * (look("Out", side) - look("In", side)) * outwards
        pitch = -GAZE_PITCH * (look("Up", side) - look("Down", side))
        eyes += [yaw, pitch, np.zeros(len(motion))]
    angles = np.radians(np.concatenate([motion.head_pose * HEAD_SIGNS, np.stack(eyes, axis=1)], axis=1))
    values = np.concatenate([motion.blendshapes[:, ORDER], angles], axis=1).astype(np.float64).round(DECIMALS) + 0.0
    return [[timecode(at, motion.fps), len(VALUE_COLUMNS), *row] for at, row in enumerate(values.tolist())]


def _csv_text(motion: FaceMotion) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in _rows(motion):
        writer.writerow([*row[:2], *(f"{value:.{DECIMALS}f}" for value in row[2:])])
    return file.getvalue()


def _json_text(motion: FaceMotion) -> str:
    frames = ",\n  ".join(json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in _rows(motion))
    return f'{{"fps": {json.dumps(motion.fps)}, "frames": [\n  {frames}\n]}}\n'


def _read_csv(text: str, label: str) -> tuple[None, list[dict[str, Any]]]:
    header = text.partition("\n")[0]
    separator = max(SEPARATORS, key=header.count)
    if separator != ",":  # a spreadsheet of a country that writes 0,5
        text = text.replace(",", ".")
    try:
        rows = csv.DictReader(io.StringIO(text), strict=True, delimiter=separator)
        return None, [row for row in rows if any(row.values())]
    except csv.Error as error:
        raise OptionError(f"The motion {label!r} is not a readable csv file: {error}.") from error


def _read_json(text: str, label: str) -> tuple[float | None, list[dict[str, Any]]]:
    try:
        content = json.loads(text)
        fps, frames = content.get("fps"), content["frames"]
        if not all(isinstance(row, dict) for row in frames) or not (fps is None or isinstance(fps, (int, float))):
            raise TypeError("frames are no objects, or fps is no number")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise OptionError(
            f'The motion {label!r} can\'t be used: {error!r}. Expected {{"fps": 25, "frames": [...]}} as '
            "out.motion.save writes it."
        ) from error
    return fps, frames


def _number(row: dict[str, Any], name: str, label: str, at: int) -> float:
    try:
        return float(row[name])
    except (KeyError, TypeError, ValueError) as error:
        raise OptionError(
            f"Frame {at} of the motion {label!r} has {name}={row.get(name)!r}, which is no number."
        ) from error


@dataclass(frozen=True, eq=False)
class Timecodes:
    """Frames per second, and the number of every row's frame, from 0 on: rows may be missing."""

    fps: float
    frames: np.ndarray

    def regular(self, values: np.ndarray) -> np.ndarray:
        """Values ``(rows, columns)`` with those of the missing rows, linear between their neighbours."""
        every = np.arange(int(self.frames[-1]) + 1)
        return np.stack([np.interp(every, self.frames, column) for column in values.T], axis=1)


def _timecodes(codes: list[str]) -> Timecodes | None:
    """What timecodes say, by the step between them and by where a new second begins; None if that can't be told."""
    moments = [re.fullmatch(r"(\d+):(\d+):(\d+):(\d+(?:\.\d+)?)", code.strip()) for code in codes]
    if len(moments) < 3 or not all(moments):
        return None
    parts = [[float(part) for part in moment.groups()] for moment in moments if moment]
    seconds = np.array([hour * 3600 + minute * 60 + second for hour, minute, second, _ in parts])
    within = np.array([part for *_, part in parts])
    new = np.flatnonzero(np.diff(seconds) == 1)
    same = np.flatnonzero(np.diff(seconds) == 0)
    if not len(new) or not len(same):
        return None
    step = float(np.median(np.diff(within)[same]))
    base = round(step + float(np.max(within[new] - within[new + 1])))  # parts of a second; gaps say less
    times = (seconds - seconds[0]) * base + within - within[0]
    if step <= 0 or (np.diff(times) <= 0).any() or times[-1] / step > MOST_FRAMES:
        return None
    frames = np.round(times / step)
    step = times[-1] / frames[-1]  # codes are rounded
    fps = base / step
    usual = [one for one in (base, base * 1000 / 1001) if abs(one - fps) < 0.01]
    return Timecodes(float(usual[0]) if usual else round(fps, 3), frames)
