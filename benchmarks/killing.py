"""Ends that nobody can catch: SIGKILL, signals and full disks while something is written.

    python -m benchmarks.killing                 20 moments of each
    python -m benchmarks.killing --full          200 moments of each

A child is forked, writes something new over something old, and is killed at a random moment. Then the old file must be
whole, or the new one, with at most a hidden unfinished file beside it, which the next run must take away.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mutations import sound, sound_files
from benchmarks.tables import Row, print_table

REPO = "someone/face"
SIGNALS = {"SIGTERM": 143, "SIGHUP": 129, "Ctrl-C": 130}
"""With the exit status that a shell expects."""


@dataclass(frozen=True)
class Job:
    """Something that is written: `write` with an odd or even number gives one of two contents; `state` tells them apart
    and raises where a file is partial; `clean` names what should not be there after a good run; `reset` comes before
    each kill."""

    name: str
    write: Callable[[int], None]
    state: Callable[[], str]
    clean: Callable[[], list[str]]
    reset: Callable[[], None] = lambda: None


# --- what is written --------------------------------------------------------------------------------------------------


def digest(folder: Path, hidden: bool = False) -> str:
    """A hash of the names and contents of all files."""
    state = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and (hidden or not any(part.startswith(".imagineid-") for part in inside.parts)):
            state.update(f"{inside}\0".encode() + path.read_bytes())
    return state.hexdigest()


def left_beside(folder: Path, names: set[str]) -> list[str]:
    return sorted(set(os.listdir(folder)) - names)


def mp4_job(folder: Path, pipe: Any) -> Job:
    """Frames through the encoder, a lot of them, so that a kill falls on every step."""
    from imagineid_sdk.audio import load_audio
    from imagineid_sdk.video.recorder import write_mp4

    clip, path = load_audio(sound(2.0)), folder / "talk.mp4"

    def write(number: int) -> None:
        frames = (np.full((64, 64, 3), (number % 2) * 120 + k, np.uint8) for k in range(50))
        write_mp4(path, frames, fps=25, audio=clip, metadata={"title": str(number % 2)})

    return Job("an mp4", write, lambda: digest(folder), lambda: left_beside(folder, {"talk.mp4"}))


def identity_job(folder: Path, pipe: Any) -> Job:
    from imagineid_sdk import Identity

    person, path = pipe.imagine(sound(), num_faces=1, reference_steps=1)[0].identity, folder / "anna.safetensors"

    def write(number: int) -> None:
        for _ in range(20):  # one is written within a millisecond
            replace(person, age=20.0 + number % 2).save(path)

    # By what it says: safetensors writes metadata in any order.
    return Job("an identity", write, lambda: repr(Identity.load(path)), lambda: left_beside(folder, {path.name}))


def model_job(folder: Path, pipe: Any) -> Job:
    """A model over another one that differs in one weight; its files are replaced one by one, so each is looked at."""
    import torch

    place = folder / "model"

    def write(number: int) -> None:
        with torch.no_grad():
            pipe.head.lift.fill_(float(number % 2))
        pipe.save_pretrained(place)

    def state() -> str:
        from safetensors.numpy import load_file

        lift = float(load_file(place / "head" / "diffusion_pytorch_model.safetensors")["lift"])
        type(pipe).from_pretrained(place)
        return f"{lift:g}"

    return Job("a model", write, state, lambda: left_beside(folder, {"model"}))


def download_job(folder: Path, pipe: Any) -> Job:
    """Ten files, two of them large, from a Hub on loopback that takes its time."""
    import shutil

    from huggingface_hub import constants

    from imagineid_sdk.hub.download import HubOptions, fetch

    cache, names = folder / "cache", [f"head/{k}.safetensors" for k in range(4)]
    assert constants.ENDPOINT.startswith("http://127.0.0.1"), "turned towards the Hub on loopback"

    def write(number: int) -> None:
        for name in names:
            fetch(REPO, name, HubOptions(cache_dir=cache))

    def state() -> str:
        """Every file that has its name is whole: the cache names large ones after their content."""
        found = [path for path in cache.rglob("*.safetensors") if path.exists()]
        for path in found:
            if hashlib.sha256(path.read_bytes()).hexdigest() != path.resolve().name:
                raise AssertionError(f"{path.name} is not what the Hub has")
        return f"{len(found)} of {len(names)}"

    def reset() -> None:
        shutil.rmtree(cache, ignore_errors=True)

    def unfinished() -> list[str]:
        """Made older, as if the next run came half an hour later: until then somebody may still be at work on them."""
        found = list(cache.rglob("*.incomplete"))
        for path in found:
            os.utime(path, (time.time() - 1800,) * 2)
        return [str(path) for path in found]

    return Job("a download", write, state, unfinished, reset)


JOBS = {"mp4": mp4_job, "identity": identity_job, "model": model_job, "download": download_job}


@contextmanager
def hub_on_loopback() -> Iterator[None]:
    """huggingface_hub, imported after this, asks a small Hub in this process."""
    from tests.hub.loopback import LoopbackHub

    hub, draw = LoopbackHub(), np.random.default_rng(0)
    hub.publish(REPO, {f"head/{k}.safetensors": draw.bytes(3_000_000) for k in range(4)})
    os.environ.pop("HF_HUB_OFFLINE", None)
    os.environ |= {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    try:
        yield
    finally:
        hub.stop()


# --- SIGKILL ----------------------------------------------------------------------------------------------------------


def fork(work: Callable[[], Any]) -> int:
    """The process of a child that does the work, silently, and ends."""
    process = os.fork()
    if process == 0:
        status = 70
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            status = work() or 0
        finally:
            os._exit(status)
    return process


def wait_for_encoders(folder: Path) -> None:
    """An encoder whose owner was killed ends by itself, as its pipe does."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        running = []
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                running.append(str(folder).encode() in place.read_bytes() and b"ffmpeg" in place.read_bytes())
        if not any(running):
            return
        time.sleep(0.02)
    raise AssertionError("an encoder is left")


