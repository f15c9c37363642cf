"""All prepared people in one place: tables of their frames where the training runs, loaded when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from examples.training.device import DEVICE
from examples.training.people_dataset import planes
from examples.training.prepare_people import Prepared
from imagineid_sdk.face.persona.vocabulary import WORDS
from imagineid_sdk.imagining.adapters.semantic import AttributeEmbedder
from imagineid_sdk.imagining.denoising import describe_person

FORGET_WORD, FORGET_ALL = 0.15, 0.1
"""Shares of words, and of whole descriptions, that are hidden, so that any subset can be given."""


@dataclass(frozen=True)
class Draw:
    """Some frames of some people: indices into the tables, each ``(count,)`` int64."""

    people: torch.Tensor
    frames: torch.Tensor

    def of(self, table: torch.Tensor) -> torch.Tensor:
        """Rows of a table ``(people, frames, ...)``."""
        return table[self.people.to(table.device), self.frames.to(table.device)]


class TrainingSet:
    """``persons``, all with the same number of frames."""

    def __init__(self, persons: list[Prepared]) -> None:
        self.persons = persons

    def draw(self, count: int, resting: float = 0.0) -> Draw:
        """Random frames, with the share ``resting`` of first frames, which is what a portrait looks like."""
        frames = torch.randint(self.frame_count, (count,))
        frames = torch.where(torch.rand(count) < resting, 0, frames)
        return Draw(torch.randint(len(self.persons), (count,)), frames)

    @property
    def frame_count(self) -> int:
        return self.latents.shape[1]

    def _table(self, name: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([getattr(person, name) for person in self.persons])).to(DEVICE)

    @cached_property
    def latents(self) -> torch.Tensor:
        """``(people, frames, 16, 16, 16)`` float32."""
        return self._table("latents").float()

    @cached_property
    def weights(self) -> torch.Tensor:
        """``(people, frames, 1, 16, 16)`` float32: how much each latent counts."""
        return self._table("weights").float()

    @cached_property
    def maps(self) -> torch.Tensor:
        """``(people, frames, 14, 128, 128)`` int8, times 127."""
        return self._table("maps")

    @cached_property
    def flow(self) -> torch.Tensor:
        """``(people, frames, 2, 128, 128)`` float16."""
        return self._table("flow")

    @cached_property
    def centers(self) -> torch.Tensor:
        """``(people, frames, 2, 2)`` float32, on the CPU: they say where regions are cut out."""
        return torch.from_numpy(np.stack([person.centers for person in self.persons]))

    @cached_property
    def motion(self) -> torch.Tensor:
        """``(people, frames, 55)``."""
        return torch.stack([person.motion for person in self.persons]).to(DEVICE)

    @cached_property
    def pictures(self) -> torch.Tensor:
        """``(people, frames, 5, 256, 256)`` uint8."""
        return planes([person.person.pictures for person in self.persons])

    @cached_property
    def portraits(self) -> torch.Tensor:
        """``(people, 5, 512, 512)`` uint8."""
        return planes([person.person.portrait for person in self.persons])

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

    def geometry(self, draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps and flow, float32."""
        return draw.of(self.maps).float() / 127, draw.of(self.flow).float()
