"""A person imagined once says something else: identities are small files that can be kept and passed on.

python examples/same_face_new_words.py [FIRST_AUDIO] [SECOND_AUDIO] [FOLDER]
"""

import sys
from pathlib import Path

from imagineid_sdk import ImagineIDPipeline

CLIPS = Path(__file__).parent / "audio"


def main(
    first: str | Path = CLIPS / "reading.flac", second: str | Path = CLIPS / "hello.wav", folder: str | Path = "."
) -> None:
    pipe = ImagineIDPipeline.from_pretrained()
    person = Path(folder) / "person.safetensors"

    out = pipe(first, seed=7)
    out.identity.save(person)
    print("written:", out.save(Path(folder) / "first_words.mp4"))

    out = pipe(second, identity=person)  # another voice, even: the face stays
    print("written:", out.save(Path(folder) / "new_words.mp4"))


if __name__ == "__main__":
    print(__doc__) if "--help" in sys.argv else main(*sys.argv[1:])
