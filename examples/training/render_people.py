"""Render the picture dataset: one person per pair of files, seeded, resumable.

    python -m examples.training.render_people --assets makehuman --out data/heads --people 1200 --frames 36
    python -m examples.training.render_people --assets makehuman --out data/clips --people 40 --first 5000 --clips

writes per person
    00042.npy  uint8 (frames, size, size, 5): RGB premultiplied by coverage, coverage, class (renderer.CLASSES)
    00042.npz  actions (frames, 52), pose (frames, 3: yaw pitch roll in degrees), landmarks (frames, 112, 2: pixels),
               mvp (frames, 4, 4: view-projection), and of the person, in metres:
               B0 (vertices, 3: resting head on the reduced mesh), scale (52,: action scale),
               ec (2, 3), er: eyeball centres and radius, hb (4, 3: pivots of neck and head),
               side, cen, D: width and centre of the view, camera distance, em: eye-mouth distance;
               meta: the person and the light as json
Frame 0 is the resting face, looking ahead; the others are unrelated, or with --clips consecutive. The .npz is written
last: a person without one is rendered again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .world.assets import Assets
from .world.camera import Framing, HeadPose
from .world.clips import random_clip
from .world.expressions import random_frame
from .world.head import Head
from .world.lighting import random_light
from .world.mouth_shade import shade_mouth
from .world.people import random_person
from .world.renderer import CLASSES, Renderer

FRAMING = Framing(zoom=0.95, lift=0.18, follow=0.0)  # all of the hair; still, so that the background can be
Motion = list[tuple[np.ndarray, HeadPose]]
EXPRESSION_SEED = 10_000_000  # expressions must not share random numbers with the person


def random_motion(head: Head, seed: int, frames: int) -> Motion:
    """A resting frame, then unrelated ones."""
    rng = np.random.default_rng(EXPRESSION_SEED + seed)
    return [resting_frame(head)] + [random_frame(head, rng) for _ in range(frames - 1)]


def clip_motion(head: Head, seed: int, frames: int) -> Motion:
    """A resting frame, then consecutive ones, clips.FPS a second."""
    actions, poses = random_clip(head, np.random.default_rng(EXPRESSION_SEED + seed), frames - 1)
    return [resting_frame(head), *zip(actions, poses, strict=True)]


def resting_frame(head: Head) -> tuple[np.ndarray, HeadPose]:
    return np.zeros(len(head.actions), np.float32), HeadPose()


def render_person(renderer: Renderer, seed: int, motion: Motion) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The contents of one .npy and one .npz."""
    person, light = random_person(renderer.head, seed), random_light(seed).without_background()
    pictures = np.zeros((len(motion), renderer.size, renderer.size, 5), np.uint8)
    tracks: dict[str, list] = {"actions": [], "pose": [], "landmarks": [], "mvp": []}
    for frame, (actions, pose) in enumerate(motion):
        picture = renderer.render(person, actions, pose=pose, light=light, framing=FRAMING)
        pictures[frame, ..., :4] = shade_mouth(picture.rgba, picture.classes == CLASSES.index("mouth"))
        pictures[frame, ..., 4] = picture.classes
        tracks["actions"].append(actions)
        tracks["pose"].append([pose.yaw, pose.pitch, pose.roll])
        tracks["landmarks"].append(picture.landmarks)
        tracks["mvp"].append(picture.view_projection)
    body = renderer.body(person)
    parameters = {name: np.array(track, np.float32) for name, track in tracks.items()}
    parameters |= {
        "B0": body.rest,
        "scale": body.action_scale,
        "ec": body.eye_centers,
        "er": np.array(body.eye_radius),
        "hb": body.bone_heads,
        "side": np.array(body.view_width * FRAMING.zoom),
        "cen": body.view_center + np.array([0, FRAMING.lift * body.eye_to_mouth, 0]),
        "D": np.array(body.camera_distance),
        "em": np.array(body.eye_to_mouth),
        "meta": np.array(json.dumps(person.to_dict() | {"light": light.to_dict()})),
    }
    renderer.release(person)
    return pictures, parameters


def _render_share(share: tuple[argparse.Namespace, int]) -> None:
    """Every n-th person. One process draws on about one core."""
    options, first = share
    renderer = Renderer(Head.load(Assets(options.assets), options.cache), options.size)
    seeds = range(options.first + first, options.first + options.people, options.processes)
    for seed in tqdm(seeds, position=first, desc=f"process {first}", disable=options.quiet):
        path = options.out / f"{seed:05d}"
        if path.with_suffix(".npz").exists():
            continue
        motion = (clip_motion if options.clips else random_motion)(renderer.head, seed, options.frames)
        pictures, parameters = render_person(renderer, seed, motion)
        np.save(path.with_suffix(".npy"), pictures)
        unfinished = path.with_suffix(".part.npz")
        np.savez(unfinished, **parameters)
        os.replace(unfinished, path.with_suffix(".npz"))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, required=True, help="the CC0 MakeHuman assets, see world/README.md")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("data/world"), help="the reduced head is kept here")
    parser.add_argument("--people", type=int, default=1200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first person")
    parser.add_argument("--frames", type=int, default=36, help="per person")
    parser.add_argument("--size", type=int, default=256, help="pixels")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--clips", action="store_true", help="consecutive frames, for judging coherence")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    Head.load(Assets(options.assets), options.cache)  # makes the cache once, before the processes start
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        pool.map(_render_share, [(options, first) for first in range(options.processes)], chunksize=1)


if __name__ == "__main__":
    main()
