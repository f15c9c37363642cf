"""How fast and how large: load time, seconds per second of video for each stage, first frame, peak memory.

    python benchmarks/speed.py [--seconds 5 20 60] [--threads 2]

Prints one markdown table for each part. Every length runs in a process of its own, so that peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "audio" / "hello.wav"
FPS = 25


def seconds_of(work) -> tuple[float, object]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def speech(seconds: float):
    """The example clip, repeated to the wanted length."""
    from imagineid_sdk.audio import load_audio

    clip = load_audio(EXAMPLE)
    return np.resize(clip.samples, round(seconds * 16_000))


def measure(seconds: float, threads: int) -> dict[str, float]:
    """Figures of one length, in this process."""
    imported, _ = seconds_of(lambda: __import__("torch"))
    import torch

    torch.set_num_threads(threads)
    package, pipeline_class = seconds_of(lambda: __import__("imagineid_sdk").ImagineIDPipeline)
    loaded, pipe = seconds_of(lambda: pipeline_class.from_pretrained())
    pipe.set_progress_bar_config(disable=True)
    first, _ = seconds_of(lambda: pipe(speech(0.4), seed=7))
    sound = speech(seconds)
    heard, profile = seconds_of(lambda: pipe.listen(sound))
    reference, faces = seconds_of(lambda: pipe.imagine(sound[:32_000], num_faces=1, seed=7))
    identity, moments = faces[0].identity, []
    whole, out = seconds_of(
        lambda: pipe(
            sound, identity=identity, fps=FPS, callback=lambda done, total: moments.append(time.perf_counter())
        )
    )
    drawn = draw_only(pipe, identity, out.motion)
    with tempfile.TemporaryDirectory() as folder:
        written, _ = seconds_of(lambda: out.save(Path(folder) / "talk.mp4"))
    return {
        "torch": imported, "import": package, "load": loaded, "first call": first, "listen": heard / seconds,
        "reference": reference, "geometry": drawn / seconds, "frames": (whole - heard - drawn) / seconds,
        "encode": written / seconds, "all": (whole + written) / seconds,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "returned": out.frames.nbytes / 2**20,
    }  # fmt: skip


def draw_only(pipe, identity, motion) -> float:
    return seconds_of(lambda: [None for _ in pipe._geometry(identity, motion)])[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, nargs="+", default=[5, 20, 60])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.threads)))
        return
    rows = []
    for seconds in options.seconds:
        command = [sys.executable, __file__, "--one", str(seconds), "--threads", str(options.threads)]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    print(f"{options.threads} threads, 256x256, {FPS} frames per second\n")
    print("| start | s |\n|---|---|")
    for name in ("torch", "import", "load", "first call"):
        print(f"| {name} | {min(row[name] for row in rows):.2f} |")
    print("\n| audio, s | listen | geometry | frames | encode | all | reference, once (s) | peak MB | returned |")
    print("|---|---|---|---|---|---|---|---|---|")
    for seconds, row in zip(options.seconds, rows, strict=True):
        shares = " | ".join(f"{row[name]:.3f}" for name in ("listen", "geometry", "frames", "encode", "all"))
        print(f"| {seconds:g} | {shares} | {row['reference']:.2f} | {row['memory']:.0f} | {row['returned']:.0f} |")
    print("\nListen to all: seconds of work for a second of video.")


if __name__ == "__main__":
    main()
