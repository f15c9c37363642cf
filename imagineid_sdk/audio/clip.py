"""A whole clip in memory: mono at 16 kHz for the networks, and the original for the video."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from imagineid_sdk.audio.arrays import check_rate
from imagineid_sdk.audio.decoders import Decoded, read_through
from imagineid_sdk.audio.decoding import check_stated_rate
from imagineid_sdk.audio.mixing import Levels
from imagineid_sdk.audio.resampling import Resampler
from imagineid_sdk.audio.sources import AudioSource, read_source
from imagineid_sdk.errors import AudioError, check_number

MINIMUM_DURATION = 0.04
"""Seconds. Shorter than one frame of a 25 fps video there is nothing to show."""

MOST_HELD = 2 << 30
"""Bytes of samples that are held in memory: an hour and a half of stereo at 48 kHz. A file of a few megabytes can hold
days of silence."""

_PIECE = 1 << 20
"""Samples that are mixed and resampled at a time."""


@dataclass(frozen=True, eq=False)
class AudioClip:
    """One sound, twice: as the networks hear it and as the listener of the video will.

    Attributes:
        samples: float32 mono, shape (samples,), 16 kHz, range [-1, 1].
        duration: seconds of the original, exact: its sample frames divided by its rate.
        original: float32, shape (samples, channels) with one or two channels, at `original_rate`, range [-1, 1].
        original_rate: Hz.
        source: the path it was read from, for messages; None for bytes, streams and arrays.
    """

    samples: np.ndarray = field(repr=False)
    duration: float
    original: np.ndarray = field(repr=False)
    original_rate: int
    source: str | None


def load_audio(
    source: AudioSource, sampling_rate: int | None = None, *, longest: float | None = None
) -> AudioClip:  # fmt: skip
    """Read, check and resample a sound.

    Args:
        source: a path; the bytes of an encoded file; an open binary file (read from where it stands, not closed);
            samples as a numpy array or torch tensor, float, or int8/int16/int32/uint8 at full scale, of shape
            (samples,), (channels, samples) or (samples, channels), where of two axes the shorter one is the channels;
            ``(rate, array)`` or ``(array, rate)``; ``{"array": ..., "sampling_rate": ...}``; a decoder of torchcodec;
            or a clip, which is returned as it is.
        sampling_rate: Hz. Of arrays: 16,000 where left out. Files know their own; giving another one is an error.
        longest: seconds; a longer sound is refused as soon as it is seen to be, for services that take any file.

    More than two channels become one: the mean of those that carry sound. Float samples beyond [-1, 1] are scaled down
    as a whole to a peak of 1, never clipped. Silence is fine. A file that was cut off is used as far as it goes.

    Raises:
        AudioNotFoundError: no such file.
        AudioError: not a sound, empty, shorter than `MINIMUM_DURATION`, longer than `longest` or than memory should
            hold (`MOST_HELD`), or holding NaN or infinite samples.
    """
    if longest is not None:
        check_number("longest", longest, MINIMUM_DURATION, 1e9, " seconds")
    if isinstance(source, AudioClip):
        if sampling_rate not in (None, source.original_rate):
            raise AudioError(f"sampling_rate={sampling_rate!r} was given, but the clip has {source.original_rate} Hz.")
        if longest is not None and source.duration > longest:
            raise AudioError(f"The clip is too long: {longest:g} s are allowed here. Give a part of it.")
        return source
    sound = read_source(source, sampling_rate)
    _, (rate, stored, levels) = read_through(sound, lambda decoded: collect(decoded, sound.label, longest))
    levels.check(sound.label)
    check_stated_rate(sound, rate, sampling_rate if sound.samples is None else None)
    check_duration(len(stored) / rate, sound.label)
    original = np.empty((len(stored), levels.mixed_channels), np.float32) if levels.channels > 2 else stored
    resampler, pieces = Resampler(rate), []
    for start in range(0, len(stored), _PIECE):
        part = slice(start, start + _PIECE)
        original[part] = levels.mix(stored[part])
        pieces.append(resampler.feed(levels.mono(original[part])))
    samples = np.concatenate([*pieces, resampler.finish()])
    return AudioClip(samples, len(original) / rate, original, rate, sound.source)


def collect(decoded: Decoded, label: str, longest: float | None) -> tuple[int, np.ndarray, Levels]:
    """Rate, float32 samples (samples, channels) and levels. The blocks grow one buffer, so nothing is held twice."""
    levels, buffer = Levels(decoded.channels), bytearray()
    check_rate(decoded.rate)
    most = MOST_HELD / (4 * decoded.channels * decoded.rate)
    for block in decoded.blocks:
        levels.add(block)
        if levels.samples > decoded.rate * min(most, most if longest is None else longest):
            allowed = longest is not None and longest < most
            limit = f"{longest:g} s are allowed here" if allowed else f"{most:.0f} s fit in memory"
            raise AudioError(
                f"{label} is too long: {limit}. Give a part of it; pipe.write_mp4 makes videos of sounds of any length."
            )
        buffer += np.ascontiguousarray(block, dtype=np.float32).data
    return decoded.rate, np.frombuffer(buffer, dtype=np.float32).reshape(-1, decoded.channels), levels


def check_duration(seconds: float, label: str = "The sound") -> None:
    """Raises AudioError for what is too short to show."""
    if seconds < MINIMUM_DURATION:
        raise AudioError(
            f"{label} is too short: {seconds:.3f} s. Give at least {MINIMUM_DURATION} s; a face that speaks needs a "
            "second or more."
        )