def kill_at_random(make: Callable[[Path, Any], Job], pipe: Any, moments: int, draw: np.random.Generator) -> Row:
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="killing-") as place:
        for one in (folder := Path(place) / "out", temporary := Path(place) / "tmp"):
            one.mkdir()
        tempfile.tempdir = str(temporary)
        job = make(folder, pipe)
        job.write(0)
        job.reset()
        begun = time.perf_counter()
        job.write(1)
        takes = time.perf_counter() - begun
        states = {job.state()}
        for moment in range(1, moments + 1):
            job.reset()
            process = fork(lambda: job.write(moment))  # noqa: B023 (used at once)
            time.sleep(float(draw.uniform(0, 1.2 * takes)))
            os.kill(process, signal.SIGKILL)
            _, status = os.waitpid(process, 0)
            wait_for_encoders(folder)
            found["killed at work"] += os.WIFSIGNALED(status)
            takes *= 1.03 if os.WIFSIGNALED(status) else 0.8  # a busy machine is faster at one time than at another
            try:
                states.add(job.state())
            except Exception as error:
                found["partial or damaged"] += 1
                print(f"{job.name}, moment {moment}: {error!r}", flush=True)
            found["unfinished ones left"] += bool(job.clean())
            job.write(moment + moment // 2)
            if rest := job.clean():
                found["left after the next run"] += 1
                print(f"{job.name}, moment {moment}: {rest}", flush=True)
            states.add(job.state())
        found["temporary files left"] += len(os.listdir(temporary))
        tempfile.tempdir = None
    foreign = len(states) > 2 and make is not download_job
    return {
        "SIGKILL while writing": job.name, "moments": f"{moments}", "caught at work": f"{found['killed at work']}",
        "unfinished file left": f"{found['unfinished ones left']}",
        "partial, damaged or mixed": f"{found['partial or damaged'] + foreign}",
        "left after the next run": f"{found['left after the next run']}",
        "temporary files left": f"{found['temporary files left']}",
    }  # fmt: skip


# --- signals ----------------------------------------------------------------------------------------------------------


def signals(pipe: Any, moments: int, draw: np.random.Generator) -> list[Row]:
    """The command, stopped while it makes a video."""
    import soundfile

    from imagineid_sdk import cli

    cli.load_pipeline = lambda model: pipe
    rows = []
    for name, expected in SIGNALS.items():
        sent, left, wrong = getattr(signal, name, signal.SIGINT), 0, 0
        with tempfile.TemporaryDirectory(prefix="killing-") as place:
            for one in (folder := Path(place) / "out", temporary := Path(place) / "tmp"):
                one.mkdir()
            soundfile.write(folder / "voice.flac", sound(8.0), 16_000)
            tempfile.tempdir = str(temporary)
            arguments = [
                "generate",
                str(folder / "voice.flac"),
                "-o",
                str(folder / "talk.mp4"),
                "--portrait-steps",
                "1",
            ]

            def work(arguments: list[str] = arguments) -> int:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                return cli.main(arguments)

            for _ in range(moments):
                process = fork(work)
                time.sleep(0.2 + float(draw.uniform(0, 3.0)))
                os.kill(process, sent)
                _, status = os.waitpid(process, 0)
                code = os.waitstatus_to_exitcode(status)
                done = code == 0 and sorted(os.listdir(folder)) == ["talk.mp4", "voice.flac"]
                wrong += not done and code != expected
                left += not done and (os.listdir(folder) != ["voice.flac"] or os.listdir(temporary) != [])
                (folder / "talk.mp4").unlink(missing_ok=True)
            tempfile.tempdir = None
        rows.append(
            {"signal": name, "moments": f"{moments}", "something left": f"{left}", "wrong exit status": f"{wrong}"}
        )
    return rows


# --- full disks -------------------------------------------------------------------------------------------------------


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[bool]:
    """A tmpfs of so many bytes; False where this user may mount none."""
    place.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(place)], check=True)


