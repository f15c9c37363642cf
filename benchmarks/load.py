"""Many at once: the same pixels as one after the other, no slower, and how much memory that takes.

    python -m benchmarks.load                    eight calls at once on one pipeline, four processes, four forked ones

Exit status 1 if a pixel differs. Seconds of a busy machine say little; seconds of processor do.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.fuzz import memory
from benchmarks.fuzz_cases import load_pipeline
from benchmarks.mutations import sound
from benchmarks.tables import Row, print_table

Digests = dict[int, str]
Done = tuple[Digests, float, float]
"""Hashes of the frames by number, MiB that were held, and seconds of processor."""


def one_call(pipe: Any, number: int, seconds: float) -> str:
    """A hash of the frames of one call; every number has its own sound and person."""
    out = pipe(sound(seconds + 0.04 * number), seed=number, reference_steps=2)
    return hashlib.sha256(out.frames.tobytes()).hexdigest()


def calls(pipe: Any, numbers: list[int], seconds: float) -> Digests:
    return {number: one_call(pipe, number, seconds) for number in numbers}


def processor() -> float:
    """Seconds of processor of this process."""
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


def measured(way: str, run: Callable[[], Done]) -> tuple[Row, Digests, float]:
    """A row of the table: what was run, how long it took, and how much memory it held."""
    begun = time.perf_counter()
    digests, held, used = run()
    spent = time.perf_counter() - begun
    row = {
        "way": way, "calls": f"{len(digests)}", "s": f"{spent:.1f}", "s of processor": f"{used:.1f}",
        "memory, MiB": f"{held:.0f}",
    }  # fmt: skip
    return row, digests, spent


def one_by_one(pipe: Any, numbers: list[int], seconds: float) -> Done:
    begun = processor()
    digests = calls(pipe, numbers, seconds)
    return digests, memory(), processor() - begun


def in_threads(pipe: Any, count: int, seconds: float) -> Done:
    begun = processor()
    with ThreadPoolExecutor(count) as threads:
        done = list(threads.map(lambda number: one_call(pipe, number, seconds), range(count)))
    return dict(enumerate(done)), memory(), processor() - begun


def together(answers: list[Any]) -> Done:
    digests = {int(number): digest for digests, _, _ in answers for number, digest in digests.items()}
    return digests, sum(held for _, held, _ in answers), sum(used for _, _, used in answers)


def in_processes(processes: int, count: int, seconds: float) -> Callable[[], Done]:
    """Starts processes that load the model; what is returned lets them work and waits for them."""
    command = [sys.executable, "-m", "benchmarks.load", "--seconds", str(seconds), "--child"]
    shares = [range(count)[first::processes] for first in range(processes)]
    running = [
        subprocess.Popen([*command, *map(str, share)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for share in shares
    ]
    for process in running:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"

    def work() -> Done:
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return together([json.loads(process.communicate()[0]) for process in running])

    return work


def in_forks(pipe: Any, processes: int, count: int, seconds: float) -> Done:
    """Children of a process that has loaded the model already, as gunicorn --preload makes them."""
    readers = []
    for first in range(processes):
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.close(reading)
            os.write(writing, json.dumps(one_by_one(pipe, list(range(count))[first::processes], seconds)).encode())
            os._exit(0)
        os.close(writing)
        readers.append(reading)
    answers = []
    for reading in readers:
        with os.fdopen(reading) as pipe_end:
            answers.append(json.loads(pipe_end.read()))
        os.wait()
    return together(answers)


def child(numbers: list[int], seconds: float) -> None:
    pipe = load_pipeline()
    one_call(pipe, 0, 0.1)  # warm
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(one_by_one(pipe, numbers, seconds)), flush=True)
    gc.freeze()  # as the command does: else Python takes a second to look through torch for garbage at exit


def on_one_thread(run: Callable[[], Done]) -> Done:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return run()
    finally:
        torch.set_num_threads(threads)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=1.0, help="of sound of a call")
    parser.add_argument("--child", type=int, nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child is not None:
        child(options.child, options.seconds)
        return 0
    count, seconds = options.calls, options.seconds
    pipe = load_pipeline()
    one_call(pipe, 0, 0.1)
    numbers = [*range(count)]
    serial, expected, alone = measured("one after the other", lambda: one_by_one(pipe, numbers, seconds))
    ways: dict[str, Callable[[], Done]] = {
        f"{count} threads at once on one pipeline": lambda: in_threads(pipe, count, seconds),
        f"{options.processes} processes": in_processes(options.processes, count, seconds),
        "one after the other, on one thread": lambda: on_one_thread(lambda: one_by_one(pipe, numbers, seconds)),
        f"{options.processes} forked after loading": lambda: in_forks(pipe, options.processes, count, seconds),
    }
    rows, different = [serial | {"against serial": "1.00", "pixels": "-"}], 0
    for way, run in ways.items():
        row, digests, spent = measured(way, run)
        if "on one thread" in way:  # sums are made in another order; forked workers have one thread each
            expected = digests
        other = sum(digests[number] != expected[number] for number in expected)
        different += other
        ratio = {"against serial": f"{spent / alone:.2f}", "pixels": f"{other} calls differ" if other else "identical"}
        rows.append(row | ratio)
    print_table(f"{count} calls of {seconds:g} s each, {os.cpu_count()} cores", rows)
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
