"""Step 4 of imagining: the decoder's half of the blending adapter, on whole frames; everything else is FROZEN.

    python -m examples.training.train_texture --people DIR --perceptual mobilenet_v2.pth --out .train/texture

Half of the latents come from the encoder, half from the adapters of step 3 in one denoising step: what the decoder
will see in a video.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import torch

from examples.training.checkpoints import Run
from examples.training.people_dataset import REGION_WEIGHT, to_images
from examples.training.perceptual import PerceptualDistance
from examples.training.prepare_people import Prepared, prepared
from examples.training.train_adapters import Base
from examples.training.train_autoencoder import reconstruction_loss
from imagineid_sdk.imagining.autoencoder import compose
from imagineid_sdk.imagining.blending import BlendingAdapter, Reference, decode_reference
from imagineid_sdk.imagining.denoising import denoise_once, describe_person
from imagineid_sdk.imagining.semantic import SemanticAdapter
from imagineid_sdk.imagining.spatial import SpatialAdapter

PERCEPTUAL_WEIGHT = 0.5


@torch.no_grad()
def imagined_latents(base: Base, adapters: dict, person: Prepared, frames: list[int], maps, flow) -> torch.Tensor:
    """Latents of some frames of one person as a video gets them: one step from one noise."""
    reference = base.reference([person])
    identity = person.identity
    words = torch.tensor([base.words.index(identity.words())])
    semantics = adapters["semantic_adapter"](describe_person(identity)[None])
    tokens = torch.cat([base.words(words), semantics.tokens], dim=1).expand(len(frames), -1, -1)
    noise = torch.randn(1, *reference.latents.shape[1:]).expand(len(frames), -1, -1, -1)
    blend = adapters["blending_adapter"].latent_blend(reference, maps, flow)
    spatial = adapters["spatial_adapter"](maps, person.motion[frames], semantics.style)
    return denoise_once(base.denoiser, noise, torch.ones(len(frames)), tokens, spatial, blend)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--perceptual", type=Path, required=True)
    parser.add_argument("--base", type=Path, default=Path("imagineid_sdk/weights/tiny"))
    parser.add_argument("--prepared", type=Path, default=Path(".train/prepared"))
    parser.add_argument("--codes", type=Path, default=Path(".train/codes.npz"))
    parser.add_argument("--out", type=Path, default=Path(".train/texture"))
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--frames", type=int, default=3, help="frames of one person in each of two halves of a batch")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    base = Base(options.base / "autoencoder", options.base / "denoiser", options.base / "words")
    before = base.fingerprint()
    adapters = {
        "semantic_adapter": SemanticAdapter.from_pretrained(options.base / "semantic_adapter"),
        "spatial_adapter": SpatialAdapter.from_pretrained(options.base / "spatial_adapter"),
        "blending_adapter": BlendingAdapter.from_pretrained(options.base / "blending_adapter"),
    }
    for adapter in adapters.values():
        adapter.requires_grad_(False).to(memory_format=torch.channels_last)
    blending = adapters["blending_adapter"]
    blending.blends.requires_grad_(True)
    perceptual = PerceptualDistance(options.perceptual)
    optimizer = torch.optim.AdamW(blending.blends.parameters(), lr=options.learning_rate, betas=(0.9, 0.99))
    run = Run(options.out, {"blends": blending.blends}, optimizer, options.minutes)
    random.seed(options.seed + run.step)
    torch.manual_seed(options.seed + run.step)
    persons = prepared(options.prepared, options.people, options.codes)
    while run.progress < 1:
        run.learning_rate(options.learning_rate)
        person = random.choice(persons)
        frames = random.sample(range(1, len(person.latents)), options.frames * 2)
        images, segmentation = to_images(np.asarray(person.person.pictures[frames]))
        images = images.contiguous(memory_format=torch.channels_last)
        maps, flow = person.geometry(frames)
        latents = torch.from_numpy(person.latents[frames]).float()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            with torch.no_grad():
                reference = decode_reference(base.autoencoder, torch.from_numpy(person.latents[:1]).float())
                count = options.frames
                latents[count:] = imagined_latents(
                    base, adapters, person, frames[count:], maps[count:], flow[count:]
                ).float()
            reference = Reference(reference.latents, [feature.float() for feature in reference.features])
            made = base.autoencoder.decode(latents, blending.decoder_blend(reference, maps, flow))
            background = torch.rand(1, 3, 1, 1)
            losses = reconstruction_loss(made, images, REGION_WEIGHT[segmentation.long()][:, None])
            losses["perceptual"] = perceptual(compose(made, background), compose(images, background))
        total = losses["pixels"] + losses["gradient"] + PERCEPTUAL_WEIGHT * losses["perceptual"]
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(blending.blends.parameters(), 1.0)
        optimizer.step()
        run.after_step({name: loss.detach() for name, loss in losses.items()}, log_every=25)
    run.save()
    assert all(torch.equal(a, b) for a, b in zip(before, base.fingerprint(), strict=True)), "the base was trained"


if __name__ == "__main__":
    main()
