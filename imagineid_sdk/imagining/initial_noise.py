"""The noise that a person's portrait and frames are denoised from.

The noise decides everything that words and geometry leave open. It is a mixture of independent draws of the seed, and
the person's traits are the weights. Traits are continuous in the voice: two clips of one voice give nearly the same
noise and so the same face, and another voice gives another face.
"""

from __future__ import annotations

import torch

from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.seeds import SCENE, torch_generator


def person_noise(identity: Identity, shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal noise ``(1, *shape)`` float32 on the CPU. The correlation of two persons of one seed is the
    cosine of their traits."""
    generator = torch.Generator().manual_seed(identity.seed)
    if identity.traits is None:
        return torch.randn(1, *shape, generator=generator)
    traits = torch.from_numpy(identity.traits).float()
    draws = torch.randn(len(traits), *shape, generator=generator)
    return torch.tensordot(traits / traits.norm(), draws, dims=1)[None]


def scene_noise(identity: Identity, shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal noise of this shape, float32 on the CPU, one for all frames of a person."""
    return torch.randn(shape, generator=torch_generator(identity.seed, SCENE))
