"""Fit the points of MediaPipe's face curves to our mesh, and measure on people who took no part how near they are.

    python -m examples.training.fit_curves --people DIR --assets DIR --out imagineid_sdk/imagining/sd15/curves.json

MediaPipe's face mesh (a judge of benchmarks/judges.py, installed for this only) looks at rendered people. Each of its
points starts as the vertex that stays nearest to it over many people, poses and expressions; vertices are added one by
one whose mixture comes nearer (orthogonal matching pursuit, each time with a robust ridge regression of all shares).
The shares also follow where the head looks.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from benchmarks.judges import FaceMesh
from examples.training.people_dataset import Person, people
from examples.training.reduce_head import Reduction, codes_of
from examples.training.world.assets import Assets
from examples.training.world.head import Head
from imagineid_sdk.face.mesh.geometry_maps import LIPS, SKIN
from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.imagining.sd15.curves import CURVES, DATA, POINTS, CurvePoints, Facing, Mixture, vertex_places

NAMES = ("oval", "left eye", "left brow", "right eye", "right brow", "lips")
GROUPS = {name: sorted({p for chain in chains for p in chain}) for name, (_, chains) in zip(NAMES, CURVES, strict=True)}
FAR = 0.04
"""Widths of the picture from which a point counts as lost: one bad detection must not move the choice."""
CLOSE = 1 / 512
"""Width of the picture below which a miss counts as none."""
MIXED = 12
"""Vertices of a mixture."""
RIDGE = 5e-6
"""What a share costs, in squared widths of the picture for each frame."""
SHIFT, SCALE = 3.0, 1.05
"""How a picture is moved to see how far the judge disagrees with itself, in its pixels and as a factor."""
REPORT_SIZE = 512


@dataclass(frozen=True)
class Seen:
    """Rendered frames: ``points`` of the judge ``(frames, POINTS, 2)``, those that it saw ``mirrored`` and ``moved``,
    mapped back (not a number where it saw none), the ``vertices`` ``(frames, vertices, 2)``, all in [0, 1] of the
    picture, and the ``terms`` of the shares (see `Facing`)."""

    points: np.ndarray
    mirrored: np.ndarray
    moved: np.ndarray
    vertices: np.ndarray
    terms: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Seen]) -> Seen:
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))


class Judge:
    """MediaPipe, as the points of its curves."""

    def __init__(self) -> None:
        self._mesh = FaceMesh()
        self._twins = [POINTS.index(twin) for twin in (mirror_twins()[point] for point in POINTS)]

    def points(self, picture: np.ndarray) -> np.ndarray:
        """``(POINTS, 2)`` in [0, 1] of the picture, not a number where there is no face."""
        face = self._mesh.find(np.ascontiguousarray(picture))
        if face is None:
            return np.full((len(POINTS), 2), np.nan)
        return face.points[list(POINTS), :2].astype(np.float64) / len(picture)

    def points_mirrored(self, picture: np.ndarray) -> np.ndarray:
        """The same, seen in the mirror."""
        return self.points(picture[:, ::-1])[self._twins] * [-1, 1] + [1, 0]

    def points_moved(self, picture: np.ndarray) -> np.ndarray:
        """The same, seen in a picture that is shifted and scaled about its middle."""
        size = len(picture)
        offset = SHIFT / size + (1 - SCALE) / 2
        to_moved = np.array([[SCALE, 0, offset], [0, SCALE, offset]]) * [1, 1, size]
        to_moved[:, 2] += (SCALE - 1) / 2  # cv2 counts from the middle of the first pixel
        moved = cv2.warpAffine(picture, to_moved, (size, size), borderMode=cv2.BORDER_REPLICATE)
        return (self.points(moved) - offset) / SCALE


def mirror_twins() -> dict[int, int]:
    """Point -> the point that takes its place in a mirror. The chains of both sides run alike, the others across."""
    oval, left_eye, left_brow, right_eye, right_brow, lips = (chains for _, chains in CURVES)
    pairs = [*zip(left_eye + left_brow, right_eye + right_brow, strict=True), *((c, c[::-1]) for c in oval + lips)]
    one_way = {a: b for chain, twin in pairs for a, b in zip(chain, twin, strict=True)}
    return one_way | {b: a for a, b in one_way.items()}


def look(person: Person, code: np.ndarray, head: ParametricHead, judge: Judge, frames: int) -> Seen:
    """Those frames of a person, evenly chosen, in which the judge finds a face."""
    stored = person.parameters
    chosen = np.unique(np.linspace(0, len(person.pictures) - 1, frames).round().astype(int))
    actions, pose = (torch.from_numpy(stored[name][chosen]) for name in ("actions", "pose"))
    posed = head(torch.from_numpy(code), actions, pose)
    pictures = [opaque(picture) for picture in person.pictures[chosen]]
    points, mirrored, moved = (
        np.stack([see(picture) for picture in pictures])
        for see in (judge.points, judge.points_mirrored, judge.points_moved)
    )
    found = ~np.isnan(points).any(axis=(1, 2))
    screen = posed.screen[..., :2].double().numpy()
    return Seen(*(part[found] for part in (points, mirrored, moved, screen, Facing.of(head).terms(posed))))


def opaque(picture: np.ndarray) -> np.ndarray:
    """A stored picture on grey."""
    colour, alpha = picture[..., :3].astype(np.float32), picture[..., 3:4].astype(np.float32) / 255
    return np.clip(colour + (1 - alpha) * 128, 0, 255).astype(np.uint8)


# --- the fit ----------------------------------------------------------------------------------------------------------


def nearest_vertices(seen: Seen, candidates: np.ndarray) -> np.ndarray:
    """For each point the candidate that is nearest on average, far misses counted as ``FAR``."""
    there, best = seen.vertices[:, candidates], []
    for row in range(len(POINTS)):
        apart = np.linalg.norm(there - seen.points[:, row, None], axis=2)
        best.append(candidates[np.minimum(apart, FAR).mean(axis=0).argmin()])
    return np.array(best)


def fit_mixture(wanted: np.ndarray, vertices: np.ndarray, terms: np.ndarray, nearest: int) -> Mixture:
    """The mixture that stays nearest to a point.

    Args:
        wanted: the point, ``(frames, 2)``.
        vertices: what may be mixed, ``(frames, vertices, 2)``.
        terms: that the shares have, ``(frames, terms)``.
        nearest: the vertex that the mixture starts from.
    """
    away = (vertices - vertices[:, nearest, None]).transpose(0, 2, 1)  # (frames, 2, vertices)
    flat, squares = away.reshape(-1, away.shape[2]), (away**2).reshape(-1, away.shape[2])
    left = goal = wanted - vertices[:, nearest]
    chosen: list[int] = []
    shares = np.zeros((0, terms.shape[1]))
    for _ in range(MIXED - 1):
        trust = trusted(left)
        explained = (flat.T @ (left.ravel() * trust)) ** 2 / (squares.T @ trust + RIDGE * len(left))
        explained[[nearest, *chosen]] = -1
        chosen.append(int(explained.argmax()))
        columns = np.einsum("ft,fxc->fxct", terms, away[:, :, chosen]).reshape(2 * len(goal), -1)
        shares, left = robust_ridge(columns, goal)
    steps = shares.reshape(len(chosen), -1).tolist()
    return Mixture(nearest, {str(vertex): step for vertex, step in zip(chosen, steps, strict=True)})


def robust_ridge(columns: np.ndarray, goal: np.ndarray, rounds: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the columns ``(frames * 2, columns)`` whose sum comes nearest to ``goal`` ``(frames, 2)`` in distance,
    not in squares, and what is left of the goal."""
    left, shares = np.ones_like(goal), np.zeros(columns.shape[1])
    penalty = RIDGE * len(goal) * np.eye(columns.shape[1])
    for _ in range(rounds):
        weighted = columns * trusted(left)[:, None]
        shares = np.linalg.solve(weighted.T @ columns + penalty, weighted.T @ goal.ravel())
        left = goal - (columns @ shares).reshape(goal.shape)
    return shares, left


