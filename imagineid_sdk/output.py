"""What the pipeline returns: frames with everything that led to them, and single faces."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from diffusers.utils import BaseOutput

from imagineid_sdk import __version__
from imagineid_sdk.audio.clip import AudioClip
from imagineid_sdk.errors import OptionError
from imagineid_sdk.face.animation.motion import FaceMotion
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.listening.profile import VoiceProfile
from imagineid_sdk.video.encoding import write_mp4


@dataclass
class ImagineIDOutput(BaseOutput):
    """What a call returns.

    Attributes:
        frames: ``(frames, height, width, 3)`` uint8; other forms with ``output_type``.
        fps: frames per second.
        profile: what was heard (`VoiceProfile`).
        identity: who was imagined (`Identity`); keep it with ``identity.save(path)``.
        motion: how the face moves (`FaceMotion`): 52 ARKit blendshapes and the head pose of every frame.
        audio: the caller's sound (`AudioClip`).
    """

    frames: Any
    fps: float
    profile: VoiceProfile
    identity: Identity
    motion: FaceMotion
    audio: AudioClip

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write frames and sound as an mp4 (H.264, AAC): complete or not at all."""
        if not isinstance(self.frames, np.ndarray) or self.frames.dtype != np.uint8 or self.frames.shape[-1] != 3:
            raise OptionError("Only frames with output_type='uint8' and an opaque background can be saved as mp4.")
        return write_mp4(path, self.frames, fps=self.fps, audio=self.audio, metadata=provenance(self.identity))


@dataclass(frozen=True)
class ImaginedFace:
    """One candidate of ``imagine``: the picture ``(256, 256, 3)`` uint8 and the person."""

    image: np.ndarray
    identity: Identity


def provenance(identity: Identity) -> dict[str, str]:
    """Tags that say what the video is."""
    return {
        "title": "Synthetic talking face",
        "comment": f"Synthetic: this face was imagined from audio by imagineid-sdk {__version__}, seed {identity.seed}."
        " No such person exists.",
    }
