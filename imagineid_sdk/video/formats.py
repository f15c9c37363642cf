"""Kinds of video files, told by their ending: what ffmpeg is asked for, and what each can hold."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

from imagineid_sdk.errors import OptionError, VideoError, check_path

PathOrFile: TypeAlias = "str | os.PathLike[str] | IO[bytes]"

AUDIO_BITS_PER_SAMPLE = 4
"""AAC is transparent for speech here (64 kbit/s at 16 kHz mono); the format ends at 6 bits a sample."""


def colours(matrix: str) -> list[str]:
    """RGB to YCbCr by a matrix that is stated in the stream, so that nobody has to guess it."""
    return [
        "-vf",
        f"scale=out_color_matrix={matrix}:out_range=limited:flags=bicubic+accurate_rnd+full_chroma_int,"
        f"setparams=colorspace={matrix}:color_primaries=bt709:color_trc=bt709:range=limited",
    ]


def aac(rate: int, channels: int) -> list[str]:
    return ["-c:a", "aac", "-b:a", str(min(AUDIO_BITS_PER_SAMPLE * rate * channels, 320_000))]


def opus(rate: int, channels: int) -> list[str]:
    # Opus knows 48 kHz and four lower rates.
    return ["-c:a", "libopus", "-b:a", str(64_000 * channels), "-ar", "48000"]


def pcm(rate: int, channels: int) -> list[str]:
    return ["-c:a", "pcm_s16le"]


@dataclass(frozen=True)
class VideoFormat:
    """One kind of video file.

    Attributes:
        suffix: the ending of its files.
        muxer, encoder: ffmpeg's names of the container and of the encoder.
        opaque: arguments for RGB frames.
        clear: arguments for RGBA frames; None where the format has no transparency.
        sound: arguments for sound of a rate and so many channels; None where the format is silent.
        even: whether both sides must be even numbers.
        title: what people call the encoding.
    """

    suffix: str
    muxer: str
    encoder: str
    title: str
    opaque: list[str]
    clear: list[str] | None
    sound: Callable[[int, int], list[str]] | None
    even: bool = True

    def no_transparency(self) -> str:
        """What to do with transparent frames, for messages."""
        kept = " or ".join(suffix for suffix, one in FORMATS.items() if one.clear is not None)
        return f"{self.suffix} has no transparency: save as {kept}, or give a background."


MP4 = VideoFormat(
    ".mp4", "mp4", "libx264", "H.264",
    # Visually lossless from 256x256 up, at a rate that leaves the processor to the networks (benchmarks/speed.py).
    # BT.601: players that read the tag and those that guess from the small picture agree.
    ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p", *colours("smpte170m")],
    None, aac,
)  # fmt: skip

_PRORES = ["-c:v", "prores_ks", "-profile:v", "4444", "-vendor", "apl0", *colours("bt709")]
MOV = VideoFormat(
    ".mov", "mov", "prores_ks", "ProRes 4444",
    [*_PRORES, "-pix_fmt", "yuv444p10le"], [*_PRORES, "-pix_fmt", "yuva444p10le", "-alpha_bits", "16"], pcm,
    even=False,
)  # fmt: skip

_VP9 = [
    "-c:v", "libvpx-vp9", "-crf", "20", "-b:v", "0", "-deadline", "good", "-cpu-used", "5", "-row-mt", "1",
    *colours("smpte170m"),
]  # fmt: skip
WEBM = VideoFormat(
    ".webm", "webm", "libvpx-vp9", "VP9",
    [*_VP9, "-pix_fmt", "yuv420p"], [*_VP9, "-pix_fmt", "yuva420p", "-auto-alt-ref", "0"], opus,
)  # fmt: skip

# A palette for each frame: one for all would hold the whole video in the encoder's memory.
_PALETTE = ["-vf", "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1:dither=bayer:bayer_scale=3"]
GIF = VideoFormat(".gif", "gif", "gif", "GIF", ["-c:v", "gif", *_PALETTE], ["-c:v", "gif", *_PALETTE], None, even=False)

FORMATS = {one.suffix: one for one in (MP4, MOV, WEBM, GIF)}


def format_named(kind: str) -> VideoFormat:
    """The format of an ending, with its dot or without.

    Raises:
        OptionError: there is no such.
    """
    suffix = f".{kind.lower().removeprefix('.')}" if isinstance(kind, str) else ""
    if suffix not in FORMATS:
        raise OptionError(f"kind={kind!r} can't be used. Choose one of: {', '.join(one[1:] for one in FORMATS)}.")
    return FORMATS[suffix]


def format_of(path: str | os.PathLike[str]) -> VideoFormat:
    """The format that the path's ending names.

    Raises:
        OptionError: it is no path.
        VideoError: none does.
    """
    check_path(path)
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise VideoError(
            f"{os.fspath(path)!r} does not end in {', '.join(FORMATS)}, the kinds of video that are written here. "
            "Change the name."
        )
    return FORMATS[suffix]
