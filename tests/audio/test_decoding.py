"""Sound that passes through in blocks is the sound of the whole file, whichever way it came in."""

from __future__ import annotations

import io
import logging
import struct
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from imagineid_sdk.audio import load_audio
from imagineid_sdk.audio.decoding import needs_seeking, open_audio, open_pipe
from imagineid_sdk.audio.resampling import Resampler
from imagineid_sdk.errors import AudioError, AudioNotFoundError
from imagineid_sdk.options import GenerateOptions
from imagineid_sdk.streaming import FaceStream
from tests.audio.test_clip import encode
from tests.conftest import voice_like

RATE = 16_000


# --- files that are not what they should be ---------------------------------------------------------------------------


def stereo_in_opposite_phase(folder: Path) -> Path:
    voice = voice_like(1.0)
    soundfile.write(folder / "opposite.wav", np.stack([voice, -voice], axis=1), RATE)
    return folder / "opposite.wav"


def recorder_that_crashed(folder: Path) -> Path:
    """RIFF and data sizes are 0."""
    samples = (voice_like(1.0) * 32767).astype("<i2").tobytes()
    layout = struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    header = b"RIFF" + struct.pack("<I", 0) + b"WAVEfmt " + layout + b"data" + struct.pack("<I", 0)
    (folder / "crashed.wav").write_bytes(header + samples)
    return folder / "crashed.wav"


