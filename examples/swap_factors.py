"""Who, what and how come apart: the words of one clip, the face of another voice, the emotion of your choice.

python examples/swap_factors.py [WORDS_AUDIO] [FACE_AUDIO] [FOLDER]
"""

import sys
from pathlib import Path

from imagineid_sdk import ImagineIDPipeline

CLIPS = Path(__file__).parent / "audio"


def main(
    words: str | Path = CLIPS / "hello.wav", face: str | Path = CLIPS / "reading.flac", folder: str | Path = "."
) -> None:
    pipe = ImagineIDPipeline.from_pretrained()
    (candidate,) = pipe.imagine(face, num_faces=1, seed=7)

    for emotion in ("happy", "sad", "surprised"):
        out = pipe(words, identity=candidate.identity, emotion=emotion)
        print("written:", out.save(Path(folder) / f"{emotion}.mp4"))


if __name__ == "__main__":
    main(*sys.argv[1:])
