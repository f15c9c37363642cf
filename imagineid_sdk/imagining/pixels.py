"""Two ways to hold a picture with alpha: what the networks work on, and what the video is made of."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


def to_pixels(images: torch.Tensor) -> np.ndarray:
    """Images ``(frames, 4, height, width)`` of the autoencoder, in [-1, 1] and over mid grey, to uint8
    ``(frames, height, width, 4)``: colour premultiplied by alpha, and alpha. Three channels stay three."""
    images = images.detach().float()
    if images.shape[1] == 3:
        return (images / 2 + 0.5).clamp(0, 1).mul(255).round().byte().movedim(1, -1).cpu().numpy()
    alpha = (images[:, 3:] / 2 + 0.5).clamp(0, 1)
    color = images[:, :3] / 2 + 0.5 - (1 - alpha) * 0.5
    pixels = torch.cat([torch.minimum(color.clamp_min(0), alpha), alpha], 1)
    return pixels.mul(255).round().byte().movedim(1, -1).contiguous().cpu().numpy()


def to_images(pixels: np.ndarray) -> torch.Tensor:
    """The way back: premultiplied colour and alpha in 0..255, of any type, to images in [-1, 1]."""
    planes = torch.from_numpy(np.ascontiguousarray(pixels)).movedim(-1, 1).float() / 255
    color, alpha = planes[:, :3], planes[:, 3:]
    return torch.cat([color + (1 - alpha) * 0.5, alpha], 1) * 2 - 1


def smoothstep(values: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """0 up to `low`, 1 from `high` on, and a smooth step between."""
    share = ((values - low) / (high - low)).clamp(0, 1)
    return share * share * (3 - 2 * share)


def gaussian(deviation: float) -> torch.Tensor:
    """Weights for `blurred`: a bell of this standard deviation in pixels."""
    radius = int(3 * deviation)
    return torch.exp(-(torch.arange(-radius, radius + 1) ** 2) / (2 * deviation**2))


def blurred(images: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Images ``(batch, channels, height, width)``, each pixel the mean of those around it along both axes with the same
    ``weights`` ``(2 * radius + 1,)``, of any sum."""
    channels, radius = images.shape[1], len(weights) // 2
    across = (weights / weights.sum()).expand(channels, 1, 1, -1)
    padded = F.pad(images, (radius,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, across, groups=channels), across.transpose(2, 3), groups=channels)
