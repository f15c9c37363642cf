"""A stream shows the face that the whole clip would, whatever the size of its pieces, and holds nothing back."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from imagineid_sdk import cli
from imagineid_sdk.audio import load_audio
from imagineid_sdk.errors import AudioError, GenerationCancelled, OptionError, VideoError
from imagineid_sdk.options import GenerateOptions
from imagineid_sdk.resolver import PersonResolver
from imagineid_sdk.streaming import FaceStream

RATE = 16_000
FPS = 10  # few frames, for a quick test


@pytest.fixture(scope="module")
def speech(example_audio):
    """A second of words."""
    return load_audio(example_audio / "hello.wav").samples[16_000:32_000]


@pytest.fixture(scope="module")
def whole(pipeline, speech):
    return pipeline(speech, seed=7, fps=FPS, reference_steps=2)


def streamed(pipeline, sound, chunk, identity):
    with pipeline.stream(fps=FPS, identity=identity) as stream:
        frames = [f for start in range(0, len(sound), chunk) for f in stream.feed(sound[start : start + chunk])]
        return np.stack([*frames, *stream.finish()]), stream


def test_streamed_frames_are_those_of_the_whole_clip(pipeline, speech, whole):
    frames, _ = streamed(pipeline, speech, 1600, whole.identity)
    assert frames.shape == whole.frames.shape
    apart = np.abs(frames.astype(int) - whole.frames).mean(axis=(1, 2, 3))
    assert apart.mean() < 2.0 and apart.max() < 4.0  # grey levels of 255


def test_the_size_of_the_pieces_changes_nothing_but_rounding(pipeline, speech, whole):
    short = speech[:9600]
    tiny, _ = streamed(pipeline, short, 160, whole.identity)
    batch_size, _ = streamed(pipeline, short, len(short), whole.identity)
    # The pieces decide how many frames go through the networks together, and so how sums are rounded, in bfloat16.
    apart = np.abs(tiny.astype(int) - batch_size)
    assert apart.mean() < 0.05 and (apart > 1).mean() < 1e-4


def test_a_known_face_shows_after_four_tenths_of_a_second(pipeline, speech, whole):
    with pipeline.stream(fps=FPS, identity=whole.identity) as stream:
        assert list(stream.feed(speech[:4000])) == []
        assert len(list(stream.feed(speech[4000:6400]))) >= 1


def test_an_unknown_person_is_settled_once_and_stays(pipeline, speech):
    with pipeline.stream(seed=7, reference_steps=2, fps=5, settle=0.3) as stream:
        assert stream.identity is None
        list(stream.feed(speech[:6400]))
        first = stream.identity
        assert first is not None and first.reference is not None
        list(stream.feed(speech[6400:]))
        list(stream.finish())
        assert stream.identity is first and stream.frames_made == round(len(speech) / RATE * 5)


def test_silence_does_not_wait_for_ever(pipeline, whole):
    with pipeline.stream(identity=whole.identity, fps=5) as stream:
        frames = list(stream.feed(np.zeros(RATE, np.float32)))
    assert len(frames) >= 3


def test_pieces_may_be_bytes_integers_stereo_and_of_another_rate(pipeline, whole):
    tone = 0.2 * np.sin(2 * np.pi * 200 * np.arange(4800) / 8000).astype(np.float32)
    pieces = {
        "bytes": (tone * 32767).astype("<i2").tobytes(), "int16": (tone * 32767).astype(np.int16),
        "stereo": np.stack([tone, tone], axis=1),
    }  # fmt: skip
    made = {}
    for name, piece in pieces.items():
        with pipeline.stream(identity=whole.identity, fps=5, sampling_rate=8000) as stream:
            made[name] = np.stack([*stream.feed(piece), *stream.finish()])
    assert all(frames.shape == (3, 512, 512, 3) for frames in made.values())
    assert all(np.abs(frames.astype(int) - made["stereo"]).max() <= 3 for frames in made.values())


class Ears:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[np.ndarray] = []

    def feed(self, samples: np.ndarray) -> None:
        self.heard.append(samples)

    def segments(self) -> list:
        return []

    finish = segments


AWKWARD = {
    "opposite phase": lambda voice: np.stack([voice, -voice], axis=1),
    "beyond full scale": lambda voice: voice * 7.2,
    "six channels": lambda voice: np.stack([voice if k == 2 else 0 * voice for k in range(6)], axis=1),
    "big-endian": lambda voice: (voice * 32767).astype(">i2"),
    "float64": lambda voice: voice.astype(np.float64),
}


@pytest.mark.parametrize("kind", AWKWARD)
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_chunks_are_heard_as_the_clip_is(make_voice, kind, rate):
    sound = AWKWARD[kind](make_voice(1.0, rate))
    ears = Ears()
    stream = FaceStream(PersonResolver(None, lambda voice: None), ears, GenerateOptions(sampling_rate=rate), settle=3.0)
    for chunk in np.array_split(sound, 9):
        assert list(stream.feed(chunk)) == []
    list(stream.finish())
    heard, whole = np.concatenate(ears.heard), load_audio(sound, rate).samples
    assert len(heard) == len(whole) and np.abs(heard).max() <= 1
    assert np.corrcoef(heard, whole)[0, 1] > 0.98
    if kind != "beyond full scale":  # whose level is known only at the end
        assert np.abs(heard - whole).max() < 1e-3


def test_nothing_comes_once_the_stream_was_left(pipeline, speech, whole):
    with pipeline.stream(fps=FPS, identity=whole.identity) as stream:
        frames = stream.feed(speech)
        assert next(frames).shape == (512, 512, 3)
    assert list(frames) == []
    assert stream.frames_made == 1


def test_frames_that_nobody_asked_for_come_with_the_next(pipeline, speech, whole):
    with pipeline.stream(fps=FPS, identity=whole.identity) as stream:
        stream.feed(speech[:8000])
        next(stream.feed(speech[8000:12_000]))
        frames = [*stream.feed(speech[12_000:]), *stream.finish()]
    assert len(frames) == len(whole.frames) - 1


def test_mistakes_are_named(pipeline, speech):
    with pytest.raises(OptionError, match="look_ahead"):
        pipeline.stream(look_ahead=0.1)
    for settle in (-1, 0, 0.29, 31, float("nan"), "3"):
        with pytest.raises(OptionError, match="settle"):
            pipeline.stream(settle=settle)
    with pytest.raises(OptionError, match="output_type"):
        pipeline.stream(output_type="pil")
    with pytest.raises(OptionError, match="no option 'sed'"):
        pipeline.stream(sed=1)
    with pipeline.stream(seed=1) as stream:
        with pytest.raises(AudioError, match="even number of bytes"):
            stream.feed(b"abc")
        with pytest.raises(AudioError, match="NaN"):
            stream.feed(np.array([np.nan, 0.0]))
        assert list(stream.feed(np.empty(0))) == list(stream.finish()) == []
    with pytest.raises(OptionError, match="over"):
        stream.feed(speech)


# --- videos of any length ---------------------------------------------------------------------------------------------


def test_a_video_written_on_the_way_is_the_one_of_a_call(pipeline, speech, whole, tmp_path, media):
    person = pipeline.write_mp4(speech, tmp_path / "on_the_way.mp4", seed=7, fps=FPS, reference_steps=2)
    whole.save(tmp_path / "whole.mp4")
    assert np.array_equal(person.reference, whole.identity.reference)
    assert np.array_equal(media.frames(tmp_path / "on_the_way.mp4"), media.frames(tmp_path / "whole.mp4"))
    text = media.describe(tmp_path / "on_the_way.mp4")
    assert "ynthetic" in text and "Audio: aac" in text
    assert media.seconds(tmp_path / "on_the_way.mp4") == pytest.approx(1.0, abs=0.07)


def test_a_cancelled_video_is_not_there(pipeline, whole, make_voice, tmp_path):
    with pytest.raises(GenerationCancelled):
        pipeline.write_mp4(
            make_voice(2.0), tmp_path / "a.mp4", identity=whole.identity, callback=lambda done, known: done < 5
        )
    assert list(tmp_path.iterdir()) == []


def test_a_video_never_overwrites_its_own_sound(pipeline, whole, tmp_path, make_voice):
    path = (
        pipeline.write_mp4(make_voice(0.4), tmp_path / "a.mp4", identity=whole.identity, fps=5) and tmp_path / "a.mp4"
    )
    before = path.read_bytes()
    with pytest.raises(VideoError, match="Choose another name"):
        pipeline.write_mp4(path, path, identity=whole.identity)
    assert path.read_bytes() == before


def test_a_video_in_memory(pipeline, speech, whole, tmp_path, media):
    target = io.BytesIO()
    pipeline.write_mp4(speech, target, identity=whole.identity, fps=FPS)
    (tmp_path / "a.mp4").write_bytes(target.getvalue())
    shown = media.frames(tmp_path / "a.mp4")
    assert shown.shape == whole.frames.shape
    assert np.abs(shown.astype(int) - whole.frames).mean() < 3


def test_standard_output_gets_a_video_that_plays_from_its_beginning(pipeline, speech, whole, tmp_path, media):
    with (tmp_path / "pipe.mp4").open("wb") as pipe:
        pipeline.write_mp4(speech, pipe, identity=whole.identity, fps=FPS)
    content = (tmp_path / "pipe.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"moof") < content.index(b"mdat")
    assert len(media.frames(tmp_path / "pipe.mp4")) == len(whole.frames)


def test_the_command_line_reads_and_writes_pipes(pipeline, speech, whole, tmp_path, media, monkeypatch, capfd):
    monkeypatch.setattr(cli, "load_pipeline", lambda model: pipeline)
    person = whole.identity.save(tmp_path / "person.safetensors")
    soundfile.write(tmp_path / "a.wav", speech[:9600], RATE)
    raw = (speech[:9600] * 32767).astype("<i2").tobytes()
    (tmp_path / "a.raw").write_bytes(raw)
    for name, options in (("a.wav", []), ("a.raw", ["--raw-rate", "16000"])):
        with (tmp_path / name).open("rb") as file:
            monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": file}))
            video = tmp_path / f"{name}.mp4"
            assert cli.main(["generate", "-", "-o", str(video), "--fps", "5", "--identity", str(person), *options]) == 0
        assert len(media.frames(video)) == 3
    assert cli.main(["generate", str(tmp_path / "a.wav"), "-o", "b.mp4", "--raw-rate", "8000"]) == 2
    assert "--raw-rate" in capfd.readouterr().err


def test_importing_the_package_loads_nothing_heavy():
    program = (
        "import sys, imagineid_sdk; print([n for n in ('torch', 'diffusers', 'numba', 'resampy') if n in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "[]"


def test_empty_sound_is_no_video(pipeline, tmp_path):
    from imagineid_sdk.audio.decoding import open_pipe

    with open_pipe(io.BytesIO(b""), raw_rate=RATE) as sound, pytest.raises(AudioError, match="empty"):
        pipeline.write_mp4(sound, tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_written_video_holds_on_to_nothing(pipeline, make_voice):
    """A person's networks take tens of megabytes: they must not wait for the garbage collector."""
    import gc

    from imagineid_sdk.renderer import FrameRenderer

    def renderers() -> int:
        return sum(type(one) is FrameRenderer for one in gc.get_objects())

    gc.collect()
    before = renderers()
    gc.disable()
    try:
        pipeline.write_mp4(make_voice(0.3), io.BytesIO(), fps=5, seed=1, reference_steps=1)
        assert renderers() == before
    finally:
        gc.enable()


def test_a_chunk_that_is_refused_does_not_spoil_those_that_follow(pipeline, whole):
    clean = np.full(1600, 0.01, np.float32)
    with pipeline.stream(fps=FPS, identity=whole.identity) as stream:
        with pytest.raises(AudioError, match="NaN or infinite"):
            stream.feed(np.full(1600, np.nan, np.float32))
        list(stream.feed(clean))
        list(stream.feed(torch.empty(0)))
        assert len(list(stream.finish())) == round(0.1 * FPS)


def test_a_chunk_that_is_shorter_than_it_has_channels_is_a_moment_of_all(pipeline):
    with pipeline.stream(identity=None, sampling_rate=48_000) as stream:
        for shape in ((480, 2), (1, 2), (480, 2)):
            list(stream.feed(np.zeros(shape, np.float32)))
        assert stream._fed == 961
