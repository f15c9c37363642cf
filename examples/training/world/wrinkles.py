"""Wrinkles of expression: where they lie on the head, and how deep an action, and the years, make them."""

from __future__ import annotations

import numpy as np

from .head import Head
from .people import Person, childlike

SMOOTH_UNTIL, WORN_FROM = 0.62, 0.95
"""anny's age between which wrinkles grow from a young adult's to an old person's."""
CHILD, YOUNG, OLD = 0.10, 0.55, 1.0
"""Depth at a child's age, a young adult's and an old person's."""


def face_places(head: Head) -> np.ndarray:
    """(vertices, 2) of the head's own vertices, in distances between the eyes: x to the picture's right, y up, from the
    point between the eyes. Of the resting template, so that the lines move with the skin."""
    eyes = np.array([eyelid.center for eyelid in head.eyelids])
    return ((head.template - eyes.mean(0)) / np.linalg.norm(eyes[0] - eyes[1]))[:, :2]


def wrinkle_uniforms(head: Head, person: Person, actions: np.ndarray) -> dict[str, object]:
    """What the shader of the skin is told of one frame; pairs are (image left, image right): the subject's right, left.

    actions: (52,) 0..1.
    """

    def value(name: str) -> float:
        return float(actions[head.action_index[name]])

    def pair(name: str) -> np.ndarray:
        return np.array([value(name + "Right"), value(name + "Left")])

    age = person.phenotype["age"]
    grown = float(np.interp(age, (SMOOTH_UNTIL, WORN_FROM), (YOUNG, OLD)))
    child = childlike(age)
    fold = 0.9 * pair("mouthSmile") + 0.6 * pair("cheekSquint") + 0.7 * pair("noseSneer") + 0.5 * pair("mouthUpperUp")
    return {
        "wrinkle_depth": CHILD * child + grown * (1 - child),
        "brow_raised": np.clip([value("browInnerUp"), *pair("browOuterUp")], 0, 1),
        "frown": float(np.clip(pair("browDown").mean() + 0.4 * pair("noseSneer").mean(), 0, 1)),
        "fold": np.clip(fold, 0, 1),
    }
