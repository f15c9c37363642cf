"""A contact sheet of the training world, to be looked at.

python -m examples.training.show_people --assets makehuman --hdri hdri --seeds 0 24 --size 256 sheet.png
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from .render_people import PORTRAIT_SAMPLES, Studio, World, random_motion, resting_frame
from .world.camera import HeadPose
from .world.cycles.light import backdrop
from .world.expressions import bare_teeth
from .world.film import filmic
from .world.light import LIGHTS, random_light
from .world.people import random_person

COLUMNS = 6
GREY = 0.42


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--hdri", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("data/world"))
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 24), help="first, count")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--samples", type=int, default=PORTRAIT_SAMPLES)
    parser.add_argument("--light", choices=LIGHTS)
    parser.add_argument("--hair", help="a look of world.strands for everybody")
    parser.add_argument("--gender", type=float)
    parser.add_argument("--age", type=float)
    parser.add_argument("--ancestry")
    parser.add_argument("--rest", action="store_true", help="the resting frame instead of a random one")
    parser.add_argument("--actions", help='e.g. "jawOpen=0.4 mouthSmile=0.3"')
    parser.add_argument("--columns", type=int, default=COLUMNS)
    parser.add_argument("--crop", choices=("mouth", "eyes"))
    options = parser.parse_args()
    world = World.load(options.assets, options.hdri, options.cache)
    tiles = []
    for seed in range(options.seeds[0], options.seeds[0] + options.seeds[1]):
        start = time.process_time()
        drawn = {"gender": options.gender, "age": options.age, "ancestry": options.ancestry}
        person = random_person(world.head, seed, **drawn)
        if options.hair:
            person = replace(person, hair=options.hair)
        light = random_light(seed, options.light)
        studio = Studio(world, person, light, options.size, options.samples)
        built = time.process_time()
        actions, pose = resting_frame(world.head) if options.rest else random_motion(world.head, seed, 2)[1]
        if options.actions:
            named = dict(word.split("=") for word in options.actions.split())
            actions = bare_teeth(world.head, world.head.action_vector({k: float(v) for k, v in named.items()}))
            pose = HeadPose(8)
        picture = studio.shoot(actions, pose)[0]
        if options.crop:
            picture = studio.shoot_crop(actions, pose, options.crop)[0][..., :4]
        behind = np.full((options.size, options.size, 3), GREY)
        if light.surroundings:
            behind = filmic(backdrop(light.surroundings, options.hdri, light.turn, options.size))
        behind = behind[: picture.shape[0], : picture.shape[1]]
        shown = picture[..., :3] + behind * (255 - picture[..., 3:].astype(float))
        tile = np.ascontiguousarray(shown.clip(0, 255).astype(np.uint8))
        label = f"{seed} {person.hair} {light.kind}"
        cv2.putText(tile, label, (4, tile.shape[0] - 5), 0, 0.36, (255, 255, 255), 1, cv2.LINE_AA)
        tiles.append(tile)
        print(f"{label}: build {built - start:.1f} s, picture {time.process_time() - built:.1f} CPU s", flush=True)
        rows = [tiles[first : first + options.columns] for first in range(0, len(tiles), options.columns)]
        rows[-1] = rows[-1] + [np.zeros_like(tile)] * (options.columns - len(rows[-1]))
        if len(rows) == 1:
            rows[0] = tiles
        cv2.imwrite(str(options.sheet), np.concatenate([np.concatenate(row, 1) for row in rows])[..., ::-1])


if __name__ == "__main__":
    main()
