"""Step 3 of imagining: the three adapters around the FROZEN denoiser: semantics, geometry, reference.

    python -m examples.training.train_adapters --people DIR --base imagineid_sdk/weights/tiny

Half of each batch learns to imagine a reference frame from words, person and geometry; half learns to make the frames
of a video from the person's own reference. Asserts at the end that the base is bit-identical.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel

from examples.training.checkpoints import Run
from examples.training.prepare_people import Prepared, prepared
from examples.training.train_denoiser import noisy, word_indices
from imagineid_sdk.face.identity import NUMBERS
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder
from imagineid_sdk.imagining.blending import BlendingAdapter, Reference, decode_reference
from imagineid_sdk.imagining.denoising import denoise_once, describe_person
from imagineid_sdk.imagining.semantic import SemanticAdapter, WordEmbedder
from imagineid_sdk.imagining.spatial import SpatialAdapter

FORGET_PERSON = 0.1
ONE_STEP = 0.6
"""Share of the video frames that start from pure noise: the setting with which videos are made."""


class Base:
    """The frozen base and the references of all persons as it decodes them."""

    def __init__(self, autoencoder: Path, denoiser: Path, words: Path) -> None:
        self.autoencoder = HeadAutoencoder.from_pretrained(autoencoder).to(memory_format=torch.channels_last)
        self.denoiser = UNet2DConditionModel.from_pretrained(denoiser).to(memory_format=torch.channels_last)
        self.words = WordEmbedder.from_pretrained(words)
        for module in (self.autoencoder, self.denoiser, self.words):
            module.requires_grad_(False).eval()
        self.references: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def reference(self, persons: list[Prepared]) -> Reference:
        """References of a batch; of the features only the coarsest level, which the latents need."""
        for person in persons:
            if person.person.path.stem not in self.references:
                latents = torch.from_numpy(person.latents[:1]).float()
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    self.references[person.person.path.stem] = decode_reference(self.autoencoder, latents).features[0]
        latents = torch.stack([torch.from_numpy(person.latents[0]).float() for person in persons])
        features = torch.cat([self.references[person.person.path.stem] for person in persons])
        return Reference(latents, [features])

    def fingerprint(self) -> list[torch.Tensor]:
        modules = (self.autoencoder, self.denoiser, self.words)
        return [parameter.clone() for module in modules for parameter in module.parameters()]


def draw_batch(persons: list[Prepared], size: int):
    chosen = random.choices(persons, k=size)
    frames = [random.randrange(len(person.latents)) for person in chosen]
    geometry = [person.geometry([frame]) for person, frame in zip(chosen, frames, strict=True)]
    latents = torch.stack([torch.from_numpy(p.latents[f]).float() for p, f in zip(chosen, frames, strict=True)])
    motion = torch.stack([p.motion[f] for p, f in zip(chosen, frames, strict=True)])
    return chosen, latents, torch.cat([m for m, _ in geometry]), torch.cat([f for _, f in geometry]), motion


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--base", type=Path, default=Path("imagineid_sdk/weights/tiny"))
    parser.add_argument("--prepared", type=Path, default=Path(".train/prepared"))
    parser.add_argument("--codes", type=Path, default=Path(".train/codes.npz"))
    parser.add_argument("--out", type=Path, default=Path(".train/adapters"))
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--learning-rate", type=float, default=8e-4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    base = Base(options.base / "autoencoder", options.base / "denoiser", options.base / "words")
    before = base.fingerprint()
    persons = prepared(options.prepared, options.people, options.codes)
    codes = len(persons[0].identity.code)
    adapters = {
        "semantic_adapter": SemanticAdapter(inputs=codes + NUMBERS),
        "spatial_adapter": SpatialAdapter().to(memory_format=torch.channels_last),
        "blending_adapter": BlendingAdapter().to(memory_format=torch.channels_last),
    }
    parameters = [p for name, adapter in adapters.items() for p in adapter.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=options.learning_rate, betas=(0.9, 0.99), weight_decay=1e-3)
    run = Run(options.out, adapters, optimizer, options.minutes)
    random.seed(options.seed + run.step)
    torch.manual_seed(options.seed + run.step)
    half = options.batch // 2
    while run.progress < 1:
        run.learning_rate(options.learning_rate)
        chosen, latents, maps, flow, motion = draw_batch(persons, options.batch)
        noise, time = torch.randn_like(latents), torch.randn(options.batch).add(0.5).sigmoid()
        time[half:] = torch.where(torch.rand(options.batch - half) < ONE_STEP, 1.0, 0.2 + 0.8 * torch.rand(()))
        # Guidance compares with a prompt that says nothing, so some prompts say nothing.
        kept = (torch.rand(options.batch) > FORGET_PERSON).float()
        words = torch.tensor(
            [
                word_indices(base.words, p) if keep else base.words.index({})
                for p, keep in zip(chosen, kept, strict=True)
            ]
        )
        people_vectors = torch.stack([describe_person(person.identity) for person in chosen])
        mixed = noisy(latents, noise, time)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            person = adapters["semantic_adapter"](people_vectors)
            tokens = torch.cat([base.words(words), person.tokens * kept[:, None, None]], dim=1)
            spatial = adapters["spatial_adapter"](maps, motion, person.style * kept[:, None])
            reference = base.reference(chosen[half:])
            blend = adapters["blending_adapter"].latent_blend(reference, maps[half:], flow[half:])
            imagined = denoise_once(base.denoiser, mixed[:half], time[:half], tokens[:half], take(spatial, 0, half))
            carried = denoise_once(
                base.denoiser, mixed[half:], time[half:], tokens[half:], take(spatial, half, None), blend
            )
        error = (torch.cat([imagined, carried]).float() - latents).square().mean((1, 2, 3))
        # In the velocity's own weighting early times would rule; the clamp keeps them from it.
        weight = 1 / time.clamp_min(0.3).square()
        losses = {"reference": (error * weight)[:half].mean(), "video": error[half:].mean()}
        total = losses["reference"] + 2 * losses["video"]
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        run.after_step({name: loss.detach() for name, loss in losses.items()} | {"mask": blend.mask.detach().mean()})
    run.save()
    assert all(torch.equal(a, b) for a, b in zip(before, base.fingerprint(), strict=True)), "the base was trained"


def take(residuals, first: int, last: int | None):
    skips, middle = residuals
    return [skip[first:last] for skip in skips], middle[first:last]


if __name__ == "__main__":
    main()
