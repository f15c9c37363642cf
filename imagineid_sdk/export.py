"""One output as any kind of file, by its ending; checked before any work is spent on it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from imagineid_sdk.dialogue import Dialogue, numbered
from imagineid_sdk.errors import MissingExtraError, OptionError
from imagineid_sdk.face.animation.live_link import SUFFIXES as MOTION_SUFFIXES
from imagineid_sdk.files import check_output_path
from imagineid_sdk.listening.diarisation import MAX_SPEAKERS
from imagineid_sdk.options import GenerateOptions
from imagineid_sdk.output import ImagineIDOutput
from imagineid_sdk.video.formats import FORMATS
from imagineid_sdk.video.pictures import check_empty_folder, names_folder, picture_in
from imagineid_sdk.video.provenance import Signing, read_signer
from imagineid_sdk.video.recorder import check_target as check_video_target

MESH_SUFFIX = ".glb"


def needs_frames(path: str | os.PathLike[str]) -> bool:
    """Whether the file shows frames, rather than the motion or the head."""
    return Path(path).suffix.lower() not in (*MOTION_SUFFIXES, MESH_SUFFIX)


def check_targets(paths: Sequence[str | os.PathLike[str]], settings: GenerateOptions, sign: Signing = None) -> None:
    """Raises a typed error if one of the files can't be written, not with these options, or not signed.

    ``sign`` needs at least one file that can be signed; motion and mesh never are.
    """
    for path in paths:
        one_for_each = settings.speakers == "separate" and Path(path).suffix.lower() not in FORMATS
        for name in numbered(path, MAX_SPEAKERS) if one_for_each else [path]:
            check_target(name, settings)
    for path in [one for one in paths if needs_frames(one)] or paths:
        read_signer(sign, picture_in(path, 0) if names_folder(path) else path)


def check_target(path: str | os.PathLike[str], settings: GenerateOptions) -> None:
    """Raises a typed error if such a file can't be written, or not with these options."""
    suffix = Path(path).suffix.lower()
    if names_folder(path):
        check_empty_folder(path)
    elif suffix == MESH_SUFFIX:
        if find_spec("pygltflib") is None:
            raise MissingExtraError("A mesh as .glb", "mesh")
        check_output_path(path, suffix)
    elif suffix in MOTION_SUFFIXES:
        check_output_path(path, suffix)
    elif suffix in FORMATS:
        settings.check_for_file(path)
        check_video_target(path)
    else:
        kinds = ", ".join((*FORMATS, *MOTION_SUFFIXES, MESH_SUFFIX))
        raise OptionError(f"{os.fspath(path)!r} does not end in {kinds}, and is no folder. Change the name.")


def save_as(output: ImagineIDOutput, path: str | os.PathLike[str], sign: Signing = None) -> Path:
    """Write the file that the path's ending names; videos and pictures are signed."""
    suffix = Path(path).suffix.lower()
    if names_folder(path) or suffix in FORMATS:
        return output.save(path, sign=sign)
    return output.save_mesh(path) if suffix == MESH_SUFFIX else output.motion.save(path)


def save_all(output: ImagineIDOutput | Dialogue, path: str | os.PathLike[str], sign: Signing = None) -> list[Path]:
    """The same for an output or a dialogue, of which a video shows everybody and other files are one for each."""
    if not isinstance(output, Dialogue):
        return [save_as(output, path, sign)]
    if Path(path).suffix.lower() in FORMATS:
        return [output.save(path, sign=sign)]
    return output.save_each(path, sign=sign)
