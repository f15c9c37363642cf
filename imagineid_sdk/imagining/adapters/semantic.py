"""Semantics: attribute words of the frozen base, and the adapter that turns a person into pseudo-words beside them.

Textual inversion (arXiv 2208.01618) with an encoder: what words are too coarse for (the exact shape of a head, the
exact colour of skin, hair and clothes) is expressed as extra tokens of the same space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from imagineid_sdk.quantization import PackedModelMixin


class AttributeEmbedder(ModelMixin, ConfigMixin):
    """Embeds attributes: one token for each slot; part of the frozen base. The first token of a slot means "not given".

    Args:
        vocabulary: pairs of a slot and its words. A list, because a config file would sort the keys of a dict.
        width: length of a token.
    """

    @register_to_config
    def __init__(self, vocabulary: Sequence[tuple[str, Sequence[str]]], width: int = 128) -> None:
        super().__init__()
        self.offsets: dict[str, int] = {}
        total = 0
        for slot, words in vocabulary:
            self.offsets[slot] = total
            total += 1 + len(words)
        self.tokens = nn.Embedding(total, width)

    def encode(self, weights: Mapping[str, Mapping[str, float]]) -> torch.Tensor:
        """Weights of all tokens, ``(slots, vocabulary)``, from those of each slot's words; missing slots are "not
        given"."""
        encoded = torch.zeros(len(self.config.vocabulary), self.tokens.num_embeddings)
        for row, (slot, known) in zip(encoded, self.config.vocabulary, strict=True):
            row[self.offsets[slot]] = slot not in weights
            for word, weight in weights.get(slot, {}).items():
                row[self.offsets[slot] + 1 + list(known).index(word)] = weight
        return encoded

    def forward(self, weights: torch.Tensor) -> torch.Tensor:
        """``(batch, slots, vocabulary)`` from ``encode`` -> weighted means of tokens, ``(batch, slots, width)``."""
        # Called, not read from the weight: with offloading, weights arrive when a module is called.
        tokens = self.tokens(torch.arange(self.tokens.num_embeddings, device=weights.device))
        return weights.to(tokens.dtype) @ tokens


@dataclass(frozen=True, eq=False)
class Semantics:
    """What the semantic adapter says about some people.

    Attributes:
        tokens: pseudo-words ``(batch, pseudo_words, width)`` for the denoiser's cross-attention.
        style: ``(batch, 2 * style_width)``, scale and shift of the spatial adapter's features: the same geometry in
            this person's colours.
    """

    tokens: torch.Tensor
    style: torch.Tensor


class SemanticAdapter(PackedModelMixin, ConfigMixin):
    """Identity code and numbers of a person ``(batch, inputs)`` -> ``Semantics``."""

    @register_to_config
    def __init__(
        self, inputs: int = 116, width: int = 128, pseudo_words: int = 8, hidden: int = 384, style_width: int = 128
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.words = nn.Linear(hidden, pseudo_words * width)
        self.style = nn.Linear(hidden, 2 * style_width)

    def forward(self, person: torch.Tensor) -> Semantics:
        hidden = self.layers(person)
        tokens = self.words(hidden).unflatten(-1, (self.config.pseudo_words, self.config.width))
        return Semantics(tokens, self.style(hidden))
