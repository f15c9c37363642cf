"""Step 5 of imagining: the adapters on whole frames, in pixels, through the FROZEN denoiser and decoder.

    python -m examples.training.train_frames --people DIR --base MODEL --perceptual mobilenet_v2.pth --out .train/frames

A frame is made as a video makes it: one step from noise, decoded small, the portrait's pixels warped over it under the
learned masks, mouth and eyes painted at full resolution. What the latents' squared error leaves soft is asked for here:
whole frames against the renders at 256, mouths and eyes against crops at the scale of 512, by differences of pixels, an
ImageNet network's features and discriminators. Asserts at its end that the base is bit-identical.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F

from examples.training.adversarial import FeatureDiscriminator
from examples.training.arguments import add_prepared, parser_for
from examples.training.checkpoints import Run
from examples.training.device import DEVICE, autocast
from examples.training.muon import Muon
from examples.training.people_dataset import planes, to_images
from examples.training.picture_losses import PictureLoss, descend, judge
from examples.training.prepare_people import Prepared, prepared
from examples.training.train_adapters import Base, imagining_loss
from examples.training.training_set import Draw, TrainingSet
from imagineid_sdk.imagining.adapters.blending import BlendingAdapter, warp
from imagineid_sdk.imagining.adapters.painting import CELL, EYES, MOUTH, cut
from imagineid_sdk.imagining.adapters.semantic import SemanticAdapter
from imagineid_sdk.imagining.adapters.spatial import SpatialAdapter
from imagineid_sdk.imagining.denoising import denoise_once
from imagineid_sdk.imagining.painted import Painted, PaintedRegion, assemble, crop_of, decode_frames, paint

LATENT_WEIGHT, IMAGINING_WEIGHT, OWN_WEIGHT = 0.2, 1.0, 0.3
"""Of the losses; OWN is the diffusion's own frame, without the portrait's pixels: it has to stay a face."""
FRAMES = 2
"""Frames of each person of a batch; as many latents are imagined beside them."""
ADVERSARIAL_FROM = 0.2
WINDOWS = {"mouth": (112, 112), "eyes": (192, 64)}
"""Width and height, in pixels of 512, of what is compared of the painted regions."""
SIZE = 512
"""Pixels of a portrait's side."""
NO_BLEND = 0.15
"""Share of the batches whose latents are denoised without the portrait's."""


@dataclass(frozen=True)
class Crops:
    """Renders of one part of the face at the scale of 512, of some of each person's frames.

    Attributes:
        pixels: ``(people, crops, 5, height, width)`` uint8.
        frames: ``(people, crops)``: which frames they are of.
        corners: ``(people, crops, 2)``: left and top in pixels of 512.
    """

    pixels: torch.Tensor
    frames: list[list[int]]
    corners: list[list[list[int]]]

    @classmethod
    def of(cls, persons: list[Prepared], part: str) -> Crops:
        stored = [person.person.parameters for person in persons]
        return cls(
            planes([person.person.crops(part) for person in persons]),
            [one[f"{part}_frames"].tolist() for one in stored],
            [one[f"{part}_box"].tolist() for one in stored],
        )


def random_frames(people: TrainingSet, persons: int) -> Draw:
    """``FRAMES`` different frames of each of some people, but for the portraits."""
    chosen = torch.randperm(len(people.persons))[:persons]
    frames = [1 + torch.randperm(people.frame_count - 1)[:FRAMES] for _ in chosen]
    mirrored = torch.rand(len(chosen)) < 0.5
    return Draw(chosen.repeat_interleave(FRAMES), torch.cat(frames), mirrored.repeat_interleave(FRAMES))


def make_frames(
    base: Base, adapters: dict, people: TrainingSet, draw: Draw
) -> tuple[Painted, torch.Tensor, torch.Tensor]:
    """What the networks say about the frames, their portraits at 512, and the denoised latents. Frames of one person
    stand together."""
    first = people.portraits_of(Draw(draw.people[::FRAMES], draw.frames[::FRAMES], draw.mirrored[::FRAMES]))
    chosen = first.people.to(DEVICE)
    repeats = torch.arange(len(chosen), device=DEVICE).repeat_interleave(FRAMES)
    portraits, _ = to_images(people.portraits(first))
    maps, flow = people.geometry(draw)
    resting = people.latents(first)
    noise = torch.randn_like(resting)[repeats]
    semantics = adapters["semantic_adapter"](people.vectors[chosen])
    tokens = torch.cat([base.words(people.words[chosen]), semantics.tokens], dim=1)[repeats]
    spatial = adapters["spatial_adapter"](maps, people.motion(draw), semantics.style[repeats])
    blend = adapters["blending_adapter"].blend_latents(warp(resting[repeats], flow), maps)
    blend = None if random.random() < NO_BLEND else blend
    latents = denoise_once(base.denoiser, noise, torch.ones(len(repeats), device=DEVICE), tokens, spatial, blend)
    picture, trunk = decode_frames(base.autoencoder, latents)
    portraits = portraits[repeats]
    coarse = F.avg_pool2d(portraits, CELL)
    centers, look = people.centers(draw), crop_of(warp(portraits, flow))
    painted = paint(adapters["blending_adapter"], picture, trunk, coarse, maps, flow, centers, look)
    return painted, portraits, latents


