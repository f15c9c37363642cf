"""What is to be made of a folder, and the manifest of what is done."""

from __future__ import annotations

import json
import os
import zlib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from typing_extensions import Self

from imagineid_sdk.errors import OptionError, VideoError
from imagineid_sdk.files import check_folder, placed_when_complete, typed_write_errors

MANIFEST = "manifest.jsonl"
SOUNDS = frozenset({
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".au", ".caf", ".w64", ".wma",
    ".amr", ".mka", ".mp4", ".mov", ".mkv", ".webm", ".avi",
})  # fmt: skip
"""Endings of files that are taken for clips."""


@dataclass(frozen=True)
class Job:
    """One clip: paths within the folder of the clips and that of the videos, with "/"."""

    clip: str
    video: str
    person: str
    seed: int


@dataclass(frozen=True)
class Entry:
    """A line of the manifest.

    Attributes:
        clip, video, person: paths within the two folders; video and person are None where the clip failed.
        seed: of the person and the performance.
        seconds: of the video.
        took: seconds of work, without loading the model.
        error: why there is no video.
    """

    clip: str
    video: str | None
    person: str | None
    seed: int
    seconds: float | None
    took: float | None
    error: str | None = None

    @classmethod
    def of(cls, job: Job, seconds: float, took: float) -> Entry:
        return cls(job.clip, job.video, job.person, job.seed, round(seconds, 3), round(took, 3))

    @classmethod
    def failure(cls, job: Job, error: str) -> Entry:
        return cls(job.clip, None, None, job.seed, None, None, error)


def find_jobs(folder: Path, output: Path, kind: str, seed: int | None) -> list[Job]:
    """A job for every clip of the folder, in the order of their paths. Hidden files and folders are left out: systems
    keep notes under the names of sounds.

    Raises:
        OptionError: there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise OptionError(f"{str(folder)!r} is not a folder. Give the folder that the clips are in.")
    inside = output.resolve()
    if folder.resolve() == inside or inside in folder.resolve().parents:
        raise OptionError(f"The clips lie in the output {str(output)!r} itself. Give another folder for the videos.")
    clips = sorted(
        path.relative_to(folder) for path in folder.rglob("*")
        if path.suffix.lower() in SOUNDS and path.is_file() and inside not in path.resolve().parents
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )  # fmt: skip
    if not clips:
        endings = " ".join(sorted(SOUNDS))
        raise OptionError(f"There are no clips in {str(folder)!r}. Files that end in {endings} are taken.")
    names = Counter(clip.with_suffix("") for clip in clips)
    jobs = []
    for clip in clips:
        # Of a.wav, a.flac and a.wav.mp3 the whole name is kept, or one video would replace the other.
        stem = clip.with_suffix("")
        name = (stem if names[stem] == 1 and stem not in clips else clip).as_posix()
        own = zlib.crc32(os.fsencode(clip.as_posix())) if seed is None else seed
        jobs.append(Job(clip.as_posix(), f"{name}.{kind}", f"{name}.safetensors", own))
    return jobs


class Manifest:
    """The file that says what is done: JSON, a line for a clip. A line is written when the video is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def keep_done(self, output: Path, jobs: Sequence[Job]) -> list[Entry]:
        """The entries of clips whose video is there, made with the same seed. Failures, clips that are gone, and what a
        crash left of a line are dropped, so that in the end there is one line for each clip."""
        entries = self._read()
        wanted = {job.clip: job for job in jobs}
        done = [
            entry for clip, entry in entries.items()
            if entry.error is None and entry.video is not None and clip in wanted and entry.seed == wanted[clip].seed
            and Path(entry.video).suffix == Path(wanted[clip].video).suffix and (output / entry.video).is_file()
        ]  # fmt: skip
        check_folder(output, output / MANIFEST)
        with placed_when_complete(self.path) as partial:
            partial.write_text("".join(map(_line, done)), encoding="utf-8", errors="surrogateescape")
        return done

    def __enter__(self) -> Self:
        with typed_write_errors(self.path):
            self._file = self.path.open("a", encoding="utf-8", errors="surrogateescape")
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, entry: Entry) -> None:
        """A line that outlives a crash of the machine."""
        assert self._file is not None
        with typed_write_errors(self.path):
            self._file.write(_line(entry))
            self._file.flush()
            os.fsync(self._file.fileno())

    def _read(self) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        try:
            content = self.path.read_text(encoding="utf-8", errors="surrogateescape")
        except FileNotFoundError:
            return entries
        except OSError as error:
            raise VideoError(f"{str(self.path)!r} can't be read: {error}. Choose another folder.") from error
        for line in content.splitlines():
            with suppress(ValueError, TypeError):  # half a line
                entry = Entry(**json.loads(line))
                entries[entry.clip] = entry
        return entries


def _line(entry: Entry) -> str:
    return json.dumps(asdict(entry)) + "\n"
