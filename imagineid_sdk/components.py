"""The components of a pipeline and the classes that they have in the embedded model.

Importing this module imports them all, which is also what diffusers needs: it finds the classes of a saved pipeline
among the modules that are loaded.
"""

from __future__ import annotations

from typing import Any

from .face.head import ParametricHead
from .face.people import PeoplePrior
from .hub import embedded_model, load_component
from .imagining.autoencoder import HeadAutoencoder
from .imagining.blending import BlendingAdapter
from .imagining.semantic import SemanticAdapter, WordEmbedder
from .imagining.spatial import SpatialAdapter
from .listening.content import ContentEncoder
from .listening.emotion import EmotionEncoder
from .listening.identity import IdentityEncoder
from .listening.speech_encoder import SpeechEncoder

LISTENING_AND_FACE: dict[str, Any] = {
    "speech_encoder": SpeechEncoder, "identity_encoder": IdentityEncoder, "content_encoder": ContentEncoder,
    "emotion_encoder": EmotionEncoder, "head": ParametricHead, "people": PeoplePrior,
}  # fmt: skip
"""What both scales share."""
COMPONENTS: dict[str, Any] = LISTENING_AND_FACE | {
    "autoencoder": HeadAutoencoder, "denoiser": "UNet2DConditionModel", "words": WordEmbedder,
    "semantic_adapter": SemanticAdapter, "spatial_adapter": SpatialAdapter, "blending_adapter": BlendingAdapter,
}  # fmt: skip
"""Those of ``tiny``."""
IMAGINING = (*(name for name in COMPONENTS if name not in LISTENING_AND_FACE), "text_encoder")
"""Networks of the imagining half, at either scale."""


def embedded_components(components: dict[str, Any]) -> dict[str, Any]:
    """Some components of ``tiny``, loaded."""
    return {name: load_component(embedded_model(), name, kind) for name, kind in components.items()}
