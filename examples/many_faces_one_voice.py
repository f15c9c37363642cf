"""Who could this be? Several people that one voice could belong to, one picture and one identity file each.

python examples/many_faces_one_voice.py [AUDIO] [FOLDER] [HOW_MANY]
"""

import sys
from pathlib import Path

from imagineid_sdk import ImagineIDPipeline
from imagineid_sdk.video.picture import write_png

READING = Path(__file__).parent / "audio" / "reading.flac"


def main(audio: str | Path = READING, folder: str | Path = "faces", how_many: str | int = 8) -> None:
    pipe = ImagineIDPipeline.from_pretrained()
    voice = pipe.listen(audio)
    print(f"age {voice.age.value:.0f} ± {voice.age.spread:.0f} years; what the voice leaves open, the seed decides")

    Path(folder).mkdir(parents=True, exist_ok=True)
    for number, face in enumerate(pipe.imagine(audio, num_faces=int(how_many), seed=0)):
        print("written:", write_png(Path(folder) / f"face{number}.png", face.image))
        face.identity.save(Path(folder) / f"face{number}.safetensors")  # pipe(..., identity=this) lets it speak


if __name__ == "__main__":
    print(__doc__) if "--help" in sys.argv else main(*sys.argv[1:])
