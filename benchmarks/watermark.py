"""Is the watermark found after what videos go through, and nowhere else? Prints three tables.

    python -m benchmarks.watermark                  a short run: a few minutes of one core
    python -m benchmarks.watermark --full           200 videos, 1,000 foreign ones
    python -m benchmarks.watermark --pictures FOLDER  with pictures as backgrounds and as foreign videos (png, jpg, exr)

The videos are two seconds of the pipeline's people at 512 and at 256 pixels, cut out and laid over studio, colours,
gradients, textures and pictures. The foreign videos are these without the mark, and noise, gradients,
moving textures, stripes, and pans over textures and pictures with the noise of a telephone's camera.
"""

from __future__ import annotations

import argparse
import math
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from benchmarks.tables import Row, print_table
from imagineid_sdk.files import find_ffmpeg
from imagineid_sdk.video.backdrop import STUDIO
from imagineid_sdk.video.detection import FALSE_POSITIVES, Finding
from imagineid_sdk.video.recorder import write_mp4
from imagineid_sdk.video.verification import search, video_frames
from imagineid_sdk.video.watermark import Watermark, load

Result = TypeVar("Result")

FPS, SECONDS = 25, 2
FRAMES = FPS * SECONDS
CLIP = Path(__file__).parent.parent / "examples" / "audio" / "reading.flac"
PIECES = 3  # of one person's video

CROP = "crop=trunc(iw*.4)*2:trunc(ih*.4)*2"  # a tenth of each side
CRF28 = ["-c:v", "libx264", "-crf", "28", "-pix_fmt", "yuv420p"]


def scale(percent: int) -> str:
    return f"scale=trunc(iw*{percent}/200)*2:trunc(ih*{percent}/200)*2"


ATTACKS: dict[str, tuple[str, list[str]]] = {
    "as written": (".mp4", []),
    "container: mkv": (".mkv", ["-c", "copy"]),
    "webm (VP9, crf 36)": (".webm", ["-c:v", "libvpx-vp9", "-crf", "36", "-b:v", "0", "-cpu-used", "5"]),
    "H.264 crf 28": (".mp4", CRF28),
    "50 %, crf 28": (".mp4", ["-vf", scale(50), *CRF28]),
    "75 %, crf 28": (".mp4", ["-vf", scale(75), *CRF28]),
    "150 %, crf 28": (".mp4", ["-vf", scale(150), *CRF28]),
    "crop 10 %, crf 28": (".mp4", ["-vf", CROP, *CRF28]),
    "crop 10 % of left and top, crf 28": (".mp4", ["-vf", "crop=trunc(iw*.45)*2:trunc(ih*.45)*2:iw*.1:ih*.1", *CRF28]),
    "crop 10 %, 150 %, crf 28, mkv": (".mkv", ["-vf", f"{CROP},{scale(150)}", *CRF28]),
    "crop 10 %, 75 %, crf 28": (".mp4", ["-vf", f"{CROP},{scale(75)}", *CRF28]),
    "crop 10 %, 50 %, crf 28": (".mp4", ["-vf", f"{CROP},{scale(50)}", *CRF28]),
    "mirror image, crf 28": (".mp4", ["-vf", "hflip", *CRF28]),
}  # fmt: skip
"""Ending and ffmpeg's options."""


@dataclass(frozen=True)
class Marked:
    """What one video went through: by attack whether the mark was found and its score; fidelity in dB."""

    found: dict[str, bool]
    scores: dict[str, float]
    psnr: float


# --- material ---------------------------------------------------------------------------------------------------------


def film_people(count: int, folder: Path, size: int) -> tuple[list[Path], float]:
    """Videos of so many people with a transparent background, without the mark, and seconds of work for a frame. Those
    that lie in the folder are used again."""
    from imagineid_sdk import ImagineIDPipeline, load_audio

    pipe = ImagineIDPipeline.from_pretrained()
    pipe.set_progress_bar_config(disable=True)
    sound = load_audio(CLIP).samples[: 16_000 * SECONDS * PIECES]
    options = {"sampling_rate": 16_000, "background": "transparent", "watermark": False, "size": size}
    paths = [folder / f"{size}-{seed}.npy" for seed in range(count)]
    for seed, path in enumerate(paths):
        if not path.exists():
            np.save(path, pipe(sound, seed=seed, attributes="neutral", **options).frames)
    person = pipe.imagine(sound[: 16_000 * SECONDS], num_faces=1, sampling_rate=16_000)[0].identity
    began = time.perf_counter()
    out = pipe(sound[: 16_000 * SECONDS], identity=person, **options)
    return paths, (time.perf_counter() - began) / len(out.frames)


