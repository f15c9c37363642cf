"""Sound that passes through in pieces is the sound of the whole file."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from imagineid_sdk.audio.stream import Resampler, open_pipe, open_sound, pcm_from_chunk

from imagineid_sdk.audio import load_audio, resample
from imagineid_sdk.errors import AudioError, AudioNotFoundError


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_resampling_in_pieces_is_resampling_the_whole(make_voice, rate):
    voice, resampler = make_voice(0.5, rate), Resampler(rate)
    pieces = [resampler.feed(voice[start : start + 441]) for start in range(0, len(voice), 441)]
    joined = np.concatenate([*pieces, resampler.finish()])
    whole = resample(voice, rate)
    assert len(joined) == len(whole)
    assert np.abs(joined - whole).max() < 1e-4


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_file_in_blocks_is_the_file(tmp_path, make_voice, name):
    stereo = np.stack([make_voice(3.0, 44_100), make_voice(3.0, 44_100, pitch=200)], axis=1)
    soundfile.write(tmp_path / name, stereo, 44_100)
    with open_sound(tmp_path / name) as sound:
        blocks = list(sound.blocks)
        assert (sound.rate, sound.channels, sound.source) == (44_100, 2, str(tmp_path / name))
    assert len(blocks) > 1
    assert np.array_equal(np.concatenate(blocks), load_audio(tmp_path / name).original)


def test_a_pipe_is_read_whatever_it_holds(tmp_path, make_voice):
    voice = make_voice(0.5)
    for name in ("a.wav", "a.flac"):
        soundfile.write(tmp_path / name, voice, 16_000)
        with (tmp_path / name).open("rb") as file, open_pipe(file) as sound:
            heard = np.concatenate(list(sound.blocks))
        assert sound.rate == 16_000 and np.abs(heard[:, 0] - voice).max() < 1e-3
    (tmp_path / "a.raw").write_bytes((voice * 32767).astype("<i2").tobytes())
    with (tmp_path / "a.raw").open("rb") as file, open_pipe(file, raw_rate=16_000) as sound:
        assert np.abs(np.concatenate(list(sound.blocks))[:, 0] - voice).max() < 1e-3


def test_what_is_no_sound_is_said_so(tmp_path):
    (tmp_path / "text").write_text("no sound in here, only words " * 50)
    with pytest.raises(AudioNotFoundError), open_sound(tmp_path / "nothing.wav"):
        pass
    with pytest.raises(AudioError, match="could not be read"), open_sound(tmp_path / "text"):
        pass
    with pytest.raises(AudioError, match="could not be read"), (tmp_path / "text").open("rb") as file, open_pipe(file):
        pass
    with pytest.raises(AudioError, match="NaN"):
        pcm_from_chunk(np.array([0.0, np.inf]))
