"""Choose the vertices of our mesh that are the points of MediaPipe's face curves, and measure how well they fit.

    python -m examples.training.fit_curves --people DIR --assets DIR --out imagineid_sdk/imagining/full/curves.json

MediaPipe's face mesh (a judge of benchmarks/judges.py, installed for this only) looks at rendered people. Each of its
points is given the vertex that stays nearest to it over many people, poses and expressions; people that took no part in
the choice say how far they are apart. What the fit may choose from is the outer skin, lips included.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.judges import FaceMesh
from examples.training.people_dataset import Person, people
from examples.training.reduce_head import Reduction, codes_of
from examples.training.world.assets import Assets
from examples.training.world.head import Head
from imagineid_sdk.face.geometry import LIPS, SKIN
from imagineid_sdk.face.head import ParametricHead
from imagineid_sdk.imagining.full.curves import CURVES, POINTS, curve_vertices, vertex_places

NAMES = ("oval", "left eye", "left brow", "right eye", "right brow", "lips")
FAR = 0.04
"""Widths of the picture from which a point counts as lost: one bad detection must not move the choice."""
REPORT_SIZE = 512


@dataclass(frozen=True)
class Seen:
    """One rendered frame: ``points`` of the judge ``(POINTS, 2)`` and ``vertices`` ``(vertices, 2)``, both in [0, 1]
    of the picture."""

    points: np.ndarray
    vertices: np.ndarray


def look(person: Person, code: np.ndarray, head: ParametricHead, judge: FaceMesh, frames: int) -> list[Seen]:
    """Those of the first ``frames`` frames of a person in which the judge finds a face."""
    stored = person.parameters
    actions, pose = (torch.from_numpy(stored[name][:frames]) for name in ("actions", "pose"))
    screens = head(torch.from_numpy(code), actions, pose).screen[..., :2].numpy()
    seen = []
    for picture, screen in zip(person.pictures[:frames], screens, strict=True):
        colour, matte = picture[..., :3].astype(np.float32), picture[..., 3:4].astype(np.float32) / 255
        face = judge.find(np.clip(colour + (1 - matte) * 128, 0, 255).astype(np.uint8))
        if face is not None:
            seen.append(Seen(face.points[list(POINTS), :2] / len(picture), screen))
    return seen


def choose(frames: list[Seen], candidates: np.ndarray) -> dict[int, int]:
    """Point -> the candidate that is nearest on average, far misses counted as ``FAR``."""
    cost = np.zeros((len(POINTS), len(candidates)))
    for frame in frames:
        there = frame.vertices[candidates]
        for row, point in enumerate(frame.points):
            cost[row] += np.minimum(np.linalg.norm(there - point, axis=1), FAR)
    return {point: int(candidates[best]) for point, best in zip(POINTS, cost.argmin(1), strict=True)}


def distances(frames: list[Seen], vertices: dict[int, int]) -> np.ndarray:
    """Pixels at 512 between points and their vertices, ``(frames, POINTS)``."""
    chosen = [vertices[point] for point in POINTS]
    return np.stack([np.linalg.norm(f.vertices[chosen] - f.points, axis=1) for f in frames]) * REPORT_SIZE


def report(frames: list[Seen], vertices: dict[int, int]) -> dict[str, float]:
    """Median distance of all points and of each group, in pixels at 512."""
    apart, medians = distances(frames, vertices), {}
    for name, (_, chains) in zip(NAMES, CURVES, strict=True):
        rows = [POINTS.index(point) for point in sorted({point for chain in chains for point in chain})]
        medians[name] = float(np.median(apart[:, rows]))
    return {"all": float(np.median(apart)), "90 % under": float(np.percentile(apart, 90))} | medians


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--assets", type=Path, required=True, help="the CC0 MakeHuman assets, see world/README.md")
    parser.add_argument("--cache", type=Path, default=Path("data/world"))
    parser.add_argument("--head", type=Path, default=Path("imagineid_sdk/weights/tiny/head"))
    parser.add_argument("--out", type=Path, help="curves.json to write; without it the present one is measured")
    parser.add_argument("--number", type=int, default=60, help="people; every third only measures")
    parser.add_argument("--frames", type=int, default=8, help="of each")
    options = parser.parse_args()

    head = ParametricHead.from_pretrained(options.head)
    reduction = Reduction(Head.load(Assets(options.assets), options.cache))
    persons = people(options.people)[: options.number]
    codes = codes_of(head, np.stack([reduction.measure(person) for person in persons])).astype(np.float32)
    judge, seen = FaceMesh(), []
    for person, code in zip(tqdm(persons), codes, strict=True):
        seen.append(look(person, code, head, judge, options.frames))
    fitted = [frame for i, frames in enumerate(seen) if i % 3 for frame in frames]
    measured = [frame for i, frames in enumerate(seen) if not i % 3 for frame in frames]
    if options.out is None:
        vertices = curve_vertices(head)
    else:
        outer = reduction.triangles[np.isin(reduction.parts, (SKIN, LIPS))]
        vertices = choose(fitted, np.unique(outer))
        places = vertex_places(head).double().numpy().round(4)
        rows = [f'  "{point}": {places[vertex].tolist()}' for point, vertex in vertices.items()]
        options.out.write_text('{"points": {\n' + ",\n".join(rows) + "\n}}\n", encoding="utf-8")
    print(f"{len(fitted)} frames chose, {len(measured)} frames of other people measure; pixels at {REPORT_SIZE}:")
    for name, value in report(measured, vertices).items():
        print(f"{name:12} {value:.2f}")


if __name__ == "__main__":
    main()
