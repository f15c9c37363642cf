"""One decoder: files, bytes and pipes -> float32 blocks at their own rate.

libsndfile reads first (wav, flac, ogg, aiff, ...). What it does not know, or gives up in the middle of, goes to the
ffmpeg that imageio-ffmpeg ships (mp3, m4a, aac, webm, the sound of an mp4, files that were cut off). The caller's files
are only ever read.
"""

from __future__ import annotations

import io
import logging
import mmap
import os
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import numpy as np

from imagineid_sdk.audio.arrays import array_and_rate, check_rate, samples_from_array
from imagineid_sdk.audio.mixing import Levels, mixed_live
from imagineid_sdk.audio.resampling import SAMPLE_RATE
from imagineid_sdk.errors import AudioError, AudioNotFoundError
from imagineid_sdk.files import find_ffmpeg, temporary_file

if TYPE_CHECKING:
    import torch

    from imagineid_sdk.audio.clip import AudioClip

logger = logging.getLogger(__name__)

BLOCK_FRAMES = 1 << 16
"""Sample frames read at a time: small enough to stay in cache, large enough that the loop costs nothing."""

FFMPEG_FORMATS = "mov,matroska,avi,asf,flv,mpeg,mpegts,ogg,mp3,aac,ac3,eac3,amr,caf,wav,w64,aiff,au,flac,ape,wv,tta,dts"
"""Demuxers that ffmpeg may use: none of the playlists (hls, concat, dash), which could make it read other files, and
none of those that find "sound" in a text file."""

AU_HEADER = struct.Struct(">4sIIIII")
"""Sun's AU format, made for pipes: magic, offset of the samples, size, encoding, rate, channels."""

OGG_BEGINNING = b"OggS\x00\x02"
"""The first page of a logical stream (RFC 3533, 6)."""

