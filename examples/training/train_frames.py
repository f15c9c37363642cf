"""Step 5 of imagining: the adapters on whole frames, in pixels, through the FROZEN denoiser and decoder.

    python -m examples.training.train_frames --people DIR --base MODEL --perceptual mobilenet_v2.pth --out .train/frames

A frame is made as a video makes it: one step from noise, decoded small, the portrait's pixels warped over it under the
learned masks, mouth and eyes painted at full resolution. What the latents' squared error leaves soft is asked for here:
whole frames against the renders at 256, mouths and eyes against crops at the scale of 512, by differences of pixels, an
ImageNet network's features and two patch discriminators. Asserts at its end that the base is bit-identical.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from examples.training.adversarial import PatchDiscriminator, discriminator_loss, generator_losses
from examples.training.checkpoints import Run
from examples.training.muon import Muon
from examples.training.people_dataset import REGION_DETAIL, REGION_WEIGHT, to_images
from examples.training.perceptual import PerceptualDistance
from examples.training.prepare_people import Prepared, prepared
from examples.training.train_adapters import Base, imagining_loss, person_vectors
from examples.training.train_autoencoder import (
    ADVERSARIAL_WEIGHT,
    DETAIL_WEIGHT,
    FEATURES_WEIGHT,
    detail_loss,
    pixel_weights,
    reconstruction_loss,
)
from imagineid_sdk.imagining.adapters.blending import BlendingAdapter, warp
from imagineid_sdk.imagining.adapters.painting import CELL, EYES, MOUTH
from imagineid_sdk.imagining.adapters.semantic import SemanticAdapter
from imagineid_sdk.imagining.adapters.spatial import SpatialAdapter
from imagineid_sdk.imagining.autoencoder import compose
from imagineid_sdk.imagining.denoising import denoise_once
from imagineid_sdk.imagining.painted import Painted, assemble, decode_frames, look_at, paint

PERCEPTUAL_WEIGHT, COLOUR_WEIGHT, LATENT_WEIGHT, IMAGINING_WEIGHT, OWN_WEIGHT = 0.5, 1.0, 0.2, 1.0, 0.3
"""Of the losses; OWN is the diffusion's own frame, without the portrait's pixels: it has to stay a face."""
PERSONS, FRAMES, IMAGINED = 4, 2, 8
"""Persons in a batch, frames of each, and latents that are imagined beside them."""
ADVERSARIAL_FROM = 0.2
NO_BLEND = 0.15
"""Share of the batches whose latents are denoised without the portrait's."""


@dataclass(frozen=True)
class Truth:
    """Renders of some frames. images ``(frames, 4, 256, 256)`` and their segmentation; crops: for mouth and eyes, which
    frames have one, and where its left upper corner is in pixels of 512."""

    images: torch.Tensor
    segmentation: torch.Tensor
    crops: dict[str, list[tuple[int, np.ndarray, tuple[int, int]]]]

    @classmethod
    def of(cls, chosen: list[Prepared], frames: list[list[int]]) -> Truth:
        pictures = np.concatenate([who.person.pictures[f] for who, f in zip(chosen, frames, strict=True)])
        images, segmentation = to_images(pictures)
        crops: dict[str, list] = {"mouth": [], "eyes": []}
        for k, (who, own) in enumerate(zip(chosen, frames, strict=True)):
            for part in crops:
                numbers = who.person.parameters[f"{part}_frames"].tolist()
                for j, frame in enumerate(own):
                    if frame in numbers:
                        at = numbers.index(frame)
                        corner = tuple(who.person.parameters[f"{part}_box"][at].tolist())
                        crops[part].append((k * len(own) + j, who.person.crops(part)[at], corner))
        return cls(images, segmentation, crops)


def random_frames(person: Prepared) -> list[int]:
    """Frames of one person, those with crops among them."""
    return random.sample(range(1, len(person.latents)), FRAMES)


def make_frames(
    base: Base, adapters: dict, chosen: list[Prepared], frames: list[list[int]], portraits: torch.Tensor
) -> tuple[Painted, torch.Tensor, torch.Tensor]:
    """What the networks say about the frames, the portraits warped to them at 256, and the denoised latents."""
    repeats = torch.repeat_interleave(torch.arange(len(chosen)), FRAMES)
    pairs = list(zip(chosen, frames, strict=True))
    maps, flow = (torch.cat(part) for part in zip(*(who.geometry(f) for who, f in pairs), strict=True))
    centers = torch.cat([torch.from_numpy(who.centers[f]) for who, f in pairs])
    motion = torch.cat([who.motion[f] for who, f in pairs])
    resting = torch.stack([torch.from_numpy(who.latents[0]).float() for who in chosen])
    noise = torch.randn_like(resting)[repeats]
    said = torch.stack([base.words.encode(who.identity.attribute_weights()) for who in chosen])
    semantics = adapters["semantic_adapter"](person_vectors(chosen))
    tokens = torch.cat([base.words(said), semantics.tokens], dim=1)[repeats]
    spatial = adapters["spatial_adapter"](maps, motion, semantics.style[repeats])
    blend = adapters["blending_adapter"].blend_latents(warp(resting[repeats], flow), maps)
    blend = None if random.random() < NO_BLEND else blend
    latents = denoise_once(base.denoiser, noise, torch.ones(len(repeats)), tokens, spatial, blend)
    picture, trunk = decode_frames(base.autoencoder, latents)
    full = warp(portraits[repeats], flow)
    coarse = F.avg_pool2d(portraits, CELL)[repeats]
    painted = paint(
        adapters["blending_adapter"], picture, trunk, coarse, maps, flow, centers, look_at(full)
    )
    return painted, F.avg_pool2d(full, 2), latents


