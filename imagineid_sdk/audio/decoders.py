"""The decoders: libsndfile, ffmpeg, and numpy for samples in memory. Each gives float32 blocks."""

from __future__ import annotations

import io
import logging
import os
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TypeAlias, TypeVar, cast

import numpy as np

from imagineid_sdk.audio.arrays import samples_from_array
from imagineid_sdk.audio.sources import SoundInput, surplus_bytes
from imagineid_sdk.errors import AudioError, FFmpegError
from imagineid_sdk.files import find_ffmpeg, temporary_file

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

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Decoded:
    """A sound that is read once: `blocks` are float32 (samples, channels) at `rate` Hz, as they were stored."""

    rate: int
    channels: int
    blocks: Iterator[np.ndarray]


def read_through(source: SoundInput, use: Callable[[Decoded], Result]) -> tuple[Decoder, Result]:
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


Decoder: TypeAlias = Callable[[SoundInput], AbstractContextManager[Decoded]]


class _NoSound(Exception):
    """libsndfile opened the file and found nothing in it, or may not have found all of it."""


@contextmanager
def with_numpy(source: SoundInput) -> Iterator[Decoded]:
    array, to_float = samples_from_array(source.samples)
    starts = range(0, len(array), BLOCK_FRAMES)
    yield Decoded(source.rate, array.shape[1], (to_float(array[start : start + BLOCK_FRAMES]) for start in starts))


@contextmanager
def with_soundfile(source: SoundInput) -> Iterator[Decoded]:
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
def with_ffmpeg(source: SoundInput) -> Iterator[Decoded]:
    """The first sound track of a file."""
    if source.path is not None:
        with run_ffmpeg(f"file:{source.path}", source.label) as decoded:
            yield decoded
        return
    # ffmpeg has to seek: an m4a may keep its index at the end.
    with (
        temporary_file(source.content) as (path, given),
        run_ffmpeg(f"file:{path}", source.label, given=given) as decoded,
    ):
        yield decoded


@contextmanager
def run_ffmpeg(
    address: str, label: str, stdin: IO[bytes] | None = None, head: bytes = b"", given: tuple[int, ...] = ()
) -> Iterator[Decoded]:
    """Decode with the bundled ffmpeg, from an address, which may need `given` descriptors, or from `head` and the rest
    of `stdin`."""
    with tempfile.TemporaryFile() as log:
        command = ffmpeg_command(address, live=stdin is not None)
        try:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, pass_fds=given,
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            raise FFmpegError(f"{command[0]} can't be run: {error}. Unset IMAGEIO_FFMPEG_EXE.") from error
        output = cast(IO[bytes], process.stdout)
        if stdin is not None:
            arguments = (head, stdin, cast(IO[bytes], process.stdin))
            threading.Thread(target=_copy, args=arguments, daemon=True).start()
        try:
            header = output.read(AU_HEADER.size)
            if len(header) < AU_HEADER.size:
                raise AudioError(unreadable(label, _text_of(log)))
            _, offset, _, _, rate, channels = AU_HEADER.unpack(header)
            output.read(offset - AU_HEADER.size)
            yield Decoded(rate, channels, _au_blocks(output, channels, label, log))
        finally:
            process.kill()  # does nothing to one that has ended by itself
            process.wait()
            with suppress(OSError):
                output.close()


def ffmpeg_command(address: str, live: bool) -> list[str]:
    """Decodes the first sound track of an address to float32 in Sun's AU format on standard output."""
    command = [find_ffmpeg(), "-v", "error", *([] if live else ["-nostdin"])]
    command += ["-protocol_whitelist", "file,pipe", "-format_whitelist", FFMPEG_FORMATS]
    if live:  # begin with little: more may be long in coming
        command += ["-probesize", "65536", "-analyzeduration", "0"]
    return command + ["-i", address, "-map", "0:a:0", "-c:a", "pcm_f32be", "-flush_packets", "1", "-f", "au", "pipe:1"]


def _au_blocks(output: IO[bytes], channels: int, label: str, log: IO[bytes]) -> Iterator[np.ndarray]:
    read = 0
    for part in parts_of(output, 4 * channels):
        block = np.frombuffer(part, ">f4").astype(np.float32).reshape(-1, channels)
        read += len(block)
        yield block
    if not read:
        raise AudioError(unreadable(label, _text_of(log)))
    if reason := _text_of(log).strip():
        logger.warning("%s is damaged and was read as far as it goes: %s", label, reason.splitlines()[-1])


def _text_of(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode(errors="replace")


def unreadable(label: str, log: str) -> str:
    """ffmpeg's words as one sentence."""
    if "matches no streams" in log:
        return f"{label} has no sound track. Give a file with sound: wav, flac, ogg, mp3, m4a or a video."
    reason = log.strip().splitlines()[-1].strip() if log.strip() else "no sound in it"
    return (
        f"{label} could not be read as sound ({reason}). Expected wav, flac, ogg, mp3, m4a or a video with sound; "
        "check that the file is complete and really of the kind that its name says."
    )


def _copy(head: bytes, source: IO[bytes], target: IO[bytes]) -> None:
    """From a pipe into a program, until either ends."""
    read = getattr(source, "read1", source.read)
    with suppress(OSError, ValueError), target:
        target.write(head)
        target.flush()
        while part := read(BLOCK_FRAMES):
            target.write(part)
            target.flush()


def parts_of(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """What has come so far, without waiting for more, in multiples of `size` bytes."""
    rest = b""
    read = getattr(stream, "read1", stream.read)
    while content := read(BLOCK_FRAMES):
        content = rest + content
        whole = len(content) - len(content) % size
        rest = content[whole:]
        if whole:
            yield content[:whole]
