"""Wrinkles of expression: a field of creases 0..1 over the face, and how deep an action, and the years, make them.

Lines across a raised forehead, upright ones between lowered brows, folds from the wings of the nose to the corners of a
smiling mouth, crow's feet beside squeezed eyes.
"""

from __future__ import annotations

import numpy as np

from .head import Head
from .people import Person

SMOOTH_UNTIL, WORN_FROM = 0.62, 0.95
"""anny's age between which wrinkles grow from a young adult's to an old person's."""
CHILD, YOUNG, OLD = 0.10, 0.55, 1.0
"""Depth at a child's age, a young adult's and an old person's."""
ALWAYS = 0.30
"""Of an old person's folds beside the mouth and crow's feet: how much of them is there at rest."""


def face_places(position: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """(..., 2) of points on the average head, metres -> distances between the eyes: x to the picture's right, y up,
    from the point between the eyes."""
    return ((position - eyes.mean(0)) / np.linalg.norm(eyes[0] - eyes[1]))[..., :2]


def creases(places: np.ndarray, head: Head, person: Person, actions: np.ndarray) -> np.ndarray:
    """(...,) 0..1 at places on the face (..., 2). actions: (52,) 0..1."""

    def value(name: str) -> float:
        return float(actions[head.action_index[name]])

    def pair(name: str) -> np.ndarray:
        """Image left, image right: the subject's right, left."""
        return np.array([value(name + "Right"), value(name + "Left")])

    x, y = places[..., 0], places[..., 1]
    age = person.phenotype["age"]
    grown = float(np.interp(age, (SMOOTH_UNTIL, WORN_FROM), (YOUNG, OLD)))
    depth = CHILD * person.child + grown * (1 - person.child)
    worn = ALWAYS * float(np.clip((age - 0.78) / 0.2, 0, 1))
    raised = np.clip([value("browInnerUp"), *pair("browOuterUp")], 0, 1)
    frown = float(np.clip(pair("browDown").mean() + 0.4 * pair("noseSneer").mean(), 0, 1))
    fold = 0.9 * pair("mouthSmile") + 0.6 * pair("cheekSquint") + 0.7 * pair("noseSneer") + 0.5 * pair("mouthUpperUp")
    squeeze = 0.8 * pair("cheekSquint") + 0.5 * pair("eyeSquint") + 0.3 * pair("mouthSmile")
    lines = _forehead(x, y, np.maximum(raised, 0.6 * worn)) + _between_brows(x, y, max(frown, 0.5 * worn))
    lines = lines + _beside_mouth(x, y, np.clip(np.maximum(fold, worn), 0, 1))
    lines = lines + _crows_feet(x, y, np.clip(np.maximum(squeeze, worn), 0, 1))
    return np.clip(depth * lines, 0, 1)


def _line(away: np.ndarray, width: float) -> np.ndarray:
    return np.exp(-((away / width) ** 2))


def _step(value: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _forehead(x: np.ndarray, y: np.ndarray, raised: np.ndarray) -> np.ndarray:
    inner, left, right = raised
    share = _step(x, -0.25, 0.25)
    outer = left * (1 - share) + right * share
    sideways = _step(np.abs(x), 0.15, 0.45)
    amount = inner * (1 - sideways) + (0.25 * inner + 0.75 * outer) * sideways
    lines = np.zeros_like(x)
    for k, strength in enumerate((0.7, 1.0, 1.0, 0.45)):
        at = 0.50 + 0.125 * k - 0.10 * x * x + 0.012 * np.sin(8 * x + 2.1 * k)
        lines += strength * _line(y - at, 0.024)
    return amount * _step(-np.abs(x), -0.82, -0.45) * lines


def _between_brows(x: np.ndarray, y: np.ndarray, frown: float) -> np.ndarray:
    reach = _step(y, 0.02, 0.12) * _step(-y, -0.50, -0.32)
    away = np.abs(np.abs(x + 0.01) - (0.085 + 0.10 * np.maximum(y - 0.15, 0)))
    return frown * reach * _line(away, 0.024)


def _beside_mouth(x: np.ndarray, y: np.ndarray, fold: np.ndarray) -> np.ndarray:
    deep = np.where(x < 0, fold[0], fold[1])
    start, end = np.array([0.30, -0.66]), np.array([0.54, -1.06])
    px, py = np.abs(x) - start[0], y - start[1]
    dx, dy = end - start
    along = np.clip((px * dx + py * dy) / (dx * dx + dy * dy), 0, 1)
    bow = np.sin(np.pi * along)
    away = np.hypot(px - dx * along + 0.04 * bow, py - dy * along + 0.02 * bow)
    return 0.8 * deep * np.sin(np.pi * (0.12 + 0.76 * along)) * _line(away, 0.032)


def _crows_feet(x: np.ndarray, y: np.ndarray, squeeze: np.ndarray) -> np.ndarray:
    """A fan of three lines from the outer corner of each eye."""
    deep = np.where(x < 0, squeeze[0], squeeze[1])
    px, py = np.abs(x) - 0.74, y - 0.01
    radius, angle = np.hypot(px, py), np.arctan2(py, px)
    reach = _step(radius, 0.02, 0.06) * _step(-radius, -0.24, -0.12) * (px > 0)
    lines = sum(_line((angle - at) * radius, 0.018) for at in (-0.55, 0.0, 0.5))
    return 0.6 * deep * reach * lines