def trusted(left: np.ndarray) -> np.ndarray:
    """Weights ``(frames * 2,)`` that make squares of misses ``(frames, 2)`` count like distances; 1 on average."""
    weights = 1 / np.maximum(np.linalg.norm(left, axis=1), CLOSE)
    return np.repeat(weights / weights.mean(), 2)


def fit_points(seen: Seen, candidates: np.ndarray) -> tuple[np.ndarray, list[Mixture]]:
    """Vertices that are mixed, and a mixture of them for each point."""
    nearest = nearest_vertices(seen, candidates)
    pool = np.unique(nearest)
    mixtures = []
    for row in tqdm(range(len(POINTS))):
        start = int(np.searchsorted(pool, nearest[row]))
        mixtures.append(fit_mixture(seen.points[:, row], seen.vertices[:, pool], seen.terms, start))
    return pool, mixtures


def write(path: Path, head: ParametricHead, vertices: np.ndarray, mixtures: Sequence[Mixture]) -> None:
    """The file that `CurvePoints.of` reads."""
    places = [json.dumps(place) for place in vertex_places(head).double().numpy().round(4)[vertices].tolist()]
    rows = []
    for point, mixture in zip(POINTS, mixtures, strict=True):
        towards = {vertex: [round(step, 4) for step in steps] for vertex, steps in mixture.towards.items()}
        rows.append(f'"{point}": {json.dumps({"nearest": mixture.nearest, "towards": towards})}')
    text = '{"vertices": [\n  ' + ",\n  ".join(places) + '\n], "points": {\n  ' + ",\n  ".join(rows) + "\n}}\n"
    path.write_text(text, encoding="utf-8")


