"""Step 3 of imagining: the three adapters around the FROZEN denoiser: semantics, geometry, reference.

    python -m examples.training.train_adapters --people DIR --base imagineid_sdk/weights/tiny

Two thirds of each batch learn to imagine a reference frame from words, person and geometry; a third learns to make the
frames of a video from the person's own reference. Asserts at the end that the base is bit-identical.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file

from examples.training.checkpoints import Run
from examples.training.muon import Muon
from examples.training.prepare_people import Prepared, prepared
from examples.training.train_denoiser import noisy, say
from imagineid_sdk.face.persona.identity import VECTOR_SIZE
from imagineid_sdk.imagining.adapters.blending import BlendingAdapter, warp
from imagineid_sdk.imagining.adapters.semantic import AttributeEmbedder, SemanticAdapter
from imagineid_sdk.imagining.adapters.spatial import SpatialAdapter
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder
from imagineid_sdk.imagining.denoising import denoise_once, describe_person

FORGET_PERSON, RESTING = 0.1, 0.3
"""Shares of prompts that say nothing, and of faces at rest among those that are imagined."""
ONE_STEP = 0.6
"""Share of the video frames that start from pure noise: the setting with which videos are made."""


class Base:
    """The frozen base: decoders, denoiser and words."""

    def __init__(self, folder: Path) -> None:
        self.autoencoder = HeadAutoencoder.from_pretrained(folder / "autoencoder").to(memory_format=torch.channels_last)
        self.denoiser = UNet2DConditionModel.from_pretrained(folder / "denoiser").to(memory_format=torch.channels_last)
        self.words = AttributeEmbedder.from_pretrained(folder / "attribute_embedder")
        for module in (self.autoencoder, self.denoiser, self.words):
            module.requires_grad_(False).eval().float()

    def fingerprint(self) -> list[torch.Tensor]:
        modules = (self.autoencoder, self.denoiser, self.words)
        return [parameter.clone() for module in modules for parameter in module.parameters()]


@dataclass(frozen=True)
class Batch:
    """Some frames of some people: ``latents`` and their weights, geometry and motion as `TinyBackend` has them."""

    people: list[Prepared]
    frames: list[int]
    latents: torch.Tensor
    weights: torch.Tensor
    maps: torch.Tensor
    flow: torch.Tensor
    motion: torch.Tensor

    @classmethod
    def draw(cls, persons: list[Prepared], size: int, resting: float = 0.0) -> Batch:
        """Random frames, with the share ``resting`` of first frames, which is what a reference looks like."""
        chosen = random.choices(persons, k=size)
        frames = [0 if random.random() < resting else random.randrange(len(person.latents)) for person in chosen]
        pairs = list(zip(chosen, frames, strict=True))
        maps, flow = zip(*(person.geometry([frame]) for person, frame in pairs), strict=True)
        latents = torch.stack([torch.from_numpy(person.latents[frame]).float() for person, frame in pairs])
        weights = torch.stack([torch.from_numpy(person.weights[frame]).float() for person, frame in pairs])
        motion = torch.stack([person.motion[frame] for person, frame in pairs])
        return cls(chosen, frames, latents, weights, torch.cat(maps), torch.cat(flow), motion)


def person_vectors(persons: list[Prepared]) -> torch.Tensor:
    return torch.stack([describe_person(person.identity) for person in persons])


def imagine(base: Base, adapters: dict, batch: Batch, time: torch.Tensor) -> torch.Tensor:
    """Estimate of the clean latents from words, person and geometry alone, as a reference is made."""
    # Guidance compares with a prompt that says nothing, so some prompts say nothing.
    kept = (torch.rand(len(time)) > FORGET_PERSON).float()
    said = [
        say(base.words, who) if keep else base.words.encode({}) for who, keep in zip(batch.people, kept, strict=True)
    ]
    person = adapters["semantic_adapter"](person_vectors(batch.people))
    tokens = torch.cat([base.words(torch.stack(said)), person.tokens * kept[:, None, None]], dim=1)
    spatial = adapters["spatial_adapter"](batch.maps, batch.motion, person.style * kept[:, None])
    mixed = noisy(batch.latents, torch.randn_like(batch.latents), time)
    return denoise_once(base.denoiser, mixed, time, tokens, spatial)


def imagining_loss(base: Base, adapters: dict, persons: list[Prepared], count: int) -> torch.Tensor:
    """To imagine ``count`` frames at a random time."""
    batch, time = Batch.draw(persons, count, RESTING), torch.randn(count).add(0.5).sigmoid()
    estimate = imagine(base, adapters, batch, time)
    error = ((estimate.float() - batch.latents).square() * batch.weights).mean((1, 2, 3))
    # In the velocity's own weighting early times would rule; the clamp keeps them from it.
    return (error / time.clamp_min(0.3).square()).mean()


def carrying_loss(base: Base, adapters: dict, persons: list[Prepared], count: int) -> dict[str, torch.Tensor]:
    """To make ``count`` frames from their persons' own references, mostly in one step from noise."""
    batch = Batch.draw(persons, count)
    time = torch.where(torch.rand(count) < ONE_STEP, 1.0, 0.2 + 0.8 * torch.rand(count))
    said = torch.stack([say(base.words, who) for who in batch.people])
    person = adapters["semantic_adapter"](person_vectors(batch.people))
    tokens = torch.cat([base.words(said), person.tokens], dim=1)
    spatial = adapters["spatial_adapter"](batch.maps, batch.motion, person.style)
    portraits = torch.stack([torch.from_numpy(who.latents[0]).float() for who in batch.people])
    blend = adapters["blending_adapter"].blend_latents(warp(portraits, batch.flow), batch.maps)
    mixed = noisy(batch.latents, torch.randn_like(batch.latents), time)
    estimate = denoise_once(base.denoiser, mixed, time, tokens, spatial, blend)
    error = (estimate.float() - batch.latents).square() * batch.weights
    return {"video": error.mean(), "mask": blend.mask.detach().mean()}


