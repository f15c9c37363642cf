"""Files and options that nobody meant to make: only results or typed errors, no hang, no growth, nothing left running.

    python -m benchmarks.fuzz                    a minute of it
    python -m benchmarks.fuzz --full             10,000 sounds, 2,000 identities, 500 models, 2,000 sets of options
    python -m benchmarks.fuzz --only audio:4711  one case again, with its traceback

Every case is drawn from the seed, the target and its number alone. Each target runs in a process of its own, so that a
crash or a hang is counted and the next case goes on. Exit status 1 if anything was found.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import resource
import selectors
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from benchmarks.fuzz_cases import TARGETS, Case
from benchmarks.tables import Row, print_table

CASES = {"audio": 10_000, "identity": 2_000, "model": 500, "options": 2_000}
SHARES = {"audio": 0.5, "identity": 0.15, "model": 0.2, "options": 0.15}
"""Of the time, where it is bounded."""
HANG = 10.0
"""Seconds of one case, on a machine that has nothing else to do; see `patience`."""
START = 180.0
"""Seconds that a process may take to be ready."""
WARM = 0.2
"""Share of the cases after which memory is what it should stay."""
GROWTH = 32
"""MiB that a process may grow from then on. A leak of one sound in thirty is more."""
MEMORY_EVERY = 10
"""Cases from one look at the memory to the next."""
ONE_ARENA = {"MALLOC_ARENA_MAX": "1"}
"""malloc keeps a heap for each thread that ever was, 30 MiB at a time: no leak, but it would hide one."""
ADDRESS_SPACE = 12 << 30


# --- the process of a target ------------------------------------------------------------------------------------------


def run_case(case: Case, seed: int, target: str, number: int) -> dict[str, Any]:
    """What came of one case: a result, a typed error, or a failure with its place."""
    from pydantic import ValidationError

    from imagineid_sdk.errors import ImagineIDError

    draw = np.random.default_rng([seed, sorted(TARGETS).index(target), number])
    try:
        case(draw, number)
        return {"outcome": "result"}
    except (ImagineIDError, ValidationError) as error:
        return {"outcome": type(error).__name__}
    except Exception as error:
        ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "imagineid_sdk" in frame.filename]
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"
        return {"outcome": "failure", "what": f"{type(error).__name__} at {place}: {str(error)[:160]}"}


def work(target: str, seed: int, first: int, last: int, output: IO[str]) -> None:
    """Cases one after the other; a line of json before and after each."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))

    def say(**facts: Any) -> None:
        output.write(json.dumps(facts) + "\n")
        output.flush()

    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        case = TARGETS[target](Path(folder))
        for number in range(first, last):
            say(begin=number)
            begun = time.perf_counter()
            facts = run_case(case, seed, target, number)
            spent = time.perf_counter() - begun
            say(
                end=number,
                seconds=spent,
                memory=memory_in_use() if number % MEMORY_EVERY == 0 else None,
                files=len(os.listdir("/proc/self/fd")),
                left=children(),
                **facts,
            )


def memory() -> float:
    """MiB that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def memory_in_use() -> float:
    """The same without garbage, and without what malloc keeps for later: this grows only if something leaks."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return memory()


def children() -> int:
    """Programs that this process started and that are still there."""
    return sum(len(path.read_text().split()) for path in Path("/proc/self/task").glob("*/children"))


# --- the process that watches -----------------------------------------------------------------------------------------


@dataclass
class Findings:
    """What was seen of a target."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: dict[str, list[int]] = field(default_factory=dict)
    slowest: float = 0.0
    seconds: float = 0.0
    memory: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    growth: float = 0.0
    file_growth: int = 0
    left: int = 0

    def fail(self, what: str, number: int) -> None:
        self.failures.setdefault(what, []).append(number)
        self.outcomes["failure"] += 1

    def take(self, facts: dict[str, Any]) -> None:
        self.slowest = max(self.slowest, facts["seconds"])
        if facts["memory"] is not None:
            self.memory.append(facts["memory"])
        self.files.append(facts["files"])
        self.left = max(self.left, facts["left"])
        if facts["outcome"] == "failure":
            self.fail(facts["what"], facts["end"])
        else:
            self.outcomes[facts["outcome"]] += 1

    def settle(self) -> None:
        """Growth within one process, from when it was warm."""
        if len(self.files) > 10:
            self.file_growth = max(self.file_growth, self.files[-1] - max(self.files[: int(len(self.files) * WARM)]))
        if len(self.memory) > 4:
            warm = max(self.memory[: max(1, int(len(self.memory) * WARM))])
            self.growth = max(self.growth, self.memory[-1] - warm)
        self.memory, self.files = [], []

    @property
    def bad(self) -> bool:
        return bool(self.failures) or self.growth > GROWTH or self.file_growth > 0 or self.left > 0


def patience() -> float:
    """Seconds until a case counts as hanging: longer where other programs want the same cores."""
    return HANG * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def watch(target: str, seed: int, count: int, seconds: float) -> Findings:
    """Run a target's cases until there are enough of them or the time is over."""
    found, number = Findings(), 0
    while number < count and found.seconds < seconds:
        number = watch_process(target, seed, number, count, seconds - found.seconds, found)
        found.settle()
    return found


