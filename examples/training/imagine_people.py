"""Latents of people whom the model imagines: what the portrait's decoder gets in use, and never in training otherwise.

    python -m examples.training.imagine_people --model MODEL --speech DIR --out .train/imagined.npy

Voices of the folder in turn, another seed each, every second person with random wishes.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
from tqdm import tqdm

from imagineid_sdk import ImagineIDPipeline
from imagineid_sdk.face.persona.vocabulary import WORDS

WISHES = ("gender", "skin", "hair", "hair_color", "beard", "clothes", "clothes_color", "glasses", "light")
WISHED = 0.4
"""Chance of a wish."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="without it the embedded one")
    parser.add_argument("--speech", type=Path, required=True, help="a folder of clips")
    parser.add_argument("--out", type=Path, default=Path(".train/imagined.npy"))
    parser.add_argument("--people", type=int, default=300)
    options = parser.parse_args()

    pipe = ImagineIDPipeline.from_pretrained(options.model)
    pipe.set_progress_bar_config(disable=True)
    clips, random_wish, latents = sorted(options.speech.glob("*.wav")), random.Random(0), []
    for seed in tqdm(range(options.people)):
        wishes: dict = {}
        if seed % 2:
            wishes = {slot: random_wish.choice(WORDS[slot]) for slot in WISHES if random_wish.random() < WISHED}
            wishes["age"] = random_wish.uniform(10, 85)
        identity = pipe.imagine(str(clips[seed % len(clips)]), num_faces=1, seed=10_000 + seed, **wishes)[0].identity
        latents.append(identity.reference)
    np.save(options.out, np.stack(latents))


if __name__ == "__main__":
    main()
