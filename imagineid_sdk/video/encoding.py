"""Frames and the caller's sound out: an mp4 that is complete or not there at all, and a PNG writer for single faces.

Public names: `write_mp4`, `Recording`, `write_png`, `check_output_path`.

Frames stream through a pipe into the ffmpeg that imageio-ffmpeg ships, so memory does not grow with the length of the
video. Everything is written under a temporary name in the target's folder and moved over the target in one step: a run
that fails or is interrupted leaves neither a partial file nor a damaged older one.
"""

from __future__ import annotations

import itertools
import math
import os
import queue
import struct
import subprocess
import tempfile
import threading
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from fractions import Fraction
from numbers import Real
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from imagineid_sdk.audio.clip import AudioClip, temporary_file
from imagineid_sdk.errors import OptionError, VideoError

__all__ = ["METADATA_KEYS", "Recording", "check_output_path", "write_mp4", "write_png"]

METADATA_KEYS = ("title", "comment", "description", "synopsis", "artist", "copyright", "date", "genre")
"""Tags that an mp4 has a place for (iTunes metadata list); others would be dropped without a word."""

MAXIMUM_FPS = 240.0

# Visually lossless for 256x256 and up, at a rate that leaves the processor to the networks (benchmarks/speed.py).
VIDEO_CODEC = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p"]

# BT.601, stated in the stream: players that read the tag and those that guess from the small picture agree on colours.
COLOURS = [
    "-vf",
    "scale=out_color_matrix=smpte170m:out_range=limited:flags=bicubic+accurate_rnd+full_chroma_int,"
    "setparams=colorspace=smpte170m:color_primaries=bt709:color_trc=bt709:range=limited",
]

# Fragments of a fifth of a second, each sent at once.
LIVE_MP4 = ["-tune", "zerolatency", "-g", "25", "-movflags", "+frag_keyframe+empty_moov+default_base_moof"]
LIVE_MP4 += ["-frag_duration", "200000", "-flush_packets", "1"]

FRAMES_WAITING = 32
"""Frames that wait for the encoder at most, while the next ones are made."""

