"""One video, made by a worker that keeps its model from clip to clip."""

from __future__ import annotations

import gc
import io
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_sdk.batch.jobs import Entry, Job
from imagineid_sdk.errors import ImagineIDError

if TYPE_CHECKING:
    from imagineid_sdk import ImagineIDPipeline
    from imagineid_sdk.audio import AudioSource


@dataclass(frozen=True)
class BatchTask:
    """What all clips of a batch have in common: folders, frames per second, model, options of ``write_mp4``."""

    folder: str
    output: str
    fps: float = 25.0
    model: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@lru_cache(maxsize=1)
def loaded(model: str | None, threads: int) -> ImagineIDPipeline:
    """The model of this process, which uses so many threads."""
    import torch

    from imagineid_sdk import ImagineIDPipeline

    torch.set_num_threads(threads)
    pipe = ImagineIDPipeline.from_pretrained(model)
    pipe.set_progress_bar_config(disable=True)
    gc.freeze()  # the model stays: searching it for garbage takes time, at the exit a second
    return pipe


def make(task: BatchTask, job: Job, threads: int) -> Entry:
    """The video and the person of a clip, written to the output: each is whole or not there."""
    return attempt(task, job, Path(task.folder) / job.clip, Path(task.output), threads)


def make_elsewhere(task: BatchTask, job: Job, content: bytes, threads: int) -> tuple[Entry, dict[str, bytes]]:
    """The same on a machine that shares no disk with the caller: the content of a clip in, that of the files out."""
    with tempfile.TemporaryDirectory(prefix="imagineid-") as folder:
        entry = attempt(task, job, io.BytesIO(content), Path(folder), threads)
        names = [] if entry.error else [job.video, job.person]
        return entry, {name: (Path(folder) / name).read_bytes() for name in names}


def attempt(task: BatchTask, job: Job, sound: AudioSource, output: Path, threads: int) -> Entry:
    """An entry in any case: one bad clip of ten thousand must not stop the others."""
    frames = 0

    def count(done: int, _: int) -> None:
        nonlocal frames
        frames = done

    try:
        pipe = loaded(task.model, threads)
        since = time.perf_counter()
        person = pipe.write_mp4(sound, output / job.video, callback=count, seed=job.seed, **task.options)
        person.save(output / job.person)
        return Entry.of(job, frames / task.fps, time.perf_counter() - since)
    except ImagineIDError as error:
        return Entry.failure(job, str(error))
    except Exception as error:  # noqa: BLE001 (a fault of this package or of the machine: reported with its kind)
        return Entry.failure(job, f"{type(error).__name__}: {error}")