def full_disks(pipe: Any, sizes: int, draw: np.random.Generator) -> list[Row]:
    """What is written over something old, on disks that have room for a part of it."""
    from imagineid_sdk.errors import ImagineIDError

    rows = []
    for name in ("mp4", "identity", "model"):
        found: Counter[str] = Counter()
        with tempfile.TemporaryDirectory(prefix="killing-") as place:
            probe = Path(place) / "probe"
            probe.mkdir()
            JOBS[name](probe, pipe).write(0)
            room = sum(path.stat().st_size + 4096 for path in probe.rglob("*"))
            for _ in range(sizes):
                disk = Path(place) / "disk"
                with small_disk(disk, int(room * draw.uniform(1.02, 2.2)) + 8192) as mounted:
                    if not mounted:
                        return []
                    job = JOBS[name](disk, pipe)
                    job.write(0)
                    before = digest(disk, hidden=True)
                    try:
                        job.write(1)
                        found["had room"] += 1
                    except ImagineIDError:
                        found["typed errors"] += 1
                        found["old one spoiled, or something left"] += digest(disk, hidden=True) != before
                    except Exception as error:
                        found["other errors"] += 1
                        print(f"full disk, {name}: {error!r}", flush=True)
        row = {"full disk while writing": name, "sizes": f"{sizes}"}
        kinds = ("had room", "typed errors", "other errors", "old one spoiled, or something left")
        rows.append(row | {kind: f"{found[kind]}" for kind in kinds})
    return [*rows, full_temporary_folder(sizes, draw)]


def full_temporary_folder(sizes: int, draw: np.random.Generator) -> Row:
    """Sound in memory that ffmpeg has to seek in, where the temporary folder is full."""
    from imagineid_sdk import load_audio
    from imagineid_sdk.errors import ImagineIDError

    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="killing-") as place:
        content = sound_files(Path(place))["ffmpeg.m4a"] * 20
        for _ in range(sizes):
            with small_disk(disk := Path(place) / "disk", 4096 * int(draw.integers(1, 2 * len(content) // 4096))):
                tempfile.tempdir = str(disk)
                try:
                    load_audio(io.BytesIO(content))
                    found["had room"] += 1
                except ImagineIDError:
                    found["typed errors"] += 1
                except Exception:
                    found["other errors"] += 1
                found["left"] += len(os.listdir(disk))
                tempfile.tempdir = None
    return {
        "full disk while writing": "temporary sound", "sizes": f"{sizes}", "had room": f"{found['had room']}",
        "typed errors": f"{found['typed errors']}", "other errors": f"{found['other errors']}",
        "old one spoiled, or something left": f"{found['left']}",
    }  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=20, help="of each kind")
    parser.add_argument("--full", action="store_true", help="200 moments of each kind")
    parser.add_argument("--parts", nargs="+", default=[*JOBS, "signals", "disks"], choices=[*JOBS, "signals", "disks"])
    parser.add_argument("--seed", type=int, default=22)
    options = parser.parse_args(arguments)
    moments, draw = 200 if options.full else options.moments, np.random.default_rng(options.seed)
    with hub_on_loopback():
        from benchmarks.fuzz_cases import load_pipeline

        pipe = load_pipeline()
        killed = [kill_at_random(JOBS[part], pipe, moments, draw) for part in options.parts if part in JOBS]
        print_table("Killed at random moments", killed)
        stopped = signals(pipe, max(1, moments // 10), draw) if "signals" in options.parts else []
        print_table("Stopped by a signal at random moments", stopped)
        full = full_disks(pipe, max(2, moments // 10), draw) if "disks" in options.parts else []
        if "disks" in options.parts and not full:
            print("Full disks were not tried: this user may not mount a small one.")
        print_table("Full disks", full)
    good = {"had room", "typed errors", "moments", "sizes", "caught at work", "unfinished file left"}
    counts = [row[name] for row in (*killed, *stopped, *full) for name in row.keys() - good]
    return int(any(count.isdigit() and count != "0" for count in counts))


if __name__ == "__main__":
    sys.exit(main())
