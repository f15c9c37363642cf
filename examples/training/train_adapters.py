"""Step 3 of imagining: the three adapters around the FROZEN denoiser: semantics, geometry, reference.

    python -m examples.training.train_adapters --people DIR --base imagineid_sdk/weights/tiny

Two thirds of each batch learn to imagine a reference frame from words, person and geometry; a third learns to make the
frames of a video from the person's own reference. Asserts at the end that the base is bit-identical.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file

from examples.training.arguments import add_prepared, parser_for
from examples.training.checkpoints import Run
from examples.training.device import DEVICE, autocast
from examples.training.muon import Muon
from examples.training.prepare_people import prepared
from examples.training.train_denoiser import LOG_EVERY, noisy
from examples.training.training_set import Draw, TrainingSet
from imagineid_sdk.imagining.adapters.blending import BlendingAdapter, warp
from imagineid_sdk.imagining.adapters.semantic import AttributeEmbedder, SemanticAdapter
from imagineid_sdk.imagining.adapters.spatial import SpatialAdapter
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder
from imagineid_sdk.imagining.denoising import denoise_once

FORGET_PERSON, RESTING = 0.1, 0.3
"""Shares of prompts that say nothing, and of faces at rest among those that are imagined."""
ONE_STEP = 0.6
"""Share of the video frames that start from pure noise: the setting with which videos are made."""


class Base:
    """The frozen base: decoders, denoiser and words."""

    def __init__(self, folder: Path) -> None:
        self.autoencoder = HeadAutoencoder.from_pretrained(folder / "autoencoder")
        self.denoiser = UNet2DConditionModel.from_pretrained(folder / "denoiser")
        self.words = AttributeEmbedder.from_pretrained(folder / "attribute_embedder")
        for module in (self.autoencoder, self.denoiser, self.words):
            module.requires_grad_(False).eval().float().to(DEVICE)
        self.autoencoder.to(memory_format=torch.channels_last)
        self.denoiser.to(memory_format=torch.channels_last)

    def fingerprint(self) -> list[torch.Tensor]:
        modules = (self.autoencoder, self.denoiser, self.words)
        return [parameter.clone() for module in modules for parameter in module.parameters()]


def imagine(base: Base, adapters: dict, people: TrainingSet, draw: Draw, time: torch.Tensor) -> torch.Tensor:
    """Estimate of the clean latents from words, person and geometry alone, as a portrait is made."""
    # Guidance compares with a prompt that says nothing, so some prompts say nothing.
    kept = torch.rand(len(time), device=DEVICE) > FORGET_PERSON
    said = torch.where(kept[:, None, None], people.say(draw.people), people.silence)
    person = adapters["semantic_adapter"](people.vectors[draw.people.to(DEVICE)])
    tokens = torch.cat([base.words(said), person.tokens * kept[:, None, None]], dim=1)
    maps, _ = people.geometry(draw)
    spatial = adapters["spatial_adapter"](maps, people.motion(draw), person.style * kept[:, None])
    latents = people.latents(draw)
    mixed = noisy(latents, torch.randn_like(latents), time)
    return denoise_once(base.denoiser, mixed, time, tokens, spatial)


def imagining_loss(base: Base, adapters: dict, people: TrainingSet, count: int) -> torch.Tensor:
    """To imagine ``count`` frames at a random time."""
    draw, time = people.draw(count, RESTING), torch.randn(count, device=DEVICE).add(0.5).sigmoid()
    estimate = imagine(base, adapters, people, draw, time)
    error = ((estimate.float() - people.latents(draw)).square() * people.weights(draw)).mean((1, 2, 3))
    # In the velocity's own weighting early times would rule; the clamp keeps them from it.
    return (error / time.clamp_min(0.3).square()).mean()


def carrying_loss(base: Base, adapters: dict, people: TrainingSet, count: int) -> dict[str, torch.Tensor]:
    """To make ``count`` frames from their persons' own portraits, mostly in one step from noise."""
    draw = people.draw(count)
    time = 0.2 + 0.8 * torch.rand(count, device=DEVICE)
    time = torch.where(torch.rand(count, device=DEVICE) < ONE_STEP, 1.0, time)
    person = adapters["semantic_adapter"](people.vectors[draw.people.to(DEVICE)])
    tokens = torch.cat([base.words(people.say(draw.people)), person.tokens], dim=1)
    maps, flow = people.geometry(draw)
    spatial = adapters["spatial_adapter"](maps, people.motion(draw), person.style)
    portraits = people.latents(people.portraits_of(draw))
    blend = adapters["blending_adapter"].blend_latents(warp(portraits, flow), maps)
    latents = people.latents(draw)
    mixed = noisy(latents, torch.randn_like(latents), time)
    estimate = denoise_once(base.denoiser, mixed, time, tokens, spatial, blend)
    error = (estimate.float() - latents).square() * people.weights(draw)
    return {"video": error.mean(), "mask": blend.mask.detach().mean()}


def take_over(adapter: torch.nn.Module, known: dict[str, torch.Tensor]) -> None:
    """Weights of a model that was trained before, as far as it was built alike."""
    own = adapter.state_dict()
    fitting = {key: value.float() for key, value in known.items() if key in own and own[key].shape == value.shape}
    adapter.load_state_dict(own | fitting)


def main() -> None:
    parser = parser_for(__doc__, "adapters", minutes=60, batch=24, learning_rate=8e-4)
    parser.add_argument("--base", type=Path, default=Path("imagineid_sdk/weights/tiny"))
    parser.add_argument("--start", type=Path, help="a model whose adapters to start from")
    add_prepared(parser)
    options = parser.parse_args()

    base = Base(options.base)
    before = base.fingerprint()
    people = TrainingSet(prepared(options.prepared, options.people, options.codes))
    adapters = {
        "semantic_adapter": SemanticAdapter(inputs=people.vectors.shape[1]),
        "spatial_adapter": SpatialAdapter(),
        "blending_adapter": BlendingAdapter(),
    }
    for name, adapter in adapters.items() if options.start else ():
        for stored in (options.start / name).glob("*.safetensors"):
            take_over(adapter, load_file(stored))
    for adapter in adapters.values():
        adapter.to(DEVICE, memory_format=torch.channels_last)
    parameters = [p for name, adapter in adapters.items() for p in adapter.parameters()]
    optimizer = Muon(parameters, [], lr=options.learning_rate, weight_decay=1e-3)
    run = Run(options.out, adapters, optimizer, options.minutes)
    torch.manual_seed(options.seed + run.step)
    held_out = TrainingSet(prepared(options.prepared, options.people, options.codes, held_out=True))
    third = options.batch // 3
    while run.progress < 1:
        run.learning_rate(options.learning_rate)
        with autocast():
            losses = {"imagining": imagining_loss(base, adapters, people, options.batch - third)}
            losses |= carrying_loss(base, adapters, people, third)
            if (run.step + 1) % LOG_EVERY == 0 and held_out.persons:
                with torch.no_grad():
                    losses["held_out"] = imagining_loss(base, adapters, held_out, options.batch)
                    losses["held_out_video"] = carrying_loss(base, adapters, held_out, options.batch)["video"]
        optimizer.zero_grad(set_to_none=True)
        (losses["imagining"] + losses["video"]).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        run.after_step({name: loss.detach() for name, loss in losses.items()}, LOG_EVERY)
    run.save()
    assert all(torch.equal(a, b) for a, b in zip(before, base.fingerprint(), strict=True)), "the base was trained"


if __name__ == "__main__":
    main()
