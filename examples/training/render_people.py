"""Render the picture dataset: one person per group of files, seeded, resumable.

    python -m examples.training.render_people --assets makehuman --hdri hdri --out data/people --people 2000

Runs in an environment of its own (see world/README.md). Writes per person
    00042.npy          uint8 (frames, 256, 256, 5): RGB premultiplied by alpha, alpha, class (coverage.CLASSES)
    00042.classes.npz  shares: uint8 (frames, 256, 256, classes), the exact soft share of each class, 255 is all
    00042.portrait.npy uint8 (512, 512, 5): frame 0 again, as large as a portrait
    00042.mouth.npy    uint8 (crops, 128, 128, 5): mouths at the scale of 512, of the frames `mouth_frames`
    00042.eyes.npy     uint8 (crops, 96, 224, 5): both eyes likewise, of the frames `eyes_frames`
    00042.npz          actions (frames, 52), pose (frames, 3: yaw pitch roll in degrees), landmarks (frames, 112, 2:
                       pixels of 256), mvp (frames, 4, 4: view-projection), mouth_box, eyes_box (crops, 2: left and top
                       in pixels of 512), and of the person, in metres: B0 (vertices, 3: resting head on the reduced
                       mesh), scale (52,: action scale), ec (2, 3), er: eyeball centres and radius, hb (4, 3: pivots
                       of neck and head), side, cen, D: width and centre of the view, camera distance, em: eye-mouth
                       distance; meta: the person and the light as json
Frame 0 is the resting face, looking ahead; the others are unrelated, or with --clips consecutive. The .npz is written
last: a person without one is rendered again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from .world.assets import Assets
from .world.camera import Framing, HeadPose, project
from .world.clips import random_clip
from .world.coverage import visible_class
from .world.cycles.actor import Actor
from .world.cycles.light import switch_on
from .world.cycles.scene import Scene
from .world.cycles.skin import SkinMaps, skin_maps
from .world.expressions import bare_teeth, random_frame
from .world.film import develop, exposure_for
from .world.head import Head
from .world.light import KEPT_CAST, Light, random_light
from .world.people import Person, random_person

FRAMING = Framing(zoom=0.95, lift=0.18, follow=0.0)  # all of the hair; still, so that the background can be
FRAME, PORTRAIT = 256, 512  # pixels
FRAME_SAMPLES, PORTRAIT_SAMPLES, CROP_SAMPLES, CLIP_SAMPLES = 4, 6, 4, 8
MOUTH_CROP, EYES_CROP = (128, 128), (224, 96)  # pixels of the portrait's scale
MOUTHS, EYES = 3, 2  # frames of a person whose mouth and eyes are rendered as crops
EXPRESSION_SEED = 10_000_000  # expressions must not share random numbers with the person
Motion = list[tuple[np.ndarray, HeadPose]]


@dataclass(frozen=True)
class World:
    """What all people share."""

    head: Head
    maps: SkinMaps
    hdri: Path

    @staticmethod
    def load(assets: Path, hdri: Path, cache: Path) -> World:
        head = Head.load(Assets(assets), cache)
        return World(head, skin_maps(head), hdri)


class Studio:
    """One person before the camera, at one size of the picture. Only one studio lives at a time."""

    def __init__(self, world: World, person: Person, light: Light, size: int, samples: int, threads: int = 1):
        self.scene = Scene(size, samples, threads)
        self.scene.set_seed(person.seed)
        self.actor = Actor(self.scene, world.head, world.maps, person)
        face = self.actor.posed.eye_centers.mean(0) + np.array([0, -0.03, -0.05])
        switch_on(self.scene, light, face, world.hdri)
        self.light = light
        self.exposure: np.ndarray | None = None

    def shoot(self, actions: np.ndarray, pose: HeadPose) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Picture uint8 (size, size, 4), shares (size, size, classes) and view-projection. The first sets exposure."""
        self.actor.pose(actions, pose)
        view_projection = self.actor.aim(FRAMING)
        shares = self.actor.coverage(view_projection, FRAMING)
        shot = self.scene.render()
        if self.exposure is None:
            person = self.actor.person
            self.exposure = exposure_for(shot, shares, person.tone, person.melanin, KEPT_CAST[self.light.kind])
        return develop(shot, shares, self.exposure), shares, view_projection

    def shoot_crop(self, actions: np.ndarray, pose: HeadPose, part: str) -> tuple[np.ndarray, np.ndarray]:
        """(height, width, 5) of the mouth or the eyes, and where its left upper corner is. After ``shoot``."""
        assert self.exposure is not None
        posed = self.actor.pose(actions, pose)
        view_projection = self.actor.aim(FRAMING)
        center = self.actor.body.mouth_center(posed) if part == "mouth" else posed.eye_centers.mean(0)
        width, height = MOUTH_CROP if part == "mouth" else EYES_CROP
        corner = project(center[None], view_projection, self.scene.size)[0] - [width / 2, height / 2]
        left, top = (int(round(float(c))) for c in corner)
        box = left, top, left + width, top + height
        shares = self.actor.coverage(view_projection, FRAMING, box)
        shot = self.scene.render(box)
        picture = develop(shot, shares, self.exposure)
        return np.dstack([picture, visible_class(shares)]), np.array([left, top])