def read_pictures(folder: Path | None) -> list[np.ndarray]:
    """Pictures as uint8 ``(height, width, 3)``, as ffmpeg reads them; bright ones are not clipped."""
    pictures = []
    for path in sorted(folder.iterdir()) if folder else ():
        if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".exr"):
            continue
        command = [find_ffmpeg(), "-v", "error", "-i", str(path), "-frames:v", "1", "-vf", "scale=-2:512"]
        command += ["-pix_fmt", "gbrpf32le", "-f", "rawvideo", "pipe:1"]
        content = subprocess.run(command, check=True, capture_output=True).stdout
        planes = np.frombuffer(content, "<f4").reshape(3, 512, -1)[[2, 0, 1]]
        if path.suffix.lower() == ".exr":
            planes = (planes / np.percentile(planes, 90) * 0.7).clip(0, 1) ** (1 / 2.2)
        pictures.append((planes.clip(0, 1) * 255).astype(np.uint8).transpose(1, 2, 0))
    return pictures


def texture(random: np.random.Generator, height: int, width: int, slope: float = 1.0) -> np.ndarray:
    """A picture with the spectrum of nature, uint8 ``(height, width, 3)``."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    fall = np.maximum(np.hypot(down, across), 1 / max(height, width)) ** -slope
    noise = random.normal(size=(3, *fall.shape)) + 1j * random.normal(size=(3, *fall.shape))
    planes = np.fft.irfft2(noise * fall, s=(height, width))
    planes /= planes.std(axis=(1, 2), keepdims=True)
    planes = planes[:1] * 40 + planes * random.uniform(3, 15) + random.uniform(60, 190, (3, 1, 1))
    return planes.clip(0, 255).astype(np.uint8).transpose(1, 2, 0)


def gradient(random: np.random.Generator, size: int) -> np.ndarray:
    ramp = np.linspace(0, 1, size)[:, None, None]
    ends = random.uniform(0, 255, (2, 3))
    picture = np.broadcast_to(ends[0] + (ends[1] - ends[0]) * ramp, (size, size, 3)).astype(np.uint8)
    return np.ascontiguousarray(picture if random.random() < 0.5 else picture.transpose(1, 0, 2))


def studio(size: int) -> np.ndarray:
    steps = (np.arange(size) + 0.5) / size
    distance = np.hypot(steps[None] - 0.5, steps[:, None] - 0.42) / 0.75
    middle, rim = (np.array(colour) * 255 for colour in STUDIO)
    share = (distance.clip(0, 1) ** 2 * (3 - 2 * distance.clip(0, 1)))[..., None]
    return (middle + (rim - middle) * share).astype(np.uint8)


def backdrop(random: np.random.Generator, pictures: list[np.ndarray], size: int) -> np.ndarray:
    """What is behind one person: uint8 ``(size, size, 3)``."""
    kind = random.integers(5 if pictures else 4)
    if kind == 0:
        return studio(size)
    if kind == 1:
        return np.full((size, size, 3), random.integers(0, 256, 3), np.uint8)
    if kind == 2:
        return gradient(random, size)
    if kind == 3:
        return texture(random, size, size, random.uniform(0.8, 1.6))
    return cut(random, pictures, size)


def cut(random: np.random.Generator, pictures: list[np.ndarray], size: int) -> np.ndarray:
    picture = pictures[random.integers(len(pictures))]
    left, top = (random.integers(length - size + 1) for length in (picture.shape[1], picture.shape[0]))
    return picture[top : top + size, left : left + size]


def talking(index: int, people: list[Path], pictures: list[np.ndarray]) -> np.ndarray:
    """Two seconds of somebody in front of something, unmarked: uint8 ``(FRAMES, size, size, 3)``."""
    random = np.random.default_rng(index)
    film = np.load(people[index % len(people)], mmap_mode="r")
    first = index // len(people) % (len(film) // FRAMES) * FRAMES
    cutout = film[first : first + FRAMES]
    alpha = cutout[..., 3:] / np.float32(255)
    behind = backdrop(random, pictures, cutout.shape[1])
    return np.rint(cutout[..., :3] * alpha + behind * (1 - alpha)).astype(np.uint8)


def foreign(index: int, pictures: list[np.ndarray]) -> tuple[str, np.ndarray]:
    """A video that this package did not make: its kind and frames ``(n, height, width, 3)``."""
    random = np.random.default_rng(10_000 + index)
    height, width = (int(2 * random.integers(60, 200)) for _ in range(2))
    if random.random() < 0.5:
        height = width = 256
    kinds = ["noise", "gradient", "still texture", "moving texture", "stripes", "camera"]
    kind = kinds[index % len(kinds)]
    if kind == "noise":
        level = random.uniform(1, 60)
        frames = random.normal(random.uniform(40, 210), level, (12, height, width, 3))
        return kind, frames.clip(0, 255).astype(np.uint8)
    if kind == "gradient":
        return kind, np.repeat(gradient(random, height)[None], 4, axis=0)
    if kind == "still texture":
        return kind, np.repeat(texture(random, height, width, random.uniform(0.3, 2))[None], 4, axis=0)
    if kind == "stripes":
        rows, columns = np.mgrid[:height, :width] / 256
        waves = random.integers(1, 20, 3), random.integers(-20, 20, 3)
        phase = rows[..., None] * waves[0] + columns[..., None] * waves[1] + random.uniform(0, 1, 3)
        frame = 128 + random.uniform(5, 120, 3) * np.sign(np.sin(2 * math.pi * phase))
        return kind, np.repeat(frame.clip(0, 255).astype(np.uint8)[None], 4, axis=0)
    large = cut(random, pictures, 400) if pictures and kind == "camera" else texture(random, 400 + 64, 400 + 64)
    if kind == "camera":
        height = width = 320
    steps = np.cumsum(random.normal(0, 1.5 if kind == "moving texture" else 0.4, (24, 2)), axis=0) + 30
    frames = []
    for down, across in steps.astype(int).clip(0, 63):
        down, across = min(down, large.shape[0] - height), min(across, large.shape[1] - width)
        frame = large[down : down + height, across : across + width].astype(np.float32)
        if kind == "camera":  # grain that grows with light, and coarser in colour, as a telephone's
            grain = random.normal(size=(height // 4 + 1, width // 4 + 1, 3)).repeat(4, 0).repeat(4, 1)[:height, :width]
            frame = frame + (random.normal(size=frame.shape) * 1.5 + grain * 2) * np.sqrt(frame / 128 + 0.1)
        frames.append(frame.clip(0, 255).astype(np.uint8))
    return kind, np.stack(frames)


# --- what is done to it -----------------------------------------------------------------------------------------------


def attacked(source: Path, attack: str) -> Finding:
    """What the detector finds in a file after one attack."""
    suffix, options = ATTACKS[attack]
    if not options:
        return search(video_frames(source))[0]
    target = source.with_name(f"attacked{suffix}")
    command = [find_ffmpeg(), "-v", "error", "-y", "-threads", "1", "-i", str(source), *options, str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return search(video_frames(target))[0]


def mark_one(task: tuple[int, list[Path], list[np.ndarray]]) -> Marked:
    plain = talking(*task)
    marked = plain.copy()
    Watermark(marked[0]).add(marked)
    error = np.mean((marked.astype(np.float32) - plain) ** 2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "talk.mp4"
        write_mp4(path, marked, fps=FPS, audio=None, metadata={})
        findings = {attack: attacked(path, attack) for attack in ATTACKS}
    found = {attack: finding.found for attack, finding in findings.items()}
    scores = {attack: finding.score for attack, finding in findings.items()}
    return Marked(found, scores, float(10 * np.log10(255**2 / error)))


def search_unmarked(task: tuple[int, list[Path], list[np.ndarray], bool]) -> tuple[str, Finding]:
    """Every fourth through the encoder; what is ours but for the mark is a quarter of all."""
    index, people, pictures, ours = task
    kind, frames = ("ours, unmarked", talking(index, people, pictures)) if ours else foreign(index, pictures)
    if index % 4 or min(frames.shape[1:3]) % 2:
        return kind, search(to_ycc(frame) for frame in frames)[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "talk.mp4"
        write_mp4(path, frames, fps=FPS, audio=None, metadata={})
        return kind, attacked(path, list(ATTACKS)[index // 4 % len(ATTACKS)])


def to_ycc(frame: np.ndarray) -> np.ndarray:
    """RGB ``(height, width, 3)`` -> Y, Cb, Cr ``(3, height, width)``, BT.601."""
    red, green, blue = frame.astype(np.float32).transpose(2, 0, 1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return np.stack([luma, (blue - luma) * 0.564 + 128, (red - luma) * 0.713 + 128])


# --- tables -----------------------------------------------------------------------------------------------------------


def detection_rows(videos: list[Marked]) -> Iterator[Row]:
    for attack in ATTACKS:
        count, scores = sum(video.found[attack] for video in videos), [video.scores[attack] for video in videos]
        yield {
            "after": attack, f"found of {len(videos)}": f"{count} ({count / len(videos):.1%})",
            "score: median / least": f"{np.median(scores):.1f} / {min(scores):.1f}",
        }  # fmt: skip


def foreign_rows(unmarked: list[tuple[str, Finding]]) -> Iterator[Row]:
    for kind in [*dict.fromkeys(kind for kind, _ in unmarked), "all"]:
        findings = [found for name, found in unmarked if kind in (name, "all")]
        yield {
            "foreign videos": kind, "searched": str(len(findings)),
            "taken for ours": str(sum(finding.found for finding in findings)),
            "highest score": f"{max(finding.score for finding in findings):.1f}",
            "least bound on chance": f"{min(finding.false_positive for finding in findings):.1g}",
        }  # fmt: skip


def cost_rows(by_size: dict[int, list[Marked]], frame_seconds: dict[int, float]) -> Iterator[Row]:
    for size, videos in by_size.items():
        frames = np.random.default_rng(0).integers(0, 256, (4, size, size, 3), np.uint8)
        watermark, seconds = Watermark(frames[0]), []
        for _ in range(100):
            began = time.perf_counter()
            watermark.add(frames)
            seconds.append((time.perf_counter() - began) / len(frames))
        fidelity = [video.psnr for video in videos]
        yield {
            "size": str(size), "PSNR, dB: mean / least": f"{np.mean(fidelity):.1f} / {min(fidelity):.1f}",
            "mark, ms a frame": f"{np.median(seconds) * 1e3:.3f}", "a frame, ms": f"{frame_seconds[size] * 1e3:.1f}",
            "share": f"{np.median(seconds) / frame_seconds[size]:.2%}",
        }  # fmt: skip


def ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def gathered(results: Iterable[Result]) -> list[Result]:
    """All of them, or on Ctrl-C those that are there."""
    there = []
    with suppress(KeyboardInterrupt):
        for result in results:
            there.append(result)
    return there


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--full", action="store_true", help="200 videos and 1,000 foreign ones")
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="backgrounds and foreign videos besides the made ones"
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default: %(default)s)")
    parser.add_argument("--people", type=Path, metavar="FOLDER", help="keep the people's videos there for the next run")
    options = parser.parse_args()
    people_count, counts, strangers = (8, {512: 200, 256: 50}, 1000) if options.full else (3, {512: 8, 256: 8}, 60)
    pictures = read_pictures(options.pictures)
    load()
    pool = get_context("spawn").Pool(options.jobs, ignore_interrupt)
    with tempfile.TemporaryDirectory() as folder, pool:
        by_size, frame_seconds, people = {}, {}, {}
        for size, count in counts.items():
            people[size], frame_seconds[size] = film_people(people_count, options.people or Path(folder), size)
            marking = ((index, people[size], pictures) for index in range(count))
            by_size[size] = gathered(tqdm(pool.imap(mark_one, marking), f"marked, {size} px", count))
            print_table(f"Watermark found, {size} px", list(detection_rows(by_size[size])), "Videos of two seconds.")
        print_table("Fidelity and cost", list(cost_rows(by_size, frame_seconds)))
        searching = ((index, people[512], pictures, index % 5 == 4) for index in range(strangers))
        unmarked = gathered(tqdm(pool.imap(search_unmarked, searching), "foreign", strangers))
    print_table("False positives", list(foreign_rows(unmarked)), f"A mark is found below {FALSE_POSITIVES:g}.")


if __name__ == "__main__":
    main()
