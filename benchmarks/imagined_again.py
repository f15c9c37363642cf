"""Rendered people kept out of training, imagined again: like beside like.

Videos of real speech show other people, in other emotions and with other mouths than the renders do. Here the pipeline
is told what the training world knows of a person (words, colours, the shape of the head) and of each frame (actions and
head pose), and what it makes of them is laid beside the render of the same person in the same moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.judges import face_region, finest_octave, sharpness
from benchmarks.measures import Judges, detail
from benchmarks.renders import BACKGROUND, SIZE, open_render, over_grey
from benchmarks.sheets import save_sheet
from benchmarks.tables import Row, mean_and, measure_row, write
from examples.training.describe_people import describe
from examples.training.people_dataset import Person
from examples.training.world.coverage import CLASSES
from imagineid_sdk.face.animation.motion import FaceMotion
from imagineid_sdk.face.persona.identity import Identity

FRAMES = slice(1, None, 3)
"""Every third frame but the resting one."""
SHOWN = 6
PLAIN: dict[str, Any] = {"background": (BACKGROUND,) * 3, "watermark": False}
"""As renders are shown. The mark would count as detail."""
HAIR, LITTLE_HAIR = CLASSES.index("hair"), 0.02
"""Its number among a render's classes; share of the picture under which nobody's hair is judged."""


def imagined_again_rows(
    pipe: Any, judges: Judges, renders: list[Path], codes: Path, seed: int, sheets: Path | None
) -> list[Row]:
    """Sharpness, landmarks and identity of what the pipeline makes of people, against their renders."""
    kept, moved, vectors, lines = [], [], [], []
    for path, identity in _known_people(renders, codes, seed):
        rendered, about = open_render(path)
        rendered = rendered[FRAMES]
        made = _imagine(pipe, identity, about["actions"][FRAMES], about["pose"][FRAMES])
        faces = [[judges.mesh.find(frame) for frame in frames] for frames in (rendered, made)]
        kept.append(detail(list(made), faces[1]) / detail(list(rendered), faces[0]))
        pairs = [(a, b, k) for k, (a, b) in enumerate(zip(*faces, strict=True)) if a is not None and b is not None]
        moved += [float(np.linalg.norm((a.points - b.points)[:, :2], axis=1).mean()) for a, b, _ in pairs]
        true, ours, k = pairs[0]
        vectors.append((judges.embedder.embed(rendered[k], true), judges.embedder.embed(made[k], ours)))
        lines.append(list(rendered[:SHOWN]) + list(made[:SHOWN]))
    if sheets:
        save_sheet(sheets / "imagined_again.png", lines[:SHOWN], [""] * SHOWN)
    own = [np.linalg.norm(made - true) for true, made in vectors]
    others = [np.linalg.norm(made - true) for (_, made), (true, _) in zip(vectors, vectors[1:], strict=False)]
    return [
        measure_row("people without glasses / frames", f"{len(kept)} / {len(moved)}", ""),
        measure_row("sharpness kept, face / eyes / mouth", write(np.median(kept, axis=0), "{:.0%}"), "Laplacian"),
        measure_row("landmarks apart (px), mean / largest", mean_and(moved, max), "MediaPipe"),
        measure_row("distance to the render / to another's", f"{np.mean(own):.2f} / {np.mean(others):.2f}", "dlib"),
    ]


def portrait_rows(
    pipe: Any, judges: Judges, renders: list[Path], codes: Path, seed: int, sheets: Path | None
) -> list[Row]:
    """Fine detail of portraits at 512x512, against the renders of the same people at rest."""
    kept, hair, octaves, lines = [], [], [], []
    for path, identity in _known_people(renders, codes, seed):
        stored = np.array(Person(path).portrait)
        rendered, made = over_grey(stored), pipe.renderer(identity, **PLAIN).portrait()
        faces = [judges.mesh.find(picture) for picture in (rendered, made)]
        if faces[0] is None or faces[1] is None:
            continue
        kept.append(detail([made], [faces[1]]) / detail([rendered], [faces[0]]))
        octaves.append(
            [
                finest_octave(picture, face_region(face, picture.shape[:2]))
                for picture, face in ((made, faces[1]), (rendered, faces[0]))
            ]
        )
        strands = cv2.erode((stored[..., 4] == HAIR).astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)
        if strands.mean() > LITTLE_HAIR:
            hair.append(sharpness(made, strands) / sharpness(rendered, strands))
        lines.append([rendered, made])
    if sheets:
        save_sheet(sheets / "portraits_again.png", lines, [""] * len(lines))
    ours, theirs = np.median(octaves, axis=0)
    sharp = [*np.median(kept, axis=0), np.median(hair)]
    return [
        measure_row("people without glasses / with hair", f"{len(kept)} / {len(hair)}", ""),
        measure_row("sharpness kept, face / eyes / mouth / hair", write(np.array(sharp), "{:.0%}"), "Laplacian"),
        measure_row("finest octave of the face, grey levels / the render's", f"{ours:.2f} / {theirs:.2f}", "halved"),
    ]


def _known_people(renders: list[Path], codes: Path, seed: int) -> Iterator[tuple[Path, Identity]]:
    """Renders, and what the pipeline is told of who is in them. Without glasses: rims are the sharpest thing in a face,
    and nobody in the videos wears them."""
    with np.load(codes) as stored:
        known = {name: stored[name] for name in stored.files}
    for path in renders:
        if path.stem not in known:
            continue
        identity = replace(describe(Person(path)), code=known[path.stem].astype(np.float32), seed=seed)
        if identity.glasses == "none":
            yield path, identity


def _imagine(pipe: Any, identity: Identity, actions: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Frames (T, 256, 256, 3) of one person in the given moments."""
    motion = FaceMotion(25.0, actions.astype(np.float32), pose.astype(np.float32))
    return np.concatenate(list(pipe.renderer(identity, **PLAIN, size=SIZE).frames(motion)))
