"""What a video or picture says about its making: metadata, signature and the watermark in its pixels.

from imagineid_sdk.video import verify
print(verify("talk.mp4"))
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np

from imagineid_sdk.errors import FFmpegError, MissingExtraError, VideoReadError, check_path
from imagineid_sdk.files import find_ffmpeg
from imagineid_sdk.video.detection import ANALYSED_SIDE, NOTHING, Finding, detect
from imagineid_sdk.video.provenance import Signature, find_source_type, read_signature

WINDOW = 100
"""Frames that are averaged; a rest of less than half of it belongs to the window before."""

WINDOWS = 15
"""So many of them are looked at, from the beginning: a minute at 25 frames a second."""

DEMUXERS = (
    "mov,matroska,avi,asf,flv,mpeg,mpegts,mpegvideo,ogg,gif,apng,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe,ivf,"
    "h264,hevc,obu,m4v,yuv4mpegpipe,nut"
)
"""Demuxers that ffmpeg may use: none of the playlists (hls, concat, dash) and patterns (image2), which could make it
read other files."""

PICTURES = (".png", ".jpg", ".jpeg", ".webp")

SYNTHETIC = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicMedia")
"""Digital source types of what no camera saw, or not all of it."""

SMALLER = (
    f"scale=w='max(1,round(iw*min(1,{ANALYSED_SIDE}/min(iw,ih))))':h='max(1,round(ih*min(1,{ANALYSED_SIDE}/min(iw,ih))))'"
    ":flags=area"
)


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        source_type: IPTC's word for how it was made, from XMP or tags; None if the file doesn't say.
        signature: of its C2PA manifest, of a folder that of the first picture; None without one.
        signature_checked: False where c2pa-python (extra ``provenance``) is not installed.
        watermark: the best match of the mark of imagineid-sdk, and by how much chance can explain it.
        frames: how many were searched for it.
    """

    source_type: str | None
    signature: Signature | None
    signature_checked: bool
    watermark: Finding
    frames: int

    @property
    def synthetic(self) -> bool:
        """Whether anything says that a machine made it. If nothing does, that proves nothing."""
        signed = self.signature is not None and self.signature.valid and self.signature.source_type in SYNTHETIC
        return self.watermark.found or self.source_type in SYNTHETIC or signed

    def __str__(self) -> str:
        mark, sign = self.watermark, self.signature
        if mark.found:
            chance = f"at most {mark.false_positive:.0e} of foreign videos match as well"
            marked = f"found: {chance} (score {mark.score:.1f}{', mirrored' if mark.mirrored else ''})"
        else:
            marked = f"not found (score {mark.score:.1f}, which chance explains)"
        if not self.signature_checked:
            signed = "not looked for: pip install 'imagineid-sdk[provenance]'"
        elif sign is None:
            signed = "none"
        elif sign.valid:
            signed = f"valid, by {sign.signer}, for {sign.source_type or 'no source type'}"
        else:
            signed = f"BROKEN, by {sign.signer}: {', '.join(sign.problems)}"
        lines = [
            f"metadata   {self.source_type or 'no digital source type'}",
            f"signature  {signed}",
            f"watermark  {marked}",
            f"           {self.frames} frames searched",
            f"verdict    {'made by a machine' if self.synthetic else 'nothing says that a machine made it'}",
        ]
        return "\n".join(lines)


def verify(path: str | os.PathLike[str]) -> Verification:
    """Look for metadata, signature and watermark.

    Args:
        path: a video or picture that ffmpeg reads (mp4, mov, webm, gif, png, ...), or a folder of pictures, which are
            the frames of one video in the order of their names. A ``.glb`` has metadata alone.

    Raises:
        OptionError: it is no path.
        VideoReadError: it can't be read.
        FFmpegError: there is no ffmpeg.
    """
    check_path(path)
    place = Path(path)
    try:
        first = pictures_in(place)[0] if place.is_dir() else place
        if is_mesh(first):
            frames: Iterator[np.ndarray] = iter(())
        else:
            frames = folder_frames(place) if place.is_dir() else video_frames(place)
        watermark, count = search(frames)
        source_type = find_source_type(first)
    except OSError as error:
        raise VideoReadError(f"{str(path)!r} can't be read: {error}.") from error
    try:
        signature, checked = read_signature(first), True
    except MissingExtraError:
        signature, checked = None, False
    return Verification(source_type, signature, checked, watermark, count)


