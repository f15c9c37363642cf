"""Where a sound comes from: paths, bytes, open files and samples, checked as far as can be without reading them."""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast

import numpy as np

from imagineid_sdk.audio.arrays import array_and_rate, check_rate, samples_from_array
from imagineid_sdk.audio.resampling import SAMPLE_RATE
from imagineid_sdk.errors import AudioError, AudioNotFoundError

if TYPE_CHECKING:
    import torch

    from imagineid_sdk.audio.clip import AudioClip


class SupportsAllSamples(Protocol):
    """A decoder of torchcodec, as `datasets` gives them."""

    def get_all_samples(self) -> Any:
        """Samples with ``data`` (channels, samples) and ``sample_rate`` in Hz."""


AudioSource: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | np.ndarray | torch.Tensor"
    " | tuple[int, np.ndarray | torch.Tensor] | tuple[np.ndarray | torch.Tensor, int] | Mapping[str, Any]"
    " | SupportsAllSamples | AudioClip"
)
"""A path; the bytes of an encoded file; an open binary file; samples; samples with their rate; a decoder; a clip."""

SourceT = TypeVar("SourceT", bound=AudioSource)


@dataclass(frozen=True, eq=False)
class SoundInput:
    """A sound that can be read more than once.

    Attributes:
        path: of an encoded file.
        content: of an encoded file; used where there is no path.
        samples: an array or tensor as the caller gave it; used where there is neither.
        rate: of `samples`, Hz.
        given_as: the path that samples were read from earlier.
    """

    path: Path | None = None
    content: bytes = field(default=b"", repr=False)
    samples: np.ndarray | torch.Tensor | None = field(default=None, repr=False)
    rate: int = SAMPLE_RATE
    given_as: str | None = None

    @property
    def label(self) -> str:
        """How messages call it."""
        return "The audio" if self.path is None else f"The audio file {str(self.path)!r}"

    def view(self) -> bytes | mmap.mmap:
        """The content of the file, without reading it."""
        if self.path is None:
            return self.content
        with self.path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    @property
    def source(self) -> str | None:
        """The path that it comes from; None for others."""
        return self.given_as if self.path is None else str(self.path)


def read_source(source: AudioSource, sampling_rate: int | None) -> SoundInput:
    """Any source but a clip, checked as far as can be without reading it.

    Raises:
        AudioNotFoundError: no such file.
        AudioError: not a sound, or nothing in it.
    """
    if isinstance(source, (str, os.PathLike)):
        path = checked_path(source)
        if not path.is_fifo():
            return SoundInput(path)
        source = path.read_bytes()  # a pipe can't be rewound for the second decoder
    if isinstance(source, (bytes, bytearray, memoryview)) or hasattr(source, "read"):
        content = bytes(source) if isinstance(source, (bytes, bytearray, memoryview)) else read_stream(source)
        if not content:
            raise AudioError("The audio is empty: 0 bytes. Give the whole content of an audio file.")
        return SoundInput(content=content)
    if (pair := array_and_rate(source)) is not None:
        source, stated = pair
        if sampling_rate not in (None, stated):
            raise AudioError(
                f"sampling_rate={sampling_rate!r} was given, but the sound comes with {stated!r}. Give one."
            )
        sampling_rate = stated
    rate = SAMPLE_RATE if sampling_rate is None else sampling_rate
    check_rate(rate)
    samples_from_array(source)  # raises for what is no clip
    return SoundInput(samples=cast("np.ndarray | torch.Tensor", source), rate=rate)


def checked_path(source: str | os.PathLike[str]) -> Path:
    """The path of a readable, non-empty file, or a typed error."""
    path = Path(source)
    if not os.path.exists(path):  # unlike Path.exists, also False for names that no file system takes
        if "://" in str(source):
            raise AudioNotFoundError(f"{str(source)!r} is an address, and files are read here. Download it first.")
        raise AudioNotFoundError(f"There is no audio file at {str(path)!r} (looked from {Path.cwd()}). Check the path.")
    if path.is_dir():
        raise AudioError(f"{str(path)!r} is a folder, not an audio file. Give the path of one file in it.")
    if not (path.is_file() or path.is_fifo()):
        raise AudioError(f"{str(path)!r} is a device, not an audio file. Give the path of a file.")
    if path.is_file() and path.stat().st_size == 0:
        raise AudioError(f"The audio file {str(path)!r} is empty (0 bytes). Record or export it again.")
    if not os.access(path, os.R_OK):
        raise AudioError(f"The audio file {str(path)!r} may not be read by this user. Change its permissions.")
    return path


def read_stream(stream: Any) -> bytes:
    content = stream.read()
    if not isinstance(content, bytes):
        raise AudioError("The file object gives text. Open it in binary mode: open(path, 'rb').")
    return content


def surplus_bytes(content: bytes | mmap.mmap) -> int:
    """How far a wav, aiff or flac file goes on after its own end, such as one with another joined to it."""
    kind, size = content[:4], content[4:8]
    if kind == b"fLaC":
        return max(0, content.find(kind + size, 1))
    if kind not in (b"RIFF", b"FORM"):
        return 0
    stated = int.from_bytes(size, "little" if kind == b"RIFF" else "big")
    # Recorders that crashed or wrote into a pipe leave 0 or the largest number.
    return len(content) - stated - 9 if 0 < stated < 0xFFFFFF00 else 0
