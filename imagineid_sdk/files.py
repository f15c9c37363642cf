"""Files that are whole or not there at all, and the one program that this package runs."""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imagineid_sdk.errors import AudioError, FFmpegError, ImagineIDError, VideoError


def check_output_path(path: str | os.PathLike[str], suffix: str) -> Path:
    """The real path that a file will be written to, or a typed error before any work is spent on it.

    `suffix` is the ending it must have, e.g. ".mp4". Symbolic links are followed.

    Raises:
        VideoError: the file could not be written there.
    """
    target = Path(os.path.realpath(path))
    folder = target.parent
    if Path(path).suffix.lower() != suffix:
        raise VideoError(f"{str(path)!r} does not end in {suffix}, the only kind written here. Change the name.")
    if target.is_dir():
        raise VideoError(f"{str(path)!r} is a folder. Give the name of a file in it, such as face{suffix}.")
    if target.exists() and not target.is_file():
        raise VideoError(f"{str(path)!r} is a device or pipe, not a file that can be replaced. Choose another name.")
    check_folder(folder, path)
    if target.exists() and not os.access(target, os.W_OK):
        raise VideoError(f"{str(path)!r} can't be written by this user. Choose another folder or change permissions.")
    return target


def check_folder(folder: Path, path: str | os.PathLike[str]) -> None:
    """Raises VideoError unless `path` can be made in the folder, which is made itself if there is none."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if not there.is_dir():
        raise VideoError(f"{str(path)!r} can't be written: {str(there)!r} is not a folder. Choose another name.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise VideoError(f"{str(path)!r} can't be written by this user. Choose another folder or change permissions.")


@contextmanager
def placed_when_complete(target: Path, error: type[ImagineIDError] = VideoError) -> Iterator[Path]:
    """A new file beside the target, moved over it if the block succeeds and deleted if it does not. The target's folder
    is made if there is none.

    Raises:
        VideoError, or the `error` that was given: it can't be written.
    """
    partial = target.with_name(f".imagineid-{uuid.uuid4().hex}.part")
    with folder_made(target, error):
        try:
            with typed_write_errors(target, error):
                partial.open("xb").close()  # with the permissions of any new file, which tempfile would narrow
            yield partial
            with typed_write_errors(target, error):
                os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def folder_made(target: Path, error: type[ImagineIDError] = VideoError) -> Iterator[None]:
    """The folder of the target exists within the block; what was made is taken away if the block fails."""
    missing = [folder for folder in target.parents if not folder.exists()]
    with typed_write_errors(target, error):
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for folder in missing:
            with suppress(OSError):  # somebody else has put something there
                folder.rmdir()
        raise


@contextmanager
def typed_write_errors(target: Path, kind: type[ImagineIDError] = VideoError) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise kind(f"{str(target)!r} could not be written: {error}. Check free space and permissions.") from error


@contextmanager
def temporary_file(content: bytes | memoryview) -> Iterator[Path]:
    """A file with this content for a program that needs a path; deleted afterwards."""
    descriptor, name = tempfile.mkstemp(prefix="imagineid-")
    try:
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        except OSError as error:
            raise AudioError(
                f"The sound could not be put into a temporary file ({error}). Free some space in "
                f"{tempfile.gettempdir()!r}, or set TMPDIR to a folder that has it."
            ) from error
        yield Path(name)
    finally:
        with suppress(OSError):
            os.unlink(name)


def find_ffmpeg() -> str:
    """The path of the bundled ffmpeg.

    Raises:
        FFmpegError: there is none.
    """
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise FFmpegError(
            "The ffmpeg that imageio-ffmpeg ships was not found. Install it again with pip install --force-reinstall "
            "imageio-ffmpeg, or set IMAGEIO_FFMPEG_EXE to the path of an ffmpeg."
        ) from error


def check_encoder(encoder: str = "libx264", title: str = "H.264") -> None:
    """Raises FFmpegError, before any work is spent on frames, where no such encoder is to be had."""
    path = find_ffmpeg()
    if _lacks_encoder(path, encoder):
        raise FFmpegError(
            f"{path} has no {title} encoder ({encoder}). Unset IMAGEIO_FFMPEG_EXE, or set it to an ffmpeg that has one."
        )


@functools.lru_cache(maxsize=16)
def _lacks_encoder(path: str, encoder: str) -> bool:
    command = [path, "-hide_banner", "-v", "error", "-h", f"encoder={encoder}"]
    try:
        answer = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    except OSError:
        return True
    return b"not recognized" in answer.stdout + answer.stderr
