"""A finished video plays as it was meant, and an unfinished one is never seen."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from imagineid_sdk.audio import load_audio
from imagineid_sdk.errors import OptionError, VideoError
from imagineid_sdk.files import check_output_path
from imagineid_sdk.video.picture import write_png
from imagineid_sdk.video.recorder import Recorder, write_mp4

COLOURS = np.array([[200, 30, 30], [30, 180, 40], [40, 60, 210], [230, 200, 170], [20, 20, 20], [245, 245, 245]])


def make_frames(count: int, height: int = 64, width: int = 96) -> np.ndarray:
    """Patches of known colours; a white bar moves one column a frame, so that each frame can be told."""
    patches = np.repeat(np.repeat(COLOURS.reshape(2, 3, 3), height // 2, axis=0), width // 3, axis=1)
    frames = np.repeat(patches[None].astype(np.uint8), count, axis=0)
    for index, frame in enumerate(frames):
        frame[:, index % width] = 255
    return frames


def leftovers(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


# --- what is written --------------------------------------------------------------------------------------------------


def test_frames_come_back_in_number_order_and_colour(tmp_path, media):
    frames = make_frames(30)
    written = write_mp4(tmp_path / "face.mp4", frames, fps=25, audio=None, metadata={})
    assert written == tmp_path / "face.mp4"
    shown = media.frames(written)
    assert shown.shape == frames.shape
    assert np.abs(shown.astype(int) - frames).mean() < 6
    patches = shown[:, 8:24, 40:56].astype(int) - frames[:, 8:24, 40:56]  # chroma is kept at half size: not at edges
    assert np.abs(np.median(patches, axis=(0, 1, 2))).max() <= 3
    bars = [int(np.argmax(frame[:8].astype(int).sum(axis=(0, 2)))) for frame in shown]
    assert bars == list(range(30))


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_sound_is_the_callers_own(tmp_path, media, make_voice, rate, channels):
    voice = np.stack([make_voice(2.0, rate), make_voice(2.0, rate, pitch=200)][:channels], axis=1)
    audio = load_audio(voice, sampling_rate=rate)
    path = write_mp4(tmp_path / "face.mp4", make_frames(50), fps=25, audio=audio, metadata={})
    heard = load_audio(path)
    assert heard.original_rate == rate and heard.original.shape[1] == channels
    assert heard.duration == pytest.approx(2.0, abs=0.001)
    for given, played in zip(voice.T, heard.original.T, strict=True):
        length = min(len(given), len(played))
        assert np.corrcoef(given[:length], played[:length])[0, 1] > 0.99  # same moment, same wave


@pytest.mark.parametrize("fps", [1, 12.5, 23.976, 24, 25, 30000 / 1001, 30, 60, 100])
@pytest.mark.parametrize("duration", [1.0, 2.37])
def test_picture_and_sound_end_together_at_any_rate(tmp_path, media, make_voice, fps, duration):
    audio = load_audio(make_voice(duration))
    count = max(1, round(duration * fps))
    path = write_mp4(tmp_path / "face.mp4", make_frames(count), fps=fps, audio=audio, metadata={})
    assert len(media.frames(path)) == count
    assert media.seconds(path) == pytest.approx(max(audio.duration, count / fps), abs=0.002)


def test_a_generator_and_batches_give_the_same_video(tmp_path):
    frames = make_frames(20)
    write_mp4(tmp_path / "whole.mp4", frames, fps=25, audio=None, metadata={})
    write_mp4(tmp_path / "single.mp4", (frame for frame in frames), fps=25, audio=None, metadata={})
    batches = [frames[:7], frames[7:7], frames[7:8], frames[8:]]
    write_mp4(tmp_path / "batch.mp4", batches, fps=25, audio=None, metadata={})
    contents = {(tmp_path / name).read_bytes() for name in ("whole.mp4", "single.mp4", "batch.mp4")}
    assert len(contents) == 1


def test_views_and_flipped_frames_are_written_as_they_look(tmp_path, media):
    frames = make_frames(4)[:, ::-1, ::-1]
    shown = media.frames(write_mp4(tmp_path / "face.mp4", frames, fps=25, audio=None, metadata={}))
    assert np.abs(shown.astype(int) - frames).mean() < 6


def test_without_a_second_pipe_the_sound_goes_through_a_socket(tmp_path, media, make_voice, monkeypatch):
    monkeypatch.setattr("imagineid_sdk.video.pipes.SECOND_PIPE", False)
    audio = load_audio(make_voice(1.0))
    path = write_mp4(tmp_path / "face.mp4", make_frames(25), fps=25, audio=audio, metadata={})
    heard = load_audio(path)
    assert len(media.frames(path)) == 25 and heard.duration == pytest.approx(1.0, abs=0.001)
    assert np.corrcoef(heard.samples[:16_000], audio.samples)[0, 1] > 0.99


def test_an_open_file_gets_a_video_that_plays_while_it_grows(tmp_path, media, make_voice):
    target = io.BytesIO()
    assert write_mp4(target, make_frames(25), fps=25, audio=load_audio(make_voice(1.0)), metadata={}) is None
    content = target.getvalue()
    assert content.index(b"moov") < content.index(b"moof") < content.index(b"mdat") and not target.closed
    (tmp_path / "face.mp4").write_bytes(content)
    assert len(media.frames(tmp_path / "face.mp4")) == 25


class Reluctant(io.RawIOBase):
    """A file of the caller's that takes `most` bytes in all, and `at_once` of them."""

    def __init__(self, most: int = 1 << 30, at_once: int = 1 << 30) -> None:
        self.taken, self.most, self.at_once = b"", most, at_once

    def writable(self) -> bool:
        return True

    def write(self, content) -> int:
        part = bytes(content[: self.at_once])
        if len(self.taken) + len(part) > self.most:
            raise OSError(28, "No space left on device")
        self.taken += part
        return len(part)