def two_thirds_of_a_flac(folder: Path) -> Path:
    soundfile.write(folder / "whole.flac", voice_like(3.0), RATE)
    content = (folder / "whole.flac").read_bytes()
    (folder / "cut.flac").write_bytes(content[: len(content) * 2 // 3])
    return folder / "cut.flac"


def loud_float_wav(folder: Path) -> Path:
    soundfile.write(folder / "loud.wav", voice_like(1.0) * 7.2, RATE, subtype="FLOAT")  # a peak of 3.6
    return folder / "loud.wav"


def two_mp3_joined(folder: Path) -> Path:
    soundfile.write(folder / "one.wav", voice_like(1.0), RATE)
    content = encode(folder / "one.wav", folder / "one.mp3").read_bytes()
    (folder / "two.mp3").write_bytes(content + content)
    return folder / "two.mp3"


def two_ogg_joined(folder: Path) -> Path:
    soundfile.write(folder / "one.ogg", voice_like(1.0), RATE)
    content = (folder / "one.ogg").read_bytes()
    (folder / "two.ogg").write_bytes(content + content)
    return folder / "two.ogg"


def m4a_with_its_index_last(folder: Path) -> Path:
    soundfile.write(folder / "long.wav", voice_like(12.0), RATE)
    path = encode(folder / "long.wav", folder / "long.m4a", "-movflags", "-faststart")
    content = path.read_bytes()
    assert content.index(b"mdat") < content.index(b"moov")
    return path


def six_channels(folder: Path) -> Path:
    surround = np.zeros((24_000, 6), dtype=np.float32)
    surround[:, 2] = voice_like(0.5, 48_000)
    soundfile.write(folder / "surround.wav", surround, 48_000)
    return folder / "surround.wav"


AWKWARD = {
    stereo_in_opposite_phase: 1.0, recorder_that_crashed: 1.0, two_thirds_of_a_flac: 1.79, loud_float_wav: 1.0,
    two_mp3_joined: 2.0, two_ogg_joined: 2.0, m4a_with_its_index_last: 12.0, six_channels: 0.5,
}  # fmt: skip
"""File -> seconds of sound that are in it."""


@pytest.fixture(params=AWKWARD, ids=lambda make: make.__name__)
def awkward(request, tmp_path) -> tuple[Path, float]:
    return request.param(tmp_path), AWKWARD[request.param]


def through(sound) -> tuple[np.ndarray, np.ndarray]:
    """All of a sound that passes through: as the video plays it, and mono as it is heard."""
    blocks = list(sound.blocks)
    return np.concatenate(blocks), np.concatenate([sound.levels.mono(block) for block in blocks])


def best_correlation(one, other):
    """Of two sounds that may begin up to 0.1 s apart, as encoders pad them."""
    length = min(len(one), len(other)) - 1_600
    shifts = [(one[k:], other) for k in range(0, 1_600, 4)] + [(one, other[k:]) for k in range(0, 1_600, 4)]
    return max(np.corrcoef(a[:length], b[:length])[0, 1] for a, b in shifts)


def streamed(original, rate):
    """What a live stream hears of chunks of a tenth of a second."""
    heard = []
    stream = FaceStream(
        SimpleNamespace(known=None, motion=None), SimpleNamespace(feed=heard.append, segments=list, finish=list),
        GenerateOptions(sampling_rate=rate), settle=3.0,
    )  # fmt: skip
    for first in range(0, len(original), rate // 10):
        list(stream.feed(original[first : first + rate // 10]))
    list(stream.finish())
    return np.concatenate(heard)


def test_call_file_pipe_and_stream_hear_the_same(awkward):
    path, seconds = awkward
    clip = load_audio(path)
    assert clip.duration == pytest.approx(seconds, abs=0.12)
    assert 0.3 < np.abs(clip.samples).max() <= 1.0
    with open_audio(path) as sound:
        original, mono = through(sound)
        assert (sound.rate, sound.channels, sound.source) == (clip.original_rate, clip.original.shape[1], str(path))
    assert np.array_equal(original, clip.original)
    if clip.original_rate == RATE:
        assert np.array_equal(mono, clip.samples)
    for whole in (path.read_bytes(), io.BytesIO(path.read_bytes())):
        assert np.array_equal(load_audio(whole).samples, clip.samples)
    with path.open("rb") as file, open_pipe(file) as sound:
        original, mono = through(sound)
        assert sound.rate == clip.original_rate and sound.channels == clip.original.shape[1]
    assert len(original) == pytest.approx(len(clip.original), abs=0.08 * clip.original_rate)
    assert np.abs(original).max() <= 1.0, "what is played never clips"
    assert np.abs(mono).max() == pytest.approx(np.abs(clip.samples).max(), abs=0.35)
    resampler = Resampler(clip.original_rate)
    piped = np.concatenate([resampler.feed(mono), resampler.finish()])
    assert best_correlation(piped, clip.samples) > 0.95
    assert best_correlation(streamed(original, clip.original_rate), clip.samples) > 0.95


def test_one_gain_holds_for_the_whole_of_a_loud_file(tmp_path):
    clip = load_audio(loud_float_wav(tmp_path))
    voice = voice_like(1.0)
    assert np.abs(clip.original[:, 0] - voice / np.abs(voice).max()).max() < 1e-5


def test_what_was_cut_off_is_said(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "imagineid_sdk"):
        load_audio(two_thirds_of_a_flac(tmp_path))
    assert "read as far as it goes" in caplog.text and "cut.flac" in caplog.text


@pytest.mark.parametrize("ending", ["wav", "flac", "aiff"])
def test_what_follows_the_end_of_a_file_is_not_dropped_without_a_word(tmp_path, caplog, ending):
    path = tmp_path / f"two.{ending}"
    soundfile.write(path, voice_like(0.5), RATE)
    with caplog.at_level(logging.WARNING, "imagineid_sdk"):
        load_audio(path)
        assert not caplog.text
        path.write_bytes(path.read_bytes() * 2)
        load_audio(path)
    assert "goes on for" in caplog.text


# --- forms that users of other libraries pass -------------------------------------------------------------------------


def test_samples_with_their_rate(make_voice):
    voice = make_voice(0.5, 24_000)
    expected = load_audio(voice, 24_000).samples
    for source in ((24_000, voice), {"array": voice, "sampling_rate": 24_000, "path": None}, (voice, 24_000)):
        assert np.array_equal(load_audio(source).samples, expected)
    with pytest.raises(AudioError, match="sampling_rate=16000"):
        load_audio((24_000, voice), 16_000)


@pytest.mark.parametrize("dtype", [">i2", ">i4", ">f4", ">f8", "<i2"])
def test_any_byte_order(make_voice, dtype):
    voice = make_voice(0.5)
    scale = 2.0 ** (8 * np.dtype(dtype).itemsize - 1) if np.dtype(dtype).kind == "i" else 1.0
    np.testing.assert_allclose(load_audio((voice * scale).astype(dtype)).samples, voice, atol=1e-4)


def test_a_clip_is_returned_as_it_is(make_voice):
    clip = load_audio(make_voice(0.5))
    assert load_audio(clip) is clip
    assert repr(clip) == "AudioClip(duration=0.5, original_rate=16000, source=None)"
    assert clip == clip and clip in {clip} and clip != load_audio(make_voice(0.5))


def test_a_name_that_is_not_utf8(tmp_path, make_voice):
    import os

    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    soundfile.write(tmp_path / "a.wav", make_voice(0.5), RATE)
    os.rename(tmp_path / "a.wav", name)
    assert load_audio(name).duration == 0.5
    encode(Path(name), tmp_path / "b.m4a")
    os.rename(tmp_path / "b.m4a", name)
    assert load_audio(name).duration == pytest.approx(0.5, abs=0.1)


# --- pipes ------------------------------------------------------------------------------------------------------------


def test_a_file_in_blocks_is_the_file(tmp_path, make_voice):
    stereo = np.stack([make_voice(3.0, 44_100), make_voice(3.0, 44_100, pitch=200)], axis=1)
    soundfile.write(tmp_path / "a.flac", stereo, 44_100)
    with open_audio(tmp_path / "a.flac") as sound:
        blocks = list(sound.blocks)
    assert len(blocks) > 1
    assert np.array_equal(np.concatenate(blocks), load_audio(tmp_path / "a.flac").original)


def test_bare_samples_come_through_a_pipe(make_voice):
    voice = make_voice(0.5)
    with open_pipe(io.BytesIO((voice * 32767).astype("<i2").tobytes()), raw_rate=RATE) as sound:
        assert sound.live
        assert np.abs(np.concatenate(list(sound.blocks))[:, 0] - voice).max() < 1e-3


def test_an_mp4_with_its_index_first_needs_no_seeking(tmp_path):
    soundfile.write(tmp_path / "a.wav", voice_like(1.0), RATE)
    first = encode(tmp_path / "a.wav", tmp_path / "first.m4a", "-movflags", "+faststart").read_bytes()
    last = encode(tmp_path / "a.wav", tmp_path / "last.m4a").read_bytes()
    assert not needs_seeking(first) and needs_seeking(last)
    assert not needs_seeking((tmp_path / "a.wav").read_bytes())


def test_what_is_no_sound_is_said_so(tmp_path):
    (tmp_path / "text").write_text("no sound in here, only words " * 50)
    with pytest.raises(AudioNotFoundError), open_audio(tmp_path / "nothing.wav"):
        pass
    with pytest.raises(AudioError, match="could not be read"), open_audio(tmp_path / "text"):
        pass
    with pytest.raises(AudioError, match="could not be read"), (tmp_path / "text").open("rb") as file, open_pipe(file):
        pass
    with pytest.raises(AudioError, match="empty"), open_pipe(io.BytesIO(b"")):
        pass
    with pytest.raises(AudioError, match="NaN"), open_audio(np.array([0.0, np.inf] * 1000)):
        pass
