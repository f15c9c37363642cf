"""What all trainings of pictures ask for: pixels, edges, colour, an ImageNet network's features, the strength of fine
detail, and, where a discriminator is given, that it can't tell what was made from a render."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from examples.training.adversarial import FeatureDiscriminator, discriminator_loss, generator_loss
from examples.training.device import DEVICE, autocast
from examples.training.people_dataset import REGION_DETAIL, REGION_WEIGHT
from examples.training.perceptual import ImageFeatures, feature_distance
from imagineid_sdk.imagining.autoencoder import compose

PERCEPTUAL_WEIGHT, DETAIL_WEIGHT, ADVERSARIAL_WEIGHT = 0.5, 4.0, 0.08


@dataclass(frozen=True)
class Comparison:
    """Pictures that a network made beside those that it should make.

    Attributes:
        losses: of each kind, not weighted.
        total: their weighted sum.
        made, wanted: features of both (`ImageFeatures`), without gradients.
    """

    losses: dict[str, torch.Tensor]
    total: torch.Tensor
    made: list[torch.Tensor]
    wanted: list[torch.Tensor]


class PictureLoss:
    """perceptual: file of MobileNetV2's weights; colour: weight of the colour loss; detail: ask for the strength of
    fine detail; coarser: pixels along a side that are averaged before they are compared. What can't be foretold, pixel
    by pixel, is blurred by being compared."""

    def __init__(self, perceptual: Path, colour: float = 2.0, detail: bool = True, coarser: int = 1) -> None:
        self.network, self.colour, self.detail, self.coarser = ImageFeatures(perceptual), colour, detail, coarser

    def __call__(
        self,
        made: torch.Tensor,
        images: torch.Tensor,
        segmentation: torch.Tensor,
        discriminator: FeatureDiscriminator | None = None,
    ) -> Comparison:
        """made, images: ``(batch, 4, height, width)`` in [-1, 1]; segmentation ``(batch, height, width)``."""
        background = torch.rand(len(images), 3, 1, 1, device=DEVICE)
        compared = (made, images, pixel_weights(REGION_WEIGHT, segmentation))
        if self.coarser > 1:
            compared = tuple(F.avg_pool2d(each, self.coarser) for each in compared)
        losses = reconstruction_loss(*compared)
        picture, wanted = compose(made, background), compose(images, background)
        with autocast(False):  # depthwise convolutions are slower in bfloat16
            features = self.network.features_of(picture.float())
            with torch.no_grad():
                real = self.network.features_of(wanted)
            losses["perceptual"] = feature_distance(features, real)
        total = losses["pixels"] + losses["gradient"] + self.colour * losses["colour"]
        total = total + PERCEPTUAL_WEIGHT * losses["perceptual"]
        if self.detail:
            losses["detail"] = detail_loss(picture, wanted, pixel_weights(REGION_DETAIL, segmentation))
            total = total + DETAIL_WEIGHT * losses["detail"]
        if discriminator is not None:
            losses["adversarial"] = generator_loss(discriminator, features)
            total = total + ADVERSARIAL_WEIGHT * losses["adversarial"]
        return Comparison(losses, total, [each.detach() for each in features], real)

    def believed(self, picture: torch.Tensor, discriminator: FeatureDiscriminator) -> tuple[torch.Tensor, list]:
        """The weighted adversarial loss of a picture that there is no render of, and its features."""
        with autocast(False):
            features = self.network.features_of(picture.float())
        loss = ADVERSARIAL_WEIGHT * generator_loss(discriminator, features)
        return loss, [each.detach() for each in features]


def descend(optimizer: torch.optim.Optimizer, loss: torch.Tensor, clip: float | None = 1.0) -> None:
    """One step of the optimizer; clip: largest norm of its gradients."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if clip is not None:
        torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], clip)
    optimizer.step()


Told = tuple[FeatureDiscriminator, list[torch.Tensor], list[torch.Tensor]]
"""A discriminator and the features of what was made and of renders."""


def judge(optimizer: torch.optim.Optimizer, told: list[Told]) -> torch.Tensor:
    """One step of discriminators; their mean loss."""
    with autocast():
        loss = torch.stack([discriminator_loss(*each) for each in told]).mean()
    descend(optimizer, loss, clip=None)
    return loss


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
