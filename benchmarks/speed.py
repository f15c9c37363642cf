"""How fast and how large: start, first frame, seconds of work for a second of video by stage, peak memory.

    python benchmarks/speed.py [--seconds 5 20 60] [--size 512 256] [--threads 1 2] [--steps 1 2 4]
                               [--precision bf16 fp32] [--cold]
    python benchmarks/speed.py --seconds 600            # and --hour for 3600: written to mp4 on the way

Prints which kind of processor this is, what the networks of a frame multiply, and one markdown table for each part.
"fp32" on a processor with bfloat16 in hardware is the path of those without it, on faster cores than most of them have.
Every row runs in a process of its own, so that start and peak memory are its
own. From a length of two minutes on, frames are not collected but written to an mp4 as they are made.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "audio" / "hello.wav"
FPS, RATE = 25, 16_000
COLLECTED = 120
"""Seconds up to which frames are collected, as a call does."""


def seconds_of(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def speech(seconds: float) -> np.ndarray:
    """The example clip, repeated to the wanted length."""
    from imagineid_sdk.audio import load_audio

    return np.resize(load_audio(EXAMPLE).samples, round(seconds * RATE))


def speech_blocks(seconds: float) -> Iterator[np.ndarray]:
    """The same a second at a time, (samples, 1): sound that is nowhere as a whole."""
    clip = speech(7)
    for second in range(round(seconds)):
        yield np.take(clip, range(second * RATE, (second + 1) * RATE), mode="wrap")[:, None]


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# --- one row, in this process -----------------------------------------------------------------------------------------


def measure(seconds: float, size: int, threads: int, steps: int, precision: str, keep: str | None) -> dict[str, float]:
    """Start, first frames, and the stages over a clip of this length."""
    row: dict[str, float] = {}
    row["torch"], torch = seconds_of(lambda: __import__("torch"))
    torch.set_num_threads(threads)
    row["package"], package = seconds_of(lambda: __import__("imagineid_sdk"))
    row["pipeline"], kind = seconds_of(lambda: package.ImagineIDPipeline)
    row["load"], pipe = seconds_of(kind.from_pretrained)
    pipe.set_progress_bar_config(disable=True)
    if precision == "fp32":
        from imagineid_sdk.imagining import networks

        networks.bfloat16_pays = lambda device: False
    options = {"size": size, "num_inference_steps": steps}
    person = first_frames(pipe, row, size)
    if seconds > COLLECTED:
        row.update(passed_through(pipe, person, seconds, options, keep))
    else:
        row.update(by_stage(pipe, person, seconds, options))
    row["memory"] = peak_mb()
    return row


def first_frames(pipe: Any, row: dict[str, float], size: int) -> Any:
    """Time from 0.4 s of sound to a frame: of a new person and of one that is known; the latter once more, warm."""
    from imagineid_sdk.audio import load_audio

    sound = load_audio(EXAMPLE).samples[RATE : RATE + round(0.4 * RATE)]
    with pipe.stream(seed=7, settle=0.3, size=size) as stream:
        row["first frame, new person"], _ = seconds_of(lambda: next(stream.feed(sound)))
        person = stream.identity
    for name in ("first frame, known person", "first frame, warm"):
        row[name], _ = seconds_of(lambda: next(pipe.stream(identity=person, size=size).feed(sound)))
    return person


def by_stage(pipe: Any, person: Any, seconds: float, options: dict[str, int]) -> dict[str, float]:
    sound = speech(seconds)
    heard, _ = seconds_of(lambda: pipe.listen(sound))
    whole, out = seconds_of(lambda: pipe(sound, identity=person, fps=FPS, **options))
    performance = pipe.renderer(person, **options)
    drawn, _ = seconds_of(lambda: [None for _ in performance.draw(out.motion)])
    made, _ = seconds_of(lambda: [None for _ in performance.frames(out.motion)])
    with tempfile.TemporaryDirectory() as folder:
        written, _ = seconds_of(lambda: out.save(Path(folder) / "talk.mp4"))
        passed, _ = seconds_of(lambda: pipe.write_mp4(sound, Path(folder) / "b.mp4", identity=person, **options))
    following = pipe.stream(identity=person, fps=FPS, size=options["size"])
    streamed, _ = seconds_of(lambda: fed_by_the_second(following, sound))
    figures = {
        "listen": heard, "geometry": drawn, "imagine": made - drawn, "encode": written,
        "call and save": whole + written, "stream": streamed, "all": passed,
    }  # fmt: skip
    return {name: value / seconds for name, value in figures.items()}


def fed_by_the_second(stream: Any, sound: np.ndarray) -> None:
    with stream:
        for begin in range(0, len(sound), RATE):
            for _ in stream.feed(sound[begin : begin + RATE]):
                pass
        for _ in stream.finish():
            pass


def passed_through(
    pipe: Any, person: Any, seconds: float, options: dict[str, int], keep: str | None
) -> dict[str, float]:
    from imagineid_sdk.audio.decoding import AudioStream
    from imagineid_sdk.audio.mixing import Levels

    with tempfile.TemporaryDirectory() as folder:
        sound = AudioStream(RATE, 1, speech_blocks(seconds), Levels(1))
        path = Path(keep or folder) / f"{seconds:g}.mp4"
        passed, _ = seconds_of(lambda: pipe.write_mp4(sound, path, identity=person, **options))
    return {"all": passed / seconds}


def cold_start() -> dict[str, float]:
    """Whole processes: `import torch`, `import imagineid_sdk`, and a video of two seconds from the command line."""
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "two.wav"
        import soundfile

        soundfile.write(sound, speech(2), RATE)
        command = ["-m", "imagineid_sdk.cli", "generate", str(sound), "-o", f"{folder}/two.mp4", "--seed", "7"]
        runs = {
            "python": ["-c", "pass"], "import torch": ["-c", "import torch"],
            "import imagineid_sdk": ["-c", "import imagineid_sdk"], "first video of 2 s": command,
            "second video of 2 s": command,
        }  # fmt: skip
        return {
            name: seconds_of(lambda run=run: subprocess.run([sys.executable, *run], check=True, capture_output=True))[0]
            for name, run in runs.items()
        }


# --- all rows ---------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, nargs="+", default=[5, 20, 60])
    parser.add_argument("--size", type=int, nargs="+", default=[512, 256], choices=[512, 256])
    parser.add_argument("--threads", type=int, nargs="+", default=[2])
    parser.add_argument("--steps", type=int, nargs="+", default=[1])
    parser.add_argument("--precision", nargs="+", default=["bf16"], choices=["bf16", "fp32"])
    parser.add_argument("--hour", action="store_true", help="one hour as well")
    parser.add_argument("--cold", action="store_true", help="start in fresh processes as well")
    parser.add_argument("--keep", help="folder in which videos of two minutes and more are left to look at")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(**json.loads(options.one))))
        return
    wanted = [
        {
            "seconds": seconds,
            "size": size,
            "threads": threads,
            "steps": steps,
            "precision": precision,
            "keep": options.keep,
        }
        for size in options.size
        for precision in options.precision
        for threads in options.threads
        for steps in options.steps
        for seconds in [*options.seconds, *([3600.0] if options.hour else [])]
    ]
    rows = [{**setting, **in_own_process(setting)} for setting in wanted]
    print(f"{processor()}. {FPS} frames per second.\n")
    print_work()
    print_start(rows, cold_start() if options.cold else {})
    print_stages(rows)


def in_own_process(setting: dict[str, Any]) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", json.dumps(setting)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def processor() -> str:
    """What decides the speed here."""
    import torch

    kinds = {"AMX": torch.cpu._is_amx_tile_supported(), "AVX-512 with bfloat16": torch.cpu._is_avx512_bf16_supported()}
    kinds |= {"AVX-512": torch.cpu._is_avx512_supported(), "AVX2": torch.cpu._is_avx2_supported()}
    best = next((name for name, there in kinds.items() if there), "neither AVX2 nor AVX-512")
    return f"{os.cpu_count()} processors of a kind with {best}"


def print_work() -> None:
    """Multiplications and additions of the networks, by torch's own counter."""
    from torch.utils.flop_counter import FlopCounterMode

    from imagineid_sdk import ImagineIDPipeline
    from imagineid_sdk.imagining import networks

    networks.bfloat16_pays = lambda device: False
    pipe = ImagineIDPipeline.from_pretrained()
    sound = speech(1)
    print("| networks of | GFLOP |\n|---|---|")
    with FlopCounterMode(display=False) as counted:
        person = pipe.imagine(sound, num_faces=1, seed=7)[0].identity
    print(f"| a new person's portrait | {counted.get_total_flops() / 1e9:.0f} |")
    for size in (512, 256):
        performance = pipe.renderer(person, size=size)
        motion = pipe(sound, identity=person, size=256).motion.part(0, 6)
        with FlopCounterMode(display=False) as counted:
            frames = sum(len(batch) for batch in performance._in_order(motion))
        print(f"| a frame at {size}x{size} | {counted.get_total_flops() / frames / 1e9:.2f} |")
    print()


