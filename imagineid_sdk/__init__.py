"""ImagineID SDK: from one audio clip, and no photo of anyone, a talking face.

    from imagineid_sdk import ImagineIDPipeline
    pipe = ImagineIDPipeline.from_pretrained()
    pipe("speech.wav", seed=7).save("talk.mp4")

Importing the package is cheap: torch and diffusers load when the first name that needs them is used.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .audio import AudioClip, load_audio
    from .dialogue import Dialogue
    from .errors import ImagineIDError
    from .face.animation.motion import FaceMotion
    from .face.persona.identity import Identity
    from .listening.profile import VoiceProfile
    from .output import ImaginedFace, ImagineIDOutput
    from .pipeline import ImagineIDPipeline
    from .streaming import FaceStream

__version__ = "0.1.0"

# OpenMP's threads spin between two layers. Where another program wants the same cores, all wait for the one that was
# put aside, and a call takes ten times as long. OpenMP reads this once, when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

_HOMES = {
    "AudioClip": "audio", "load_audio": "audio", "Dialogue": "dialogue", "ImagineIDError": "errors",
    "Identity": "face.persona.identity", "FaceMotion": "face.animation.motion", "VoiceProfile": "listening.profile",
    "ImaginedFace": "output", "ImagineIDOutput": "output", "FaceStream": "streaming", "ImagineIDPipeline": "pipeline",
}  # fmt: skip

__all__ = [
    "AudioClip", "Dialogue", "FaceMotion", "FaceStream", "Identity", "ImagineIDError", "ImagineIDOutput",
    "ImagineIDPipeline", "ImaginedFace", "VoiceProfile", "__version__", "load_audio",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