def test_a_file_that_takes_little_at_a_time_gets_all_of_the_video(tmp_path, media):
    target = Reluctant(at_once=500)
    write_mp4(target, make_frames(10), fps=25, audio=None, metadata={})
    (tmp_path / "face.mp4").write_bytes(target.taken)
    assert len(media.frames(tmp_path / "face.mp4")) == 10


@pytest.mark.parametrize("missing", [1, 300, 2000])
def test_a_file_that_is_full_before_the_end_is_told(missing):
    whole = Reluctant()
    write_mp4(whole, make_frames(10), fps=25, audio=None, metadata={})
    with pytest.raises(VideoError, match="No space left"):
        write_mp4(Reluctant(len(whole.taken) - missing), make_frames(10), fps=25, audio=None, metadata={})


def test_a_recording_that_is_left_early_spoils_nothing(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"an older video")
    with Recorder(tmp_path / "a.mp4", fps=25) as recorder:
        recorder.show(make_frames(1))
    assert (tmp_path / "a.mp4").read_bytes() == b"an older video"
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_one_frame_is_a_video(tmp_path, media):
    assert len(media.frames(write_mp4(tmp_path / "f.mp4", make_frames(1), fps=25, audio=None, metadata={}))) == 1


def test_players_show_that_it_is_synthetic(tmp_path, media):
    tags = {"title": "Imagined face", "comment": "Synthetic: made from audio; seed=7", "description": "naïve = 日本\n2"}
    text = media.describe(write_mp4(tmp_path / "face.mp4", make_frames(2), fps=25, audio=None, metadata=tags))
    for line in ("Imagined face", "Synthetic: made from audio; seed=7", "naïve = 日本"):
        assert line in text


def test_it_is_the_kind_of_mp4_that_browsers_play(tmp_path, media, make_voice):
    path = write_mp4(tmp_path / "f.mp4", make_frames(25), fps=25, audio=load_audio(make_voice(1.0)), metadata={})
    text = media.describe(path)
    assert "Video: h264" in text and "Audio: aac" in text and "25 fps" in text
    assert "yuv420p(tv, smpte170m/bt709/bt709" in text  # nobody has to guess the colours
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # playable before it is fully downloaded


def test_an_older_video_is_replaced_and_a_link_followed(tmp_path, media):
    real = tmp_path / "real.mp4"
    real.write_bytes(b"old")
    (tmp_path / "link.mp4").symlink_to(real)
    write_mp4(tmp_path / "link.mp4", make_frames(3), fps=25, audio=None, metadata={})
    assert (tmp_path / "link.mp4").is_symlink() and len(media.frames(real)) == 3
    assert leftovers(tmp_path) == ["link.mp4", "real.mp4"]


