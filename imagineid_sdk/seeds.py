"""Random streams from one seed: independent of each other, and of those of every other seed.

Streams are spawn keys of ``numpy.random.SeedSequence``; adding one to a seed would be the next person's stream.
"""

from __future__ import annotations

import numpy as np
import torch

SCENE, WINDOWS, DETAIL, MOTION = range(4)
"""Streams: the noise of a scene, that of the windows of a motion module, that of a portrait's detail, and all that
moves."""


def numpy_generator(seed: int, *stream: int) -> np.random.Generator:
    """A generator for one stream of a seed; without a stream the seed's own, which draws the person."""
    # Without a spawn key zeros at the end of a list of numbers would count for nothing: [7, 0] is the stream of 7.
    return np.random.default_rng(np.random.SeedSequence(seed % 2**63, spawn_key=stream))


def torch_generator(seed: int, stream: int) -> torch.Generator:
    """A generator on the CPU for one stream of a seed."""
    state = np.random.SeedSequence(seed, spawn_key=(stream,)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))
