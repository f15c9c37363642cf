"""Any sound in, one validated `AudioClip` out: what the rest of the SDK hears, and what the video will play.

Public names: `load_audio`, `AudioClip`, `SAMPLE_RATE`, `MINIMUM_DURATION`.

Files go to libsndfile first (wav, flac, ogg, mp3, aiff, ...) and, where it does not know the format, to the ffmpeg
that imageio-ffmpeg ships (m4a, aac, webm, the sound of an mp4, ...). Both hand over blocks, so a clip is held in memory
once, at its own rate, besides the 16 kHz mono copy for listening. The caller's files are only ever read.
"""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

import numpy as np

from imagineid_sdk.errors import AudioError, AudioNotFoundError

if TYPE_CHECKING:
    import soundfile
    import torch

__all__ = ["MINIMUM_DURATION", "SAMPLE_RATE", "AudioClip", "AudioSource", "load_audio"]

SAMPLE_RATE = 16_000
"""Hz. The one rate that listening hears: speech carries little above 8 kHz, and the speech encoders expect it."""

MINIMUM_DURATION = 0.04
"""Seconds. Shorter than one frame of a 25 fps video there is nothing to show."""

SILENT_PEAK = 1e-3
"""Peak (-60 dBFS) below which a channel counts as unused when more than two are mixed down."""

RATE_RANGE = (1_000, 768_000)
"""Hz. Outside it a sampling rate is a typing mistake, not a recording."""

MAXIMUM_CHANNELS = 64
"""More than this on the shorter axis of an array is a batch or a spectrogram, not channels."""

BLOCK_FRAMES = 1 << 16
"""Sample frames read at a time: small enough to stay in cache, large enough that the loop costs nothing."""

# ffmpeg demuxers that may open what the caller gave. The list keeps playlists (hls, concat, dash) out, which could
# make it read other files, and the demuxers that find "sound" in a text file.
FFMPEG_FORMATS = "mov,matroska,avi,asf,flv,mpeg,mpegts,ogg,mp3,aac,ac3,eac3,amr,caf,wav,w64,aiff,au,flac,ape,wv,tta,dts"
AU_HEADER = struct.Struct(">4sIIIII")  # magic, offset of the samples, size, encoding, rate, channels

AudioSource: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO | np.ndarray | torch.Tensor"


@dataclass(frozen=True)
class AudioClip:
    """One sound, twice: as the networks hear it and as the listener of the video will."""

    samples: np.ndarray
    """float32 mono, shape (samples,), 16 kHz, range [-1, 1]."""
    duration: float
    """Seconds of the original, exact: its sample frames divided by its rate."""
    original: np.ndarray
    """float32, shape (samples, channels) with one or two channels, at `original_rate`, range [-1, 1]."""
    original_rate: int
    """Hz."""
    source: str | None
    """The path it was read from, for messages; None for bytes, streams and arrays."""


def load_audio(source: AudioSource, sampling_rate: int | None = None) -> AudioClip:
    """Read, check and resample a sound.

    Args:
        source: a path; the bytes of an encoded file; an open binary file (read from where it stands, not closed); or
            samples as a numpy array or torch tensor: float, or int8/int16/int32/uint8 at full scale. Shapes are
            (samples,), (channels, samples) or (samples, channels); of two axes the shorter one is the channels, and
            (samples, channels) where they are equal.
        sampling_rate: Hz. Of arrays: 16,000 where left out. Files know their own; giving another one is an error.

    More than two channels become one: the mean of those that carry sound. Float samples beyond [-1, 1] are scaled down
    as a whole to a peak of 1, never clipped. Silence is fine. A file that was cut off is used as far as it goes.

    Raises:
        AudioNotFoundError: no such file.
        AudioError: not a sound, empty, shorter than `MINIMUM_DURATION`, or holding NaN or infinite samples.
    """
    if isinstance(source, (str, os.PathLike)):
        name: str | None = os.fspath(source)
        path = checked_path(source)
        original, rate = decode_file(path)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        name = None
        original, rate = decode_bytes(bytes(source))
    elif hasattr(source, "read"):
        name = None
        original, rate = decode_bytes(read_stream(source))
    else:
        name = None
        rate = SAMPLE_RATE if sampling_rate is None else sampling_rate
        original = samples_from_array(source)
    check_rate(rate, sampling_rate)
    return make_clip(original, rate, name)


def make_clip(original: np.ndarray, rate: int, name: str | None) -> AudioClip:
    """Check float32 samples of shape (samples, channels) and derive the 16 kHz mono copy from them."""
    label = describe(name)
    duration = len(original) / rate
    if duration < MINIMUM_DURATION:
        raise AudioError(
            f"{label} is too short: {duration:.3f} s ({len(original)} samples at {rate} Hz). "
            f"Give at least {MINIMUM_DURATION} s; a face that speaks needs a second or more."
        )
    peak = float(max(original.max(), -original.min()))
    if not np.isfinite(peak):
        bad = int(original.size - np.count_nonzero(np.isfinite(original)))
        raise AudioError(
            f"{label} holds {bad} samples that are NaN or infinite. Every sample must be a finite number: "
            "repair the recording, or replace them, e.g. with numpy.nan_to_num."
        )
    if peak > 1.0:
        original /= peak
    return AudioClip(resample(mix_to_mono(original), rate), duration, original, rate, name)