def test_names_that_look_like_options_or_addresses_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-y.mp4", "a:b.mp4", "naïve face 100%.MP4", "x" * 240 + ".mp4"):
        assert write_mp4(name, make_frames(2), fps=25, audio=None, metadata={}).stat().st_size > 500


def test_memory_does_not_grow_with_length(tmp_path):
    program = """
import resource, sys
import numpy as np
from imagineid_sdk.files import check_output_path
from imagineid_sdk.video.picture import write_png
from imagineid_sdk.video.recorder import write_mp4
frame = np.zeros((256, 256, 3), np.uint8)
write_mp4(sys.argv[1], (frame for _ in range(10)), fps=25, audio=None, metadata={})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write_mp4(sys.argv[1], (frame + 0 for _ in range(2500)), fps=25, audio=None, metadata={})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "face.mp4")]
    result = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    grown, encoder = (int(part) / 1024 for part in result.split())
    assert grown < 5 and encoder < 250  # MB; the frames together are 490


# --- what happens when it can't be ------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError, BrokenPipeError, SystemExit])
@pytest.mark.parametrize("after", [0, 1, 40])
@pytest.mark.parametrize("existing", [True, False])
def test_a_run_that_fails_leaves_nothing_and_spoils_nothing(tmp_path, make_voice, error, after, existing):
    target = tmp_path / "face.mp4"
    if existing:
        target.write_bytes(b"an older video")

    def frames():
        yield from make_frames(after) if after else ()
        raise error("in the middle")

    with pytest.raises(error, match="in the middle") as caught:
        write_mp4(target, frames(), fps=25, audio=load_audio(make_voice(2.0)), metadata={})
    assert type(caught.value) is error
    assert leftovers(tmp_path) == (["face.mp4"] if existing else [])
    if existing:
        assert target.read_bytes() == b"an older video"


def test_ctrl_c_in_a_terminal_leaves_nothing(tmp_path):
    program = """
import sys, time
import numpy as np
from imagineid_sdk.files import check_output_path
from imagineid_sdk.video.picture import write_png
from imagineid_sdk.video.recorder import write_mp4
def frames():
    while True:
        yield np.zeros((64, 64, 3), np.uint8)
        print("frame", flush=True)
        time.sleep(0.01)
