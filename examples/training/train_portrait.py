"""Step 2 of imagining: the portrait's decoder at 512x512, on the latents of the FROZEN encoder.

    python -m examples.training.train_portrait --people DIR --autoencoder DIR --perceptual mobilenet_v2.pth \\
        --out .train/portrait

Crops of portraits, decoded from the whole face's latents around them. What strands and pores look like is asked for by
a discriminator and by the strength of fine detail; where they are, nobody can know.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch
import torch.nn.functional as F

from examples.training.adversarial import FeatureDiscriminator
from examples.training.checkpoints import Run
from examples.training.device import DEVICE, autocast
from examples.training.people_dataset import mirror_some, people, planes, to_images
from examples.training.picture_losses import PictureLoss, descend, judge
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder
from imagineid_sdk.imagining.portrait_decoder import PortraitDecoder

CELLS, MARGIN = 5, 2
"""Latents along the side of a crop, and how many beyond it its pixels can depend on."""
FACE = 0.5, 0.45
"""Its middle, in widths of the picture."""
LATENT_NOISE = 0.12
"""Largest deviation of the noise that the latents get: imagined ones are never quite right."""
DISCRIMINATOR_FROM, ADVERSARIAL_FROM = 0.05, 0.10


def random_windows(latents: torch.Tensor, portraits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, list]:
    """A window of latents with its margin, what it shows, and where the window lies in it. Half of the windows are
    drawn around the face, half evenly: the lower corners are clothes, and count as much as the background."""
    windows, shown, places = [], [], []
    last = 16 - CELLS
    for each, portrait in zip(latents, portraits, strict=True):
        if random.random() < 0.5:
            x, y = (round(random.triangular(0, last, 16 * middle - CELLS / 2)) for middle in FACE)
        else:
            x, y = random.randint(0, last), random.randint(0, last)
        left, top = (min(max(start - MARGIN, 0), last - 2 * MARGIN) for start in (x, y))
        right, bottom = left + CELLS + 2 * MARGIN, top + CELLS + 2 * MARGIN
        windows.append(each[:, top:bottom, left:right])
        shown.append(portrait[:, 32 * y : 32 * (y + CELLS), 32 * x : 32 * (x + CELLS)])
        places.append((x - left, y - top))
    return torch.stack(windows), torch.stack(shown), places


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--autoencoder", type=Path, required=True, help="with its encoder")
    parser.add_argument("--perceptual", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="folder of a portrait decoder to go on from")
    parser.add_argument("--out", type=Path, default=Path(".train/portrait"))
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--learning-rate", type=float, default=6e-4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    encoder = HeadAutoencoder.from_pretrained(options.autoencoder).float().eval().to(DEVICE)
    model, discriminator = PortraitDecoder(), FeatureDiscriminator()
    if options.start:
        model.load_state_dict(PortraitDecoder.from_pretrained(options.start).float().state_dict())
    model.latent_mean.copy_(encoder.latent_mean)
    model.latent_std.copy_(encoder.latent_std)
    model.to(DEVICE, memory_format=torch.channels_last)
    compare = PictureLoss(options.perceptual, coarser=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)
    judging = torch.optim.Adam(discriminator.parameters(), lr=4e-4, betas=(0.5, 0.99))
    run = Run(options.out, {"portrait_decoder": model, "discriminator": discriminator}, optimizer, options.minutes)
    random.seed(options.seed + run.step)
    torch.manual_seed(options.seed + run.step)
    portraits = planes([person.portrait for person in people(options.people)])
    while run.progress < 1:
        run.learning_rate(options.learning_rate)
        chosen = mirror_some(portraits[torch.randint(len(portraits), (options.batch,)).to(DEVICE)])
        with torch.no_grad(), autocast():
            whole, _ = to_images(chosen)
            latents = encoder.encode(F.avg_pool2d(whole, 2).contiguous(memory_format=torch.channels_last)).float()
            strength = LATENT_NOISE * torch.rand(len(latents), 1, 1, 1, device=DEVICE)
            latents = latents + strength * torch.randn_like(latents)
        windows, shown, places = random_windows(latents, chosen)
        images, segmentation = to_images(shown)
        with autocast():
            made = model(windows.contiguous(memory_format=torch.channels_last))
            size = 32 * CELLS
            made = torch.stack(
                [
                    one[:, 32 * y : 32 * y + size, 32 * x : 32 * x + size]
                    for one, (x, y) in zip(made, places, strict=True)
                ]
            )
            shown = compare(made, images, segmentation, discriminator if run.progress > ADVERSARIAL_FROM else None)
        losses = shown.losses
        descend(optimizer, shown.total)
        if run.progress > DISCRIMINATOR_FROM:
            losses["discriminator"] = judge(judging, [(discriminator, shown)])
        run.after_step({name: loss.detach() for name, loss in losses.items()})
    run.save()


if __name__ == "__main__":
    main()
