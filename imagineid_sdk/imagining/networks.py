"""The networks of ``tiny`` and the precision that they run in."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from typing_extensions import Self

from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.imagining.adapters.blending import BlendingAdapter
from imagineid_sdk.imagining.adapters.semantic import AttributeEmbedder, SemanticAdapter, Semantics
from imagineid_sdk.imagining.adapters.spatial import Residuals, SpatialAdapter
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder
from imagineid_sdk.imagining.denoising import describe_person
from imagineid_sdk.imagining.portrait_decoder import PortraitDecoder
from imagineid_sdk.precision import bfloat16_pays


@dataclass(frozen=True, eq=False)
class TinyNetworks:
    """``adapters`` names the adapters that are switched on.

    Weights in float32 run in bfloat16 autocast where the processor has it; weights in half precision run in their own
    type, and so does everything that goes into them.
    """

    autoencoder: HeadAutoencoder
    portrait_decoder: PortraitDecoder
    denoiser: UNet2DConditionModel
    attribute_embedder: AttributeEmbedder
    semantic_adapter: SemanticAdapter
    spatial_adapter: SpatialAdapter
    blending_adapter: BlendingAdapter
    adapters: tuple[str, ...]
    autocasts: bool = field(init=False)
    dtype: torch.dtype = field(init=False)

    def __post_init__(self) -> None:
        dtype = next(self.denoiser.parameters()).dtype
        object.__setattr__(self, "dtype", dtype)
        object.__setattr__(self, "autocasts", dtype == torch.float32 and bfloat16_pays(self.device))

    @property
    def device(self) -> torch.device:
        return next(self.autoencoder.parameters()).device

    @property
    def offloaded(self) -> bool:
        """Whether accelerate moves the networks between devices as they are called."""
        return any(hasattr(network, "_hf_hook") for network in (self.autoencoder, self.denoiser))

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.autocasts)

    def cast(self, tensor: torch.Tensor) -> torch.Tensor:
        """On the networks' device and in the type of their weights."""
        return tensor.to(self.device, self.dtype)

    def semantics(self, identity: Identity | None) -> Semantics:
        """Tokens ``(1, tokens, width)`` of a person's words and pseudo-words, and the style; None describes nobody."""
        weights = self.attribute_embedder.encode(identity.attribute_weights() if identity else {})
        words = self.attribute_embedder(self.cast(weights[None]))
        if identity is None or "semantic" not in self.adapters:
            config = self.semantic_adapter.config
            pseudo = words.new_zeros(1, config.pseudo_words, config.width)
            return Semantics(torch.cat([words, pseudo], dim=1), words.new_zeros(1, 2 * config.style_width))
        person = self.semantic_adapter(self.cast(describe_person(identity)[None]))
        return Semantics(torch.cat([words, person.tokens], dim=1), person.style)

    def spatial(self, maps: torch.Tensor, motion: torch.Tensor, style: torch.Tensor) -> Residuals | None:
        """What the spatial adapter adds to the denoiser; ``maps`` are in the networks' type already."""
        if "spatial" not in self.adapters:
            return None
        return self.spatial_adapter(maps, self.cast(motion), style)

    def for_many_frames(self) -> Self:
        """The same with the weights that every frame multiplies by held in bfloat16, where they are used in it:
        otherwise they would be converted again for each batch. Frames stay what they are, bit for bit."""
        if not self.autocasts or self.offloaded or self.device.type != "cpu":
            return self
        names = ("autoencoder", "denoiser", "spatial_adapter", "blending_adapter")
        converted = replace(self, **{name: _converted(getattr(self, name)) for name in names})
        object.__setattr__(converted, "dtype", self.dtype)
        object.__setattr__(converted, "autocasts", self.autocasts)
        return converted


def _converted(network: Any, name: str = "") -> Any:
    """The same network with convolutions and matrices in bfloat16, but for the decoder's last layer; everything else is
    shared with the original."""
    converted = copy.copy(network)
    converted._modules = {key: _converted(layer, f"{name}.{key}") for key, layer in network._modules.items()}
    if isinstance(network, (torch.nn.Conv2d, torch.nn.Linear)) and name != ".decoder.last":
        converted._parameters = {
            key: None if weight is None else torch.nn.Parameter(weight.bfloat16(), requires_grad=False)
            for key, weight in network._parameters.items()
        }
    return converted