write_mp4(sys.argv[1], frames(), fps=25, audio=None, metadata={})
"""
    command = [sys.executable, "-c", program, str(tmp_path / "face.mp4")]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        for _ in range(5):
            process.stdout.readline()
        assert leftovers(tmp_path) and "face.mp4" not in leftovers(tmp_path)
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does: to the whole group
        _, message = process.communicate(timeout=30)
    assert b"KeyboardInterrupt" in message
    assert leftovers(tmp_path) == []


def test_an_encoder_that_dies_is_a_typed_error(tmp_path, monkeypatch):
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\nhead -c 100000 >/dev/null\necho 'No space left on device' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(broken))
    with pytest.raises(VideoError, match="No space left on device"):
        write_mp4(tmp_path / "face.mp4", make_frames(100), fps=25, audio=None, metadata={})
    assert leftovers(tmp_path) == ["ffmpeg"]


def test_an_encoder_that_talks_a_lot_does_not_block(tmp_path, monkeypatch):
    chatty = tmp_path / "ffmpeg"
    chatty.write_text("#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' x >&2\ncat >/dev/null\nexit 0\n")
    chatty.chmod(0o755)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(chatty))
    started = time.monotonic()
    write_mp4(tmp_path / "face.mp4", make_frames(50), fps=25, audio=None, metadata={})
    assert time.monotonic() - started < 20


def test_the_sound_is_not_overwritten_by_its_video(tmp_path, make_voice):
    path = write_mp4(tmp_path / "a.mp4", make_frames(25), fps=25, audio=load_audio(make_voice(1.0)), metadata={})
    before = path.read_bytes()
    with pytest.raises(VideoError, match="the sound came from"):
        write_mp4(path, make_frames(25), fps=25, audio=load_audio(path), metadata={})
    assert path.read_bytes() == before


def test_paths_that_can_not_be_written_are_refused_before_any_frame_is_made(tmp_path):
    def frames():
        raise AssertionError("no frame should be asked for")
        yield

    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "a.txt").touch()
    os.mkfifo(tmp_path / "pipe.mp4")
    bad = {
        "face.avi": ".mp4",
        "face": ".mp4",
        "folder.mp4": "folder",
        "a.txt/a.mp4": "not a folder",
        "pipe.mp4": "pipe",
    }
    for name, words in bad.items():
        with pytest.raises(VideoError, match=words):
            write_mp4(tmp_path / name, frames(), fps=25, audio=None, metadata={})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_or_file_is_refused(tmp_path):
    (tmp_path / "kept.mp4").touch(0o444)
    with pytest.raises(VideoError, match="can't be written"):
        check_output_path(tmp_path / "kept.mp4", ".mp4")
    tmp_path.chmod(0o555)
    with pytest.raises(VideoError, match="can't be written"):
        check_output_path(tmp_path / "face.mp4", ".mp4")
    tmp_path.chmod(0o755)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "no frames"),
        ([np.zeros((0, 64, 64, 3), np.uint8)], "no frames"),
        ([np.zeros((63, 64, 3), np.uint8)], "even"),
        ([np.zeros((64, 65, 3), np.uint8)], "even"),
        ([np.zeros((0, 64, 3), np.uint8)], "no frames"),
        ([np.zeros((64, 64, 4), np.uint8)], "transparency"),
        ([np.zeros((64, 64, 3), np.float32)], "float32"),
        ([np.zeros((64, 64), np.uint8)], "shape"),
        ([np.zeros((64, 64, 3), np.uint8), np.zeros((64, 66, 3), np.uint8)], "one size"),
    ],
)
def test_unusable_frames_are_refused(tmp_path, frames, words):
    with pytest.raises(VideoError, match=words):
        write_mp4(tmp_path / "face.mp4", frames, fps=25, audio=None, metadata={})
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("fps", [0, -25, float("nan"), float("inf"), 1000, True, "25", None])
def test_an_impossible_rate_is_refused(tmp_path, fps):
    with pytest.raises(OptionError, match="fps"):
        write_mp4(tmp_path / "face.mp4", make_frames(2), fps=fps, audio=None, metadata={})


def test_a_tag_that_an_mp4_would_drop_is_refused(tmp_path):
    with pytest.raises(OptionError, match="seed"):
        write_mp4(tmp_path / "face.mp4", make_frames(2), fps=25, audio=None, metadata={"seed": "7"})


# --- single pictures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [3, 4])
def test_a_picture_comes_back_bit_for_bit(tmp_path, channels):
    image = np.random.default_rng(0).integers(0, 256, (37, 53, channels), dtype=np.uint8)
    path = write_png(tmp_path / "face.png", image, {"Description": "Synthetic, naïve"})
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-f", "rawvideo"]
    command += ["-pix_fmt", "rgb24" if channels == 3 else "rgba", "pipe:1"]
    content = subprocess.run(command, check=True, capture_output=True).stdout
    np.testing.assert_array_equal(np.frombuffer(content, np.uint8).reshape(image.shape), image)
    assert "Synthetic, naïve".encode() in path.read_bytes()
    assert leftovers(tmp_path) == ["face.png"]


def test_a_smooth_picture_is_stored_small(tmp_path):
    ramp = np.linspace(0, 255, 256).astype(np.uint8)
    image = np.stack([np.add.outer(ramp // 2, ramp // 2)] * 3, axis=2)
    assert write_png(tmp_path / "ramp.png", image).stat().st_size < len(zlib.compress(image.tobytes(), 6))


@pytest.mark.parametrize("shape", [(64, 64), (64, 64, 2), (2, 64, 64, 3), (0, 64, 3)])
def test_what_is_no_picture_is_refused(tmp_path, shape):
    with pytest.raises(VideoError, match="not a picture"):
        write_png(tmp_path / "face.png", np.zeros(shape, np.uint8))
    with pytest.raises(VideoError, match=".png"):
        write_png(tmp_path / "face.jpg", np.zeros((4, 4, 3), np.uint8))
    assert leftovers(tmp_path) == []
