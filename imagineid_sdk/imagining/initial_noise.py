"""The noise that a person's face is imagined from: the seed's own, turned by the voice.

Diffusion decides by its noise whatever words and geometry leave open. A person's traits, which are continuous in the
voice, mix independent draws of the seed: two clips of one voice get nearly the same noise and so the same face, another
voice gets another one.
"""

from __future__ import annotations

import torch

from imagineid_sdk.face.persona.identity import Identity


def person_noise(identity: Identity, shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal noise ``(1, *shape)`` float32 on the CPU. The correlation of two persons of one seed is the
    cosine of their traits."""
    generator = torch.Generator().manual_seed(identity.seed)
    if identity.traits is None:
        return torch.randn(1, *shape, generator=generator)
    traits = torch.from_numpy(identity.traits).float()
    draws = torch.randn(len(traits), *shape, generator=generator)
    return torch.tensordot(traits / traits.norm(), draws, dims=1)[None]