def take_over(adapter: torch.nn.Module, known: dict[str, torch.Tensor]) -> None:
    """Weights of a model that was trained before, as far as it was built alike."""
    own = adapter.state_dict()
    fitting = {key: value.float() for key, value in known.items() if key in own and own[key].shape == value.shape}
    adapter.load_state_dict(own | fitting)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--base", type=Path, default=Path("imagineid_sdk/weights/tiny"))
    parser.add_argument("--prepared", type=Path, default=Path(".train/prepared"))
    parser.add_argument("--codes", type=Path, default=Path(".train/codes.npz"))
    parser.add_argument("--start", type=Path, help="a model whose adapters to start from")
    parser.add_argument("--out", type=Path, default=Path(".train/adapters"))
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--learning-rate", type=float, default=8e-4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    base = Base(options.base)
    before = base.fingerprint()
    persons = prepared(options.prepared, options.people, options.codes)
    codes = len(persons[0].identity.code)
    adapters = {
        "semantic_adapter": SemanticAdapter(inputs=codes + VECTOR_SIZE),
        "spatial_adapter": SpatialAdapter().to(memory_format=torch.channels_last),
        "blending_adapter": BlendingAdapter().to(memory_format=torch.channels_last),
    }
    for name in adapters if options.start else ():
        take_over(adapters[name], load_file(next((options.start / name).glob("*.safetensors"))))
    parameters = [p for name, adapter in adapters.items() for p in adapter.parameters()]
    optimizer = Muon(parameters, [], lr=options.learning_rate, weight_decay=1e-3)
    run = Run(options.out, adapters, optimizer, options.minutes)
    random.seed(options.seed + run.step)
    torch.manual_seed(options.seed + run.step)
    third = options.batch // 3
    while run.progress < 1:
        run.learning_rate(options.learning_rate)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses = {"imagining": imagining_loss(base, adapters, persons, options.batch - third)}
            losses |= carrying_loss(base, adapters, persons, third)
        optimizer.zero_grad(set_to_none=True)
        (losses["imagining"] + losses["video"]).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        run.after_step({name: loss.detach() for name, loss in losses.items()})
    run.save()
    assert all(torch.equal(a, b) for a, b in zip(before, base.fingerprint(), strict=True)), "the base was trained"


if __name__ == "__main__":
    main()
