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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imagineid_sdk.errors import OptionError, check_path
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
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
            them.
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
    fps = fps or stated or _rate_of([str(row.get("Timecode", "")) for row in rows]) or fallback
    if fps is None:
        raise OptionError(f"The motion {label!r} does not tell its frame rate. Give it: fps=25.")
    blendshapes = np.zeros((len(rows), len(ARKIT_BLENDSHAPES)), np.float32)
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
    from imagineid_sdk.face.mesh.head import GAZE_PITCH, GAZE_YAW

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
    try:
        return None, [row for row in csv.DictReader(io.StringIO(text), strict=True) if any(row.values())]
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


def _rate_of(timecodes: list[str]) -> float | None:
    """Frames per second, from the step between timecodes and from where a new second begins; None if none does."""
    moments = [re.fullmatch(r"(\d+):(\d+):(\d+):(\d+(?:\.\d+)?)", code.strip()) for code in timecodes]
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
    base = round(step + float(np.median(within[new] - within[new + 1])))  # parts of a second
    length = (seconds[-1] - seconds[0]) * base + within[-1] - within[0]
    if length <= 0:
        return None
    fps = base * (len(timecodes) - 1) / length
    usual = [one for one in (base, base * 1000 / 1001) if abs(one - fps) < 0.01]
    return float(usual[0]) if usual else round(fps, 3)