AUDIO_BITS_PER_SAMPLE = 4
"""AAC is transparent for speech here (64 kbit/s at 16 kHz mono); the format ends at 6 bits a sample."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_COLOUR_TYPES = {3: 2, 4: 6}  # channels -> truecolour, truecolour with alpha (PNG specification, 11.2.1)


def write_mp4(
    path: str | os.PathLike[str],
    frames: Iterable[np.ndarray],
    *,
    fps: float,
    audio: AudioClip | None,
    metadata: Mapping[str, str],
) -> Path:
    """Encode frames and sound as H.264 and AAC, and put the file in place when it is complete.

    Args:
        path: ends in .mp4; its folder exists. An older file there is replaced at the very end.
        frames: uint8 RGB, each item one frame (height, width, 3) or a batch (n, height, width, 3); both sides even.
            They are taken one by one, so a generator may make them as it goes.
        fps: frames per second, up to 240; frame k is shown from k / fps on.
        audio: its `original` is the sound track, whole, at its own rate and channels; None for a silent film.
        metadata: text by tag (`METADATA_KEYS`), shown by players as title, comment, ...

    Returns the path. Whatever `frames` raises, KeyboardInterrupt included, is passed on after the clean-up.

    Raises:
        VideoError: a path that can't be written, no frames, unusable frames, or an encoder that failed.
        OptionError: fps out of range, or an unknown tag.
    """
    target = check_output_path(path, ".mp4")
    check_not_source(target, None if audio is None else audio.source)
    rate = frame_rate(fps)
    tags = metadata_arguments(metadata)
    stream = checked_frames(frames)
    first = next(stream, None)
    if first is None:
        raise VideoError(f"There are no frames to write to {str(path)!r}. Give at least one.")
    height, width = first.shape[-3:-1]
    sound = nullcontext(None) if audio is None else temporary_file(np.ascontiguousarray(audio.original).data)
    with placed_when_complete(target) as partial, sound as sound_path:
        command = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{width}x{height}", "-framerate", str(rate)]
        command += ["-i", "pipe:0", *sound_arguments(audio, sound_path), *VIDEO_CODEC, *COLOURS, *tags]
        command += ["-movflags", "+faststart", "-f", "mp4", f"file:{partial}"]
        feed_ffmpeg(command, itertools.chain([first], stream))
    return Path(path)


def write_png(path: str | os.PathLike[str], image: np.ndarray, metadata: Mapping[str, str] | None = None) -> Path:
    """Write one picture, uint8 (height, width, 3) RGB or (height, width, 4) RGBA, as complete as `write_mp4` does.

    `metadata` becomes text chunks; the PNG specification names Title, Author, Description, Software, Comment, ...

    Raises:
        VideoError: a path that can't be written, or an array that is no such picture.
    """
    target = check_output_path(path, ".png")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in PNG_COLOUR_TYPES or 0 in image.shape:
        raise VideoError(
            f"An array of shape {image.shape} and type {image.dtype} is not a picture. "
            "Give uint8 of shape (height, width, 3) or (height, width, 4)."
        )
    height, width, channels = image.shape
    header = struct.pack(">IIBBBBB", width, height, 8, PNG_COLOUR_TYPES[channels], 0, 0, 0)
    chunks = [png_chunk(b"IHDR", header)]
    for key, value in (metadata or {}).items():
        chunks.append(png_chunk(b"iTXt", key.encode("latin-1") + b"\0\0\0\0\0" + value.encode()))
    chunks += [png_chunk(b"IDAT", zlib.compress(png_rows(image), 6)), png_chunk(b"IEND", b"")]
    with placed_when_complete(target) as partial, typed_write_errors(target):
        partial.write_bytes(PNG_SIGNATURE + b"".join(chunks))
    return Path(path)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_rows(image: np.ndarray) -> bytes:
    """Rows as differences from the row above (filter 2, "up"), each behind its filter byte."""
    rows = image.reshape(len(image), -1)
    above = np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    filter_bytes = np.full((len(rows), 1), 2, dtype=np.uint8)
    return np.concatenate([filter_bytes, rows - above], axis=1).tobytes()


# --- where the file goes ----------------------------------------------------------------------------------------------


def check_output_path(path: str | os.PathLike[str], suffix: str) -> Path:
    """The real path that a file will be written to, or a typed error before any work is spent on it.

    `suffix` is the ending it must have, e.g. ".mp4". Symbolic links are followed.
    """
    target = Path(os.path.realpath(path))
    folder = target.parent
    if Path(path).suffix.lower() != suffix:
        raise VideoError(f"{str(path)!r} does not end in {suffix}, the only kind written here. Change the name.")
    if target.is_dir():
        raise VideoError(f"{str(path)!r} is a folder. Give the name of a file in it, such as face{suffix}.")
    if not folder.is_dir():
        raise VideoError(f"The folder {str(folder)!r} for {target.name!r} does not exist. Create it first.")
    if target.exists() and not target.is_file():
        raise VideoError(f"{str(path)!r} is a device or pipe, not a file that can be replaced. Choose another name.")
    if not os.access(folder, os.W_OK | os.X_OK) or (target.exists() and not os.access(target, os.W_OK)):
        raise VideoError(f"{str(path)!r} can't be written by this user. Choose another folder or change permissions.")
    return target


def check_not_source(target: Path, source: str | None) -> None:
    if source is None or not target.exists():
        return
    with suppress(OSError):  # a source that is gone by now can't be overwritten
        if target.samefile(source):
            raise VideoError(f"{str(target)!r} is the file that the sound came from. Choose another name.")


@contextmanager
def placed_when_complete(target: Path) -> Iterator[Path]:
    """A new file beside the target, moved over it if the block succeeds and deleted if it does not."""
    partial = target.with_name(f".imagineid-{uuid.uuid4().hex}.part")
    try:
        with typed_write_errors(target):
            partial.open("xb").close()  # with the permissions of any new file, which tempfile would narrow
        yield partial
        with typed_write_errors(target):
            os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def typed_write_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise VideoError(f"{str(target)!r} could not be written: {error}. Check free space and permissions.") from error


# --- what goes in -----------------------------------------------------------------------------------------------------


def frame_rate(fps: float) -> Fraction:
    """The nearest rate with a denominator up to 1001, as broadcast rates such as 30000/1001 have it."""
    if isinstance(fps, bool) or not isinstance(fps, Real) or not math.isfinite(fps) or not 0 < fps <= MAXIMUM_FPS:
        raise OptionError(f"fps={fps!r} is out of range: give frames per second above 0 and up to {MAXIMUM_FPS:g}.")
    return Fraction(float(fps)).limit_denominator(1001) or Fraction(float(fps))


def metadata_arguments(metadata: Mapping[str, str]) -> list[str]:
    unknown = [key for key in metadata if key not in METADATA_KEYS]
    if unknown:
        raise OptionError(f"An mp4 has no place for the tags {unknown}. Use some of: {', '.join(METADATA_KEYS)}.")
    return [part for key, value in metadata.items() for part in ("-metadata", f"{key}={value}".replace("\0", " "))]


def sound_arguments(audio: AudioClip | None, path: Path | None) -> list[str]:
    if audio is None:
        return []
    rate, channels = audio.original_rate, audio.original.shape[1]
    source = ["-f", "f32le", "-ar", str(rate), "-ac", str(channels), "-i", f"file:{path}"]
    return [*source, "-map", "0:v", "-map", "1:a", *sound_codec(rate, channels)]


def sound_codec(rate: int, channels: int) -> list[str]:
    return ["-c:a", "aac", "-b:a", str(min(AUDIO_BITS_PER_SAMPLE * rate * channels, 320_000))]


def checked_frames(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames as contiguous uint8 arrays of one size; a typed error at the first that is not."""
    size: tuple[int, ...] | None = None
    for count, item in enumerate(frames):
        frame = np.asarray(item)
        if frame.dtype != np.uint8 or frame.ndim not in (3, 4) or frame.shape[-1] != 3:
            raise VideoError(
                f"Frame {count} has shape {frame.shape} and type {frame.dtype}. Give uint8 RGB of shape "
                "(height, width, 3); an mp4 has no transparency, so lay RGBA frames over a background first."
            )
        if not len(frame):
            continue
        size = size or frame.shape[-3:-1]
        if frame.shape[-3:-1] != size:
            raise VideoError(f"Frame {count} is {frame.shape[-3:-1]}, the first was {size}. All must have one size.")
        if 0 in size or size[0] % 2 or size[1] % 2:
            raise VideoError(f"Frames of {size[0]}x{size[1]} can't be encoded: H.264 needs an even height and width.")
        yield np.ascontiguousarray(frame)


