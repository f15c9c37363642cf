"""`imagineid batch`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

EXIT_FAILED_CLIPS = 1


def batch(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from imagineid_sdk.batch import Entry, run_batch
    from imagineid_sdk.cli import checked_factors, checked_options

    wanted = checked_options(options)
    wanted.pop("seed", None)
    # Values rather than paths, which another machine does not have.
    factors = {name: value for name, value in checked_factors(options).items() if value is not None}
    for name in ("identity_from", "emotion_from"):
        if name in factors:
            factors[name] = Path(factors[name]).read_bytes()
    if "motion" in factors:
        from imagineid_sdk.face.animation.live_link import load_motion

        factors["motion"] = load_motion(factors["motion"], fallback=wanted.get("fps"))
    if os.path.isfile(wanted.get("background", "")):
        from imagineid_sdk.video.backdrop import Backdrop

        wanted["background"] = Backdrop.from_option(wanted["background"]).picture
    if options.sign is not None:
        wanted["sign"] = tuple(options.sign)
    bar = tqdm(unit="clip", disable=None, desc="clips")

    def tell(entry: Entry, done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if entry.error:
            bar.write(f"failed: {entry.clip}: {entry.error}", file=sys.stderr)

    with bar:
        report = run_batch(
            options.folder, options.output, kind=options.kind, seed=options.seed, workers=options.workers,
            ray=options.ray, model=options.model, options=wanted | factors, on_done=tell,
        )  # fmt: skip
    print(f"made {len(report.made)}, there already {len(report.skipped)}, failed {len(report.failed)}")
    return EXIT_FAILED_CLIPS if report.failed else 0


def add_batch(
    add_command: Callable[..., argparse.ArgumentParser], add_video_options: Callable[[argparse.ArgumentParser], None]
) -> None:
    summary = "make a video of every clip in a folder, on this machine or a Ray cluster; run again, it goes on"
    status = "Exit status: 0 all videos are there, 1 some clips failed (the manifest says why), 2 a mistake."
    parser = add_command("batch", batch, summary, status)
    parser.add_argument("folder", metavar="FOLDER", help="of the clips; the folders in it as well")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="gets videos, people and manifest.jsonl")
    parser.add_argument("--kind", default="mp4", metavar="K", help="mp4, mov, webm or gif (default: %(default)s)")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: by cores and memory)")
    parser.add_argument("--ray", metavar="ADDRESS", help="a Ray cluster: auto, or HOST:6379")
    parser.add_argument("--model", metavar="NAME_OR_PATH", help="another model than the one that is shipped")
    add_video_options(parser)
