"""One recorder: frames and sound in as they come, a file or a pipe out.

Frames stream through a pipe into the ffmpeg that imageio-ffmpeg ships, so memory does not grow with the length of the
video. A file is written under a temporary name in its folder and moved over the target in one step: a run that fails or
is interrupted leaves neither a partial file nor a damaged older one.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from typing_extensions import Self

from imagineid_sdk.audio import AudioClip
from imagineid_sdk.errors import OptionError, VideoError, check_number
from imagineid_sdk.files import check_encoder, check_output_path, find_ffmpeg, placed_when_complete, typed_write_errors
from imagineid_sdk.video.formats import MP4, PathOrFile, format_of
from imagineid_sdk.video.pipes import Feeder, Pump, SoundPipe
from imagineid_sdk.video.provenance import Signing, add_xmp, read_signer, xmp_arguments

METADATA_KEYS = ("title", "comment", "description", "synopsis", "artist", "copyright", "date", "genre")
"""Tags that an mp4 has a place for (iTunes metadata list); others would be dropped without a word. A gif has none."""

MAXIMUM_FPS = 240.0

FASTSTART = dict.fromkeys(("mp4", "mov"), ("-movflags", "+faststart"))
"""A file plays before it is fully downloaded; webm does so by itself."""

LIVE_MP4 = [
    "-tune", "zerolatency", "-g", "25", "-movflags", "+frag_keyframe+empty_moov+delay_moov+default_base_moof",
    "-frag_duration", "200000", "-flush_packets", "1",
]  # fmt: skip
"""Fragments of a fifth of a second, each sent at once."""

FRAMES_WAITING = 16
"""Frames that wait for the encoder at most, while the next ones are made."""


class Recorder:
    """Frames and sound into a video as they come, encoded by a program beside this one.

        with Recorder("talk.mp4", fps=25, rate=16_000, channels=1) as recorder:
            recorder.hear(block); recorder.show(frame); ...
            recorder.complete()

    Args:
        target: path of a video, complete or not there at all, whose ending says the kind (`formats.FORMATS`); or an
            open binary file, such as ``sys.stdout.buffer`` or an ``io.BytesIO``, which gets fragmented mp4 that a
            player can show while it grows. It is not closed.
        fps: frames per second, up to 240; frame k is shown from k / fps on.
        rate, channels: of the sound, in Hz; channels 0 is a silent film.
        source: the file that the sound comes from, which is never overwritten.
        metadata: text by tag (`METADATA_KEYS`), shown by players as title, comment, ... A function is called with the
            first frame.
        sign: certificate and key, for a C2PA manifest in a file (`provenance.read_signer`).

    Raises:
        VideoError: from any call: a target that can't be written, unusable frames, or an encoder that failed.
        OptionError: fps out of range, an unknown tag, or a signer that can't be used.
        FFmpegError: there is no encoder.
    """

    def __init__(
        self, target: PathOrFile, *, fps: float, rate: int = 0, channels: int = 0, source: str | None = None,
        metadata: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None, sign: Signing = None,
    ) -> None:  # fmt: skip
        self._signer = read_signer(sign, target)
        self._frame_rate, self._rate, self._channels = frame_rate(fps), rate, channels
        self._metadata = metadata or {}
        if not callable(self._metadata):
            metadata_arguments(self._metadata)
        checked = check_target(target)
        self._path = checked if isinstance(checked, Path) else None
        self._file = None if isinstance(checked, Path) else checked
        self._format = MP4 if self._path is None else format_of(cast(str, target))
        if self._path is not None:
            check_not_source(self._path, source)
        self._closing, self._completed = ExitStack(), False
        self._pictures: Feeder | None = None
        self._size: tuple[int, ...] | None = None
        self._pump: Pump | None = None
        self._samples = self.shown = 0
        self._sound = SoundPipe() if channels and self._format.sound else None
        if self._sound is not None:
            self._closing.callback(self._sound.close)

    @property
    def seconds(self) -> float:
        """How much sound was heard."""
        return self._samples / self._rate if self._channels else 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: Any) -> None:
        if failure[0] is None and not self._completed:  # left early: nothing takes the target's place
            with suppress(VideoError):
                self._closing.__exit__(VideoError, VideoError("The recording was not completed."), None)
        self._closing.__exit__(*failure)

    def hear(self, block: np.ndarray) -> None:
        """The next sound, float32 (samples, channels); may run ahead of the frames as far as it likes."""
        self._samples += len(block)
        if self._sound is not None:
            self._sound.feeder.put(np.ascontiguousarray(block, np.float32).data)

    def show(self, frames: np.ndarray) -> None:
        """The next frame, uint8 (height, width, 3), or several (n, height, width, 3); 4 channels with alpha, if the
        format has transparency. Waits while the encoder is behind."""
        frames = self._checked(np.asarray(frames))
        if not frames.size:
            return
        if self._pictures is None:
            self._pictures = self._begin()
        if self._pictures.broken:
            raise self._failure()
        self._pictures.put(np.ascontiguousarray(frames).data)
        self.shown += len(frames) if frames.ndim == 4 else 1

    def complete(self) -> None:
        """Everything was heard and shown: the file is put in place."""
        if self._pictures is None:
            raise VideoError("There are no frames to write. Give at least one.")
        if self._sound is not None:
            self._sound.feeder.put(None)
        self._pictures.put(None)  # both: the encoder reads them in turns
        if self._process.wait() != 0:
            raise self._failure()
        if self._pump is not None:
            self._pump.join()
            if self._pump.error is not None:  # the last bytes were refused, when the encoder had ended already
                raise self._failure()
        if self._path is not None:
            with typed_write_errors(self._path):
                add_xmp(self._partial, self._format.suffix)
            if self._signer is not None:
                self._signer.sign(self._partial, self._format.suffix, self._path.name)
        self._completed = True

    def _checked(self, frames: np.ndarray) -> np.ndarray:
        if frames.dtype != np.uint8 or frames.ndim not in (3, 4) or frames.shape[-1] not in (3, 4):
            raise VideoError(
                f"Frame {self.shown} has shape {frames.shape} and type {frames.dtype}. Give uint8 of shape "
                "(height, width, 3), or (height, width, 4) with alpha."
            )
        if frames.shape[-1] == 4 and self._format.clear is None:
            raise VideoError(f"Frame {self.shown} is transparent. {self._format.no_transparency()}")
        if not len(frames):
            return frames
        size = frames.shape[-3:]
        self._size = self._size or size
        if size != self._size:
            raise VideoError(f"Frame {self.shown} is {size}, the first was {self._size}. All must have one size.")
        if 0 in size:
            raise VideoError(f"Frame {self.shown} is empty: its shape is {size}. Give at least one pixel on each side.")
        if self._format.even and (size[0] % 2 or size[1] % 2):
            raise VideoError(
                f"Frames of {size[1]}x{size[0]} can't be encoded: {self._format.title} needs an even height and width."
            )
        return frames

    def _begin(self) -> Feeder:
        """Starts the encoder for frames of the size that was seen."""
        command = self._command()
        self._log = self._closing.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 (closed with the rest)
        # In a session of its own, Ctrl-C reaches this process alone, which then ends the encoder in good order.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=self._log, start_new_session=True,
            stdout=subprocess.PIPE if self._path is None else subprocess.DEVNULL,
            pass_fds=() if self._sound is None else self._sound.descriptors,
        )  # fmt: skip
        if self._sound is not None:
            self._sound.given_away()
        if self._path is None:
            self._pump = Pump(cast(IO[bytes], self._process.stdout), cast(IO[bytes], self._file))
            self._closing.callback(self._pump.join)
        # No cycles: the metadata may hold the person's networks, which must not wait for the garbage collector.
        self._metadata = {}
        stdin = cast(IO[bytes], self._process.stdin)
        pictures = Feeder(lambda: stdin, waiting=FRAMES_WAITING)
        self._closing.callback(pictures.join)
        self._closing.callback(self._end)  # first of all: what waits for an encoder would wait for ever
        return pictures

    def _command(self) -> list[str]:
        """The encoder and its arguments. A file gets its temporary name here."""
        assert self._size is not None
        height, width, channels = self._size
        command = [find_ffmpeg(), "-v", "error", "-y", "-f", "rawvideo"]
        command += ["-pix_fmt", "rgb24" if channels == 3 else "rgba"]
        command += ["-video_size", f"{width}x{height}", "-framerate", str(self._frame_rate), "-i", "pipe:0"]
        if self._sound is not None:
            command += ["-f", "f32le", "-ar", str(self._rate), "-ac", str(self._channels), "-i", self._sound.address]
            assert self._format.sound is not None
            command += ["-map", "0:v", "-map", "1:a", *self._format.sound(self._rate, self._channels)]
        command += self._format.opaque if channels == 3 else cast(list[str], self._format.clear)
        command += metadata_arguments(self._metadata() if callable(self._metadata) else self._metadata)
        if self._path is None:
            return [*command, *LIVE_MP4, "-f", "mp4", "pipe:1"]
        self._partial = self._closing.enter_context(placed_when_complete(self._path))
        command += xmp_arguments(self._format.suffix)
        return [*command, *FASTSTART.get(self._format.muxer, ()), "-f", self._format.muxer, f"file:{self._partial}"]

    def _failure(self) -> VideoError:
        status = self._process.wait()
        if self._pump is not None:
            self._pump.join()
            if (error := self._pump.error) is not None:
                failure = VideoError(f"The output could not be written: {error!r}. Check free space and who reads it.")
                failure.__cause__ = error
                return failure
        self._log.seek(0)
        reason = self._log.read().decode(errors="replace").strip() or f"exit status {status}"
        return VideoError(
            f"The video encoder failed: {reason}. Check free space, that the folder still exists, and who reads the "
            "output."
        )

    def _end(self) -> None:
        self._process.kill()  # does nothing to one that has ended by itself
        self._process.wait()


def write_mp4(
    path: PathOrFile, frames: Iterable[np.ndarray], *, fps: float, audio: AudioClip | None,
    metadata: Mapping[str, str], sign: Signing = None,
) -> Path | None:  # fmt: skip
    """Encode frames and sound, as H.264 and AAC or what else the ending says, and put the file in place when it is
    complete.

    Args:
        path: ends in one of `formats.FORMATS`; its folder is made. An older file there is replaced at the very end. Or
            an open binary file, which gets an mp4.
        frames: uint8 RGB, each item one frame (height, width, 3) or a batch (n, height, width, 3); both sides even.
            RGBA where the format has transparency. They are taken one by one, so a generator may make them as it goes.
        fps, metadata, sign: as for `Recorder`.
        audio: its `original` is the sound track, whole, at its own rate and channels; None for a silent film.

    Returns the path. Whatever `frames` raises, KeyboardInterrupt included, is passed on after the clean-up.

    Raises:
        VideoError: a path that can't be written, no frames, unusable frames, or an encoder that failed.
        OptionError: fps out of range, or an unknown tag.
    """
    sound = {} if audio is None else {"rate": audio.original_rate, "channels": audio.original.shape[1]}
    source = None if audio is None else audio.source
    with Recorder(path, fps=fps, source=source, metadata=metadata, sign=sign, **sound) as recorder:
        if audio is not None:
            recorder.hear(audio.original)
        for item in frames:
            recorder.show(item)
        recorder.complete()
    return Path(path) if isinstance(path, (str, os.PathLike)) else None


# --- what goes in -----------------------------------------------------------------------------------------------------


def frame_rate(fps: float) -> Fraction:
    """The nearest rate with a denominator up to 1001, as broadcast rates such as 30000/1001 have it."""
    check_number("fps", fps, 1e-6, MAXIMUM_FPS, " frames per second")
    return Fraction(float(fps)).limit_denominator(1001) or Fraction(float(fps))


def metadata_arguments(metadata: Mapping[str, str]) -> list[str]:
    unknown = [key for key in metadata if key not in METADATA_KEYS]
    if unknown:
        raise OptionError(f"An mp4 has no place for the tags {unknown}. Use some of: {', '.join(METADATA_KEYS)}.")
    return [part for key, value in metadata.items() for part in ("-metadata", f"{key}={value}".replace("\0", " "))]


def check_not_source(target: Path, source: str | None) -> None:
    if source is None or not target.exists():
        return
    with suppress(OSError):  # a source that is gone by now can't be overwritten
        if target.samefile(source):
            raise VideoError(f"{str(target)!r} is the file that the sound came from. Choose another name.")


def check_target(target: PathOrFile) -> Path | IO[bytes]:
    """The real path of a video to be written, or an open binary file, which gets an mp4.

    Raises:
        VideoError: it can't be written.
        FFmpegError: there is no encoder.
    """
    kind = format_of(target) if isinstance(target, (str, os.PathLike)) else MP4
    check_encoder(kind.encoder, kind.title)
    if isinstance(target, (str, os.PathLike)):
        return check_output_path(target, kind.suffix)
    if not callable(getattr(target, "write", None)):
        raise VideoError(
            f"{type(target).__name__} is no place for a video. Give a path that ends in .mp4, or an open binary file."
        )
    if hasattr(target, "encoding"):
        raise VideoError("The file object takes text. Open it in binary mode: open(path, 'wb').")
    return target
