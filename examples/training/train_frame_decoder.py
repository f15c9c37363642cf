"""The small decoder of the frames: latents -> 128x128, on the latents of the FROZEN encoder. Frozen afterwards.

    python -m examples.training.train_frame_decoder --people DIR --autoencoder DIR --perceptual mobilenet_v2.pth

It shows what the portrait's pixels can't: coarse, at a sixth of the cost of a whole decoder. Mouth and eyes are painted
from its features at 64x64.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

from examples.training.arguments import add_prepared, parser_for
from examples.training.checkpoints import Run
from examples.training.device import DEVICE, autocast
from examples.training.people_dataset import to_images
from examples.training.picture_losses import PictureLoss, descend
from examples.training.prepare_people import prepared
from examples.training.training_set import TrainingSet
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder

FRAME_DECODER = {"decoder_channels": (88, 56, 32), "decoder_blocks": (2, 1, 1), "with_encoder": False}
NOISE = 0.2
"""Largest deviation of the noise that the latents get: denoised ones are never quite right."""


def main() -> None:
    parser = parser_for(__doc__, "frame_decoder", minutes=15, batch=16, learning_rate=1e-3)
    parser.add_argument("--autoencoder", type=Path, required=True, help="whose latents these are")
    parser.add_argument("--perceptual", type=Path, required=True)
    add_prepared(parser)
    options = parser.parse_args()

    model = HeadAutoencoder(**FRAME_DECODER)
    latent_space = HeadAutoencoder.from_pretrained(options.autoencoder)
    model.latent_mean.copy_(latent_space.latent_mean)
    model.latent_std.copy_(latent_space.latent_std)
    model.to(DEVICE, memory_format=torch.channels_last)
    compare = PictureLoss(options.perceptual, detail=False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)
    run = Run(options.out, {"frame_decoder": model}, optimizer, options.minutes)
    torch.manual_seed(options.seed + run.step)
    people = TrainingSet(prepared(options.prepared, options.people, options.codes))
    while run.progress < 1:
        run.learning_rate(options.learning_rate)
        draw = people.draw(options.batch)
        latents = people.latents(draw)
        latents = latents + NOISE * torch.rand(len(latents), 1, 1, 1, device=DEVICE) * torch.randn_like(latents)
        images, segmentation = to_images(people.pictures(draw))
        images, segmentation = F.avg_pool2d(images, 2), segmentation[:, ::2, ::2]
        with autocast():
            shown = compare(model.decode(latents), images, segmentation)
        descend(optimizer, shown.total)
        run.after_step({name: loss.detach() for name, loss in shown.losses.items()})
    run.save()


if __name__ == "__main__":
    main()