def is_mesh(path: Path) -> bool:
    """Whether a file is binary glTF, which shows nothing by itself."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"glTF"


def search(frames: Iterable[np.ndarray]) -> tuple[Finding, int]:
    """The watermark in frames ``(3, height, width)`` uint8 Y, Cb, Cr of one size; how many were searched."""
    best, searched = NOTHING, 0
    for tried, (picture, count) in enumerate(mean_pictures(frames)):
        found = detect(picture)
        searched += count
        if found.found and (sure := found.after(tried)).found:
            return sure, searched
        best = max(best, found, key=lambda finding: finding.score)
    return best, searched


def mean_pictures(frames: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, int]]:
    """Means of so many frames at a time, float64."""
    whole: tuple[np.ndarray, int] | None = None
    total, count, given = np.zeros(()), 0, 0
    for frame in frames:
        total, count = total + frame, count + 1
        if count == WINDOW:
            if whole is not None:
                yield whole[0] / whole[1], whole[1]
                given += 1
                if given == WINDOWS:
                    return
            whole, total, count = (total, count), np.zeros(()), 0
    if whole is not None and count < WINDOW // 2:
        total, count = whole[0] + total, whole[1] + count
    elif whole is not None:
        yield whole[0] / whole[1], whole[1]
    if count:
        yield total / count, count


# --- frames of files --------------------------------------------------------------------------------------------------


def video_frames(path: Path) -> Iterator[np.ndarray]:
    """The frames of a file ``(3, height, width)`` uint8 Y, Cb, Cr, made smaller, one at a time."""
    if not path.is_file():
        raise VideoReadError(f"There is no video at {str(path)!r}. Give the path of a file or of a folder of pictures.")
    command = [find_ffmpeg(), "-v", "error", "-nostdin", "-protocol_whitelist", "file,pipe"]
    command += ["-format_whitelist", DEMUXERS, "-i", f"file:{path}", "-map", "0:v:0", "-vf", SMALLER]
    command += ["-pix_fmt", "yuv444p", "-strict", "-1", "-fps_mode", "passthrough", "-f", "yuv4mpegpipe", "pipe:1"]
    with tempfile.TemporaryFile() as log:
        try:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL)
        except OSError as error:
            raise FFmpegError(f"{command[0]} can't be run: {error}.") from error
        pipe, count = cast(IO[bytes], process.stdout), 0
        try:
            for frame in read_yuv4mpeg(pipe):
                yield frame
                count += 1
            process.wait()
        finally:
            pipe.close()
            process.kill()
            process.wait()
        if not count:
            log.seek(0)
            reason = log.read().decode(errors="replace").strip().splitlines() or ["no frames"]
            raise VideoReadError(f"{str(path)!r} can't be read as a video or picture: {reason[-1]}.")


def read_yuv4mpeg(pipe: IO[bytes]) -> Iterator[np.ndarray]:
    """Frames of a 4:4:4 stream: a line with the size, and before each frame a line."""
    fields = {field[:1]: field[1:] for field in pipe.readline().split()[1:]}
    if b"W" not in fields:
        return
    width, height = int(fields[b"W"]), int(fields[b"H"])
    while pipe.readline().startswith(b"FRAME"):
        content = pipe.read(3 * width * height)
        if len(content) < 3 * width * height:
            return
        yield np.frombuffer(content, np.uint8).reshape(3, height, width)


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder in the order of their names.

    Raises:
        VideoReadError: there are none.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES and path.is_file())
    if not found:
        raise VideoReadError(f"There is no picture in the folder {str(folder)!r} ({', '.join(PICTURES)}).")
    return found


def folder_frames(folder: Path) -> Iterator[np.ndarray]:
    """The pictures of a folder as frames."""
    size = None
    for path in pictures_in(folder):
        for frame in video_frames(path):
            if frame.shape != (size := size or frame.shape):
                raise VideoReadError(f"{str(path)!r} has another size than the pictures before it in the folder.")
            yield frame
