"""A crew of processes on this machine. Each has its own model and its share of the cores."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from typing_extensions import Self

from imagineid_sdk.batch.jobs import Entry, Job
from imagineid_sdk.batch.making import BatchTask, make

GIB_PER_PROCESS = 2.0
"""GiB that a process may need."""
TRIES = 3
"""How often a clip is begun whose process dies."""


class Processes:
    """Makes videos in processes of this machine.

    Args:
        task: what all clips have in common.
        workers: how many processes; None is `sensible_workers`.
        jobs: how many clips there are: no more processes than that.
    """

    def __init__(self, task: BatchTask, workers: int | None, jobs: int) -> None:
        self.workers = min(workers or sensible_workers(cores(), free_memory()), jobs)
        self.threads = max(1, cores() // self.workers)
        self._task, self._pool = task, self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: object, *_: object) -> None:
        if failure is None:
            self._pool.shutdown()
        else:
            self._stop()

    def work(self, jobs: list[Job]) -> Iterator[Entry]:
        """An entry for each, in the order in which they are finished. When a process dies, the clips of all of them are
        begun again: nobody knows which it was."""
        waiting, running, tries = list(reversed(jobs)), dict[Future[Entry], Job](), Counter[str]()
        while waiting or running:
            while waiting and len(running) < self.workers:
                job = waiting.pop()
                tries[job.clip] += 1
                running[self._submit(job)] = job
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    if tries[job.clip] < TRIES:
                        waiting.append(job)
                        continue
                    yield Entry.failure(
                        job, f"The process died {TRIES} times: killed, or out of memory. Use fewer workers."
                    )

    def _submit(self, job: Job) -> Future[Entry]:
        try:
            return self._pool.submit(make, self._task, job, self.threads)
        except BrokenProcessPool:
            self._stop()
            self._pool = self._start()
            return self._pool.submit(make, self._task, job, self.threads)

    def _start(self) -> ProcessPoolExecutor:
        # Spawned: a process that was forked with threads in it may hang.
        return ProcessPoolExecutor(
            self.workers, mp_context=multiprocessing.get_context("spawn"), initializer=share_cores,
            initargs=(self.threads,),
        )  # fmt: skip

    def _stop(self) -> None:
        """Whatever is still running is ended at once: its files are whole or not there."""
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def share_cores(threads: int) -> None:
    """Told before the numerical libraries are loaded, which read it once. Waiting threads sleep: others need the
    core."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def sensible_workers(cores: int, memory: float) -> int:
    """A process for every core, as far as the memory (GiB) reaches: clips side by side have nothing to wait for, while
    the threads of one clip do."""
    return max(1, min(cores, int(memory / GIB_PER_PROCESS)))


def cores() -> int:
    """Those that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # neither Windows nor macOS has it
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def free_memory() -> float:
    """GiB; where the system does not tell, enough for four processes."""
    try:
        told = getattr(os, "sysconf")  # noqa: B009 - Windows has none
        return float(told("SC_AVPHYS_PAGES") * told("SC_PAGE_SIZE")) / 2**30
    except (ValueError, OSError, AttributeError):
        return 4 * GIB_PER_PROCESS
