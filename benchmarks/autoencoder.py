"""The autoencoder alone, on people kept out of training: what of a picture survives its latents.

The shipped model has no encoder, so this needs the folder that a training run saved with one.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.features import ImageFeatures
from benchmarks.judges import FaceMesh
from benchmarks.measures import detail
from benchmarks.renders import BACKGROUND, over_grey
from benchmarks.tables import Row, measure_row, write
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder, compose

EYES, MOUTH = (4,), (2, 3)  # classes of the renders' segmentation: eyes; lips and the inside of the mouth
FRAME_STEP = 9  # every so many frames of a person
JUDGE = "EfficientNet-Lite0"


def autoencoder_rows(folder: Path, renders: list[Path], features: ImageFeatures, mesh: FaceMesh) -> list[Row]:
    """PSNR, perceptual distance and sharpness of held-out people after encoding and decoding."""
    model = HeadAutoencoder.from_pretrained(folder, low_cpu_mem_usage=False).eval()
    stored = np.concatenate([np.load(path, mmap_mode="r")[::FRAME_STEP] for path in renders])
    wanted = over_grey(stored)
    made, alpha = _through(model, stored)
    blurred = np.stack([cv2.GaussianBlur(picture, (0, 0), 1.0) for picture in wanted])
    others = np.roll(wanted, len(wanted) // 2, axis=0)
    faces = [mesh.find(picture) for picture in wanted]
    kept = detail(list(made), faces) / detail(list(wanted), faces)
    masks = [np.ones(stored.shape[:3], bool), np.isin(stored[..., 4], EYES), np.isin(stored[..., 4], MOUTH)]
    values = [psnr(made, wanted, mask) for mask in masks]
    return [
        measure_row("pictures / people", f"{len(stored)} / {len(renders)}", ""),
        measure_row("PSNR of all / eyes / mouth (dB)", write(values, "{:.1f}"), ""),
        measure_row("largest error of alpha, 99.9 % of pixels (of 255)", f"{alpha:.0f}", ""),
        measure_row("perceptual distance", _mean(features, made, wanted), JUDGE),
        measure_row("of a blur of 1 px / of another person, to compare", 
                    f"{_mean(features, blurred, wanted)} / {_mean(features, others, wanted)}", JUDGE),
        measure_row("sharpness kept, face / eyes / mouth", write(kept, "{:.0%}"), "Laplacian"),
    ]  # fmt: skip


@torch.no_grad()
def _through(model: HeadAutoencoder, stored: np.ndarray, batch: int = 8) -> tuple[np.ndarray, float]:
    """(decoded pictures over grey, the 99.9 % quantile of alpha's error in levels of 255)."""
    pictures, errors = [], []
    for start in range(0, len(stored), batch):
        pixels = torch.from_numpy(stored[start : start + batch, ..., :4].copy()).movedim(-1, 1).float() / 255
        images = torch.cat([pixels[:, :3] + (1 - pixels[:, 3:]) * 0.5, pixels[:, 3:]], dim=1) * 2 - 1
        decoded = model.decode(model.encode(images))
        over = compose(decoded, torch.full((1, 3, 1, 1), BACKGROUND / 255))
        pictures.append((over * 255).round().byte().movedim(1, -1).numpy())
        errors.append((decoded[:, 3:].clamp(-1, 1) - images[:, 3:]).abs().numpy().ravel() * 127.5)
    return np.concatenate(pictures), float(np.quantile(np.concatenate(errors), 0.999))


def psnr(made: np.ndarray, wanted: np.ndarray, mask: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB over the pixels of a mask (n, height, width)."""
    error = (made[mask].astype(np.float32) - wanted[mask].astype(np.float32)) ** 2
    return float(10 * np.log10(255**2 / max(error.mean(), 1e-6))) if mask.any() else float("nan")


def _mean(features: ImageFeatures, first: np.ndarray, second: np.ndarray, batch: int = 8) -> str:
    parts = [features.distance(first[i : i + batch], second[i : i + batch]) for i in range(0, len(first), batch)]
    return f"{np.concatenate(parts).mean():.4f}"
