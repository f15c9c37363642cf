"""Threads that run batches in parallel.

A layer of a few hundred pixels has too little work for several cores. So each core runs a batch of its own.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from threading import Barrier
from typing import Any, TypeVar

import torch

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Made = TypeVar("Made")

MOST_WORKERS = 4


def count_workers() -> int:
    """As many as torch may use threads here, but at most ``MOST_WORKERS``."""
    return max(1, min(MOST_WORKERS, torch.get_num_threads()))


class Workers:
    """``count`` threads, each with its share of torch's own threads; they end with this object.

    Keep one for many videos: a thread never gives back the memory that it once used.
    """

    def __init__(self, count: int) -> None:
        self.count, self._threads, self._process = count, torch.get_num_threads(), os.getpid()
        self._pool: ThreadPoolExecutor | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Threads can't be copied or pickled; a copy starts its own."""
        return {"count": self.count}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def in_this_process(self) -> Workers:
        """Self, or in the child of a fork a single new worker.

        OpenMP's threads exist in the parent alone, and a layer would wait for them for ever.
        """
        if self._process == os.getpid():
            return self
        logger.warning("The pipeline was loaded before a fork and runs on one thread. Load it in each process.")
        torch.set_num_threads(1)
        return Workers(1)

    def sized(self, count: int) -> Workers:
        """Self, if ``count`` and torch's number of threads are what they were; else new workers."""
        fit = (self.count, self._threads) == (count, torch.get_num_threads())
        return self if fit else Workers(count)

    def work(self, do: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
        """``do`` done on every item, in order, on as many at a time as there are threads.

        Items are taken in the caller's thread while the threads work, one more than there are threads at most.
        """
        items = iter(items)
        first = list(islice(items, 2))
        if self.count == 1 or len(first) < 2:  # one item alone is fastest with all threads
            yield from map(do, chain(first, items))
            return
        pool = self._started()
        running: deque[Future[Made]] = deque()
        try:
            for item in chain(first, items):
                running.append(pool.submit(_without_gradients, do, item))
                if len(running) > self.count:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:  # an error, or nobody wants the rest
            for future in running:
                future.cancel()

    def _started(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.count, thread_name_prefix="imagining")
            _share_threads(self._pool, self.count)
        return self._pool


def _without_gradients(do: Callable[[Item], Made], item: Item) -> Made:
    with torch.no_grad():  # a setting of each thread
        return do(item)


def _share_threads(pool: ThreadPoolExecutor, workers: int) -> None:
    """Tell every worker how many threads it may use, and leave the setting of everybody else as it was."""
    threads, together = torch.get_num_threads(), Barrier(workers)

    def share() -> None:
        together.wait()  # no worker takes the place of another
        torch.get_num_threads()  # torch copies the global number into a thread at its first query
        torch.set_num_threads(max(1, threads // workers))

    for told in [pool.submit(share) for _ in range(workers)]:
        told.result()
    torch.set_num_threads(threads)  # threads that are born later begin with what was set last
