"""The noise of a face: the same for one voice, another for another voice, always plain normal noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from imagineid_sdk import Identity
from imagineid_sdk.imagining.initial_noise import person_noise

SHAPE = (16, 16, 16)


def person(traits: np.ndarray | None, seed: int = 0) -> Identity:
    grey = (0.5, 0.5, 0.5)
    return Identity(
        np.zeros(96, np.float32), 1.0, 30.0, 0.5, (1.0, 0.0, 0.0), "bob", "brown", "green", "none", "suit",
        grey, grey, grey, seed, traits=traits,
    )  # fmt: skip


def correlation(first: Identity, second: Identity) -> float:
    a, b = (person_noise(one, SHAPE).flatten().numpy() for one in (first, second))
    return float(np.corrcoef(a, b)[0, 1])


def traits(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=97).astype(np.float32)


def test_noise_is_standard_normal():
    noise = person_noise(person(traits(0)), SHAPE)
    assert noise.shape == (1, *SHAPE)
    assert abs(float(noise.mean())) < 0.05 and abs(float(noise.std()) - 1) < 0.05


def test_one_voice_keeps_its_noise_and_another_gets_another():
    own = person(traits(0))
    nearly = replace(own, traits=0.92 * traits(0) + 0.39 * traits(1))
    assert correlation(own, nearly) > 0.85
    assert abs(correlation(own, person(traits(2)))) < 0.3


def test_another_seed_is_another_noise():
    assert abs(correlation(person(traits(0), 0), person(traits(0), 1))) < 0.1


def test_without_traits_the_seed_alone_decides():
    wanted = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(4))
    assert torch.equal(person_noise(person(None, 4), SHAPE), wanted)
