"""Rendered people kept out of training, imagined again: like beside like.

Videos of real speech show other people, in other moods and with other mouths than the renders do. Here the pipeline is
told what the training world knows of a person (words, colours, the shape of the head) and of each frame (actions and
head pose), and what it makes of them is laid beside the render of the same person in the same moment.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measures import Judges, detail
from benchmarks.renders import BACKGROUND, SIZE, open_render
from benchmarks.sheets import save_sheet
from benchmarks.tables import Row, mean_and, measure_row, write

FRAMES = slice(1, None, 3)
"""Every third frame but the resting one."""
SHOWN = 6


def imagined_again_rows(
    pipe: Any, judges: Judges, renders: list[Path], codes: Path, seed: int, sheets: Path | None
) -> list[Row]:
    """Sharpness, landmarks and identity of what the pipeline makes of people, against their renders."""
    from examples.training.describe_people import describe
    from examples.training.people_dataset import Person

    with np.load(codes) as stored:
        known = {name: stored[name] for name in stored.files}
    kept, moved, vectors, lines = [], [], [], []
    for path in renders:
        identity = replace(describe(Person(path)), code=known[path.stem].astype(np.float32), seed=seed)
        if identity.glasses != "none":
            continue  # rims are the sharpest thing in a face, and nobody in the videos wears them
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


def _imagine(pipe: Any, identity: Any, actions: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Frames (T, 256, 256, 3) of one person in the given moments."""
    from imagineid_sdk.face.animation.motion import FaceMotion

    performance = pipe.renderer(identity, background=(BACKGROUND, BACKGROUND, BACKGROUND), size=SIZE)
    motion = FaceMotion(25.0, actions.astype(np.float32), pose.astype(np.float32))
    return np.concatenate(list(performance.frames(motion)))
