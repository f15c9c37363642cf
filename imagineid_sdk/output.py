"""What the pipeline returns: frames with everything that led to them, and single faces."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from diffusers.utils import BaseOutput

from imagineid_sdk import __version__
from imagineid_sdk.audio import AudioClip
from imagineid_sdk.errors import OptionError
from imagineid_sdk.face.animation.motion import FaceMotion
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.listening.profile import VoiceProfile
from imagineid_sdk.video.provenance import Signing
from imagineid_sdk.video.recorder import write_mp4


@dataclass(eq=False)
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

    def save(self, path: str | os.PathLike[str], *, sign: Signing = None) -> Path:
        """Write frames and sound as an mp4 (H.264, AAC): complete or not at all.

        Args:
            sign: ``(certificate.pem, key.pem)`` or a `Signer`: adds a C2PA manifest (extra ``provenance``).

        Raises:
            OptionError: the frames are of another form than uint8, or transparent; or ``sign`` can't be used.
            VideoError: the file can't be written.
            MissingExtraError: ``sign`` without the extra.
        """
        if not isinstance(self.frames, np.ndarray) or self.frames.dtype != np.uint8 or self.frames.shape[-1] != 3:
            raise OptionError("Only frames with output_type='uint8' and an opaque background can be saved as mp4.")
        tags = provenance(self.identity)
        write_mp4(path, self.frames, fps=self.fps, audio=self.audio, metadata=tags, sign=sign)
        return Path(path)

    __eq__, __hash__ = object.__eq__, object.__hash__

    def __repr__(self) -> str:
        frames = tuple(getattr(self.frames, "shape", (len(self.frames),)))
        return f"{type(self).__name__}(frames of shape {frames}, fps={self.fps:g}, identity={self.identity})"


@dataclass(frozen=True, eq=False)
class ImaginedFace:
    """One candidate of ``imagine``: the picture ``(256, 256, 3)`` uint8 and the person."""

    image: np.ndarray = field(repr=False)
    identity: Identity


def provenance(identity: Identity) -> dict[str, str]:
    """Tags that say what the video is."""
    return {
        "title": "Synthetic talking face",
        "comment": f"Synthetic: this face was imagined from audio by imagineid-sdk {__version__}, seed {identity.seed}."
        " No such person exists.",
    }


def collect(batches: Iterable[np.ndarray | torch.Tensor], total: int, output_type: str) -> Any:
    """Batches of frames -> the form that ``output_type`` names, without holding them twice."""
    if output_type == "latent":
        return torch.cat([cast(torch.Tensor, batch) for batch in batches])
    frames: np.ndarray | None = None
    done = 0
    for batch in batches:
        if frames is None:
            frames = np.empty((total, *batch.shape[1:]), np.uint8)
        frames[done : done + len(batch)] = batch
        done += len(batch)
    assert frames is not None and done == total
    if output_type == "np":
        return frames.astype(np.float32) / 255
    if output_type == "pt":
        return torch.from_numpy(frames).movedim(-1, 1).float() / 255
    if output_type == "pil":
        from PIL import Image  # comes with diffusers

        return [Image.fromarray(frame) for frame in frames]
    return frames
