"""Sound that passes through: in blocks, at its own rate, for clips of any length and for sound that is still coming.

Public names: `open_sound` (a file, an array, a clip), `open_pipe` (standard input), `SoundBlocks`, `Resampler`.
"""

from __future__ import annotations

import math
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from imagineid_sdk.audio.clip import (
    AU_HEADER,
    BLOCK_FRAMES,
    FFMPEG_FORMATS,
    SAMPLE_RATE,
    SILENT_PEAK,
    AudioClip,
    check_rate,
    checked_path,
    describe,
    load_audio,
    samples_from_array,
    soundfile_blocks,
    unreadable,
)
from imagineid_sdk.errors import AudioError

__all__ = ["Resampler", "SoundBlocks", "open_pipe", "open_sound", "pcm_from_chunk"]

FILTER_REACH = 18
"""Samples at 16 kHz (or at the sound's own rate, where that is lower) that resampling looks at on either side."""


@dataclass(frozen=True)
class SoundBlocks:
    """A sound that is read once. `blocks`: float32 (samples, channels), one or two channels, at `rate` Hz; `source` is
    the path it comes from, None for others."""

    rate: int
    channels: int
    blocks: Iterator[np.ndarray]
    source: str | None = None


@contextmanager
def open_sound(source: Any, sampling_rate: int | None = None) -> Iterator[SoundBlocks]:
    """Any sound that `load_audio` takes. Files are read block by block; a `SoundBlocks` is handed through.

    Raises:
        AudioNotFoundError, AudioError: as `load_audio` does.
    """
    if isinstance(source, SoundBlocks):
        yield source
    elif not isinstance(source, (str, os.PathLike)):
        clip = source if isinstance(source, AudioClip) else load_audio(source, sampling_rate)
        starts = range(0, len(clip.original), BLOCK_FRAMES)
        blocks = (clip.original[start : start + BLOCK_FRAMES] for start in starts)
        yield SoundBlocks(clip.original_rate, clip.original.shape[1], blocks, clip.source)
    else:
        with _open_file(checked_path(source)) as sound:
            check_rate(sound.rate, sampling_rate)
            yield sound


@contextmanager
def open_pipe(stream: IO[bytes], raw_rate: int | None = None) -> Iterator[SoundBlocks]:
    """Sound from a pipe, as it comes.

    Args:
        stream: e.g. ``sys.stdin.buffer``; not closed.
        raw_rate: Hz, if the bytes are samples and nothing else: 16-bit little-endian mono. None for wav, flac, mp3 and
            whatever else can be read without going back.

    Raises:
        AudioError: it is no sound.
    """
    if raw_rate is None:
        with _ffmpeg("pipe:0", stream, None) as sound:
            yield sound
    else:
        check_rate(raw_rate, None)
        yield SoundBlocks(raw_rate, 1, (pcm_from_chunk(part)[:, None] for part in _parts(stream, 2)))


