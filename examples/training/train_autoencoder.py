"""Step 1 of imagining: the autoencoder, on random crops of rendered heads.

python -m examples.training.train_autoencoder --people DIR --perceptual mobilenet_v2.pth --out .train/autoencoder
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from examples.training.checkpoints import Run
from examples.training.people_dataset import REGION_WEIGHT, Person, people, to_images
from examples.training.perceptual import PerceptualDistance
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder, compose

KL_WEIGHT, GRADIENT_WEIGHT, PERCEPTUAL_WEIGHT, SMALLER_PROBABILITY = 4e-4, 1.0, 0.5, 0.2


def random_crops(persons: list[Person], count: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """``count`` crops: images ``(count, 4, size, size)`` and the weight of each pixel ``(count, 1, size, size)``."""
    crops = np.empty((count, size, size, 5), np.uint8)
    for crop in crops:
        pictures = random.choice(persons).pictures
        # Triangular: eyes and mouth are near the middle, the corners are background.
        top, left = (int(random.triangular(0, 256 - size, 256 * share - size / 2)) for share in (0.45, 0.5))
        crop[:] = pictures[random.randrange(len(pictures)), top : top + size, left : left + size]
        if random.random() < 0.5:
            crop[:] = crop[:, ::-1]
    images, segmentation = to_images(crops)
    return images, REGION_WEIGHT[segmentation.long()][:, None]


def reconstruction_loss(made: torch.Tensor, wanted: torch.Tensor, weight: torch.Tensor) -> dict[str, torch.Tensor]:
    """Weighted absolute error of the pixels and of their differences to the right and below."""
    error = made - wanted
    across = (error[..., 1:] - error[..., :-1]).abs() * weight[..., 1:]
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * weight[..., 1:, :]
    return {"pixels": (error.abs() * weight).mean(), "gradient": across.mean() + down.mean()}


def smaller_latents_loss(model: HeadAutoencoder, latents: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Halved latents should decode to the halved picture (EQ-VAE, arXiv 2502.09509): smooth latents diffuse better."""
    made = model.decoder(F.avg_pool2d(latents, 2))
    return (made - F.avg_pool2d(images, 2)).abs().mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--perceptual", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(".train/autoencoder"))
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=8e-4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    model = HeadAutoencoder().to(memory_format=torch.channels_last)
    perceptual = PerceptualDistance(options.perceptual)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)
    run = Run(options.out, {"autoencoder": model}, optimizer, options.minutes)
    random.seed(options.seed + run.step)
    torch.manual_seed(options.seed + run.step)
    persons = people(options.people)
    while run.progress < 1:
        run.learning_rate(options.learning_rate)
        images, weight = random_crops(persons, options.batch, size=128)
        images = images.contiguous(memory_format=torch.channels_last)
        background = torch.rand(options.batch, 3, 1, 1)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            mean, log_variance = model.posterior(images)
            latents = mean + torch.randn_like(mean) * (log_variance / 2).exp()
            made = model.decoder(latents)
            losses = reconstruction_loss(made, images, weight)
            losses["perceptual"] = perceptual(compose(made, background), compose(images, background))
            losses["kl"] = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
            total = losses["pixels"] + GRADIENT_WEIGHT * losses["gradient"]
            total = total + PERCEPTUAL_WEIGHT * losses["perceptual"] + KL_WEIGHT * losses["kl"]
            if random.random() < SMALLER_PROBABILITY:
                total = total + smaller_latents_loss(model, latents, images)
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        run.after_step({name: loss.detach() for name, loss in losses.items()})
    run.save()


if __name__ == "__main__":
    main()