# --- the encoder ------------------------------------------------------------------------------------------------------


def feed_ffmpeg(arguments: list[str], frames: Iterator[np.ndarray]) -> None:
    """Run ffmpeg over frames given on its standard input; it is gone when this returns or raises."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *arguments]
    with tempfile.TemporaryFile() as log:  # a pipe for its messages could fill up and stop it
        # In a session of its own, Ctrl-C reaches this process alone, which then ends the encoder in good order.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
        )
        pipe = cast(IO[bytes], process.stdin)
        try:
            for frame in frames:
                if not sent(pipe, frame):
                    break
            with suppress(BrokenPipeError):
                pipe.close()
            status = process.wait()
        finally:
            process.kill()  # does nothing to one that has ended by itself
            process.wait()
            with suppress(OSError):
                pipe.close()
        if status != 0:
            log.seek(0)
            reason = log.read().decode(errors="replace").strip() or f"exit status {status}"
            raise VideoError(f"The video encoder failed: {reason}. Check free space and that the folder still exists.")


def sent(pipe: IO[bytes], frame: np.ndarray) -> bool:
    """False if the encoder has closed its end: its exit status and messages say why."""
    try:
        pipe.write(frame.data)
    except BrokenPipeError:
        return False
    return True


# --- a video that is made while it is written -------------------------------------------------------------------------


class Recording:
    """Frames and sound into a video as they come, from a thread of its own: a file, complete or not there at all, or
    fragmented mp4 into an open binary file, which a player can show while it grows.

        with Recording("talk.mp4", fps=25, rate=16_000, channels=1) as recording:
            recording.begin((256, 256, 3), {"title": "..."})
            recording.hear(block); recording.show(frame); ...
            recording.complete()

    Args:
        target: path of an mp4, or a binary file with a descriptor, such as ``sys.stdout.buffer``.
        fps: frames per second.
        rate, channels: of the sound.
        source: the file that the sound comes from, which is never overwritten.

    Raises:
        VideoError: from any call: a path that can't be written, unusable frames, or an encoder that failed.
    """

    def __init__(
        self, target: str | os.PathLike[str] | IO[bytes], *, fps: float, rate: int, channels: int,
        source: str | None = None,
    ) -> None:  # fmt: skip
        if os.name == "nt":
            raise VideoError(
                "Writing a video while it is made needs a second pipe to the encoder, which Windows does not have. "
                "Use pipe(audio).save(path) instead."
            )
        self._frame_rate, self._rate, self._channels = frame_rate(fps), rate, channels
        self._stream = None if isinstance(target, (str, os.PathLike)) else target
        self._path = None if self._stream is not None else check_output_path(cast(str, target), ".mp4")
        if self._path is not None:
            check_not_source(self._path, source)
        self._closing = ExitStack()
        self._pictures: _Feeder | None = None
        reading, writing = os.pipe()
        # The sound runs ahead of the pictures by what listening looks ahead: its queue is as long as that.
        self._sound = _Feeder(os.fdopen(writing, "wb", buffering=0), waiting=0)
        self._closing.callback(self._sound.join)
        self._sound_end = os.fdopen(reading, "rb", buffering=0)
        self._closing.callback(self._sound_end.close)
        self._heard = self.shown = 0

    @property
    def begun(self) -> bool:
        return self._pictures is not None

    @property
    def seconds(self) -> float:
        """How much sound was heard."""
        return self._heard / self._rate

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *failure: Any) -> None:
        self._closing.__exit__(*failure)

    def begin(self, shape: tuple[int, ...], metadata: Mapping[str, str]) -> None:
        """Starts the encoder for frames of this shape, (height, width, 3), both even."""
        import imageio_ffmpeg

        height, width = shape[:2]
        sound = self._sound_end.fileno()
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        command += ["-video_size", f"{width}x{height}", "-framerate", str(self._frame_rate), "-i", "pipe:0"]
        command += ["-f", "f32le", "-ar", str(self._rate), "-ac", str(self._channels), "-i", f"pipe:{sound}"]
        command += ["-map", "0:v", "-map", "1:a", *sound_codec(self._rate, self._channels), *VIDEO_CODEC, *COLOURS]
        command += metadata_arguments(metadata)
        if self._path is None:
            command += [*LIVE_MP4, "-f", "mp4", "pipe:1"]
        else:
            partial = self._closing.enter_context(placed_when_complete(self._path))
            command += ["-movflags", "+faststart", "-f", "mp4", f"file:{partial}"]
        self._log = self._closing.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 (closed with the rest)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self._stream or subprocess.DEVNULL, stderr=self._log,
            start_new_session=True, pass_fds=[sound],
        )  # fmt: skip
        self._sound_end.close()  # the encoder alone holds it now, and its death is noticed
        self._pictures = _Feeder(cast(IO[bytes], self._process.stdin), waiting=FRAMES_WAITING)
        self._closing.callback(self._pictures.join)
        self._closing.callback(self._end)  # first of all: what waits for an encoder would wait for ever

    def hear(self, block: np.ndarray) -> None:
        """float32 (samples, channels)."""
        self._heard += len(block)
        self._sound.put(np.ascontiguousarray(block, np.float32).data)

    def show(self, frame: np.ndarray) -> None:
        """The next frame, uint8 (height, width, 3); waits while the encoder is behind."""
        assert self._pictures is not None
        if self._pictures.broken:
            raise self._failure()
        self._pictures.put(next(checked_frames([frame])).data)
        self.shown += 1

    def complete(self) -> None:
        """Everything was heard and shown: the file is put in place."""
        if self._pictures is None:
            raise VideoError("There are no frames to write: no sound came.")
        for feeder in (self._sound, self._pictures):  # both: the encoder reads them in turns
            feeder.put(None)
        if self._process.wait() != 0:
            raise self._failure()

    def _failure(self) -> VideoError:
        status = self._process.wait()
        self._log.seek(0)
        reason = self._log.read().decode(errors="replace").strip() or f"exit status {status}"
        return VideoError(f"The video encoder failed: {reason}. Check free space and who reads the output.")

    def _end(self) -> None:
        self._process.kill()  # does nothing to one that has ended by itself
        self._process.wait()


class _Feeder:
    """Writes to a pipe from a thread of its own, so that whoever makes the content does not wait for its reader."""

    def __init__(self, pipe: IO[bytes], waiting: int) -> None:
        self.broken = False
        self._pipe = pipe
        self._queue: queue.Queue[memoryview | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, content: memoryview | None) -> None:
        """Some bytes, or None at the end."""
        self._queue.put(content)

    def join(self) -> None:
        """Returns when the pipe is closed; whoever reads it must have ended, or will read to the end."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (content := self._queue.get()) is not None:
            try:
                if not self.broken:
                    self._pipe.write(content)
            except OSError:  # the reader is gone: its exit status says why
                self.broken = True
        with suppress(OSError):
            self._pipe.close()