AudioSource: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | np.ndarray | torch.Tensor"
    " | tuple[int, np.ndarray] | Mapping[str, Any] | AudioClip"
)
"""A path; the bytes of an encoded file; an open binary file; samples; samples with their rate; a clip."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Decoded:
    """A sound that is read once: `blocks` are float32 (samples, channels) at `rate` Hz, as they were stored."""

    rate: int
    channels: int
    blocks: Iterator[np.ndarray]


@dataclass(frozen=True)
class AudioStream:
    """A sound that passes through once, in blocks.

    Attributes:
        rate: Hz.
        channels: one or two.
        blocks: float32 (samples, channels) in [-1, 1].
        levels: what mixing them to mono depends on.
        source: the path that it comes from; None for others.
        live: whether it is still coming.
    """

    rate: int
    channels: int
    blocks: Iterator[np.ndarray] = field(repr=False)
    levels: Levels = field(repr=False)
    source: str | None = None
    live: bool = False


@dataclass(frozen=True)
class Encoded:
    """A sound that can be read more than once: a path, or the content of a file, or samples with their rate; of a clip
    that was read from a path, `given_as` is that."""

    path: Path | None = None
    content: bytes = field(default=b"", repr=False)
    samples: Any = field(default=None, repr=False)
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
        return self.given_as if self.path is None else str(self.path)


def encoded(source: AudioSource, sampling_rate: int | None) -> Encoded:
    """Any source but a clip, checked as far as can be without reading it.

    Raises:
        AudioNotFoundError: no such file.
        AudioError: not a sound, or nothing in it.
    """
    if isinstance(source, (str, os.PathLike)):
        path = checked_path(source)
        if not path.is_fifo():
            return Encoded(path)
        source = path.read_bytes()  # a pipe can't be rewound for the second decoder
    if isinstance(source, (bytes, bytearray, memoryview)) or hasattr(source, "read"):
        content = read_stream(source) if hasattr(source, "read") else bytes(source)
        if not content:
            raise AudioError("The audio is empty: 0 bytes. Give the whole content of an audio file.")
        return Encoded(content=content)
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
    return Encoded(samples=source, rate=rate)


def read_through(source: Encoded, use: Callable[[Decoded], Result]) -> tuple[Decoder, Result]:
    """What `use` makes of the sound, decoded by the first decoder that can read all of it, and that decoder.

    Raises:
        AudioError: none can, or it holds impossible samples.
    """
    if source.samples is not None:
        with with_numpy(source) as decoded:
            return with_numpy, use(decoded)
    import soundfile

    if (surplus := surplus_bytes(source.view())) > 0:
        logger.warning("%s goes on for %d bytes after the end that its header states.", source.label, surplus)
    try:
        with with_soundfile(source) as decoded:
            return with_soundfile, use(decoded)
    except (soundfile.LibsndfileError, TypeError, _NoSound):  # TypeError: a name ending in .raw, which states no rate
        with with_ffmpeg(source) as decoded:
            return with_ffmpeg, use(decoded)


@contextmanager
def open_audio(source: AudioSource | AudioStream, sampling_rate: int | None = None) -> Iterator[AudioStream]:
    """A sound in blocks, for clips of any length. Read twice: levels first. An `AudioStream` is handed through.

    Args:
        source, sampling_rate: as for `load_audio`.

    Raises:
        AudioNotFoundError, AudioError: as `load_audio` does.
    """
    from imagineid_sdk.audio.clip import AudioClip

    if isinstance(source, AudioStream):
        yield source
        return
    if isinstance(source, AudioClip):
        sound = Encoded(samples=source.original, rate=source.original_rate, given_as=source.source)
    else:
        sound = encoded(source, sampling_rate)
    decoder, (rate, levels) = read_through(sound, lambda decoded: (decoded.rate, measure(decoded)))
    levels.check(sound.label)
    check_stated_rate(sound, rate, sampling_rate)
    with decoder(sound) as decoded:
        mixed = (levels.mix(block) for block in decoded.blocks)
        yield AudioStream(rate, levels.mixed_channels, mixed, levels, sound.source)


@contextmanager
def open_pipe(stream: IO[bytes], raw_rate: int | None = None) -> Iterator[AudioStream]:
    """Sound from a pipe, as it comes: levels are those of what has come so far.

    Args:
        stream: e.g. ``sys.stdin.buffer``; not closed.
        raw_rate: Hz, if the bytes are samples and nothing else: 16-bit little-endian mono. None for encoded sound. An
            mp4 whose index comes last is read to its end first.

    Raises:
        AudioError: it is no sound.
    """
    if raw_rate is not None:
        check_rate(raw_rate)
        raw = Decoded(raw_rate, 1, (pcm_from_bytes(part) for part in _parts(stream, 2)))
        with _live(raw) as sound:
            yield sound
        return
    head = _read_some(stream)
    if needs_seeking(head):
        with open_audio(head + stream.read()) as sound:
            yield sound
        return
    if not head:
        raise AudioError("The audio is empty: 0 bytes came through the pipe.")
    with _ffmpeg("pipe:0", "The audio", stdin=stream, head=head) as decoded, _live(decoded) as sound:
        yield sound


def measure(decoded: Decoded) -> Levels:
    levels = Levels(decoded.channels)
    for block in decoded.blocks:
        levels.add(block)
    return levels


def check_stated_rate(sound: Encoded, rate: int, given: int | None) -> None:
    if given is not None and given != rate:
        raise AudioError(
            f"sampling_rate={given!r} was given, but the file says {rate} Hz. Leave sampling_rate out for files; "
            "it is meant for arrays, which don't know theirs."
        )
    check_rate(rate)


def checked_path(source: str | os.PathLike[str]) -> Path:
    """The path of a readable, non-empty file, or a typed error."""
    path = Path(source)
    if not os.path.exists(path):  # unlike Path.exists, also False for names that no file system takes
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


# --- decoders ---------------------------------------------------------------------------------------------------------

Decoder: TypeAlias = Callable[[Encoded], AbstractContextManager[Decoded]]


class _NoSound(Exception):
    """libsndfile opened the file and found nothing in it, or may not have found all of it."""


@contextmanager
def with_numpy(source: Encoded) -> Iterator[Decoded]:
    array, to_float = samples_from_array(source.samples)
    starts = range(0, len(array), BLOCK_FRAMES)
    yield Decoded(source.rate, array.shape[1], (to_float(array[start : start + BLOCK_FRAMES]) for start in starts))


@contextmanager
def with_soundfile(source: Encoded) -> Iterator[Decoded]:
    import soundfile

    # Bytes, or a name that is not UTF-8 would fail; Windows takes only text.
    named = source.path if os.name == "nt" or source.path is None else os.fsencode(source.path)
    file = io.BytesIO(source.content) if named is None else named
    with soundfile.SoundFile(file) as sound:
        if sound.format == "MP3" or source.view().find(OGG_BEGINNING, 1) > 0:
            raise _NoSound  # of joined files libsndfile reads the first alone

        def blocks() -> Iterator[np.ndarray]:
            # Not SoundFile.blocks: where a damaged file ends before its header says, that repeats old samples.
            read = 0
            while len(block := sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
                read += len(block)
                yield block
            if not read:
                raise _NoSound

        yield Decoded(sound.samplerate, sound.channels, blocks())


@contextmanager
def with_ffmpeg(source: Encoded) -> Iterator[Decoded]:
    """The first sound track of a file."""
    if source.path is not None:
        with _ffmpeg(f"file:{source.path}", source.label) as decoded:
            yield decoded
        return
    with temporary_file(source.content) as path, _ffmpeg(f"file:{path}", source.label) as decoded:
        yield decoded  # ffmpeg has to seek: an m4a may keep its index at the end


@contextmanager
def _ffmpeg(address: str, label: str, stdin: IO[bytes] | None = None, head: bytes = b"") -> Iterator[Decoded]:
    """Decode with the bundled ffmpeg, from an address or from `head` and what follows it in `stdin`."""
    command = [find_ffmpeg(), "-v", "error", *(["-nostdin"] if stdin is None else [])]
    command += ["-protocol_whitelist", "file,pipe", "-format_whitelist", FFMPEG_FORMATS]
    if stdin is not None:  # begin with little: more may be long in coming
        command += ["-probesize", "65536", "-analyzeduration", "0"]
    command += ["-i", address, "-map", "0:a:0", "-c:a", "pcm_f32be", "-flush_packets", "1", "-f", "au", "pipe:1"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        )  # fmt: skip
        output = cast(IO[bytes], process.stdout)
        if stdin is not None:
            arguments = (head, stdin, cast(IO[bytes], process.stdin))
            threading.Thread(target=_copy, args=arguments, daemon=True).start()

        def messages() -> str:
            log.seek(0)
            return log.read().decode(errors="replace")

        def blocks(channels: int) -> Iterator[np.ndarray]:
            read = 0
            for part in _parts(output, 4 * channels):
                block = np.frombuffer(part, ">f4").astype(np.float32).reshape(-1, channels)
                read += len(block)
                yield block
            if not read:
                raise AudioError(unreadable(label, messages()))
            if reason := messages().strip():
                logger.warning("%s is damaged and was read as far as it goes: %s", label, reason.splitlines()[-1])

        try:
            header = output.read(AU_HEADER.size)
            if len(header) < AU_HEADER.size:
                raise AudioError(unreadable(label, messages()))
            _, offset, _, _, rate, channels = AU_HEADER.unpack(header)
            output.read(offset - AU_HEADER.size)
            yield Decoded(rate, channels, blocks(channels))
        finally:
            process.kill()  # does nothing to one that has ended by itself
            process.wait()
            with suppress(OSError):
                output.close()


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


def unreadable(label: str, log: str) -> str:
    """ffmpeg's words as one sentence."""
    if "matches no streams" in log:
        return f"{label} has no sound track. Give a file with sound: wav, flac, ogg, mp3, m4a or a video."
    reason = log.strip().splitlines()[-1].strip() if log.strip() else "no sound in it"
    return (
        f"{label} could not be read as sound ({reason}). Expected wav, flac, ogg, mp3, m4a or a video with sound; "
        "check that the file is complete and really of the kind that its name says."
    )


