"""The command line does what its help says, and a mistake costs the user one clear line and no wait."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from imagineid_sdk import cli
from imagineid_sdk.errors import ModelError

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def voice(tmp_path, make_voice):
    """Less than a second, so that a video of it is quickly made."""
    path = tmp_path / "voice.wav"
    soundfile.write(path, make_voice(0.4), 16_000)
    return path


@pytest.fixture
def no_model(monkeypatch):
    """Fails the test if the model is loaded."""
    monkeypatch.setattr(cli, "load_pipeline", lambda model: pytest.fail("the model was loaded before the check"))


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


# --- without the model ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [[], ["generate"], ["listen"], ["faces"], ["info"], ["verify"]])
def test_help_explains_every_command(capsys, command):
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(word in text for word in (command or ["generate", "listen", "faces", "info", "verify"]))


def test_version_is_the_packages(capsys):
    import imagineid_sdk

    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == f"imagineid {imagineid_sdk.__version__}"
    assert f'version = "{imagineid_sdk.__version__}"' in (ROOT / "pyproject.toml").read_text()


def test_help_and_mistakes_need_no_heavy_import():
    program = "import sys, imagineid_sdk.cli as cli; cli.main(['generate', 'nowhere.wav', '-o', 'a.mp4']); "
    program += "print([name for name in ('torch', 'diffusers', 'numba') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["generate", "nowhere.wav", "-o", "OUT/a.mp4"], "nowhere.wav"),
        (["generate", "OUT", "-o", "OUT/a.mp4"], "folder"),
        (["generate", "VOICE", "-o", "OUT/a.avi"], "does not end in .mp4"),
        (["generate", "VOICE", "-o", "OUT/no/a.mp4"], "does not exist"),
        (["generate", "VOICE", "-o", "OUT/a.mp4", "--save-identity", "OUT/no/a.safetensors"], "does not exist"),
        (["generate", "VOICE", "-o", "OUT/a.mp4", "--identity", "OUT/nobody.safetensors"], "nobody.safetensors"),
        (["generate", "VOICE", "-o", "OUT/a.mp4", "--emotion", "hungry"], "hungry"),
        (["generate", "VOICE", "-o", "OUT/a.mp4", "--hair", "seaweed"], "seaweed"),
        (["generate", "VOICE", "-o", "OUT/a.mp4", "--gender", "robot"], "robot"),
        (["generate", "VOICE", "-o", "OUT/a.mp4", "--fps", "0"], "fps"),
        (["generate", "VOICE", "-o", "OUT/a.mp4", "--background", "transparent"], "transparency"),
        (["faces", "VOICE", "-o", "OUT/faces.jpg"], "does not end in .png"),
        (["listen", "nowhere.wav"], "nowhere.wav"),
        (["info", "sd99"], "sd15"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(no_model, voice, tmp_path, capsys, arguments, words):
    places = {"VOICE": str(voice), "OUT": str(tmp_path)}
    arguments = [places.get(part, part.replace("OUT/", f"{tmp_path}/")) for part in arguments]
    assert run(*arguments) == 2
    text = capsys.readouterr()
    assert text.out == ""
    assert text.err.startswith("imagineid: error: ") and text.err.count("\n") == 1 and words in text.err
    assert os.listdir(tmp_path) == ["voice.wav"]


def test_errors_of_the_sdk_become_one_line(monkeypatch, voice, tmp_path, capsys):
    def broken(model):
        raise ModelError("The model is\nbroken.  Install it again.")

    monkeypatch.setattr(cli, "load_pipeline", broken)
    assert run("generate", voice, "-o", tmp_path / "a.mp4") == 2
    assert capsys.readouterr().err == "imagineid: error: The model is broken. Install it again.\n"


def test_ctrl_c_is_status_130(monkeypatch, voice, tmp_path, capsys):
    def interrupted(model):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "load_pipeline", interrupted)
    assert run("generate", voice, "-o", tmp_path / "a.mp4") == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_bug_is_not_dressed_up_as_a_mistake_of_the_user(monkeypatch, voice, tmp_path):
    def buggy(model):
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "load_pipeline", buggy)
    with pytest.raises(ZeroDivisionError):
        run("generate", voice, "-o", tmp_path / "a.mp4")


@pytest.mark.parametrize(("count", "shape"), [(1, (4, 6)), (2, (4, 12)), (8, (12, 18)), (9, (12, 18)), (10, (12, 24))])
def test_a_contact_sheet_holds_every_face_once(count, shape):
    images = [np.full((4, 6, 3), index, np.uint8) for index in range(count)]
    sheet = cli.contact_sheet(images)
    assert sheet.shape == (*shape, 3)
    assert [int((sheet[..., 0] == index).sum()) for index in range(count)] == [24] * count


def test_info_tells_what_a_composition_takes_without_a_heavy_import(capsys):
    assert run("info", "sd15") == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("emilianJR/epiCRealism/unet", "723 MB", "creativeml-openrail-m", "in all"))
    program = "import sys, imagineid_sdk.cli as cli; cli.main(['info', 'sd15']); "
    program += "sys.exit(any(name in sys.modules for name in ('torch', 'diffusers', 'huggingface_hub')))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0


# --- with the shipped model -------------------------------------------------------------------------------------------


@pytest.fixture
def loaded(monkeypatch, pipeline):
    """One pipeline for all commands of this file: loading it again each time would only cost time."""
    monkeypatch.setattr(cli, "load_pipeline", lambda model: pipeline)


def test_generate_writes_the_video_and_the_person(loaded, voice, tmp_path, capsys, media):
    person = tmp_path / "person.safetensors"
    assert run("generate", voice, "-o", tmp_path / "talk.mp4", "--seed", 7, "--save-identity", person) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "talk.mp4"), str(person)]
    assert len(media.frames(tmp_path / "talk.mp4")) == 10
    text = media.describe(tmp_path / "talk.mp4")
    assert "ynthetic" in text and "Audio: aac" in text

    options = ["--identity", person, "--fps", 10, "--steps", 2, "--emotion", "happy", "--background", "white"]
    assert run("generate", voice, "-o", tmp_path / "again.mp4", *options) == 0
    assert len(media.frames(tmp_path / "again.mp4")) == 4


def test_listen_prints_for_people_and_for_programs(loaded, voice, capsys):
    assert run("listen", voice) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("clip", "gender", "age", "emotion"))
    assert run("listen", voice, "--json") == 0
    assert json.loads(capsys.readouterr().out)["duration"] == pytest.approx(0.4)


def test_standard_input_is_a_clip_too(loaded, voice, capsys, monkeypatch):
    with voice.open("rb") as file:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": file}))
        assert run("listen", "-", "--json") == 0
    assert json.loads(capsys.readouterr().out)["duration"] == pytest.approx(0.4)


def test_faces_writes_a_contact_sheet(loaded, voice, tmp_path, capsys, media):
    assert run("faces", voice, "-n", 2, "-o", tmp_path / "faces.png") == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "faces.png")
    assert "png, rgb24" in media.describe(tmp_path / "faces.png")


def test_ctrl_c_in_the_middle_leaves_nothing(shipped_weights, make_voice, tmp_path):
    soundfile.write(tmp_path / "minute.wav", make_voice(60.0), 16_000)
    command = [sys.executable, "-m", "imagineid_sdk.cli", "generate", str(tmp_path / "minute.wav")]
    command += ["-o", str(tmp_path / "talk.mp4")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True, text=True) as process:
        deadline = time.monotonic() + 60
        while len(os.listdir(tmp_path)) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)  # until it is at work: the unfinished video lies beside the sound
        time.sleep(1)
        os.killpg(process.pid, signal.SIGINT)
        _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert message.splitlines()[-1] == "imagineid: interrupted, nothing was written"
    assert os.listdir(tmp_path) == ["minute.wav"]
