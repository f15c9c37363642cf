"""A crew on a Ray cluster. Clips and videos travel through Ray, so the machines need no common disk, and only the
caller writes: a clip that Ray runs again, since its machine was lost, is still written once."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from typing_extensions import Self

from imagineid_sdk.batch.jobs import Entry, Job
from imagineid_sdk.batch.making import BatchTask, make_elsewhere
from imagineid_sdk.errors import MissingExtraError, OptionError
from imagineid_sdk.files import placed_when_complete

RETRIES = 5
"""How often Ray begins a clip again whose worker or machine was lost."""


class Cluster:
    """Makes videos on the machines of a Ray cluster.

    Args:
        task: what all clips have in common; identities and motions in it are values, not paths.
        workers: clips at a time; None is one for each core of the cluster, whatever joins it later included.
        address: of the cluster.

    Raises:
        MissingExtraError: ray is not installed.
        OptionError: the cluster can't be reached.
    """

    def __init__(self, task: BatchTask, workers: int | None, address: str) -> None:
        if find_spec("ray") is None:
            raise MissingExtraError("A Ray cluster", "batch")
        import ray

        self._joined = not ray.is_initialized()  # the caller may be connected already, and stays so
        try:
            if self._joined:
                ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise OptionError(
                f"ray={address!r} can't be reached: {error}. Start the cluster with ray start --head, or check the "
                "address."
            ) from error
        self._ray, self._task, self._workers = ray, task, workers
        self._make = ray.remote(make_elsewhere).options(num_cpus=1, max_retries=RETRIES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._joined:
            self._ray.shutdown()

    def work(self, jobs: list[Job]) -> Iterator[Entry]:
        """An entry for each, in the order in which they are finished."""
        waiting, running = list(reversed(jobs)), dict[Any, Job]()
        task = self._ray.put(self._task)  # once, not with every clip
        while waiting or running:
            # Two for each place: the next clip is there when one is finished, and memory does not grow with the folder.
            while waiting and len(running) < 2 * self._places():
                job = waiting.pop()
                try:
                    content = (Path(self._task.folder) / job.clip).read_bytes()
                except OSError as error:
                    yield Entry.failure(job, f"The clip can't be read: {error}")
                    continue
                running[self._make.remote(task, job, content, 1)] = job
            if running:
                finished, _ = self._ray.wait(list(running), num_returns=1, timeout=10)
                for reference in finished:
                    yield self._received(running.pop(reference), reference)

    def _places(self) -> int:
        return self._workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def _received(self, job: Job, reference: Any) -> Entry:
        try:
            entry, files = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:  # such as a machine that lacks this package
            return Entry.failure(job, f"A machine of the cluster failed: {' '.join(str(error.cause).split())}")
        except self._ray.exceptions.RayError as error:
            return Entry.failure(job, f"The cluster lost it {RETRIES + 1} times: {' '.join(str(error).split())}")
        for name, content in files.items():
            with placed_when_complete(Path(self._task.output) / name) as partial:
                partial.write_bytes(content)
        return entry