def watch_process(target: str, seed: int, first: int, last: int, seconds: float, found: Findings) -> int:
    """One process until it ends, hangs or crashes, or so many seconds after its first case; the number of the next
    case."""
    command = [sys.executable, "-m", "benchmarks.fuzz", "--worker", target, str(first), str(last), "--seed", str(seed)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True,
        env=os.environ | ONE_ARENA,
    ) as process, selectors.DefaultSelector() as selector:  # fmt: skip
        output = cast(IO[bytes], process.stdout)
        selector.register(output, selectors.EVENT_READ)
        next_number, running, rest, begun = first, -1, b"", None
        try:
            while begun is None or time.monotonic() - begun < seconds:
                if not selector.select(waited := patience() if running >= 0 else START):
                    found.fail(f"no end within {waited:.0f} s", running)
                    found.slowest = max(found.slowest, waited)
                    return next_number
                part = os.read(output.fileno(), 1 << 16)
                if not part:
                    if running >= 0:
                        found.fail(f"the process ended with status {process.wait()}", running)
                    elif next_number == first:
                        raise RuntimeError(
                            f"the process of {target} did not start: run it with --only {target}:{first}"
                        )
                    return next_number
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    facts = json.loads(line)
                    begun = begun or time.monotonic()
                    if "begin" in facts:
                        running, next_number = facts["begin"], facts["begin"] + 1
                    else:
                        running = -1
                        found.take(facts)
        finally:
            process.kill()
            found.seconds += time.monotonic() - (begun or time.monotonic())
    return next_number


def row_of(target: str, found: Findings) -> Row:
    cases = sum(found.outcomes.values())
    results, failures = found.outcomes["result"], found.outcomes["failure"]
    return {
        "target": target, "cases": f"{cases}", "results": f"{results}", "typed errors": f"{cases - results - failures}",
        "failures": f"{failures}", "slowest, s": f"{found.slowest:.1f}",
        "memory grew, MiB": f"{max(0, found.growth):.0f}", "open files grew": f"{max(0, found.file_growth)}",
        "programs left": f"{found.left}", "s": f"{found.seconds:.0f}",
    }  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together")
    parser.add_argument("--full", action="store_true", help=f"all cases, however long they take: {CASES}")
    parser.add_argument("--targets", nargs="+", choices=sorted(TARGETS), default=list(CASES))
    parser.add_argument("--seed", type=int, default=22)
    parser.add_argument("--only", metavar="TARGET:NUMBER", help="one case, with its traceback")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        target, first, last = options.worker
        with os.fdopen(os.dup(1), "w") as output, open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)  # what the libraries print is no line of ours
            work(target, options.seed, int(first), int(last), output)
        return 0
    if options.only:
        target, number = options.only.split(":")
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            draw = np.random.default_rng([options.seed, sorted(TARGETS).index(target), int(number)])
            print(TARGETS[target](Path(folder))(draw, int(number)))
        return 0
    total = sum(SHARES[target] for target in options.targets)
    rows, bad = [], False
    for target in options.targets:
        found = watch(
            target, options.seed, CASES[target], 1e9 if options.full else options.seconds * SHARES[target] / total
        )
        rows.append(row_of(target, found))
        bad |= found.bad
        for what, numbers in sorted(found.failures.items()):
            print(f"{target}: {len(numbers)} x {what} (such as --only {target}:{numbers[0]})", flush=True)
        print(f"{target}: {dict(found.outcomes)}", flush=True)
    print_table(f"Fuzzing, seed {options.seed}", rows)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
