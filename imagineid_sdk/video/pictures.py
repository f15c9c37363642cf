"""A video as a folder of pictures, one PNG a frame, with the sound beside them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import soundfile

from imagineid_sdk.audio import AudioClip
from imagineid_sdk.errors import VideoError, check_path
from imagineid_sdk.files import check_folder, folder_placed_when_complete
from imagineid_sdk.video.picture import write_png
from imagineid_sdk.video.provenance import Signing, read_signer


def names_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a path means a folder: it ends in a slash, has no ending, or is one. Raises
    OptionError for what is no path."""
    check_path(path)
    text = os.fspath(path)
    return text.endswith(("/", os.sep)) or not Path(text).suffix or Path(text).is_dir()


def write_pictures(
    path: str | os.PathLike[str], frames: Iterable[np.ndarray], *, audio: AudioClip | None,
    metadata: Mapping[str, str], sign: Signing = None,
) -> Path:  # fmt: skip
    """Write ``00000.png``, ``00001.png``, ... and ``sound.wav`` into a new folder, which appears when it is complete.

    Args:
        path: a folder that is not there yet, or empty.
        frames: uint8 (height, width, 3), or 4 channels with alpha.
        audio: the sound, or None.
        metadata: text chunks of every picture.
        sign: certificate and key, for a C2PA manifest in every picture.

    Raises:
        VideoError: the folder has something in it or can't be written.
        OptionError: a signer that can't be used.
    """
    target = check_empty_folder(path)
    signer = read_signer(sign, picture_in(path, 0))
    with folder_placed_when_complete(target, VideoError) as partial:
        count = -1
        for count, frame in enumerate(frames):
            picture = write_png(picture_in(partial, count), frame, metadata)
            if signer is not None:
                signer.sign(picture, picture.suffix, picture.name)
        if count < 0:
            raise VideoError("There are no frames to write. Give at least one.")
        if audio is not None:
            soundfile.write(partial / "sound.wav", audio.original, audio.original_rate)
    return Path(path)


def picture_in(folder: str | os.PathLike[str], number: int) -> Path:
    """Where the picture of a frame is."""
    return Path(folder) / f"{number:05}.png"


def check_empty_folder(path: str | os.PathLike[str]) -> Path:
    """The real path of a folder that can be made or is empty; raises VideoError."""
    target = Path(os.path.realpath(path))
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise VideoError(
            f"{os.fspath(path)!r} is there already, and a folder of pictures is written as a whole. Give a new name, "
            "or an ending: .mp4, .mov, .webm or .gif."
        )
    check_folder(target.parent, path)
    return target