def resample(mono: np.ndarray, rate: int) -> np.ndarray:
    """Bring float32 mono of shape (samples,) from `rate` to 16 kHz; range [-1, 1] in and out."""
    if rate == SAMPLE_RATE:
        return mono
    import resampy  # late: it brings numba, which a 16 kHz clip never needs

    resampled = resampy.resample(mono, rate, SAMPLE_RATE, filter="kaiser_fast")
    return np.clip(resampled, -1.0, 1.0, out=resampled)  # the filter rings a little over a full-scale peak


def mix_to_mono(original: np.ndarray) -> np.ndarray:
    """Mean of one or two channels, shape (samples, channels) -> (samples,), copied."""
    if original.shape[1] == 1:
        return original[:, 0].copy()
    mono = original.mean(axis=1, dtype=np.float32)
    powers = [float(np.dot(channel, channel)) for channel in original.T]
    # A stereo pair wired in opposite phase cancels in the mean: then the louder side alone is the voice.
    if float(np.dot(mono, mono)) < 0.01 * max(powers):
        return original[:, int(np.argmax(powers))].copy()
    return mono


def describe(name: str | None) -> str:
    return "The audio" if name is None else f"The audio file {name!r}"


def check_rate(rate: int, given: int | None) -> None:
    if given is not None and given != rate:
        raise AudioError(
            f"sampling_rate={given!r} was given, but the file says {rate} Hz. Leave sampling_rate out for files; "
            "it is meant for arrays, which don't know theirs."
        )
    low, high = RATE_RANGE
    if isinstance(rate, bool) or not isinstance(rate, (int, np.integer)) or not low <= rate <= high:
        raise AudioError(f"The sampling rate {rate!r} is out of range: give a whole number of Hz from {low} to {high}.")


# --- files, bytes and streams -----------------------------------------------------------------------------------------


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


def decode_bytes(content: bytes) -> tuple[np.ndarray, int]:
    """Samples and rate of an encoded file that is in memory."""
    if not content:
        raise AudioError("The audio is empty: 0 bytes. Give the whole content of an audio file.")
    decoded = decode_with_soundfile(io.BytesIO(content))
    if decoded is not None:
        return decoded
    with temporary_file(content) as path:  # ffmpeg has to seek: an m4a may keep its index at the end
        return decode_with_ffmpeg(path, "The audio")


def decode_file(path: Path) -> tuple[np.ndarray, int]:
    """Samples and rate of a file: float32 (samples, channels <= 2) and Hz."""
    if path.is_fifo():  # a pipe can't be rewound for the second decoder
        return decode_bytes(path.read_bytes())
    decoded = decode_with_soundfile(path)
    return decode_with_ffmpeg(path, describe(str(path))) if decoded is None else decoded


@contextmanager
def temporary_file(content: bytes | memoryview) -> Iterator[Path]:
    """A file with this content for a program that needs a path; deleted afterwards."""
    descriptor, name = tempfile.mkstemp(prefix="imagineid-")
    try:
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        except OSError as error:
            raise AudioError(
                f"The sound could not be put into a temporary file ({error}). Free some space in "
                f"{tempfile.gettempdir()!r}, or set TMPDIR to a folder that has it."
            ) from error
        yield Path(name)
    finally:
        with suppress(OSError):
            os.unlink(name)


def decode_with_soundfile(file: Path | IO[bytes]) -> tuple[np.ndarray, int] | None:
    """Decode with libsndfile; None where it finds no sound, so that ffmpeg gets its turn."""
    import soundfile

    try:
        with soundfile.SoundFile(file) as sound:
            samples, rate = collect(soundfile_blocks(sound), sound.channels), sound.samplerate
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a name ending in .raw, which states no rate
        return None
    return (samples, rate) if len(samples) else None