def print_start(rows: list[dict[str, Any]], cold: dict[str, float]) -> None:
    """Of the first row of each size and precision."""
    first = {(row["size"], row["precision"]): row for row in reversed(rows)}
    settings = sorted(first, reverse=True)
    print(f"| start, s | {' | '.join(f'{size}, {precision}' for size, precision in settings)} |")
    print("|---" * (len(settings) + 1) + "|")
    names = ["torch", "package", "pipeline", "load", "first frame, new person", "first frame, known person"]
    for name in [*names, "first frame, warm"]:
        print(f"| {name} | {' | '.join(f'{first[setting][name]:.2f}' for setting in settings)} |")
    for name, seconds in cold.items():
        print(f"| process: {name} | {seconds:.2f} |")


def print_stages(rows: list[dict[str, Any]]) -> None:
    columns = ["listen", "geometry", "imagine", "encode", "call and save", "stream", "all"]
    print(f"\n| audio, s | size | threads | steps | precision | {' | '.join(columns)} | peak MB |")
    print("|---" * (len(columns) + 6) + "|")
    for row in rows:
        shares = " | ".join(f"{row[name]:.3f}" if name in row else "" for name in columns)
        setting = f"{row['seconds']:g} | {row['size']} | {row['threads']} | {row['steps']} | {row['precision']}"
        print(f"| {setting} | {shares} | {row['memory']:.0f} |")
    print("\nListen to all: seconds of work for a second of video; stream is fed by the second; all is sound to "
          "finished mp4, encoded on the way.")  # fmt: skip


if __name__ == "__main__":
    main()
