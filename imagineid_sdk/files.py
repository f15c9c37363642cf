"""Files that are whole or not there at all, and the one program that this package runs."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from imagineid_sdk.errors import AudioError, FFmpegError, ImagineIDError, VideoError, check_path


def check_output_path(path: str | os.PathLike[str], suffix: str) -> Path:
    """The real path that a file will be written to, or a typed error before any work is spent on it.

    `suffix` is the ending it must have, e.g. ".mp4". Symbolic links are followed.

    Raises:
        OptionError: it is no path.
        VideoError: the file could not be written there.
    """
    check_path(path)
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


PARTIAL, PARTIAL_ENDING = ".imagineid-", ".part"
"""How the name of an unfinished file begins and ends. It lies beside its target, since only there it can take its place
in one step."""

LEFT_ALONE = 24 * 3600
"""Seconds without a change after which an unfinished file is taken for a dead one's, where no lock can tell."""


@contextmanager
def placed_when_complete(target: Path, error: type[ImagineIDError] = VideoError) -> Iterator[Path]:
    """A new file beside the target, moved over it if the block succeeds and deleted if it does not. The target's folder
    is made if there is none, and what runs that were killed have left there is taken away.

    Raises:
        VideoError, or the `error` that was given: it can't be written.
    """
    # With the permissions of any new file, which tempfile would narrow.
    with folder_made(target, error), unfinished(target, lambda path: path.open("xb").close(), error) as partial:
        yield partial
        with typed_write_errors(target, error):
            os.replace(partial, target)


@contextmanager
def folder_placed_when_complete(target: Path, error: type[ImagineIDError]) -> Iterator[Path]:
    """The same for a folder. Where the target exists, its files are replaced one by one at the end, each whole, and its
    other files stay."""
    with (
        folder_made(target, error),
        unfinished(target, Path.mkdir, error) as partial,
        typed_write_errors(target, error),
    ):
        yield partial
        move_into(partial, target)


def move_into(folder: Path, target: Path) -> None:
    """The folder takes the target's name, or its files the places of theirs in it."""
    with suppress(OSError):  # an empty folder
        target.rmdir()
    if not target.exists():
        os.rename(folder, target)
        return
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    # What says that all of it is there comes last: at the top lies the index of a model.
    for path in sorted(files, key=lambda path: path.parent == folder):
        place = target / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)


@contextmanager
def unfinished(target: Path, make: Callable[[Path], None], error: type[ImagineIDError]) -> Iterator[Path]:
    """What is not finished, beside the target, made by `make` and locked; nothing is left of it after the block.

    A lock tells others that somebody is at work here. The system ends it with its owner, whatever that died of.
    """
    with typed_write_errors(target, error):
        remove_abandoned(target.parent)
    lock: int | None = None
    while lock is None:
        partial = target.with_name(f"{PARTIAL}{uuid.uuid4().hex}{PARTIAL_ENDING}")
        try:
            with typed_write_errors(target, error):
                make(partial)
                lock = locked(partial)
        except BaseException:
            remove(partial)
            raise
    try:
        yield partial
    finally:
        remove(partial)
        if lock >= 0:
            os.close(lock)
        with suppress(OSError):  # a dead run's ffmpeg may have begun its file after the first look
            remove_abandoned(target.parent)


def locked(path: Path) -> int | None:
    """The descriptor that holds the lock, -1 where there are no locks; None if somebody took the file away as abandoned
    before it was locked."""
    if fcntl is None:
        return -1
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with suppress(OSError):  # a file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    if os.fstat(descriptor).st_nlink and path.exists():
        return descriptor
    os.close(descriptor)
    return None


def remove_abandoned(folder: Path) -> None:
    """Takes away what runs that were killed have left in a folder."""
    with os.scandir(folder) as entries:
        hidden = [entry.path for entry in entries if entry.name.startswith(PARTIAL)]
    for path in hidden:
        if path.endswith(PARTIAL_ENDING):
            with suppress(OSError):  # somebody is at work on it, or it is somebody else's, or gone by now
                remove_if_abandoned(Path(path))


def remove_if_abandoned(path: Path) -> None:
    """Removes an unfinished file that nobody is at work on any more; raises OSError otherwise."""
    if time.time() - path.stat().st_mtime > LEFT_ALONE:
        remove(path)
    elif fcntl is not None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(path)
        finally:
            os.close(descriptor)


def remove(path: Path) -> None:
    """A file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


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
def temporary_file(content: bytes | memoryview) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A file with this content for a program that has to seek in it: its path, and the descriptors that the program
    must inherit. Where the system can, the file has no name, so that nobody else sees it and nothing stays of it,
    whatever ends this process."""
    descriptor, name = tempfile.mkstemp(prefix="imagineid-")
    try:
        by_descriptor = f"/dev/fd/{descriptor}"
        if os.name == "posix" and os.path.exists(by_descriptor):
            os.unlink(name)
            name = by_descriptor
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(content)
            os.lseek(descriptor, 0, os.SEEK_SET)
        except OSError as error:
            raise AudioError(
                f"The sound could not be put into a temporary file ({error}). Free some space in "
                f"{tempfile.gettempdir()!r}, or set TMPDIR to a folder that has it."
            ) from error
        if name != by_descriptor:  # Windows lets no program read what another one holds open for writing
            os.close(descriptor)
            descriptor = -1
        yield name, () if descriptor < 0 else (descriptor,)
    finally:
        if descriptor >= 0:
            os.close(descriptor)
        if not name.startswith("/dev/fd/"):
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
