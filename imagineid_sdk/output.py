"""What the pipeline returns: frames with everything that led to them, and single faces."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from diffusers.utils import BaseOutput
from typing_extensions import Self

from imagineid_sdk.audio import AudioClip
from imagineid_sdk.errors import OptionError
from imagineid_sdk.face.animation.motion import FaceMotion
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.listening.profile import VoiceProfile
from imagineid_sdk.video.formats import format_named, format_of
from imagineid_sdk.video.pictures import names_folder, write_pictures
from imagineid_sdk.video.provenance import Signing, file_tags
from imagineid_sdk.video.recorder import write_mp4

if TYPE_CHECKING:
    from imagineid_sdk.resolver import Renderer


@dataclass(eq=False)
class ImagineIDOutput(BaseOutput):
    """What a call returns, and `Dialogue` holds for each speaker.

    Attributes:
        frames: ``(frames, height, width, 3)`` uint8, or 4 channels with ``background="transparent"``; other forms with
            ``output_type``.
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

    def attach_renderer(self, renderer: Renderer | None) -> Self:
        """Keep the renderer that `save_mesh` needs. Copies and pickles of the output leave it out."""
        self._renderer = renderer
        return self

    def __reduce__(self) -> Any:
        make, values, state, *rest = cast(tuple[Any, ...], super().__reduce__())
        state = {name: value for name, value in (state or {}).items() if name != "_renderer"}
        return make, values, state, *rest

    def save(self, path: str | os.PathLike[str], *, sign: Signing = None) -> Path:
        """Write frames and sound: complete or not at all. The folder is made.

        The ending says the kind:

        - ``.mp4`` H.264 and AAC, plays everywhere.
        - ``.mov`` ProRes 4444 and uncompressed sound, for editing. Keeps ``background="transparent"``.
        - ``.webm`` VP9 and Opus, for web pages. Keeps ``background="transparent"``.
        - ``.gif`` 256 colours, no sound. A pixel is transparent or not.
        - a folder (``"frames/"`` or no ending): one PNG a frame, and ``sound.wav``.

        Args:
            sign: ``(certificate.pem, key.pem)`` or a `Signer`: adds a C2PA manifest (extra ``provenance``) to an mp4,
                mov or gif, or to every PNG. A webm can hold none.

        Raises:
            OptionError: the frames are of another form than uint8, or transparent and the kind has no transparency; or
                ``sign`` can't be used.
            VideoError: the file can't be written.
            MissingExtraError: ``sign`` without the extra.
        """
        frames, tags = self._savable(), file_tags(self.identity)
        if names_folder(path):
            chunks = {"Title": tags["title"], "Comment": tags["comment"]}
            return write_pictures(path, frames, audio=self.audio, metadata=chunks, sign=sign)
        kind = format_of(path)
        if frames.shape[-1] == 4 and kind.clear is None:
            raise OptionError(f"The frames are transparent. {kind.no_transparency()}")
        write_mp4(path, frames, fps=self.fps, audio=self.audio, metadata=tags, sign=sign)
        return Path(path)

    def to_bytes(self, kind: str = "mp4", *, sign: Signing = None) -> bytes:
        """The content of the file that ``save`` would write, for an upload or a page.

        Args:
            kind: "mp4", "mov", "webm" or "gif".
            sign: as for ``save``.

        Raises:
            OptionError, VideoError, MissingExtraError: as for ``save``.
        """
        suffix = format_named(kind).suffix
        with tempfile.TemporaryDirectory(prefix="imagineid-") as folder:
            return self.save(Path(folder) / f"talk{suffix}", sign=sign).read_bytes()

    def save_mesh(self, path: str | os.PathLike[str]) -> Path:
        """Write the imagined head as a ``.glb`` (glTF 2.0) that speaks as the video does: complete or not at all.

        The head with eyes, teeth and tongue, its texture from the portrait, 52 morph targets with ARKit's names, a neck
        of four joints, and the animation. Hair is painted on, not modelled. Needs the extra ``mesh``.

        Raises:
            MissingExtraError: pygltflib is not installed.
            OptionError: this output was copied or unpickled: make the mesh with ``pipe.renderer(out.identity)``.
            VideoError: the file can't be written.
        """
        if (renderer := getattr(self, "_renderer", None)) is None:
            raise OptionError(
                "This output was copied or unpickled and has no model with it. Call "
                "pipe.renderer(out.identity).save_mesh(path, out.motion)."
            )
        return cast(Path, renderer.save_mesh(path, self.motion))

    def _savable(self) -> np.ndarray:
        frames = self.frames
        if isinstance(frames, np.ndarray) and not frames.size:
            raise OptionError("There are no frames because of output_type='none'. Call again without it.")
        if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8:
            raise OptionError("Only frames with output_type='uint8' can be saved. Call again with it (the default).")
        return frames

    __eq__, __hash__ = object.__eq__, object.__hash__

    def __repr__(self) -> str:
        frames = tuple(getattr(self.frames, "shape", (len(self.frames),)))
        return f"{type(self).__name__}(frames of shape {frames}, fps={self.fps:g}, identity={self.identity})"


@dataclass(frozen=True, eq=False)
class ImaginedFace:
    """One candidate of ``imagine``: the picture, uint8 ``(size, size, 3)`` or 4 channels if transparent, and the
    person."""

    image: np.ndarray = field(repr=False)
    identity: Identity


def collect(batches: Iterable[np.ndarray | torch.Tensor], total: int, output_type: str) -> Any:
    """Batches of frames -> the form that ``output_type`` names, without holding them twice."""
    if output_type == "none":
        return np.empty((sum(map(len, batches)), 0, 0, 3), np.uint8)
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
