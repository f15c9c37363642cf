"""Motion and head for other tools: edit how a face moves and render it again, and take the head along as glTF.

python examples/motion_and_mesh.py [AUDIO] [FOLDER]          the mesh needs: pip install 'imagineid-sdk[mesh]'
"""

import sys
from pathlib import Path

from imagineid_sdk import FaceMotion, ImagineIDPipeline
from imagineid_sdk.face.blendshapes import BLENDSHAPE_INDEX

CLIPS = Path(__file__).parent / "audio"


def main(audio: str | Path = CLIPS / "hello.wav", folder: str | Path = ".") -> None:
    pipe, folder = ImagineIDPipeline.from_pretrained(), Path(folder)
    out = pipe(audio, seed=7)

    # The columns are those of Live Link Face: edit the file in a spreadsheet, in Blender or in Unreal. Or here:
    motion = FaceMotion.load(out.motion.save(folder / "motion.json"))
    for name in ("mouthSmileLeft", "mouthSmileRight"):
        column = motion.blendshapes[:, BLENDSHAPE_INDEX[name]]
        column[:] = (column + 0.4).clip(0, 1)
    motion.head_pose[:, 2] += 8  # degrees of roll: the head is tilted

    smiling = pipe(audio, identity=out.identity, motion=motion)
    print("written:", smiling.save(folder / "smiling.mp4"))
    print("written:", smiling.save_mesh(folder / "smiling.glb"))  # opens in Blender, three.js and game engines


if __name__ == "__main__":
    print(__doc__) if "--help" in sys.argv else main(*sys.argv[1:])
