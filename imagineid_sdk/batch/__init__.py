"""Many clips: a folder in, a folder of videos and a manifest out, on the processes of this machine or a Ray cluster.

    report = run_batch("clips", "videos", options={"background": "white"})

`jobs` says what is to be made and what is done already, `making` makes one video, `processes` and `cluster` are the two
crews that do it. Only the caller's process writes the manifest, a line when a video is whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from imagineid_sdk.batch.jobs import MANIFEST, Entry, Job, Manifest, find_jobs
from imagineid_sdk.errors import OptionError

if TYPE_CHECKING:
    from imagineid_sdk.batch.making import BatchTask

__all__ = ["MANIFEST", "BatchReport", "Crew", "Entry", "Job", "find_jobs", "run_batch"]

OnDone = Callable[[Entry, int, int], None]
"""Called with the entry of a clip that is done or failed, how many are, and of how many."""


@dataclass(frozen=True)
class BatchReport:
    """What became of a folder.

    Attributes:
        made: clips whose video was made now.
        skipped: clips whose video was there already.
        failed: clips without a video; the entries say why. They are tried again the next time.
    """

    made: tuple[Entry, ...]
    skipped: tuple[Entry, ...]
    failed: tuple[Entry, ...]


class Crew(Protocol):
    """Makes videos: an entry for each job, in the order in which they are finished."""

    def work(self, jobs: list[Job]) -> Iterator[Entry]: ...


def run_batch(
    folder: str | os.PathLike[str], output: str | os.PathLike[str], *, kind: str = "mp4", seed: int | None = None,
    workers: int | None = None, ray: str | None = None, model: str | None = None,
    options: Mapping[str, Any] | None = None, on_done: OnDone | None = None,
) -> BatchReport:  # fmt: skip
    """A video of every clip in a folder and the folders in it. Run it again and it goes on where it was stopped.

    Args:
        folder: of the clips, in any format; files that are no sound are left out by their ending.
        output: gets a video and a person (``.safetensors``) for each clip, in the same folders, and the manifest.
        kind: ending of the videos: "mp4", "mov", "webm" or "gif".
        seed: of every clip; None gives each a seed of its own, which its path decides.
        workers: processes, which share the cores; None takes as many as cores and memory are good for. With ``ray`` so
            many clips at a time, None as many as the cluster has cores.
        ray: address of a Ray cluster, such as "auto" (extra ``batch``). Its machines need this package, no common disk.
        model: as for ``from_pretrained``.
        options: of ``write_mp4``, but for the seed.
        on_done: is told of every clip.

    Raises:
        OptionError: an option or the folder can't be used.
        MissingExtraError: ``ray`` without the extra.
    """
    from imagineid_sdk.batch.making import BatchTask
    from imagineid_sdk.hub.sources import check_model
    from imagineid_sdk.video.formats import format_named

    suffix = format_named(kind).suffix
    if ray is not None and (options or {}).get("sign") is not None:
        raise OptionError("sign= needs the key on every machine of the cluster. Sign the videos afterwards.")
    fps = check_options(dict(options or {}), suffix)
    check_model(model)
    if workers is not None and workers < 1:
        raise OptionError(f"workers={workers} can't be used. Give 1 or more.")
    source, target = Path(folder), Path(output)
    manifest = Manifest(target / MANIFEST)
    jobs = find_jobs(source, target, suffix.removeprefix("."), seed)
    skipped = manifest.keep_done(target, jobs)
    known = {entry.clip for entry in skipped}
    waiting = [job for job in jobs if job.clip not in known]
    made: list[Entry] = []
    failed: list[Entry] = []
    if waiting:
        task = BatchTask(str(source.resolve()), str(target.resolve()), fps, model, dict(options or {}))
        with open_crew(task, workers, ray, len(waiting)) as crew, manifest:
            for entry in crew.work(waiting):
                manifest.add(entry)
                (failed if entry.error else made).append(entry)
                if on_done is not None:
                    on_done(entry, len(skipped) + len(made) + len(failed), len(jobs))
    return BatchReport(tuple(made), tuple(skipped), tuple(failed))


def open_crew(task: BatchTask, workers: int | None, ray: str | None, jobs: int) -> AbstractContextManager[Crew]:
    """The cluster if there is an address, else processes of this machine."""
    if ray is None:
        from imagineid_sdk.batch.processes import Processes

        return Processes(task, workers, jobs)
    from imagineid_sdk.batch.cluster import Cluster

    return Cluster(task, workers, ray)


def check_options(options: dict[str, Any], suffix: str) -> float:
    """Frames per second of the videos. Raises OptionError now for what every clip would fail with."""
    from imagineid_sdk.face.persona.identity import Identity
    from imagineid_sdk.options import GenerateOptions
    from imagineid_sdk.resolver import Factors, checked_together
    from imagineid_sdk.video.provenance import read_signer

    if "seed" in options:
        raise OptionError("options={'seed': ...} can't be used. Give seed= to the batch itself.")
    read_signer(options.pop("sign", None), f"video{suffix}")
    factors, settings = Factors.take(options), GenerateOptions(**options)
    settings.check_for_stream()
    settings.check_for_file(f"video{suffix}")
    _, settings = checked_together(factors, settings)
    if isinstance(factors.identity, (str, os.PathLike)):
        Identity.load(factors.identity)
    return settings.fps