def matched_crops(painted: Painted, truth: Truth) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Pairs of painted pixels and renders at the scale of 512, with the render's segmentation, where both are."""
    pairs = []
    for part, size, region in (("mouth", MOUTH, painted.regions[0]), ("eyes", EYES, painted.regions[1])):
        for frame, crop, (left, top) in truth.crops[part]:
            x, y = (region.corners[frame] * CELL).tolist()
            x0, y0 = max(x, left), max(y, top)
            x1 = min(x + size.width * CELL, left + crop.shape[1])
            y1 = min(y + size.height * CELL, top + crop.shape[0])
            if x1 - x0 < 64 or y1 - y0 < 32:
                continue
            wanted, segmentation = to_images(crop[None, y0 - top : y1 - top, x0 - left : x1 - left])
            pairs.append((region.pixels[frame : frame + 1, :, y0 - y : y1 - y, x0 - x : x1 - x], wanted, segmentation))
    return pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--perceptual", type=Path, required=True)
    parser.add_argument("--prepared", type=Path, default=Path(".train/prepared"))
    parser.add_argument("--codes", type=Path, default=Path(".train/codes.npz"))
    parser.add_argument("--out", type=Path, default=Path(".train/frames"))
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--learning-rate", type=float, default=4e-4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    base = Base(options.base)
    before = base.fingerprint()
    kinds = {
        "semantic_adapter": SemanticAdapter, "spatial_adapter": SpatialAdapter, "blending_adapter": BlendingAdapter,
    }  # fmt: skip
    adapters = {name: kind.from_pretrained(options.base / name).float() for name, kind in kinds.items()}
    for adapter in adapters.values():
        adapter.train().to(memory_format=torch.channels_last)
    discriminators = {"discriminator": PatchDiscriminator(), "close_discriminator": PatchDiscriminator()}
    perceptual = PerceptualDistance(options.perceptual)
    parameters = [p for adapter in adapters.values() for p in adapter.parameters()]
    optimizer = Muon(parameters, [], lr=options.learning_rate, weight_decay=1e-3)
    judged = [p for discriminator in discriminators.values() for p in discriminator.parameters()]
    judging = torch.optim.Adam(judged, lr=2e-4, betas=(0.5, 0.99))
    run = Run(options.out, adapters | discriminators, optimizer, options.minutes, decay=0.998)
    random.seed(options.seed + run.step)
    torch.manual_seed(options.seed + run.step)
    persons = prepared(options.prepared, options.people, options.codes)

    def compare(made, images, segmentation, discriminator) -> tuple[dict, torch.Tensor, tuple]:
        """Losses of one scale, their sum, and the pictures that the discriminator is to tell apart."""
        background = torch.rand(len(images), 3, 1, 1)
        losses = reconstruction_loss(made, images, pixel_weights(REGION_WEIGHT, segmentation))
        picture, wanted = compose(made, background), compose(images, background)
        with torch.autocast("cpu", enabled=False):
            losses["perceptual"] = perceptual(picture.float(), wanted)
        losses["detail"] = detail_loss(picture, wanted, pixel_weights(REGION_DETAIL, segmentation))
        total = losses["pixels"] + losses["gradient"] + COLOUR_WEIGHT * losses["colour"]
        total = total + PERCEPTUAL_WEIGHT * losses["perceptual"] + DETAIL_WEIGHT * losses["detail"]
        if run.progress > ADVERSARIAL_FROM:
            losses |= generator_losses(discriminators[discriminator], picture, wanted)
            total = total + ADVERSARIAL_WEIGHT * losses["adversarial"] + FEATURES_WEIGHT * losses["features"]
        return losses, total, (picture, wanted)

    while run.progress < 1:
        run.learning_rate(options.learning_rate)
        chosen = random.sample(persons, PERSONS)
        frames = [random_frames(person) for person in chosen]
        truth = Truth.of(chosen, frames)
        portraits, _ = to_images(np.stack([who.person.portrait for who in chosen]))
        wanted_latents = torch.from_numpy(
            np.concatenate([who.latents[f] for who, f in zip(chosen, frames, strict=True)])
        ).float()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            painted, warped, latents = make_frames(base, adapters, chosen, frames, portraits)
            losses, total, seen = compare(assemble(painted, warped), truth.images, truth.segmentation, "discriminator")
            own = F.avg_pool2d(truth.images, 2)
            losses["own"] = (painted.picture.float() - own).abs().mean()
            losses["latents"] = (latents.float() - wanted_latents).square().mean()
            losses["imagining"] = imagining_loss(base, adapters, persons, IMAGINED)
            total = total + OWN_WEIGHT * losses["own"] + LATENT_WEIGHT * losses["latents"]
            total = total + IMAGINING_WEIGHT * losses["imagining"]
            told = [("discriminator", *seen)]
            close = matched_crops(painted, truth)
            for made, wanted, segmentation in close:
                near, more, pair = compare(made.float(), wanted, segmentation, "close_discriminator")
                total = total + more / len(close)
                losses |= {f"close_{name}": value for name, value in near.items()}
                told.append(("close_discriminator", *pair))
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            verdicts = [discriminator_loss(discriminators[name], made, real) for name, made, real in told]
            judgement = torch.stack(verdicts).mean()
        judging.zero_grad(set_to_none=True)
        judgement.backward()
        judging.step()
        losses["judgement"] = judgement
        run.after_step({name: loss.detach() for name, loss in losses.items()}, log_every=25)
    run.save()
    assert all(torch.equal(a, b) for a, b in zip(before, base.fingerprint(), strict=True)), "the base was trained"


if __name__ == "__main__":
    main()
