"""Files are whole or not there, whatever ended the program that wrote them, and nothing else stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from imagineid_sdk.errors import ModelError, VideoError
from imagineid_sdk.files import LEFT_ALONE, folder_placed_when_complete, placed_when_complete, temporary_file

ROOT = Path(__file__).resolve().parent.parent


def killed_while_writing(folder: Path, name: str = "placed_when_complete") -> Path:
    """What a program leaves that writes into the folder and gets SIGKILL."""
    program = f"""
import os, signal, sys
from pathlib import Path
from imagineid_sdk.errors import VideoError
from imagineid_sdk.files import {name}
with {name}(Path(sys.argv[1]) / "talk.mp4", VideoError) as partial:
    (partial / "part" if partial.is_dir() else partial).write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", program, str(folder)], cwd=ROOT)
    assert ended.returncode == -signal.SIGKILL
    (left,) = folder.glob(".imagineid-*.part")
    return left


@pytest.mark.parametrize("name", ["placed_when_complete", "folder_placed_when_complete"])
def test_what_a_killed_run_left_is_taken_away_by_the_next(tmp_path, name):
    killed_while_writing(tmp_path, name)
    with placed_when_complete(tmp_path / "next.mp4") as partial:
        partial.write_bytes(b"whole")
    assert os.listdir(tmp_path) == ["next.mp4"]


def test_what_somebody_is_at_work_on_stays(tmp_path):
    with placed_when_complete(tmp_path / "long.mp4") as partial:
        partial.write_bytes(b"half")
        with placed_when_complete(tmp_path / "short.mp4") as other:
            other.write_bytes(b"whole")
        assert partial.read_bytes() == b"half"
    assert sorted(os.listdir(tmp_path)) == ["long.mp4", "short.mp4"]


def test_files_of_others_are_left_alone(tmp_path):
    names = {".imagineid-notes.txt", ".hidden.part", "imagineid-1.part"}
    for name in names:
        (tmp_path / name).touch()
    with placed_when_complete(tmp_path / "a.mp4"):
        pass
    assert set(os.listdir(tmp_path)) == names | {"a.mp4"}


def test_where_there_are_no_locks_only_what_is_old_is_taken_away(tmp_path, monkeypatch):
    """Windows: nobody can tell whether a file of a minute ago is still written."""
    monkeypatch.setattr("imagineid_sdk.files.fcntl", None)
    new, old = tmp_path / ".imagineid-new.part", tmp_path / ".imagineid-old.part"
    new.touch()
    old.touch()
    os.utime(old, (0, os.stat(new).st_mtime - LEFT_ALONE - 60))
    with placed_when_complete(tmp_path / "a.mp4"):
        pass
    assert sorted(os.listdir(tmp_path)) == [new.name, "a.mp4"]


def test_many_at_once_in_one_folder_do_not_take_each_others_files(tmp_path):
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for _ in range(40):
                with placed_when_complete(tmp_path / f"{number}.mp4") as partial:
                    partial.write_bytes(b"whole")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sorted(os.listdir(tmp_path)) == [f"{number}.mp4" for number in range(6)]


def test_a_folder_replaces_files_and_keeps_the_others(tmp_path):
    target = tmp_path / "model"
    (target / "head").mkdir(parents=True)
    (target / "README.md").write_text("mine")
    (target / "head" / "config.json").write_text("old")
    with folder_placed_when_complete(target, ModelError) as partial:
        (partial / "head").mkdir()
        (partial / "head" / "config.json").write_text("new")
    assert (target / "README.md").read_text() == "mine" and (target / "head" / "config.json").read_text() == "new"
    with pytest.raises(ModelError, match="could not be written"), folder_placed_when_complete(target, ModelError):
        raise OSError("No space left on device")
    assert (target / "head" / "config.json").read_text() == "new" and os.listdir(tmp_path) == ["model"]


def test_a_model_that_does_not_fit_leaves_the_older_one(pipeline, tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model_index.json").write_text("old")
    monkeypatch.setattr(
        type(pipeline.population), "save_pretrained", lambda *a, **k: (_ for _ in ()).throw(OSError(28, "full"))
    )
    with pytest.raises(ModelError, match="full"):
        pipeline.save_pretrained(tmp_path / "model")
    assert (tmp_path / "model" / "model_index.json").read_text() == "old" and os.listdir(tmp_path) == ["model"]


def test_a_name_that_can_be_no_folder_is_an_error_of_ours(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(VideoError, match="could not be written"), placed_when_complete(tmp_path / "file" / "a.mp4"):
        pass


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="this system gives open files no names")
def test_sound_in_a_temporary_file_is_seen_by_nobody_else(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with temporary_file(b"private") as (name, given):
        assert os.listdir(tmp_path) == []
        assert os.fstat(given[0]).st_mode & 0o077 == 0
        read = subprocess.run(["cat", name], pass_fds=given, capture_output=True)
        assert read.stdout == b"private"


def test_without_names_for_open_files_the_sound_goes_the_old_way(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("imagineid_sdk.files.os.path.exists", lambda path: False)
    with temporary_file(b"private") as (name, given):
        assert Path(name).read_bytes() == b"private" and given == () and os.stat(name).st_mode & 0o077 == 0
    assert os.listdir(tmp_path) == []
