"""A short run of what benchmarks/README.md shows at length: fuzzing, and writing while being killed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="what is left is counted in /proc")


def run(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return done.stdout


def test_files_and_options_that_nobody_meant_to_make_give_results_or_typed_errors(shipped_weights):
    table = run("fuzz", "--seconds", "10", "--seed", "1", "--targets", "audio", "identity", "options")
    assert table.count("\n| ") == 4


def test_whoever_is_killed_while_writing_leaves_whole_files(shipped_weights):
    run("killing", "--moments", "3", "--parts", "mp4", "identity", "model", "download", "disks")
