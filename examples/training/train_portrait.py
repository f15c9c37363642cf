"""Step 2 of imagining: the portrait's decoder at 512x512, on the latents of the FROZEN encoder.

    python -m examples.training.train_portrait --people DIR --autoencoder DIR --perceptual mobilenet_v2.pth \\
        --out .train/portrait

Crops of portraits, decoded from the whole face's latents around them. What strands and pores look like is asked for by
a discriminator and by the strength of fine detail; where they are, nobody can know. Once there is a denoiser,
``--imagined`` goes on with latents that it imagined beside those of the encoder.
"""

from __future__ import annotations

import copy
import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from examples.training.adversarial import FeatureDiscriminator
from examples.training.arguments import parser_for
from examples.training.checkpoints import Run
from examples.training.device import DEVICE, autocast
from examples.training.people_dataset import crop, people, planes, to_images
from examples.training.picture_losses import PictureLoss, descend, judge
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder, compose
from imagineid_sdk.imagining.portrait import MARGIN
from imagineid_sdk.imagining.portrait_decoder import PortraitDecoder

CELLS = 5
"""Latents along the side of a crop; as in use, ``MARGIN`` more lie around it."""
SIZE = 32 * CELLS
"""Pixels along the side of a crop."""
FACE = 0.5, 0.45
"""Its middle, in widths of the picture."""
LATENT_NOISE = 0.12
"""Largest deviation of the noise that the latents get: imagined ones are never quite right."""
IMAGINED_SHARE, CHANGE_WEIGHT = 0.25, 2.0
"""Of the adversarial loss of imagined portraits, and of what they change coarsely: nobody knows what they should look
like, and a discriminator alone is content with scratches for wrinkles."""
DISCRIMINATOR_FROM, ADVERSARIAL_FROM = 0.05, 0.10
"""Shares of the training time from which the discriminator learns, and from which it counts."""

Place = tuple[int, int]
"""Column and row of a window's first latent."""


def random_places(count: int) -> list[Place]:
    """Half of them around the face, half anywhere: the lower corners are clothes, and rare otherwise."""
    last = 16 - CELLS

    def one() -> Place:
        if random.random() < 0.5:
            return random.randint(0, last), random.randint(0, last)
        x, y = (round(random.triangular(0, last, 16 * middle - CELLS / 2)) for middle in FACE)
        return x, y

    return [one() for _ in range(count)]


def decode_windows(model: PortraitDecoder, latents: torch.Tensor, places: list[Place]) -> torch.Tensor:
    """What ``places`` show of whole faces' ``latents`` ``(batch, 16, 16, 16)``, decoded with the margin alone."""
    around, reach = F.pad(latents, (MARGIN,) * 4, mode="replicate"), CELLS + 2 * MARGIN
    windows = crop(around, [x for x, _ in places], [y for _, y in places], reach, reach)
    edge = 32 * MARGIN
    return model(windows.contiguous(memory_format=torch.channels_last))[..., edge:-edge, edge:-edge]


def coarse_change(made: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """How far pictures have gone from those of the decoder that training began with, over 4x4 pixels."""
    return CHANGE_WEIGHT * (F.avg_pool2d(made.float(), 4) - F.avg_pool2d(first.float(), 4)).abs().mean()


@torch.no_grad()
def encode(encoder: HeadAutoencoder, portraits: torch.Tensor) -> torch.Tensor:
    """``(people, 5, 512, 512)`` uint8 -> latents ``(people, 16, 16, 16)`` of the halved portraits."""
    with autocast():
        halves = (F.avg_pool2d(to_images(some)[0], 2) for some in portraits.split(16))
        return torch.cat(
            [encoder.encode(half.contiguous(memory_format=torch.channels_last)) for half in halves]
        ).float()


def main() -> None:
    parser = parser_for(__doc__, "portrait", minutes=60, batch=6, learning_rate=6e-4)
    parser.add_argument("--autoencoder", type=Path, required=True, help="with its encoder")
    parser.add_argument("--perceptual", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="folder of a portrait decoder to go on from")
    parser.add_argument(
        "--imagined", type=Path, help="latents of imagine_people: they have to pass for renders as well"
    )
    options = parser.parse_args()

    encoder = HeadAutoencoder.from_pretrained(options.autoencoder).float().eval().to(DEVICE)
    model, discriminator = PortraitDecoder(), FeatureDiscriminator()
    if options.start:
        model.load_state_dict(PortraitDecoder.from_pretrained(options.start).float().state_dict())
    model.latent_mean.copy_(encoder.latent_mean)
    model.latent_std.copy_(encoder.latent_std)
    model.to(DEVICE, memory_format=torch.channels_last)
    anchor = copy.deepcopy(model).requires_grad_(False)
    compare = PictureLoss(options.perceptual, coarser=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)
    judging = torch.optim.Adam(discriminator.parameters(), lr=4e-4, betas=(0.5, 0.99))
    run = Run(options.out, {"portrait_decoder": model, "discriminator": discriminator}, optimizer, options.minutes)
    random.seed(options.seed + run.step)
    torch.manual_seed(options.seed + run.step)
    imagined = torch.from_numpy(np.load(options.imagined)).float() if options.imagined else None
    portraits = planes([person.portrait for person in people(options.people)])
    portraits = torch.cat([portraits, portraits.flip(-1)])
    known = encode(encoder, portraits)
    while run.progress < 1:
        run.learning_rate(options.learning_rate)
        chosen = torch.randint(len(portraits), (options.batch,)).to(DEVICE)
        strength = LATENT_NOISE * torch.rand(options.batch, 1, 1, 1, device=DEVICE)
        latents = known[chosen] + strength * torch.randn(options.batch, *known.shape[1:], device=DEVICE)
        places = random_places(options.batch)
        crops = crop(portraits[chosen], [32 * x for x, _ in places], [32 * y for _, y in places], SIZE, SIZE)
        images, segmentation = to_images(crops)
        judging_now = discriminator if run.progress > ADVERSARIAL_FROM else None
        with autocast():
            shown = compare(decode_windows(model, latents, places), images, segmentation, judging_now)
            losses, total, told = shown.losses, shown.total, [(discriminator, shown.made, shown.wanted)]
            if judging_now is not None and imagined is not None:
                count = max(1, options.batch // 2)
                latents = imagined[torch.randint(len(imagined), (count,))].to(DEVICE)
                places, behind = random_places(count), torch.rand(count, 3, 1, 1, device=DEVICE)
                made = compose(decode_windows(model, latents, places), behind)
                with torch.no_grad():
                    first = compose(decode_windows(anchor, latents, places), behind)
                loss, features = compare.believed(made, discriminator)
                total = total + IMAGINED_SHARE * loss + coarse_change(made, first)
                told.append((discriminator, features, shown.wanted))
        descend(optimizer, total)
        if run.progress > DISCRIMINATOR_FROM:
            losses["discriminator"] = judge(judging, told)
        run.after_step({name: loss.detach() for name, loss in losses.items()})
    run.save()


if __name__ == "__main__":
    main()