def matched_crops(
    region: PaintedRegion, crops: Crops, draw: Draw, window: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels ``(pairs, 4, height, width)`` and renders ``(pairs, 5, height, width)`` of the same windows, of
    those frames that have a crop."""
    made, wanted = [], []
    width, height = window
    rows = zip(draw.people.tolist(), draw.frames.tolist(), draw.mirrored.tolist(), strict=True)
    for k, (person, frame, mirrored) in enumerate(rows):
        if frame not in crops.frames[person]:
            continue
        at = crops.frames[person].index(frame)
        left, top = crops.corners[person][at]
        render = crops.pixels[person, at]
        if mirrored:
            left, render = SIZE - left - render.shape[-1], render.flip(-1)
        x, y = (region.corners[k] * CELL).tolist()
        lefts = max(x, left), min(x + region.pixels.shape[-1], left + render.shape[-1]) - width
        tops = max(y, top), min(y + region.pixels.shape[-2], top + render.shape[-2]) - height
        if lefts[1] < lefts[0] or tops[1] < tops[0]:
            continue
        x0, y0 = random.randint(*lefts), random.randint(*tops)
        made.append(region.pixels[k, :, y0 - y : y0 - y + height, x0 - x : x0 - x + width])
        wanted.append(render[:, y0 - top : y0 - top + height, x0 - left : x0 - left + width])
    if not made:
        return region.pixels[:0], crops.pixels[:0, 0]
    # Always as many: kernels are chosen anew for every size of a batch.
    order = random.sample(range(len(made)), len(made)) * len(draw.people)
    kept = order[: len(draw.people) // FRAMES]
    return torch.stack([made[k] for k in kept]), torch.stack([wanted[k] for k in kept])


def main() -> None:
    parser = parser_for(__doc__, "frames", minutes=60, batch=4, learning_rate=4e-4)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--perceptual", type=Path, required=True)
    add_prepared(parser)
    options = parser.parse_args()

    base = Base(options.base)
    before = base.fingerprint()
    kinds = {
        "semantic_adapter": SemanticAdapter, "spatial_adapter": SpatialAdapter, "blending_adapter": BlendingAdapter,
    }  # fmt: skip
    adapters = {name: kind.from_pretrained(options.base / name).float() for name, kind in kinds.items()}
    for adapter in adapters.values():
        adapter.train().to(DEVICE, memory_format=torch.channels_last)
    discriminators = {part: FeatureDiscriminator() for part in ("whole", *WINDOWS)}
    compare = PictureLoss(options.perceptual, colour=1.0)
    parameters = [p for adapter in adapters.values() for p in adapter.parameters()]
    optimizer = Muon(parameters, [], lr=options.learning_rate, weight_decay=1e-3)
    judged = [p for discriminator in discriminators.values() for p in discriminator.parameters()]
    judging = torch.optim.Adam(judged, lr=2e-4, betas=(0.5, 0.99))
    kept = adapters | {f"{part}_discriminator": each for part, each in discriminators.items()}
    run = Run(options.out, kept, optimizer, options.minutes, decay=0.998)
    random.seed(options.seed + run.step)
    torch.manual_seed(options.seed + run.step)
    people = TrainingSet(prepared(options.prepared, options.people, options.codes))
    crops = {part: Crops.of(people.persons, part) for part in WINDOWS}

    while run.progress < 1:
        run.learning_rate(options.learning_rate)
        draw = random_frames(people, options.batch)
        images, segmentation = to_images(people.pictures(draw))
        judges = discriminators if run.progress > ADVERSARIAL_FROM else {}
        with autocast():
            painted, portraits, latents = make_frames(base, adapters, people, draw)
            frame = assemble(painted, F.avg_pool2d(portraits, 2))
            shown = compare(frame, images, segmentation, judges.get("whole"))
            losses = shown.losses
            losses["own"] = (painted.picture.float() - F.avg_pool2d(images, 2)).abs().mean()
            losses["latents"] = (latents.float() - people.latents(draw)).square().mean()
            losses["imagining"] = imagining_loss(base, adapters, people, FRAMES * options.batch)
            total = shown.total + OWN_WEIGHT * losses["own"] + LATENT_WEIGHT * losses["latents"]
            total = total + IMAGINING_WEIGHT * losses["imagining"]
            told = [(discriminators["whole"], shown.made, shown.wanted)]
            warped = warp(portraits, painted.flow)
            for (part, window), kind, region in zip(WINDOWS.items(), (MOUTH, EYES), painted.regions, strict=True):
                below = cut(warped, region.corners, kind, CELL)
                over = replace(region, pixels=below + region.mask * (region.pixels - below))
                made, wanted = matched_crops(over, crops[part], draw, window)
                if len(made):
                    close = compare(made.float(), *to_images(wanted), judges.get(part))
                    total = total + close.total / len(WINDOWS)
                    losses |= {f"{part}_{name}": value for name, value in close.losses.items()}
                    told.append((discriminators[part], close.made, close.wanted))
        descend(optimizer, total)
        losses["judgement"] = judge(judging, told)
        run.after_step({name: loss.detach() for name, loss in losses.items()}, log_every=25)
    run.save()
    assert all(torch.equal(a, b) for a, b in zip(before, base.fingerprint(), strict=True)), "the base was trained"


if __name__ == "__main__":
    main()