def random_motion(head: Head, seed: int, frames: int) -> Motion:
    """A resting frame, then unrelated ones."""
    rng = np.random.default_rng(EXPRESSION_SEED + seed)
    moving = [random_frame(head, rng) for _ in range(frames - 1)]
    return [resting_frame(head), *((bare_teeth(head, actions), pose) for actions, pose in moving)]


def clip_motion(head: Head, seed: int, frames: int) -> Motion:
    """A resting frame, then consecutive ones, clips.FPS a second."""
    actions, poses = random_clip(head, np.random.default_rng(EXPRESSION_SEED + seed), frames - 1)
    moving = zip((bare_teeth(head, frame) for frame in actions), poses, strict=True)
    return [resting_frame(head), *moving]


def resting_frame(head: Head) -> tuple[np.ndarray, HeadPose]:
    return np.zeros(len(head.actions), np.float32), HeadPose()


def render_person(world: World, seed: int, motion: Motion, clips: bool = False) -> dict[str, dict | np.ndarray]:
    """File ending -> what it holds."""
    person, light = random_person(world.head, seed), random_light(seed)
    studio = Studio(world, person, light, PORTRAIT, PORTRAIT_SAMPLES)
    picture, shares, _ = studio.shoot(*motion[0])
    portrait = np.dstack([picture, visible_class(shares)])
    crops: dict[str, list[np.ndarray]] = {"mouth": [], "eyes": []}
    boxes: dict[str, list[np.ndarray]] = {"mouth": [], "eyes": []}
    chosen = {"mouth": range(1, 1 + MOUTHS), "eyes": range(1 + MOUTHS - EYES, 1 + MOUTHS)}
    if not clips:
        studio.scene.set_samples(CROP_SAMPLES)
        for part, frames in chosen.items():
            for frame in frames:
                crop, corner = studio.shoot_crop(*motion[frame], part)
                crops[part].append(crop)
                boxes[part].append(corner)
    studio.scene.size = FRAME
    studio.scene.set_samples(CLIP_SAMPLES if clips else FRAME_SAMPLES)
    pictures, classes = [], []
    tracks: dict[str, list] = {"actions": [], "pose": [], "landmarks": [], "mvp": []}
    for frame, (actions, pose) in enumerate(motion):
        if frame == 0:  # the portrait, made smaller
            studio.actor.pose(actions, pose)
            small = _halved(picture), _halved(shares), studio.actor.aim(FRAMING)
        else:
            small = studio.shoot(actions, pose)
        pictures.append(np.dstack([small[0], visible_class(small[1])]))
        classes.append((small[1] * 255 + 0.5).astype(np.uint8))
        tracks["actions"].append(actions)
        tracks["pose"].append([pose.yaw, pose.pitch, pose.roll])
        tracks["landmarks"].append(project(studio.actor.posed.vertices[world.head.landmarks], small[2], FRAME))
        tracks["mvp"].append(small[2])
    body = studio.actor.body
    parameters = {name: np.array(track, np.float32) for name, track in tracks.items()}
    parameters |= {
        "B0": body.rest, "scale": body.action_scale, "ec": body.eye_centers, "er": np.array(body.eye_radius),
        "hb": body.bone_heads, "side": np.array(body.view_width * FRAMING.zoom),
        "cen": body.view_center + np.array([0, FRAMING.lift * body.eye_to_mouth, 0]),
        "D": np.array(body.camera_distance), "em": np.array(body.eye_to_mouth),
        "meta": np.array(json.dumps(person.to_dict() | {"light": light.to_dict()})),
    }  # fmt: skip
    files: dict[str, dict | np.ndarray] = {
        ".npy": np.stack(pictures), ".portrait.npy": portrait, ".classes.npz": {"shares": np.stack(classes)},
    }  # fmt: skip
    for part in crops if not clips else ():
        files[f".{part}.npy"] = np.stack(crops[part])
        parameters |= {f"{part}_box": np.stack(boxes[part]), f"{part}_frames": np.array(chosen[part])}
    return files | {".npz": parameters}


