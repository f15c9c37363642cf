"""Every network of a pipeline: the one module that a saved model's ``model_index.json`` names.

A saved model finds its classes here, so moving the file of a network never breaks a saved model. The classes say so
themselves: their ``__module__`` is this one, which is what diffusers stores and what pickle looks up.
"""

from __future__ import annotations

from typing import Any

from diffusers import ModelMixin as ModelMixin  # diffusers looks here for the base of the classes that it loads
from diffusers import UNet2DConditionModel

from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.face.persona.population import PopulationPrior
from imagineid_sdk.imagining.adapters.blending import BlendingAdapter
from imagineid_sdk.imagining.adapters.semantic import AttributeEmbedder, SemanticAdapter
from imagineid_sdk.imagining.adapters.spatial import SpatialAdapter
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder
from imagineid_sdk.imagining.choose import ONLY_SD15, ONLY_TINY
from imagineid_sdk.imagining.portrait_decoder import PortraitDecoder
from imagineid_sdk.listening.content import ContentEncoder
from imagineid_sdk.listening.emotion import EmotionEncoder
from imagineid_sdk.listening.identity import IdentityEncoder
from imagineid_sdk.listening.speech_encoder import SpeechEncoder

__all__ = [
    "AttributeEmbedder", "BlendingAdapter", "ContentEncoder", "EmotionEncoder", "HeadAutoencoder", "IdentityEncoder",
    "ParametricHead", "PopulationPrior", "PortraitDecoder", "SemanticAdapter", "SpatialAdapter", "SpeechEncoder",
]  # fmt: skip

LISTENING_AND_FACE: dict[str, type[Any]] = {
    "speech_encoder": SpeechEncoder, "identity_encoder": IdentityEncoder, "content_encoder": ContentEncoder,
    "emotion_encoder": EmotionEncoder, "head": ParametricHead, "population": PopulationPrior,
}  # fmt: skip
"""Components that both backends share."""

COMPONENTS: dict[str, type[Any]] = LISTENING_AND_FACE | {
    "autoencoder": HeadAutoencoder, "portrait_decoder": PortraitDecoder, "denoiser": UNet2DConditionModel,
    "attribute_embedder": AttributeEmbedder, "semantic_adapter": SemanticAdapter, "spatial_adapter": SpatialAdapter,
    "blending_adapter": BlendingAdapter,
}  # fmt: skip
"""Components of ``tiny``."""

OPTIONAL = (*ONLY_TINY, *ONLY_SD15)
"""Components that only one of the backends has."""

IMAGINING = (*(name for name in COMPONENTS if name not in LISTENING_AND_FACE), "text_encoder")
"""Networks that imagine, with either backend; ``dtype=`` is theirs."""

CONVOLUTIONAL = ("autoencoder", "portrait_decoder", "denoiser", "spatial_adapter", "blending_adapter")
"""Networks that are fastest with channels last."""

for _name in __all__:
    globals()[_name].__module__ = __name__