def soundfile_blocks(sound: soundfile.SoundFile) -> Iterator[np.ndarray]:
    # Not SoundFile.blocks: where a damaged file ends before its header says, that repeats old samples.
    while len(block := sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
        yield block


def decode_with_ffmpeg(path: Path, label: str) -> tuple[np.ndarray, int]:
    """Decode the first sound track of a file with the bundled ffmpeg.

    The output is Sun's AU format: 24 bytes that state rate and channels, then big-endian floats, and made for pipes.
    """
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin"]
    command += ["-protocol_whitelist", "file", "-format_whitelist", FFMPEG_FORMATS, "-i", f"file:{path}"]
    command += ["-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        try:
            decoded = read_au(cast(IO[bytes], process.stdout))
        finally:
            cast(IO[bytes], process.stdout).close()
            process.kill()  # does nothing to one that has ended by itself
            process.wait()
        if decoded is None or not len(decoded[0]):
            log.seek(0)
            raise AudioError(unreadable(label, log.read().decode(errors="replace")))
    return decoded


def unreadable(label: str, log: str) -> str:
    """Turn ffmpeg's words into one sentence."""
    if "matches no streams" in log:
        return f"{label} has no sound track. Give a file with sound: wav, flac, ogg, mp3, m4a or a video."
    reason = log.strip().splitlines()[-1].strip() if log.strip() else "no sound in it"
    return (
        f"{label} could not be read as sound ({reason}). Expected wav, flac, ogg, mp3, m4a or a video with sound; "
        "check that the file is complete and really of the kind that its name says."
    )


def read_au(stream: IO[bytes]) -> tuple[np.ndarray, int] | None:
    header = stream.read(AU_HEADER.size)
    if len(header) < AU_HEADER.size:
        return None
    _, offset, _, _, rate, channels = AU_HEADER.unpack(header)
    stream.read(offset - AU_HEADER.size)
    frame_bytes = 4 * channels

    def blocks() -> Iterator[np.ndarray]:
        while content := stream.read(BLOCK_FRAMES * frame_bytes):
            whole = len(content) - len(content) % frame_bytes
            yield np.frombuffer(content[:whole], dtype=">f4").astype(np.float32).reshape(-1, channels)

    return collect(blocks(), channels), rate


def collect(blocks: Iterable[np.ndarray], channels: int) -> np.ndarray:
    """Join float32 blocks of shape (n, channels) into (samples, 1 or 2).

    They grow one buffer, so nothing is held twice. More than two channels are summed as they come and divided in the
    end by the number of those that carried sound: speech in the centre of a 5.1 recording keeps its level.
    """
    buffer = bytearray()
    peaks = np.zeros(channels, dtype=np.float32)
    for block in blocks:
        if channels > 2:
            peaks = np.maximum(peaks, np.abs(block).max(axis=0))  # keeps NaN, for the check that follows
            block = block.sum(axis=1, keepdims=True)
        buffer += np.ascontiguousarray(block, dtype=np.float32).data
    samples = np.frombuffer(buffer, dtype=np.float32).reshape(-1, channels if channels <= 2 else 1)
    if channels > 2:
        samples /= max(1, int(np.count_nonzero(peaks >= SILENT_PEAK)))
    return samples


# --- arrays -----------------------------------------------------------------------------------------------------------


def samples_from_array(source: Any) -> np.ndarray:
    """A copy of the caller's samples as float32 (samples, channels <= 2)."""
    array = as_numpy(source)
    if array.ndim == 1:
        array = array[:, None]
    elif array.ndim == 2 and array.shape[0] < array.shape[1]:
        array = array.T
    if array.ndim != 2 or array.shape[1] > MAXIMUM_CHANNELS:
        raise AudioError(
            f"An array of shape {np.shape(source)} is not one clip. Give (samples,), (channels, samples) or "
            "(samples, channels), one clip at a time."
        )
    if array.shape[1] == 0 or array.shape[0] == 0:
        raise AudioError(f"The array is empty: its shape is {np.shape(source)}. Give the samples of a clip.")
    blocks = (array[start : start + BLOCK_FRAMES] for start in range(0, len(array), BLOCK_FRAMES))
    return collect(map(full_scale(array), blocks), array.shape[1])


def as_numpy(source: Any) -> np.ndarray:
    if isinstance(source, np.ndarray):
        return source
    torch = sys.modules.get("torch")  # a tensor can only exist where torch was imported already
    if torch is not None and isinstance(source, torch.Tensor):
        tensor = source.detach().cpu()
        return (tensor.float() if tensor.is_floating_point() and tensor.dtype != torch.float64 else tensor).numpy()
    raise AudioError(
        f"{type(source).__name__} is not a sound. Give a path, the bytes of an audio file, an open binary file, "
        "a numpy array or a torch tensor (and their rate as sampling_rate=)."
    )


def full_scale(array: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """How blocks of this array become float32: floats as they are, integers divided by their full scale."""
    if array.dtype.kind == "f":
        peak = float(max(array.max(), -array.min()))
        # float64 can hold what float32 can't: bring it into range before the conversion, not after
        divisor = peak if 1.0 < peak < np.inf else 1.0
        return lambda block: (block / divisor).astype(np.float32)
    if array.dtype == np.uint8:
        return lambda block: (block.astype(np.float32) - 128.0) / 128.0
    if array.dtype in (np.int8, np.int16, np.int32):
        scale = -float(np.iinfo(array.dtype).min)
        return lambda block: block.astype(np.float32) / scale
    raise AudioError(
        f"Samples of type {array.dtype} have no known full scale. Give floats in [-1, 1], or int16, int32, int8 or "
        "uint8 as a recorder makes them (array.astype('int16'))."
    )
