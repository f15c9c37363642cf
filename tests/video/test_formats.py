"""Each kind of video keeps what it promises: colours, sound, transparency, and all of the file or none."""

from __future__ import annotations

import os
import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from imagineid_sdk.audio import load_audio
from imagineid_sdk.errors import VideoError
from imagineid_sdk.video.formats import FORMATS
from imagineid_sdk.video.pictures import names_folder, write_pictures
from imagineid_sdk.video.recorder import write_mp4


def disc(count: int, channels: int = 4, size: int = 64) -> np.ndarray:
    """An orange disc with a soft rim on nothing; it moves to the right."""
    rows, columns = np.mgrid[:size, :size]
    frames = np.zeros((count, size, size, 4), np.uint8)
    for index, frame in enumerate(frames):
        distance = np.hypot(rows - size / 2, columns - size / 3 - index)
        frame[..., 3] = (255 * np.clip((size / 4 - distance) / 3, 0, 1)).astype(np.uint8)
        frame[frame[..., 3] > 0, :3] = (230, 120, 40)
    return np.ascontiguousarray(frames[..., :channels])


def rgba(path) -> np.ndarray:
    decoder = ["-c:v", "libvpx-vp9"] if path.suffix == ".webm" else []  # ffmpeg's own decoder knows no transparency
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *decoder, "-i", str(path), "-fps_mode", "passthrough"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgba", "pipe:1"]
    content = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(content, np.uint8).reshape(-1, 64, 64, 4)


@pytest.mark.parametrize("suffix", [".mov", ".webm"])
def test_editors_and_pages_get_the_transparency_and_the_sound(tmp_path, media, make_voice, suffix):
    frames, audio = disc(10), load_audio(make_voice(0.4))
    path = write_mp4(tmp_path / f"face{suffix}", frames, fps=25, audio=audio, metadata={"title": "Synthetic"})
    shown = rgba(path)
    assert shown.shape == frames.shape
    assert np.abs(shown[..., 3].astype(int) - frames[..., 3]).mean() < 2
    inside = frames[..., 3] == 255
    assert np.abs(shown[inside][:, :3].astype(int) - frames[inside][:, :3]).mean() < 8
    heard = load_audio(path)
    assert heard.duration == pytest.approx(0.4, abs=0.03)
    length = min(len(heard.samples), len(audio.samples))
    assert np.corrcoef(heard.samples[:length], audio.samples[:length])[0, 1] > 0.9
    assert "Synthetic" in media.describe(path)


def test_each_ending_is_the_encoding_that_it_names(tmp_path, media, make_voice):
    audio, codecs = load_audio(make_voice(0.2)), {}
    for suffix in FORMATS:
        path = write_mp4(tmp_path / f"face{suffix}", disc(5, channels=3), fps=25, audio=audio, metadata={})
        codecs[suffix] = media.describe(path)
    assert "prores (4444)" in codecs[".mov"] and "pcm_s16le" in codecs[".mov"]
    assert "vp9" in codecs[".webm"] and "opus" in codecs[".webm"]
    assert "gif" in codecs[".gif"] and "Audio" not in codecs[".gif"]
    assert "h264" in codecs[".mp4"] and "aac" in codecs[".mp4"]


def test_a_gif_has_every_frame_and_clear_pixels(tmp_path):
    shown = rgba(write_mp4(tmp_path / "face.gif", disc(6), fps=25, audio=None, metadata={}))
    assert len(shown) == 6
    assert set(np.unique(shown[..., 3])) <= {0, 255} and 0.05 < (shown[..., 3] > 0).mean() < 0.4


def test_an_mp4_of_transparent_frames_says_what_to_do_instead(tmp_path):
    with pytest.raises(VideoError, match="save as .mov or .webm or .gif, or give a background"):
        write_mp4(tmp_path / "face.mp4", disc(2), fps=25, audio=None, metadata={})
    assert os.listdir(tmp_path) == []


def test_an_unknown_ending_lists_those_that_are_known(tmp_path):
    with pytest.raises(VideoError, match=r"\.mp4, \.mov, \.webm, \.gif"):
        write_mp4(tmp_path / "face.avi", disc(2), fps=25, audio=None, metadata={})


def test_the_folder_is_made_and_taken_away_again_if_nothing_comes_of_it(tmp_path):
    write_mp4(tmp_path / "new" / "deep" / "face.mp4", disc(2, 3), fps=25, audio=None, metadata={})
    assert (tmp_path / "new" / "deep" / "face.mp4").is_file()

    def frames():
        yield disc(1, 3)
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        write_mp4(tmp_path / "other" / "deep" / "face.webm", frames(), fps=25, audio=None, metadata={})
    assert os.listdir(tmp_path) == ["new"]


# --- a folder of pictures ---------------------------------------------------------------------------------------------


def test_a_folder_holds_a_picture_a_frame_and_the_sound(tmp_path, make_voice):
    from PIL import Image

    frames = disc(3)
    folder = write_pictures(tmp_path / "talk", frames, audio=load_audio(make_voice(0.2)), metadata={"Title": "x"})
    assert sorted(os.listdir(folder)) == ["00000.png", "00001.png", "00002.png", "sound.wav"]
    assert np.array_equal(np.asarray(Image.open(folder / "00002.png")), frames[2])
    assert soundfile.info(folder / "sound.wav").duration == pytest.approx(0.2)


def test_pictures_never_mix_with_what_is_there(tmp_path):
    (tmp_path / "talk").mkdir()
    write_pictures(tmp_path / "talk", disc(1), audio=None, metadata={})  # an empty folder is fine
    with pytest.raises(VideoError, match="there already"):
        write_pictures(tmp_path / "talk", disc(2), audio=None, metadata={})
    with pytest.raises(VideoError, match="no frames"):
        write_pictures(tmp_path / "none", [], audio=None, metadata={})
    assert os.listdir(tmp_path) == ["talk"] and os.listdir(tmp_path / "talk") == ["00000.png"]


def test_a_path_without_an_ending_means_a_folder(tmp_path):
    assert names_folder("frames/") and names_folder("frames") and names_folder(tmp_path)
    assert not names_folder("talk.mp4")
