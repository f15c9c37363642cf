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

    out = pipe(content=words, identity_from=face, seed=7)
    print("written:", out.save(Path(folder) / "her_words_his_face.mp4"))

    out = pipe(words, identity=out.identity, emotion_from=face)
    print("written:", out.save(Path(folder) / "his_emotion.mp4"))

    out = pipe(words, identity=out.identity, emotion="happy", emotion_intensity=1.0)
    print("written:", out.save(Path(folder) / "happy.mp4"))


if __name__ == "__main__":
    print(__doc__) if "--help" in sys.argv else main(*sys.argv[1:])
