"""A folder of clips becomes a folder of videos, whatever dies on the way."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections import Counter

import pytest
import soundfile

from imagineid_sdk.batch import MANIFEST, run_batch
from imagineid_sdk.errors import IdentityFileError, MissingExtraError, ModelError, OptionError


@pytest.fixture
def clips(tmp_path, make_voice, shipped_weights):
    """Three clips of a third of a second, and a file that is none."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(3):
        soundfile.write(folder / f"{number}.wav", make_voice(0.32, pitch=110 + 40 * number), 16_000)
    (folder / "broken.wav").write_bytes(b"no sound")
    return folder


QUICK = {"fps": 12.5, "reference_steps": 1, "size": 256}


def manifest(output):
    return [json.loads(line) for line in (output / MANIFEST).read_text().splitlines()]


def check_whole(output, media, clips=3):
    """One line for each clip, every video whole, nothing unfinished left."""
    lines = [line for line in manifest(output) if line["error"] is None]
    assert Counter(line["clip"] for line in lines) == Counter(f"{number}.wav" for number in range(clips))
    for line in lines:
        assert len(media.frames(output / line["video"])) == 4
        assert (output / line["person"]).is_file()
    assert not list(output.rglob("*.part"))


def test_a_killed_process_loses_nothing_and_the_next_run_goes_on(clips, tmp_path, media):
    output, told = tmp_path / "out", []

    def kill():
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)

    def tell(entry, done, total):
        told.append((done, total))
        if done == 1:  # in the middle of the next clip
            threading.Timer(0.3, kill).start()

    report = run_batch(clips, output, workers=1, options=QUICK, on_done=tell)
    assert (len(report.made), len(report.skipped), len(report.failed)) == (3, 0, 1)
    assert told == [(done, 4) for done in range(1, 5)]
    assert "could not be read as sound" in report.failed[0].error
    check_whole(output, media)

    (clips / "broken.wav").unlink()
    times = {path: path.stat().st_mtime_ns for path in output.glob("*.mp4")}
    report = run_batch(clips, output, workers=1, options=QUICK)
    assert (len(report.made), len(report.skipped), len(report.failed)) == (0, 3, 0)
    assert times == {path: path.stat().st_mtime_ns for path in output.glob("*.mp4")}
    check_whole(output, media)


def test_mistakes_are_told_before_any_work(tmp_path, clips, monkeypatch):
    with pytest.raises(OptionError, match="kind"):
        run_batch(clips, tmp_path / "out", kind="avi")
    with pytest.raises(OptionError, match="no transparency"):
        run_batch(clips, tmp_path / "out", options={"background": "transparent"})
    with pytest.raises(OptionError, match="no option 'colour'"):
        run_batch(clips, tmp_path / "out", options={"colour": "red"})
    with pytest.raises(OptionError, match="seed= to the batch"):
        run_batch(clips, tmp_path / "out", options={"seed": 3})
    with pytest.raises(OptionError, match="identity_from= both"):
        run_batch(clips, tmp_path / "out", options={"identity": "a.safetensors", "identity_from": "a.wav"})
    with pytest.raises(OptionError, match="output_type='np' can't be streamed"):
        run_batch(clips, tmp_path / "out", options={"output_type": "np"})
    with pytest.raises(IdentityFileError, match="No identity file"):
        run_batch(clips, tmp_path / "out", options={"identity": "nobody.safetensors"})
    with pytest.raises(ModelError, match="no model"):
        run_batch(clips, tmp_path / "out", model="no such model")
    with pytest.raises(OptionError, match="sign="):
        run_batch(clips, tmp_path / "out", options={"sign": 5})
    with pytest.raises(OptionError, match="every machine"):
        run_batch(clips, tmp_path / "out", ray="auto", options={"sign": ("a.pem", "b.key")})
    with pytest.raises(OptionError, match="workers"):
        run_batch(clips, tmp_path / "out", workers=0)
    with pytest.raises(OptionError, match="not a folder"):
        run_batch(tmp_path / "nothing", tmp_path / "out")
    monkeypatch.setattr("imagineid_sdk.batch.cluster.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="batch"):
        run_batch(clips, tmp_path / "out", ray="auto")


def test_a_ray_cluster_that_loses_a_machine_loses_nothing(clips, tmp_path, media, monkeypatch):
    pytest.importorskip("ray", reason="the extra batch is not installed")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # Ray's own 15 starves where others use the machine
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    (clips / "broken.wav").unlink()
    (clips / "3.wav").write_bytes((clips / "0.wav").read_bytes())
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    machines = [cluster.add_node(num_cpus=1) for _ in range(2)]
    cluster.wait_for_nodes()

    def lose_one(entry, done, total):
        if done == 1:
            cluster.remove_node(machines[0], allow_graceful=False)

    try:
        report = run_batch(clips, tmp_path / "out", ray=cluster.address, options=QUICK, on_done=lose_one)
    finally:
        cluster.shutdown()
    assert (len(report.made), len(report.failed)) == (4, 0)
    check_whole(tmp_path / "out", media, clips=4)
