"""Step 1 of imagining: the autoencoder, on random crops of rendered heads.

    python -m examples.training.train_autoencoder --people DIR --perceptual mobilenet_v2.pth --out .train/autoencoder

In the second half a patch discriminator asks for crisp pictures. ``--start FOLDER`` goes on from an autoencoder that
was trained before. Its encoder makes the latents of all that follows; its decoder is needed for nothing else.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch
import torch.nn.functional as F

from examples.training.adversarial import PatchDiscriminator, discriminator_loss, generator_losses
from examples.training.checkpoints import Run
from examples.training.device import DEVICE, autocast
from examples.training.people_dataset import (
    REGION_DETAIL,
    REGION_WEIGHT,
    crop,
    mirror_some,
    people,
    planes,
    to_images,
)
from examples.training.perceptual import PerceptualDistance
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder, compose

KL_WEIGHT, GRADIENT_WEIGHT, PERCEPTUAL_WEIGHT, SMALLER_PROBABILITY = 4e-4, 1.0, 0.5, 0.15
COLOUR_WEIGHT, DETAIL_WEIGHT, ADVERSARIAL_WEIGHT, FEATURES_WEIGHT = 2.0, 4.0, 0.08, 4.0
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


def pixel_weights(regions: torch.Tensor, segmentation: torch.Tensor) -> torch.Tensor:
    """How much each pixel counts, ``(count, 1, height, width)``; regions: ``REGION_WEIGHT`` or ``REGION_DETAIL``."""
    return regions.to(segmentation.device)[segmentation.long()][:, None]


def reconstruction_loss(made: torch.Tensor, wanted: torch.Tensor, weight: torch.Tensor) -> dict[str, torch.Tensor]:
    """Weighted absolute error of the pixels and of their differences to the right and below."""
    error = made - wanted
    across = (error[..., 1:] - error[..., :-1]).abs() * weight[..., 1:]
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * weight[..., 1:, :]
    # Per pixel a grey shirt is never far off; over an area the lost hue is the whole error.
    colour = (F.avg_pool2d(error[:, :3], 8).abs() * F.avg_pool2d(weight, 8)).mean()
    # Teeth between red lips turn blue: a row of them is smaller than that area, and grey counts little beside edges.
    hue = error[:, :3] - error[:, :3].mean(1, keepdim=True)
    colour = colour + (F.avg_pool2d(hue, 3).abs() * F.avg_pool2d(weight, 3)).mean()
    return {"pixels": (error.abs() * weight).mean(), "gradient": across.mean() + down.mean(), "colour": colour}


def detail_loss(picture: torch.Tensor, wanted: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Pores, hair and lashes can't be foretold pixel by pixel, so that every error above wants them gone.
    How much of them there is in a place can be: the spread of the Laplacian in windows of 8x8 (gradient variance loss,
    arXiv 2202.00997). Pictures ``(batch, 3, height, width)`` in [0, 1]."""

    def spread(image: torch.Tensor) -> torch.Tensor:
        grey = image.float().mean(1, keepdim=True)
        edges = grey[..., 2:, 1:-1] + grey[..., :-2, 1:-1] + grey[..., 1:-1, 2:] + grey[..., 1:-1, :-2]
        return (F.avg_pool2d((edges - 4 * grey[..., 1:-1, 1:-1]).square(), 8, 4) + 1e-6).sqrt()

    return ((spread(picture) - spread(wanted)).abs() * F.avg_pool2d(weight[..., 1:-1, 1:-1], 8, 4)).mean()


def smaller_latents_loss(model: HeadAutoencoder, latents: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Halved latents should decode to the halved picture (EQ-VAE, arXiv 2502.09509): smooth latents diffuse better."""
    made = model.decoder(F.avg_pool2d(latents, 2))
    return (made - F.avg_pool2d(images, 2)).abs().mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--perceptual", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="folder of an autoencoder to go on from")
    parser.add_argument("--out", type=Path, default=Path(".train/autoencoder"))
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=8e-4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    model, discriminator = HeadAutoencoder(), PatchDiscriminator()
    if options.start:
        model.load_state_dict(HeadAutoencoder.from_pretrained(options.start).float().state_dict())
    model.to(DEVICE, memory_format=torch.channels_last)
    perceptual = PerceptualDistance(options.perceptual)
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
        weight = pixel_weights(REGION_WEIGHT, segmentation)
        images = images.contiguous(memory_format=torch.channels_last)
        background = torch.rand(options.batch, 3, 1, 1, device=DEVICE)
        with autocast():
            mean, log_variance = model.posterior(images)
            latents = mean + torch.randn_like(mean) * (log_variance / 2).exp()
            if progress >= DECODER_ALONE:  # imagined latents are never quite right
                strength = NOISE * torch.rand(options.batch, 1, 1, 1, device=DEVICE)
                latents = latents + strength * torch.randn_like(latents)
            made = model.decoder(latents)
            losses = reconstruction_loss(made, images, weight)
            picture, wanted = compose(made, background), compose(images, background)
            with autocast(False):  # depthwise convolutions are slower in bfloat16
                losses["perceptual"] = perceptual(picture.float(), wanted)
            losses["detail"] = detail_loss(picture, wanted, pixel_weights(REGION_DETAIL, segmentation))
            losses["kl"] = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
            total = losses["pixels"] + GRADIENT_WEIGHT * losses["gradient"] + COLOUR_WEIGHT * losses["colour"]
            total = total + PERCEPTUAL_WEIGHT * losses["perceptual"] + KL_WEIGHT * losses["kl"]
            total = total + DETAIL_WEIGHT * losses["detail"]
            if random.random() < SMALLER_PROBABILITY:
                total = total + smaller_latents_loss(model, latents, images)
            if progress > ADVERSARIAL_FROM:
                losses |= generator_losses(discriminator, picture, wanted)
                total = total + ADVERSARIAL_WEIGHT * losses["adversarial"] + FEATURES_WEIGHT * losses["features"]
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if progress > DISCRIMINATOR_FROM:
            with autocast():
                losses["discriminator"] = discriminator_loss(discriminator, picture, wanted)
            judging.zero_grad(set_to_none=True)
            losses["discriminator"].backward()
            judging.step()
        run.after_step({name: loss.detach() for name, loss in losses.items()})
    run.save()


if __name__ == "__main__":
    main()
