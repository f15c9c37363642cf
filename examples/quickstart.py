"""One clip in, a talking face out.

python examples/quickstart.py [AUDIO] [OUT.mp4]
"""

import sys
from pathlib import Path

from imagineid_sdk import ImagineIDPipeline

HELLO = Path(__file__).parent / "audio" / "hello.wav"


def main(audio: str | Path = HELLO, video: str | Path = "hello.mp4") -> None:
    pipe = ImagineIDPipeline.from_pretrained()  # the shipped model: offline, no GPU
    out = pipe(audio, seed=7)
    print(
        f"{len(out.frames)} frames of somebody who sounds {out.profile.age.value:.0f} and {out.profile.emotion.label}"
    )
    print("written:", out.save(video))


if __name__ == "__main__":
    print(__doc__) if "--help" in sys.argv else main(*sys.argv[1:])
