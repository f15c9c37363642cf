"""The examples run as they stand and do what their first line says."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from imagineid_sdk.audio import load_audio

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SCRIPTS = ("quickstart", "many_faces_one_voice", "same_face_new_words", "swap_factors", "motion_and_mesh")


@pytest.fixture
def clips(tmp_path, example_audio) -> tuple[Path, Path]:
    """A third of a second of two of the shipped voices: 8 frames."""
    paths = []
    for name in ("hello.wav", "reading.flac"):
        clip = load_audio(example_audio / name)
        paths.append(tmp_path / f"{Path(name).stem}.wav")
        soundfile.write(paths[-1], clip.samples[16_000 : 16_000 + 5_120], 16_000)
    return paths[0], paths[1]


@pytest.fixture
def run(shipped_weights, monkeypatch, capsys):
    """Runs an example as ``python examples/name.py ...`` does, but for the imports, which are shared."""

    def run(name: str, *arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        assert "written: " in capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", ["hello.wav", "reading.flac", "reading_again.flac"])
def test_the_shipped_clips_are_short_speech(example_audio, name):
    clip = load_audio(example_audio / name)
    assert 3 <= clip.duration <= 8 and clip.original_rate == 16_000
    assert (example_audio / name).stat().st_size < 300_000
    assert 0.2 < np.abs(clip.samples).max() < 1
    assert name in (example_audio / "README.md").read_text()


def test_quickstart(shipped_weights, clips, tmp_path, media):
    command = [sys.executable, str(EXAMPLES / "quickstart.py"), str(clips[0]), str(tmp_path / "hello.mp4")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0 and "written: " in result.stdout, result.stderr
    assert len(media.frames(tmp_path / "hello.mp4")) == 8


def test_many_faces_one_voice(run, clips, tmp_path, media):
    run("many_faces_one_voice", clips[1], tmp_path / "faces", 2)
    faces = [media.frames(tmp_path / "faces" / f"face{number}.png")[0].astype(int) for number in range(2)]
    assert np.abs(faces[0] - faces[1]).mean() > 5
    assert (tmp_path / "faces" / "face1.safetensors").is_file()


def test_same_face_new_words(run, clips, tmp_path, media):
    run("same_face_new_words", *clips, tmp_path)
    assert len(media.frames(tmp_path / "first_words.mp4")) == len(media.frames(tmp_path / "new_words.mp4")) == 8


def test_swap_factors(run, clips, tmp_path, media):
    run("swap_factors", *clips, tmp_path)
    for name in ("her_words_his_face", "his_emotion", "happy"):
        assert len(media.frames(tmp_path / f"{name}.mp4")) == 8


def test_motion_and_mesh(run, clips, tmp_path, media):
    pytest.importorskip("pygltflib", reason="the extra mesh is not installed")
    run("motion_and_mesh", clips[0], tmp_path)
    assert len(media.frames(tmp_path / "smiling.mp4")) == 8
    assert (tmp_path / "smiling.glb").read_bytes()[:4] == b"glTF" and (tmp_path / "motion.json").is_file()
