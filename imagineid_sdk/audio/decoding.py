"""One decoder for every way in: files, bytes and pipes -> float32 blocks at their own rate.

libsndfile reads first (wav, flac, ogg, aiff, ...). What it does not know, or gives up in the middle of, goes to the
ffmpeg that imageio-ffmpeg ships (mp3, m4a, aac, webm, the sound of an mp4, files that were cut off). The caller's files
are only ever read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

import numpy as np

from imagineid_sdk.audio.arrays import check_rate
from imagineid_sdk.audio.decoders import BLOCK_FRAMES, Decoded, parts_of, read_through, run_ffmpeg
from imagineid_sdk.audio.mixing import Levels, mixed_live
from imagineid_sdk.audio.sources import AudioSource, SoundInput, read_source
from imagineid_sdk.errors import AudioError


@dataclass(frozen=True, eq=False)
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
        sound = SoundInput(samples=source.original, rate=source.original_rate, given_as=source.source)
    else:
        sound = read_source(source, sampling_rate)
    decoder, (rate, levels) = read_through(sound, lambda decoded: (decoded.rate, measure(decoded)))
    levels.check(sound.label)
    check_stated_rate(sound, rate, sampling_rate)
    with decoder(sound) as decoded:
        mixed = (levels.mix(block) for block in decoded.blocks)
        yield AudioStream(rate, levels.mixed_channels, mixed, levels, sound.source)


@contextmanager
def open_pipe(stream: IO[bytes], raw_rate: int | None = None) -> Iterator[AudioStream]:
    """Sound from a pipe, as it comes; levels are those so far.

    Args:
        stream: e.g. ``sys.stdin.buffer``; not closed.
        raw_rate: Hz, if the bytes are samples and nothing else: 16-bit little-endian mono. None for encoded sound. An
            mp4 whose index comes last is read to its end first.

    Raises:
        AudioError: it is no sound.
    """
    if raw_rate is not None:
        check_rate(raw_rate)
        raw = Decoded(raw_rate, 1, (pcm_from_bytes(part) for part in parts_of(stream, 2)))
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
    with run_ffmpeg("pipe:0", "The audio", stdin=stream, head=head) as decoded, _live(decoded) as sound:
        yield sound


def measure(decoded: Decoded) -> Levels:
    levels = Levels(decoded.channels)
    for block in decoded.blocks:
        levels.add(block)
    return levels


def check_stated_rate(sound: SoundInput, rate: int, given: int | None) -> None:
    if given is not None and given != rate:
        raise AudioError(
            f"sampling_rate={given!r} was given, but the file says {rate} Hz. Leave sampling_rate out for files; "
            "it is meant for arrays, which don't know theirs."
        )
    check_rate(rate)


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
