"""The rendered people on disk, as ``render_people.py`` writes them: pictures, segmentation and parameters."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from examples.training.device import DEVICE

BACKGROUND, SKIN, LIPS, MOUTH, EYES, BROWS, HAIR, CLOTHES, BEARD, GLASSES = range(10)
"""Classes of the segmentation, as ``world.coverage`` names them."""
REGION_WEIGHT = torch.tensor([0.5, 1.2, 3.0, 4.0, 5.0, 2.0, 1.5, 1.0, 1.5, 2.0])
"""How much a pixel of each region counts: eyes and mouth are small and decide whether a face convinces."""
REGION_DETAIL = torch.tensor([0.5, 1.2, 0.0, 0.0, 5.0, 2.0, 1.5, 1.0, 1.5, 1.0])
"""The same for the strength of fine detail. None of it is asked of lips and teeth: their edges can be foretold, and
asked for by strength alone they come as dark and bright lines side by side, like metal."""


@dataclass(frozen=True)
class Person:
    """One rendered identity. Frame 0 is neutral, frontal and still: the reference frame."""

    path: Path

    @cached_property
    def pictures(self) -> np.ndarray:
        """``(frames, 256, 256, 5)`` uint8: premultiplied red, green, blue, alpha, segmentation."""
        return np.load(self.path, mmap_mode="r")

    @property
    def portrait(self) -> np.ndarray:
        """``(512, 512, 5)`` uint8: frame 0 at twice the size."""
        return np.load(self.path.with_suffix(".portrait.npy"), mmap_mode="r")

    def crops(self, part: str) -> np.ndarray:
        """``(crops, height, width, 5)`` uint8 at the portrait's scale; part: mouth or eyes. Which frames they are of,
        and where they lie, say the parameters ``mouth_frames`` and ``mouth_box``, ``eyes_frames`` and ``eyes_box``."""
        return np.load(self.path.with_suffix(f".{part}.npy"), mmap_mode="r")

    @cached_property
    def parameters(self) -> dict[str, np.ndarray]:
        with np.load(self.path.with_suffix(".npz")) as stored:
            return {name: stored[name] for name in stored.files}

    @cached_property
    def description(self) -> dict:
        return json.loads(str(self.parameters["meta"]))

    @property
    def held_out(self) -> bool:
        """Every twentieth person is never trained on."""
        return int(self.path.stem) % 20 == 19


def people(folder: Path, held_out: bool = False) -> list[Person]:
    """All persons whose rendering is complete, trained-on or held-out ones."""
    found = (Person(path.with_suffix(".npy")) for path in sorted(Path(folder).glob("?????.npz")))
    return [person for person in found if person.held_out == held_out]


def planes(pictures: list[np.ndarray]) -> torch.Tensor:
    """Stored pictures ``(..., height, width, 5)`` of some people -> ``(people, ..., 5, height, width)`` uint8 where
    the training runs."""
    stacked = torch.empty((len(pictures), *pictures[0].shape), dtype=torch.uint8)
    for one, picture in zip(stacked, pictures, strict=True):
        one.copy_(torch.from_numpy(np.array(picture)))
    return stacked.to(DEVICE).movedim(-1, -3).contiguous()


def to_images(pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Planes ``(..., 5, height, width)`` uint8 -> images ``(..., 4, height, width)`` of the autoencoder and
    segmentation ``(..., height, width)`` uint8."""
    colour, alpha = pictures[..., :3, :, :].float() / 255, pictures[..., 3:4, :, :].float() / 255
    return torch.cat([colour + (1 - alpha) * 0.5, alpha], dim=-3) * 2 - 1, pictures[..., 4, :, :]


def crop(pictures: torch.Tensor, lefts: list[int], tops: list[int], width: int, height: int) -> torch.Tensor:
    """A rectangle of each of ``(count, planes, height, width)``."""
    places = zip(pictures, lefts, tops, strict=True)
    return torch.stack([one[:, top : top + height, left : left + width] for one, left, top in places])


def mirror_some(pictures: torch.Tensor) -> torch.Tensor:
    """Every second picture of ``(count, planes, height, width)``, by chance, is mirrored."""
    mirrored = torch.rand(len(pictures), device=pictures.device) < 0.5
    return torch.where(mirrored[:, None, None, None], pictures.flip(-1), pictures)
