"""Random expressions, gaze and head poses: single frames for training, and smooth clips."""

from __future__ import annotations

import numpy as np

from imagineid_sdk.face.animation.expression import EXPRESSIONS

from .camera import HeadPose
from .head import Head

# Mouth shapes of speech. Names without a side mean both.
VISEMES: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.55},
    {"jawOpen": 0.3, "mouthStretch": 0.35, "mouthSmile": 0.15},
    {"jawOpen": 0.12, "mouthStretch": 0.5, "mouthSmile": 0.25, "mouthLowerDown": 0.3, "mouthUpperUp": 0.15},
    {"jawOpen": 0.3, "mouthFunnel": 0.55},
    {"jawOpen": 0.12, "mouthPucker": 0.75, "mouthFunnel": 0.25},
    {"mouthPress": 0.45, "mouthRollLower": 0.3, "mouthRollUpper": 0.2},
    {"jawOpen": 0.06, "mouthRollLower": 0.45, "mouthUpperUp": 0.3},
    {"jawOpen": 0.1, "mouthLowerDown": 0.25, "mouthUpperUp": 0.15},
    {"jawOpen": 0.1, "mouthFunnel": 0.45, "mouthLowerDown": 0.25, "mouthUpperUp": 0.1},
    {"jawOpen": 0.18, "tongueOut": 0.15, "mouthLowerDown": 0.2},
    {"jawOpen": 0.15, "mouthPucker": 0.35},
    {},
    {"jawOpen": 0.3, "mouthClose": 0.3},
    {"jawOpen": 0.4, "mouthLowerDown": 0.3, "mouthUpperUp": 0.35, "mouthStretch": 0.2},
)
SIDEWAYS = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
POSE_SPREAD, POSE_LIMIT = np.array([9, 6, 4.5]), np.array([26, 16, 13])  # degrees: yaw, pitch, roll


def random_frame(head: Head, rng: np.random.Generator) -> tuple[np.ndarray, HeadPose]:
    """Actions (52,) 0..1 and head pose of one frame: a blend of two visemes, perhaps an emotion, a blink, a glance."""
    face = _Face(head, rng)
    _add_speech(face, rng)
    if rng.uniform() < 0.5:
        emotion = list(EXPRESSIONS.values())[rng.integers(1, len(EXPRESSIONS))]  # the first is neutral
        face.add_all(emotion, rng.uniform(0.1, 1.0), spread=0.05)
    if rng.uniform() < 0.35:
        face.add("browInnerUp", rng.uniform(0, 0.4))
        face.add("browOuterUp", rng.uniform(0, 0.4), spread=0.2)
    if rng.uniform() < 0.12:
        face.add("browDown", rng.uniform(0, 0.5))
    if rng.uniform() < 0.08:
        face.add(str(rng.choice(SIDEWAYS)), rng.uniform(0, 0.3))
    blink = rng.uniform()
    if blink < 0.12:
        face.add("eyeBlink", 1.0)
    elif blink < 0.30:
        face.add("eyeBlink", rng.uniform(0.1, 0.95))
    face.look(rng.normal(0, 0.22), rng.normal(0, 0.18))
    angles = np.clip(rng.normal(0, POSE_SPREAD), -POSE_LIMIT, POSE_LIMIT) * (rng.uniform() > 0.15)
    return np.clip(face.actions, 0, 1), HeadPose(*(float(angle) for angle in angles))


def bare_teeth(head: Head, actions: np.ndarray) -> np.ndarray:
    """What anny's actions leave out: an opening jaw bares the upper teeth a little, a smile over parted lips more."""
    actions, index = np.array(actions, np.float32), head.action_index
    jaw = actions[index["jawOpen"]]
    rounded = min(1.0, actions[index["mouthFunnel"]] + actions[index["mouthPucker"]])
    for side in ("Left", "Right"):
        smile = actions[index["mouthSmile" + side]]
        actions[index["mouthUpperUp" + side]] += (0.30 * jaw + 0.45 * smile * min(1, jaw * 10)) * (1 - 0.8 * rounded)
        actions[index["mouthLowerDown" + side]] += 0.12 * jaw * (1 - rounded)
    return np.clip(actions, 0, 1)


class _Face:
    """A frame's actions while they are being gathered."""

    def __init__(self, head: Head, rng: np.random.Generator):
        self.index, self.rng = head.action_index, rng
        self.actions = np.zeros(len(head.actions), np.float32)

    def add(self, name: str, value: float, spread: float | None = None) -> None:
        """To one action, or to both sides with a random difference of `spread` × value."""
        if name in self.index:
            self.actions[self.index[name]] += value
            return
        difference = 0.0 if spread is None else self.rng.normal(0, spread) * value
        self.actions[self.index[name + "Left"]] += value + difference
        self.actions[self.index[name + "Right"]] += value - difference

    def add_all(self, shape: dict[str, float], weight: float, spread: float) -> None:
        for name, value in shape.items():
            self.add(name, value * weight, spread)

    def look(self, right: float, up: float) -> None:
        """Both eyes, in units of a full eyeLook action; right is image right, the subject's left."""
        for name, value in (
            ("eyeLookOutLeft", right),
            ("eyeLookInRight", right),
            ("eyeLookInLeft", -right),
            ("eyeLookOutRight", -right),
        ):
            self.actions[self.index[name]] = max(value, 0)
        self.add("eyeLookUp", max(up, 0))
        self.add("eyeLookDown", max(-up, 0))


def _add_speech(face: _Face, rng: np.random.Generator) -> None:
    first, second = rng.choice(len(VISEMES), 2)
    share, strength = rng.uniform(), rng.uniform(0.4, 1.25)
    face.add_all(VISEMES[first], share * strength, spread=0.06)
    face.add_all(VISEMES[second], (1 - share) * strength, spread=0.06)
    if rng.uniform() < 0.12:
        face.add("jawOpen", rng.uniform(0, 0.5))