def pcm_from_chunk(chunk: Any) -> np.ndarray:
    """A piece of sound as float32 mono (samples,) in [-1, 1]; bytes are 16-bit little-endian mono.

    Raises:
        AudioError: it is none.
    """
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        if len(chunk) % 2:
            raise AudioError(f"A chunk of {len(chunk)} bytes is not 16-bit sound: give an even number of bytes.")
        return np.frombuffer(chunk, "<i2").astype(np.float32) / 32768
    if np.size(chunk) == 0:
        return np.empty(0, np.float32)
    mono = samples_from_array(chunk).mean(axis=1, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise AudioError("A chunk holds samples that are NaN or infinite. Every sample must be a finite number.")
    return np.clip(mono, -1.0, 1.0)


class Resampler:
    """Brings mono sound that comes in pieces from `rate` to 16 kHz: sample for sample what resampling the whole gives.

    Pieces are cut where samples of both rates coincide, so a rate that has little in common with 16,000 Hz waits
    longer: 10 ms at 44,100 Hz.
    """

    def __init__(self, rate: int) -> None:
        common = math.gcd(rate, SAMPLE_RATE)
        self._rate, self._in, self._out = rate, rate // common, SAMPLE_RATE // common
        reach = math.ceil(FILTER_REACH * max(1.0, rate / SAMPLE_RATE))
        self._context = -(-reach // self._in) * self._in
        self._buffer = np.empty(0, np.float32)
        self._begin = 0  # samples at the beginning of the buffer that were given out already

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """float32 (samples,) in, those that are certain by now out."""
        if self._rate == SAMPLE_RATE:
            return samples
        self._buffer = np.concatenate([self._buffer, samples])
        return self._give(max(0, len(self._buffer) - self._context) // self._in * self._in)

    def finish(self) -> np.ndarray:
        """The rest."""
        return np.empty(0, np.float32) if self._rate == SAMPLE_RATE else self._give(len(self._buffer))

    def _give(self, end: int) -> np.ndarray:
        if end <= self._begin:
            return np.empty(0, np.float32)
        import resampy  # late: it brings numba, which 16 kHz sound never needs

        resampled = resampy.resample(self._buffer, self._rate, SAMPLE_RATE, filter="kaiser_fast")
        first, last = self._begin * self._out // self._in, end * self._out // self._in
        kept = max(0, end - self._context) // self._in * self._in
        self._buffer, self._begin = self._buffer[kept:], end - kept
        return np.clip(resampled[first:last], -1.0, 1.0)


@contextmanager
def _open_file(path: Path) -> Iterator[SoundBlocks]:
    import soundfile

    if path.is_fifo():  # a pipe can't be rewound for the second decoder
        with path.open("rb") as pipe, _ffmpeg("pipe:0", pipe, str(path)) as blocks:
            yield blocks
        return
    try:
        sound = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a name ending in .raw, which states no rate
        with _ffmpeg(f"file:{path}", None, str(path)) as blocks:
            yield blocks
        return
    with sound:
        channels = sound.channels if sound.channels <= 2 else 1
        yield SoundBlocks(sound.samplerate, channels, _at_most_two(soundfile_blocks(sound)), str(path))


@contextmanager
def _ffmpeg(source: str, stdin: IO[bytes] | None, name: str | None) -> Iterator[SoundBlocks]:
    """The first sound track of a file or of `stdin`, decoded by the bundled ffmpeg."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error"]
    command += ["-protocol_whitelist", "file,pipe", "-format_whitelist", FFMPEG_FORMATS]
    if stdin is not None:  # begin with little: more may be long in coming
        command += ["-probesize", "65536", "-analyzeduration", "0"]
    command += ["-i", source, "-map", "0:a:0", "-c:a", "pcm_f32be", "-flush_packets", "1", "-f", "au", "pipe:1"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        output = cast(IO[bytes], process.stdout)
        try:
            header = output.read(AU_HEADER.size)
            if len(header) < AU_HEADER.size:
                log.seek(0)
                raise AudioError(unreadable(describe(name), log.read().decode(errors="replace")))
            _, offset, _, _, rate, channels = AU_HEADER.unpack(header)
            output.read(offset - AU_HEADER.size)
            parts = (np.frombuffer(part, ">f4").astype(np.float32) for part in _parts(output, 4 * channels))
            blocks = _at_most_two(part.reshape(-1, channels) for part in parts)
            yield SoundBlocks(rate, channels if channels <= 2 else 1, blocks, name)
        finally:
            with suppress(OSError):
                output.close()
            process.kill()  # does nothing to one that has ended by itself
            process.wait()


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


def _at_most_two(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """More than two channels are one: the mean of those that have carried sound so far."""
    peaks: np.ndarray | float = 0.0
    for block in blocks:
        if block.shape[1] <= 2:
            yield block
        else:
            peaks = np.maximum(peaks, np.abs(block).max(axis=0))
            yield block.sum(axis=1, keepdims=True) / max(1, int(np.count_nonzero(peaks >= SILENT_PEAK)))
