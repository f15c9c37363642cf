"""Resident memory against the length of the sound, for the three ways to a video.

    python benchmarks/memory.py [--seconds 5 60 600]

Every figure is the peak of a process of its own: `call` collects the frames and saves them, `write_mp4` and `stream`
pass them on, from sound that is nowhere as a whole.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from speed import RATE, peak_mb, speech, speech_blocks  # beside this file

WAYS = ("call", "write_mp4", "stream")
CALL_LIMIT = 600
"""Seconds above which a call is not tried: its frames alone are 20 MB a second."""


def peak_of(way: str, seconds: float, fps: float) -> float:
    """Peak resident memory in MB of this process, after a video of this length."""
    from imagineid_sdk import ImagineIDPipeline
    from imagineid_sdk.audio.decoding import AudioStream
    from imagineid_sdk.audio.mixing import Levels

    pipe = ImagineIDPipeline.from_pretrained()
    pipe.set_progress_bar_config(disable=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "talk.mp4"
        if way == "call":
            pipe(speech(seconds), seed=7, fps=fps).save(path)
        elif way == "write_mp4":
            pipe.write_mp4(AudioStream(RATE, 1, speech_blocks(seconds), Levels(1)), path, seed=7, fps=fps)
        else:
            with pipe.stream(seed=7, fps=fps) as stream:
                for block in speech_blocks(seconds):
                    for _ in stream.feed(block):
                        pass
                for _ in stream.finish():
                    pass
    return peak_mb()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, nargs="+", default=[5, 60, 600])
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--fps", type=float, default=25)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(peak_of(options.one[0], float(options.one[1]), options.fps))
        return
    print(f"| audio, s | {' | '.join(f'{way}, MB' for way in options.ways)} |\n|---{'|---' * len(options.ways)}|")
    for seconds in options.seconds:
        cells = []
        for way in options.ways:
            if way == "call" and seconds > CALL_LIMIT:
                cells.append("")
                continue
            command = [sys.executable, __file__, "--one", way, str(seconds), "--fps", str(options.fps)]
            cells.append(f"{float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout):.0f}")
        print(f"| {seconds:g} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