# --- the measure ------------------------------------------------------------------------------------------------------


def placed(points: CurvePoints, seen: Seen) -> np.ndarray:
    """Where the mixtures put the points, ``(frames, POINTS, 2)``."""
    return np.einsum("ft,tpv,fvx->fpx", seen.terms, points.shares, seen.vertices[:, points.vertices], optimize=True)


def report(name: str, points: np.ndarray, others: np.ndarray) -> str:
    """A row of the table: distances of two ``(frames, POINTS, 2)`` in pixels: median and 90 % of all, medians of the
    groups."""
    apart = np.linalg.norm(points - others, axis=2) * REPORT_SIZE
    medians = [np.nanmedian(apart[:, [POINTS.index(p) for p in group]]) for group in GROUPS.values()]
    values = [np.nanmedian(apart), np.nanpercentile(apart, 90), *medians]
    return f"{name:28}" + "".join(f"{value:12.2f}" for value in values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--assets", type=Path, required=True, help="the CC0 MakeHuman assets, see world/README.md")
    parser.add_argument("--cache", type=Path, default=Path("data/world"))
    parser.add_argument("--head", type=Path, default=Path("imagineid_sdk/weights/tiny/head"))
    parser.add_argument("--out", type=Path, help="curves.json to write; without it the present one is measured")
    parser.add_argument("--number", type=int, default=200, help="people that the fit sees")
    parser.add_argument("--held-out", type=int, default=60, help="other people, who measure it")
    parser.add_argument("--frames", type=int, default=6, help="of each")
    options = parser.parse_args()

    head, judge = ParametricHead.from_pretrained(options.head), Judge()
    reduction = Reduction(Head.load(Assets(options.assets), options.cache))

    def watch(persons: list[Person]) -> Seen:
        codes = codes_of(head, np.stack([reduction.measure(person) for person in persons])).astype(np.float32)
        pairs = tqdm(list(zip(persons, codes, strict=True)))
        return Seen.joined([look(person, code, head, judge, options.frames) for person, code in pairs])

    measured = watch(people(options.people, held_out=True)[: options.held_out])
    rows = []
    if options.out is not None:
        seen = watch(people(options.people)[: options.number])
        outer = np.isin(head.triangle_parts.numpy(), (SKIN, LIPS))
        vertices, mixtures = fit_points(seen, np.unique(head.triangles.numpy()[outer]))
        write(options.out, head, vertices, mixtures)
        alone = vertices[[mixture.nearest for mixture in mixtures]]
        rows.append(report("one vertex each", measured.vertices[:, alone], measured.points))
        rows.append(report("mixtures, the fit's people", placed(CurvePoints.of(head, options.out), seen), seen.points))
    points = placed(CurvePoints.of(head, options.out or DATA), measured)
    rows.append(report("mixtures", points, measured.points))
    rows.append(report("the judge, mirrored", measured.mirrored, measured.points))
    rows.append(report("the judge, moved", measured.moved, measured.points))
    several = np.nanmean([measured.points, measured.mirrored, measured.moved], axis=0)
    rows.append(report("mixtures, to its mean", points, several))
    print(f"{len(measured.points)} frames of people that the fit did not see; pixels at {REPORT_SIZE}:")
    print(" " * 28 + "".join(f"{name:>12}" for name in ("all", "90 % under", *NAMES)))
    print("\n".join(rows))


if __name__ == "__main__":
    main()
