"""Step 1 of imagining: the autoencoder, on random crops of rendered heads.

    python -m examples.training.train_autoencoder --people DIR --perceptual mobilenet_v2.pth --out .train/autoencoder

In the second half a discriminator asks for crisp pictures. ``--start FOLDER`` goes on from an autoencoder that
was trained before. Its encoder makes the latents of all that follows; its decoder is needed for nothing else.
"""

from __future__ import annotations

import random
from pathlib import Path

import torch
import torch.nn.functional as F

from examples.training.adversarial import FeatureDiscriminator
from examples.training.arguments import parser_for
from examples.training.checkpoints import Run
from examples.training.device import DEVICE, autocast
from examples.training.people_dataset import crop, mirror_some, people, planes, to_images
from examples.training.picture_losses import PictureLoss, descend, judge
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder

KL_WEIGHT, SMALLER_PROBABILITY = 4e-4, 0.15
NOISE = 0.15
"""Largest deviation of the noise that the finished latents get, so that the decoder forgives."""
DISCRIMINATOR_FROM, ADVERSARIAL_FROM, DECODER_ALONE = 0.3, 0.4, 0.7
"""Shares of the training time: from which the discriminator learns, from which it counts, and from which the latents
stay as they are and only the decoder learns."""


def random_crops(pictures: torch.Tensor, count: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """``count`` crops of ``(pictures, 5, 256, 256)``: images ``(count, 4, size, size)`` and their segmentation."""
    chosen = pictures[torch.randint(len(pictures), (count,)).to(pictures.device)]
    # Triangular: eyes and mouth are near the middle, the corners are background.
    lefts = [int(random.triangular(0, 256 - size, 256 * 0.5 - size / 2)) for _ in range(count)]
    tops = [int(random.triangular(0, 256 - size, 256 * 0.45 - size / 2)) for _ in range(count)]
    return to_images(mirror_some(crop(chosen, lefts, tops, size, size)))


def smaller_latents_loss(model: HeadAutoencoder, latents: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Halved latents should decode to the halved picture (EQ-VAE, arXiv 2502.09509): smooth latents diffuse better."""
    made = model.decoder(F.avg_pool2d(latents, 2))
    return (made - F.avg_pool2d(images, 2)).abs().mean()


def main() -> None:
    parser = parser_for(__doc__, "autoencoder", minutes=40, batch=16, learning_rate=8e-4)
    parser.add_argument("--perceptual", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="folder of an autoencoder to go on from")
    options = parser.parse_args()

    model, discriminator = HeadAutoencoder(), FeatureDiscriminator()
    if options.start:
        model.load_state_dict(HeadAutoencoder.from_pretrained(options.start).float().state_dict())
    model.to(DEVICE, memory_format=torch.channels_last)
    compare = PictureLoss(options.perceptual)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)
    judging = torch.optim.Adam(discriminator.parameters(), lr=4e-4, betas=(0.5, 0.99))
    run = Run(options.out, {"autoencoder": model, "discriminator": discriminator}, optimizer, options.minutes)
    random.seed(options.seed + run.step)
    torch.manual_seed(options.seed + run.step)
    pictures = planes([person.pictures for person in people(options.people)]).flatten(0, 1)
    while run.progress < 1:
        run.learning_rate(options.learning_rate)
        progress = run.progress
        model.encoder.requires_grad_(progress < DECODER_ALONE)
        images, segmentation = random_crops(pictures, options.batch, size=128)
        images = images.contiguous(memory_format=torch.channels_last)
        with autocast():
            mean, log_variance = model.posterior(images)
            latents = mean + torch.randn_like(mean) * (log_variance / 2).exp()
            if progress >= DECODER_ALONE:  # imagined latents are never quite right
                strength = NOISE * torch.rand(options.batch, 1, 1, 1, device=DEVICE)
                latents = latents + strength * torch.randn_like(latents)
            made = model.decoder(latents)
            shown = compare(made, images, segmentation, discriminator if progress > ADVERSARIAL_FROM else None)
            losses = shown.losses
            losses["kl"] = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
            total = shown.total + KL_WEIGHT * losses["kl"]
            if random.random() < SMALLER_PROBABILITY:
                total = total + smaller_latents_loss(model, latents, images)
        descend(optimizer, total)
        if progress > DISCRIMINATOR_FROM:
            losses["discriminator"] = judge(judging, [(discriminator, shown.made, shown.wanted)])
        run.after_step({name: loss.detach() for name, loss in losses.items()})
    run.save()


if __name__ == "__main__":
    main()
