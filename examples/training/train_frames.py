"""Step 4 of imagining: the adapters on whole frames, in pixels, through the FROZEN denoiser and decoder.

    python -m examples.training.train_frames --people DIR --perceptual mobilenet_v2.pth --out .train/frames

A frame is made as a video makes it: one step from noise, the reference laid in under the masks, decoded. What the
latents' squared error leaves soft (lips, teeth, lids, iris) is asked for here by the eye's own measures: differences
of pixels, an ImageNet network's features and a patch discriminator. References are learned beside them: in pixels
where the noise leaves little open, in latents at any time. Asserts at its end that the base is bit-identical.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import torch

from examples.training.adversarial import PatchDiscriminator, discriminator_loss, generator_losses
from examples.training.checkpoints import Run
from examples.training.muon import Muon
from examples.training.people_dataset import REGION_DETAIL, REGION_WEIGHT, to_images
from examples.training.perceptual import PerceptualDistance
from examples.training.prepare_people import Prepared, prepared
from examples.training.train_adapters import RESTING, Base, Batch, imagine, imagining_loss
from examples.training.train_autoencoder import (
    ADVERSARIAL_WEIGHT,
    DETAIL_WEIGHT,
    FEATURES_WEIGHT,
    detail_loss,
    pixel_weights,
    reconstruction_loss,
)
from imagineid_sdk.imagining.adapters.blending import BlendingAdapter, Reference, decode_reference
from imagineid_sdk.imagining.adapters.semantic import SemanticAdapter
from imagineid_sdk.imagining.adapters.spatial import SpatialAdapter
from imagineid_sdk.imagining.autoencoder import compose
from imagineid_sdk.imagining.denoising import denoise_once, describe_person

PERCEPTUAL_WEIGHT, COLOUR_WEIGHT, LATENT_WEIGHT, IMAGINING_WEIGHT = 0.5, 1.0, 0.2, 1.0
PERSONS, FRAMES, SHOWN, IMAGINED = 3, 2, 3, 8
"""Persons in a batch, frames of each, and faces that are imagined beside them, in pixels and in latents."""
SHOWN_UNTIL = 0.75
"""Time up to which an estimate of the clean latents is a picture already."""
ADVERSARIAL_FROM = 0.2


def imagined_frames(base: Base, adapters: dict, persons: list[Prepared], frames: list[list[int]], maps, flow):
    """Pictures and latents of some frames of some persons, as a video gets them."""
    repeats = torch.repeat_interleave(torch.arange(len(persons)), FRAMES)
    with torch.no_grad():
        first = torch.stack([torch.from_numpy(person.latents[0]).float() for person in persons])
        decoded = decode_reference(base.autoencoder, first)
        reference = Reference(first[repeats], [feature.float()[repeats] for feature in decoded.features])
        said = torch.stack([base.words.encode(person.identity.attribute_weights()) for person in persons])
        noise = torch.randn_like(first)[repeats]
    semantics = adapters["semantic_adapter"](torch.stack([describe_person(person.identity) for person in persons]))
    tokens = torch.cat([base.words(said), semantics.tokens], dim=1)[repeats]
    motion = torch.cat([person.motion[chosen] for person, chosen in zip(persons, frames, strict=True)])
    blend = adapters["blending_adapter"].latent_blend(reference, maps, flow)
    spatial = adapters["spatial_adapter"](maps, motion, semantics.style[repeats])
    latents = denoise_once(base.denoiser, noise, torch.ones(len(repeats)), tokens, spatial, blend)
    return base.autoencoder.decode(latents, adapters["blending_adapter"].decoder_blend(reference, maps, flow)), latents


def imagined_faces(base: Base, adapters: dict, batch: Batch) -> torch.Tensor:
    """Pictures of faces that are nearly there, as the last steps towards a reference see them."""
    time = 0.1 + (SHOWN_UNTIL - 0.1) * torch.rand(len(batch.people))
    return base.autoencoder.decode(imagine(base, adapters, batch, time))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--perceptual", type=Path, required=True)
    parser.add_argument("--discriminator", type=Path, help="state.pt of the autoencoder's run, to start from its own")
    parser.add_argument("--base", type=Path, default=Path("imagineid_sdk/weights/tiny"))
    parser.add_argument("--prepared", type=Path, default=Path(".train/prepared"))
    parser.add_argument("--codes", type=Path, default=Path(".train/codes.npz"))
    parser.add_argument("--out", type=Path, default=Path(".train/frames"))
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    base = Base(options.base / "autoencoder", options.base / "denoiser", options.base / "attribute_embedder")
    before = base.fingerprint()
    adapters = {
        "semantic_adapter": SemanticAdapter.from_pretrained(options.base / "semantic_adapter").float(),
        "spatial_adapter": SpatialAdapter.from_pretrained(options.base / "spatial_adapter").float(),
        "blending_adapter": BlendingAdapter.from_pretrained(options.base / "blending_adapter").float(),
    }
    discriminator = PatchDiscriminator()
    if options.discriminator:
        state = torch.load(options.discriminator, weights_only=True)["modules"]["discriminator"]
        discriminator.load_state_dict(state)
    for adapter in adapters.values():
        adapter.train().to(memory_format=torch.channels_last)
    perceptual = PerceptualDistance(options.perceptual)
    parameters = [p for adapter in adapters.values() for p in adapter.parameters()]
    optimizer = Muon(parameters, [], lr=options.learning_rate, weight_decay=1e-3)
    judging = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.99))
    run = Run(options.out, adapters | {"discriminator": discriminator}, optimizer, options.minutes, decay=0.998)
    random.seed(options.seed + run.step)
    torch.manual_seed(options.seed + run.step)
    persons = prepared(options.prepared, options.people, options.codes)
    while run.progress < 1:
        run.learning_rate(options.learning_rate)
        chosen = random.sample(persons, PERSONS)
        frames = [random.sample(range(1, len(person.latents)), FRAMES) for person in chosen]
        pairs = list(zip(chosen, frames, strict=True))
        faces = Batch.draw(persons, SHOWN, RESTING)
        pictures = [person.person.pictures[f] for person, f in pairs]
        pictures += [person.person.pictures[[f]] for person, f in zip(faces.people, faces.frames, strict=True)]
        images, segmentation = to_images(np.concatenate(pictures))
        images = images.contiguous(memory_format=torch.channels_last)
        wanted_latents = torch.from_numpy(np.concatenate([person.latents[f] for person, f in pairs])).float()
        maps, flow = (torch.cat(part) for part in zip(*(person.geometry(f) for person, f in pairs), strict=True))
        background = torch.rand(len(images), 3, 1, 1)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            made, latents = imagined_frames(base, adapters, chosen, frames, maps, flow)
            made = torch.cat([made, imagined_faces(base, adapters, faces)])
            losses = reconstruction_loss(made, images, pixel_weights(REGION_WEIGHT, segmentation))
            picture, wanted = compose(made, background), compose(images, background)
            losses["perceptual"] = perceptual(picture, wanted)
            losses["detail"] = detail_loss(picture, wanted, pixel_weights(REGION_DETAIL, segmentation))
            losses["latents"] = (latents.float() - wanted_latents).square().mean()
            losses["imagining"] = imagining_loss(base, adapters, persons, IMAGINED)
            total = losses["pixels"] + losses["gradient"] + COLOUR_WEIGHT * losses["colour"]
            total = total + PERCEPTUAL_WEIGHT * losses["perceptual"] + LATENT_WEIGHT * losses["latents"]
            total = total + IMAGINING_WEIGHT * losses["imagining"]
            total = total + DETAIL_WEIGHT * losses["detail"]
            if run.progress > ADVERSARIAL_FROM:
                losses |= generator_losses(discriminator, picture, wanted)
                total = total + ADVERSARIAL_WEIGHT * losses["adversarial"] + FEATURES_WEIGHT * losses["features"]
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses["discriminator"] = discriminator_loss(discriminator, picture, wanted)
        judging.zero_grad(set_to_none=True)
        losses["discriminator"].backward()
        judging.step()
        run.after_step({name: loss.detach() for name, loss in losses.items()}, log_every=25)
    run.save()
    assert all(torch.equal(a, b) for a, b in zip(before, base.fingerprint(), strict=True)), "the base was trained"


if __name__ == "__main__":
    main()
