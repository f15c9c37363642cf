"""The portrait: a person's face at rest, sampled once from noise. Who is imagined is decided here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from imagineid_sdk.face.mesh.geometry_maps import GeometryMaps
from imagineid_sdk.face.persona.identity import DecodedPortrait, Identity
from imagineid_sdk.imagining.backend import OnStep
from imagineid_sdk.imagining.denoising import denoise, denoise_once
from imagineid_sdk.imagining.initial_noise import person_noise
from imagineid_sdk.imagining.networks import TinyNetworks
from imagineid_sdk.imagining.outline import mend_outline
from imagineid_sdk.imagining.pixels import to_pixels
from imagineid_sdk.seeds import DETAIL, torch_generator

STEPS = 12
"""Denoising steps."""
PADDING = 2
"""Latents around a portrait's that are decoded with it."""
ABOVE = 0.5
"""Factor of the latents in the margin above: where tall hair is cut off, repeated ones make the decoder draw a neck."""
GUIDANCE_SCALE = 2.0
"""Classifier-free guidance: the unconditional prediction has empty attributes."""

NEGATIVE_SCALE, NEGATIVE_AGE, NEGATIVE_HAIR = 1.5, 45.0, {"female": "long straight", "male": "crew cut"}
"""Guidance away from a negative condition, composed with the other as in arXiv 2206.01714: the same person with the
most common hair, no older than `NEGATIVE_AGE`. Without it the base follows hair and old age too little."""


def sample_portrait(
    networks: TinyNetworks, shape: tuple[int, int, int], identity: Identity, geometry: GeometryMaps,
    motion: torch.Tensor, steps: int, on_step: OnStep | None,
) -> torch.Tensor:  # fmt: skip
    """Latents ``(1, *shape)`` float32; arguments as for `Backend.sample_portrait`."""
    noise = person_noise(identity, shape).to(networks.device)
    common_hair = identity.hair_shape and (0.0,) * len(identity.hair_shape)
    cut = NEGATIVE_HAIR[identity.words()["gender"]]
    negative = replace(identity, hair=cut, hair_shape=common_hair, age=min(identity.age, NEGATIVE_AGE))
    conditions = [networks.semantics(who) for who in (identity, negative, None)]
    tokens, style = torch.cat([one.tokens for one in conditions]), torch.cat([one.style for one in conditions])
    with networks.autocast():
        maps = networks.cast(geometry.maps).expand(3, -1, -1, -1)
        spatial = networks.spatial(maps, motion.expand(3, -1), style)

    def estimate(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        with networks.autocast():
            each = denoise_once(networks.denoiser, noisy.expand(3, -1, -1, -1), time.expand(3), tokens, spatial)
        conditional, negative, unconditional = each.float().chunk(3)
        guided = unconditional + GUIDANCE_SCALE * (conditional - unconditional)
        return guided + NEGATIVE_SCALE * (conditional - negative)

    return denoise(estimate, noise, steps, on_step)


def decode_portrait(networks: TinyNetworks, identity: Identity, latents: torch.Tensor) -> np.ndarray:
    """uint8 ``(512, 512, 4)``, premultiplied colour and alpha, from latents ``(1, 16, 16, 16)``; the finest detail is
    the seed's. Kept with the identity: for a known person it is most of the time before the first frame."""
    decoder = networks.portrait_decoder
    state = id(decoder), networks.autocasts, tuple((id(each), each._version) for each in decoder.parameters())
    known = identity.decoded
    if known is None or known.decoder != state:
        known = DecodedPortrait(_decode(networks, identity, latents), state)
        identity.keep(known)
    return known.pixels


def _decode(networks: TinyNetworks, identity: Identity, latents: torch.Tensor) -> np.ndarray:
    around = F.pad(latents, (PADDING,) * 4, mode="replicate")
    around[..., :PADDING, :] *= ABOVE
    with networks.autocast():
        portrait = networks.portrait_decoder(around, torch_generator(identity.seed, DETAIL)).float()
    border = PADDING * portrait.shape[-1] // around.shape[-1]
    return mend_outline(to_pixels(portrait[..., border:-border, border:-border])[0])
