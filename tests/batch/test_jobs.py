"""Which clips of a folder are made, and what the manifest says of those that are."""

from __future__ import annotations

import json

import pytest

from imagineid_sdk.batch.jobs import MANIFEST, Entry, Job, Manifest, find_jobs
from imagineid_sdk.batch.processes import sensible_workers
from imagineid_sdk.errors import OptionError


@pytest.fixture
def folder(tmp_path):
    clips = tmp_path / "clips"
    for name in ("a.wav", "b.mp3", "b.flac", "more/c.ogg", "notes.txt"):
        (clips / name).parent.mkdir(parents=True, exist_ok=True)
        (clips / name).write_bytes(b"")
    return clips


def test_every_sound_in_the_folder_and_the_folders_in_it_is_a_clip(folder, tmp_path):
    jobs = find_jobs(folder, tmp_path / "out", "mp4", None)
    assert [job.clip for job in jobs] == ["a.wav", "b.flac", "b.mp3", "more/c.ogg"]


def test_two_clips_of_one_name_get_two_videos(folder, tmp_path):
    videos = [job.video for job in find_jobs(folder, tmp_path / "out", "webm", None)]
    assert videos == ["a.webm", "b.flac.webm", "b.mp3.webm", "more/c.webm"]


def test_a_name_that_ends_twice_takes_no_other_clips_video(folder, tmp_path):
    for name in ("a.flac", "a.wav.mp3"):
        (folder / name).write_bytes(b"")
    jobs = find_jobs(folder, tmp_path / "out", "mp4", None)
    assert len({job.video for job in jobs}) == len({job.person for job in jobs}) == len(jobs) == 6


def test_a_clip_has_the_same_person_on_every_machine_and_day(folder, tmp_path):
    first, again = (find_jobs(folder, tmp_path / "out", "mp4", None) for _ in range(2))
    assert first == again
    assert len({job.seed for job in first}) == len(first)
    assert {job.seed for job in find_jobs(folder, tmp_path / "out", "mp4", 7)} == {7}


def test_videos_that_lie_among_the_clips_are_not_clips(folder):
    (folder / "videos").mkdir()
    (folder / "videos" / "a.mp4").write_bytes(b"")
    assert "videos/a.mp4" not in [job.clip for job in find_jobs(folder, folder / "videos", "mp4", None)]


def test_notes_that_a_system_hides_are_not_clips(folder, tmp_path):
    (folder / "._a.wav").write_bytes(b"")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x.wav").write_bytes(b"")
    clips = [job.clip for job in find_jobs(folder, tmp_path / "out", "mp4", None)]
    assert "._a.wav" not in clips and ".cache/x.wav" not in clips


def test_videos_do_not_go_into_the_folder_of_the_clips(folder):
    for output in (folder, folder.parent):
        with pytest.raises(OptionError, match="Give another folder"):
            find_jobs(folder, output, "mp4", None)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(OptionError, match="no clips"):
        find_jobs(tmp_path, tmp_path / "out", "mp4", None)


def test_after_a_crash_what_is_whole_is_kept_and_the_rest_is_made(tmp_path):
    jobs = [Job(f"{name}.wav", f"{name}.mp4", f"{name}.safetensors", 1) for name in "abcd"]
    lines = [
        json.dumps(vars(Entry.of(jobs[0], 1, 1))),
        json.dumps(vars(Entry.of(jobs[1], 1, 1))),  # its video was deleted
        json.dumps(vars(Entry.failure(jobs[2], "no sound"))),
        json.dumps(vars(Entry.of(jobs[3], 1, 1)))[:20],  # the machine stopped in the middle of the line
    ]
    (tmp_path / MANIFEST).write_text("\n".join(lines))
    (tmp_path / "a.mp4").write_bytes(b"video")
    manifest = Manifest(tmp_path / MANIFEST)
    assert [entry.clip for entry in manifest.keep_done(tmp_path, jobs)] == ["a.wav"]
    with manifest:
        manifest.add(Entry.of(jobs[3], 2, 1))
    kept = [json.loads(line)["clip"] for line in (tmp_path / MANIFEST).read_text().splitlines()]
    assert kept == ["a.wav", "d.wav"]


def test_a_video_of_another_seed_is_made_again(tmp_path):
    done = Job("a.wav", "a.mp4", "a.safetensors", 1)
    (tmp_path / MANIFEST).write_text(json.dumps(vars(Entry.of(done, 1, 1))) + "\n")
    (tmp_path / "a.mp4").write_bytes(b"video")
    assert Manifest(tmp_path / MANIFEST).keep_done(tmp_path, [Job("a.wav", "a.mp4", "a.safetensors", 2)]) == []


def test_processes_share_cores_and_memory():
    assert sensible_workers(cores=8, memory=64) == 8
    assert sensible_workers(cores=8, memory=5) == 2
    assert sensible_workers(cores=1, memory=0.5) == 1
