"""Random streams from one seed: independent of each other, and of those of every other seed.

Streams are spawn keys of ``numpy.random.SeedSequence``; adding one to a seed would be the next person's stream.
"""

from __future__ import annotations

import numpy as np
import torch

SCENE, WINDOWS, DETAIL = 0, 1, 2
"""Streams of torch: the noise of a scene, that of the windows of a motion module, and that of a portrait's detail."""


def torch_generator(seed: int, stream: int) -> torch.Generator:
    """A generator on the CPU for one stream of a seed."""
    state = np.random.SeedSequence(seed, spawn_key=(stream,)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))