def _halved(picture: np.ndarray) -> np.ndarray:
    half = cv2.resize(picture.astype(np.float32), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return half if picture.dtype != np.uint8 else (half + 0.5).astype(np.uint8)


def _save(folder: Path, seed: int, files: dict[str, dict | np.ndarray]) -> None:
    """Each file whole or not at all, the .npz last."""
    for ending, content in files.items():
        unfinished = folder / f".{seed:05d}{ending}"
        if isinstance(content, dict):
            (np.savez_compressed if "classes" in ending else np.savez)(unfinished, **content)
        else:
            np.save(unfinished, content)
        os.replace(unfinished, folder / f"{seed:05d}{ending}")


def _render_share(options: argparse.Namespace, first: int) -> None:
    """Every n-th person."""
    world = World.load(options.assets, options.hdri, options.cache)
    start, step = options.first + first * options.every, options.processes * options.every
    seeds = range(start, options.first + options.people, step)
    for seed in tqdm(seeds, position=first, desc=f"process {first}", disable=options.quiet):
        if (options.out / f"{seed:05d}.npz").exists():
            continue
        motion = (clip_motion if options.clips else random_motion)(world.head, seed, options.frames)
        _save(options.out, seed, render_person(world, seed, motion, options.clips))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, required=True, help="the CC0 MakeHuman assets, see world/README.md")
    parser.add_argument("--hdri", type=Path, required=True, help="the CC0 HDRIs, see world/README.md")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("data/world"), help="the reduced head is kept here")
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first person")
    parser.add_argument("--every", type=int, default=1, help="every n-th of them; kept out: --first 19 --every 20")
    parser.add_argument("--frames", type=int, default=6, help="per person")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--clips", action="store_true", help="consecutive frames, for judging coherence")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.add_argument("--share", type=int, help=argparse.SUPPRESS)  # of a worker: which n-th people are its own
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.share is not None:
        _render_share(options, options.share)
        return
    Head.load(Assets(options.assets), options.cache)  # makes the cache once, before the processes start
    again = [sys.executable, "-m", "examples.training.render_people", *(arguments or sys.argv[1:])]
    workers = [subprocess.Popen([*again, "--share", str(share)]) for share in range(options.processes)]
    try:
        failed = [worker.wait() for worker in workers]
    finally:
        for worker in workers:
            worker.terminate()
    if any(failed):
        sys.exit(f"{sum(map(bool, failed))} of {options.processes} processes failed. Run the same command again.")


if __name__ == "__main__":
    main()
