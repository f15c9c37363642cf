"""All prepared people in one place: tables of their frames where the training runs, loaded when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from examples.training.device import DEVICE
from examples.training.people_dataset import planes
from examples.training.prepare_people import Prepared
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from imagineid_sdk.face.persona.vocabulary import WORDS
from imagineid_sdk.imagining.adapters.semantic import AttributeEmbedder
from imagineid_sdk.imagining.denoising import describe_person

FORGET_WORD, FORGET_ALL = 0.15, 0.1
"""Shares of words, and of whole descriptions, that are hidden, so that any subset can be given."""


@dataclass(frozen=True)
class Draw:
    """Some frames of some people, or of their mirror images: heads of this world are alike on both sides, so that each
    person gives two. ``(count,)`` each; the tables are indexed by them."""

    people: torch.Tensor
    frames: torch.Tensor
    mirrored: torch.Tensor

    def of(self, table: torch.Tensor) -> torch.Tensor:
        """Rows of a table ``(people, frames, ...)``."""
        return table[self.people.to(table.device), self.frames.to(table.device)]

    def turned(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows ``(count, ..., width)`` with those that are mirror images mirrored."""
        mirrored = self.mirrored.to(rows.device).view(-1, *[1] * (rows.ndim - 1))
        return torch.where(mirrored, rows.flip(-1), rows)

    def signed(self, channels: torch.Tensor) -> torch.Tensor:
        """``(count, channels, 1, 1)``: ``channels`` of -1 and 1 for mirror images, 1 for the others."""
        mirrored = self.mirrored.to(DEVICE)[:, None, None, None]
        return torch.where(mirrored, channels.to(DEVICE)[None, :, None, None], 1.0)


OTHER_SIDE = torch.tensor([
    BLENDSHAPE_INDEX[
        name.replace("Left", "*").replace("Right", "Left").replace("*", "Right")
    ]
    for name in ARKIT_BLENDSHAPES
])  # fmt: skip
"""For each blendshape that of the other side of the face."""
MAPS_MIRRORED, FLOW_MIRRORED, POSE_MIRRORED = torch.ones(14), torch.tensor([-1.0, 1.0]), torch.tensor([-1.0, 1.0, -1.0])
MAPS_MIRRORED[[0, 3]] = -1  # normals and places on the head point to the side


class TrainingSet:
    """``persons``, all with the same number of frames."""

    def __init__(self, persons: list[Prepared]) -> None:
        self.persons = persons

    def draw(self, count: int, resting: float = 0.0) -> Draw:
        """Random frames, with the share ``resting`` of first frames, which is what a portrait looks like."""
        frames = torch.randint(self.frame_count, (count,))
        frames = torch.where(torch.rand(count) < resting, 0, frames)
        return Draw(torch.randint(len(self.persons), (count,)), frames, torch.rand(count) < 0.5)

    def portraits_of(self, draw: Draw) -> Draw:
        """The portraits of the drawn people."""
        return Draw(draw.people, torch.zeros_like(draw.frames), draw.mirrored)

    @property
    def frame_count(self) -> int:
        return self._latents.shape[1]

    def _table(self, name: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([getattr(person, name) for person in self.persons])).to(DEVICE)

    @cached_property
    def _latents(self) -> torch.Tensor:
        """``(people, frames, 2, 16, 16, 16)``: of the pictures and of their mirror images."""
        return self._table("latents").float()

    @cached_property
    def _weights(self) -> torch.Tensor:
        return self._table("weights").float()

    @cached_property
    def _maps(self) -> torch.Tensor:
        return self._table("maps")

    @cached_property
    def _flow(self) -> torch.Tensor:
        return self._table("flow")

    @cached_property
    def _centers(self) -> torch.Tensor:
        """On the CPU: they say where regions are cut out."""
        return torch.from_numpy(np.stack([person.centers for person in self.persons]))

    @cached_property
    def _motion(self) -> torch.Tensor:
        return torch.stack([person.motion for person in self.persons]).to(DEVICE)

    @cached_property
    def _pictures(self) -> torch.Tensor:
        return planes([person.person.pictures for person in self.persons])

    @cached_property
    def _portraits(self) -> torch.Tensor:
        return planes([person.person.portrait for person in self.persons])

    def latents(self, draw: Draw) -> torch.Tensor:
        """``(count, 16, 16, 16)`` float32."""
        both = draw.of(self._latents)
        return torch.where(draw.mirrored.to(DEVICE)[:, None, None, None], both[:, 1], both[:, 0])

    def weights(self, draw: Draw) -> torch.Tensor:
        """``(count, 1, 16, 16)`` float32: how much each latent counts."""
        return draw.turned(draw.of(self._weights))

    def pictures(self, draw: Draw) -> torch.Tensor:
        """``(count, 5, 256, 256)`` uint8."""
        return draw.turned(draw.of(self._pictures))

    def portraits(self, draw: Draw) -> torch.Tensor:
        """``(count, 5, 512, 512)`` uint8."""
        return draw.turned(self._portraits[draw.people.to(DEVICE)])

    def geometry(self, draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps ``(count, 14, 128, 128)`` and flow ``(count, 2, 128, 128)``, float32."""
        maps, flow = draw.of(self._maps).float() / 127, draw.of(self._flow).float()
        return draw.turned(maps) * draw.signed(MAPS_MIRRORED), draw.turned(flow) * draw.signed(FLOW_MIRRORED)

    def centers(self, draw: Draw) -> torch.Tensor:
        """``(count, 2, 2)`` float32 on the CPU: mouth and eyes, in widths of the picture."""
        centers = draw.of(self._centers).clone()
        centers[draw.mirrored, :, 0] = 1 - centers[draw.mirrored, :, 0]
        return centers

    def motion(self, draw: Draw) -> torch.Tensor:
        """``(count, 55)``, see `motion_vector`."""
        motion = draw.of(self._motion)
        turned = torch.cat([motion[:, OTHER_SIDE.to(DEVICE)], motion[:, 52:] * POSE_MIRRORED.to(DEVICE)], 1)
        return torch.where(draw.mirrored.to(DEVICE)[:, None], turned, motion)

    @cached_property
    def vectors(self) -> torch.Tensor:
        """``(people, inputs)``: what the semantic adapter reads."""
        return torch.stack([describe_person(person.identity) for person in self.persons]).to(DEVICE)

    @cached_property
    def words(self) -> torch.Tensor:
        """``(people, slots, vocabulary)``: weights of each person's words."""
        embedder = AttributeEmbedder([(slot, list(known)) for slot, known in WORDS.items()])
        said = [embedder.encode(person.identity.attribute_weights()) for person in self.persons]
        return torch.stack(said).to(DEVICE)

    @cached_property
    def silence(self) -> torch.Tensor:
        """``(slots, vocabulary)``: nothing is said."""
        return AttributeEmbedder([(slot, list(known)) for slot, known in WORDS.items()]).encode({}).to(DEVICE)

    def say(self, people: torch.Tensor) -> torch.Tensor:
        """Weights of the words of ``people``, some of them forgotten, ``(count, slots, vocabulary)``."""
        said = self.words[people.to(DEVICE)]
        forgotten = torch.rand(said.shape[:2], device=DEVICE) < FORGET_WORD
        forgotten |= torch.rand(len(said), 1, device=DEVICE) < FORGET_ALL
        return torch.where(forgotten[..., None], self.silence, said)
