"""Brows: they rise with stressed syllables."""

from __future__ import annotations

import numpy as np

from imagineid_sdk.face.animation.head_pose import Sway
from imagineid_sdk.face.animation.timing import BROW, Bumps, SlotDraws, random_stream
from imagineid_sdk.face.blendshapes import BLENDSHAPE_INDEX


class Brows:
    """Brows that rise on about half of the stressed syllables, and live a little in between."""

    def __init__(self, seed: int) -> None:
        self._draws = SlotDraws(random_stream(seed, BROW))
        self._rises = Bumps()
        self._life = Sway(random_stream(seed, BROW, 1))

    def rise(self, time: float, strength: float, earliest: float) -> None:
        chance, size = self._draws.at(time)
        if chance < 0.5:
            self._rises.add(max(time, earliest + 0.22), 0.22, 0.55, (0.12 + 0.28 * size) * strength)

    def add_to(self, blendshapes: np.ndarray, moments: np.ndarray) -> None:
        raised = np.minimum(self._rises.over(moments), 0.45)
        slow = self._life.at(moments)[:, 0] * 0.03
        blendshapes[:, BLENDSHAPE_INDEX["browInnerUp"]] += raised + np.maximum(slow, 0.0)
        for side in ("Left", "Right"):
            blendshapes[:, BLENDSHAPE_INDEX["browOuterUp" + side]] += 0.8 * raised + 0.5 * np.maximum(slow, 0.0)
            blendshapes[:, BLENDSHAPE_INDEX["browDown" + side]] += np.maximum(-slow, 0.0)
