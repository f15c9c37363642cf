"""Does the picture show the geometry that was asked for? MediaPipe's points against the landmarks of the mesh.

The two sets of points lie at different places of a face. On true renders, where mesh and picture agree, each landmark
of the mesh gets the MediaPipe point that follows it best, and its usual offset from there in the frame of the face.
What error is left on other true renders is the least that any picture can have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.judges import EYE_CORNERS, Face

# Runs of the head's 112 landmarks, in their order (examples/training/world/landmarks.py).
_GROUP_SIZES = (
    ("contour", 21), ("brows", 20), ("eyes", 24), ("nose", 9), ("lips", 38),
)  # fmt: skip
GROUPS = np.repeat([name for name, _ in _GROUP_SIZES], [size for _, size in _GROUP_SIZES])
GROUP_NAMES = tuple(name for name, _ in _GROUP_SIZES)
PIXELS = 256  # errors are given in pixels of a picture of this width


@dataclass(frozen=True)
class Shown:
    """One frame: the face that was found in it and the landmarks that were asked for, (112, 2) pixels."""

    face: Face
    landmarks: np.ndarray


@dataclass(frozen=True)
class LandmarkJudge:
    """points: (112,) which of MediaPipe's 468; offsets: (112, 2) from there, in eye distances along the face's axes."""

    points: np.ndarray
    offsets: np.ndarray

    @classmethod
    def calibrate(cls, frames: list[Shown]) -> LandmarkJudge:
        """Learn the correspondence from frames whose landmarks are known."""
        steps = np.stack([_in_face(shown.face, shown.landmarks[:, None] - _points(shown.face)) for shown in frames])
        spread = steps.var(axis=0).sum(axis=-1)
        points = spread.argmin(axis=1)
        return cls(points, steps.mean(axis=0)[np.arange(len(points)), points])

    def errors(self, shown: Shown, width: int) -> np.ndarray:
        """(112,) distances in pixels of a picture `PIXELS` wide; ``width`` is that of this one."""
        expected = _points(shown.face)[self.points] + _from_face(shown.face, self.offsets)
        return np.linalg.norm(shown.landmarks - expected, axis=1) * PIXELS / width

    def summary(self, frames: list[Shown], width: int) -> np.ndarray:
        """(6,) mean errors: all landmarks, then each of `GROUP_NAMES`; nan without frames."""
        if not frames:
            return np.full(1 + len(GROUP_NAMES), np.nan)
        mean = np.mean([self.errors(shown, width) for shown in frames], axis=0)
        return np.array([mean.mean(), *(mean[name == GROUPS].mean() for name in GROUP_NAMES)])


def _points(face: Face) -> np.ndarray:
    return face.points[:, :2]


def _axes(face: Face) -> np.ndarray:
    """(2, 2): unit vectors from eye to eye and downwards, as rows."""
    across = face.points[EYE_CORNERS[1], :2] - face.points[EYE_CORNERS[0], :2]
    across = across / np.linalg.norm(across)
    return np.array([across, [-across[1], across[0]]])


def _in_face(face: Face, steps: np.ndarray) -> np.ndarray:
    return (steps @ _axes(face).T / face.eye_distance).astype(np.float32)


def _from_face(face: Face, steps: np.ndarray) -> np.ndarray:
    return steps @ _axes(face) * face.eye_distance