# --- pipes and chunks -------------------------------------------------------------------------------------------------


def pcm_from_bytes(chunk: bytes | bytearray | memoryview) -> np.ndarray:
    """16-bit little-endian mono as float32 (samples, 1)."""
    if len(chunk) % 2:
        raise AudioError(f"A chunk of {len(chunk)} bytes is not 16-bit sound: give an even number of bytes.")
    return np.frombuffer(chunk, "<i2").astype(np.float32)[:, None] / 32768


def needs_seeking(head: bytes) -> bool:
    """Whether a file that begins so is an mp4 or m4a that keeps its index behind the sound: no pipe can be read so.

    The file is a sequence of boxes, each its size (4 bytes, big-endian) and its type (ISO 14496-12, 4.2).
    """
    if head[4:8] != b"ftyp":
        return False
    place = 0
    while place + 8 <= len(head):
        size, kind = int.from_bytes(head[place : place + 4], "big"), head[place + 4 : place + 8]
        if kind in (b"moov", b"moof"):
            return False
        if kind == b"mdat" or size < 8:
            return True
        place += size
    return True


@contextmanager
def _live(decoded: Decoded) -> Iterator[AudioStream]:
    levels = Levels(decoded.channels)
    blocks = mixed_live(decoded.blocks, levels, "The audio")
    yield AudioStream(decoded.rate, levels.mixed_channels, blocks, levels, live=True)


def _read_some(stream: IO[bytes], least: int = 4096) -> bytes:
    """The first bytes of a pipe: at least `least`, or all there are."""
    read = getattr(stream, "read1", stream.read)
    head = b""
    while len(head) < least and (part := read(BLOCK_FRAMES)):
        if not isinstance(part, bytes):
            raise AudioError("The file object gives text. Open it in binary mode: open(path, 'rb').")
        head += part
    return head


def _copy(head: bytes, source: IO[bytes], target: IO[bytes]) -> None:
    """From a pipe into a program, until either ends."""
    read = getattr(source, "read1", source.read)
    with suppress(OSError, ValueError), target:
        target.write(head)
        target.flush()
        while part := read(BLOCK_FRAMES):
            target.write(part)
            target.flush()


def _parts(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """What has come so far, without waiting for more, in multiples of `size` bytes."""
    rest = b""
    read = getattr(stream, "read1", stream.read)
    while content := read(BLOCK_FRAMES):
        content = rest + content
        whole = len(content) - len(content) % size
        rest = content[whole:]
        if whole:
            yield content[:whole]
