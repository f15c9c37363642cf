"""The library writes where it was told to, and uses nothing of the system that only one kind of system has."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SOURCES = sorted((ROOT / "imagineid_sdk").rglob("*.py"))
POSIX_ONLY = {
    "mkfifo", "mknod", "fork", "forkpty", "getuid", "geteuid", "getgid", "chown", "setsid", "setuid", "killpg",
    "getpgid", "sysconf", "getloadavg", "sched_getaffinity", "register_at_fork", "SIGHUP", "SIGKILL", "SIGALRM",
    "setitimer", "alarm", "pthread_sigmask", "O_NONBLOCK", "memfd_create", "pwrite", "preadv", "statvfs", "WNOHANG",
}  # fmt: skip
POSIX_MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "pty", "select", "syslog", "posix"}


def test_nothing_is_written_but_the_result_the_cache_and_temporary_files(shipped_weights):
    command = [sys.executable, "-m", "benchmarks.rights"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_function_is_used_that_windows_lacks(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("os", "signal")
    }
    assert not used & POSIX_ONLY
    tried = [node for one in ast.walk(tree) if isinstance(one, ast.Try) for node in ast.walk(one)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and {name.name for name in node.names} & POSIX_MODULES:
            assert node in tried, "its absence has to be handled"


@pytest.mark.parametrize("name", ["C:\\Users\\me\\anna.safetensors", "con.safetensors", "a:b.safetensors"])
def test_names_of_windows_are_names_of_files_here(name, tmp_path, monkeypatch, pipeline, make_voice):
    """A drive or a stream in a name means nothing where there are none, and nothing is split or escaped."""
    monkeypatch.chdir(tmp_path)
    pipeline.imagine(make_voice(0.3), num_faces=1, reference_steps=1)[0].identity.save(name)
    assert os.listdir(tmp_path) == [name]
