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


COMMANDS = ["generate", "export", "listen", "faces", "info", "verify", "app", "batch"]


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_explains_every_command(capsys, command):
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(word in text for word in (command or COMMANDS))


def test_version_is_the_packages(capsys):
    import imagineid_sdk

    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == f"imagineid {imagineid_sdk.__version__}"
    assert f'version = "{imagineid_sdk.__version__}"' in (ROOT / "pyproject.toml").read_text()


def test_the_command_ends_at_once(monkeypatch):
    frozen = []
    monkeypatch.setattr(sys, "argv", ["imagineid", "info", "nowhere.json"])
    monkeypatch.setattr(cli.gc, "freeze", lambda: frozen.append(True))
    with pytest.raises(SystemExit) as ended:
        cli.command()
    assert ended.value.code == 2 and frozen  # else Python searches all of torch for garbage for a second


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
        (["generate", "VOICE", "-o", "OUT/voice.wav/a.mp4"], "not a folder"),
        (["generate", "VOICE", "-o", "OUT/a.mp4", "--save-identity", "OUT/a.txt"], "does not end in .safetensors"),
        (["generate", "VOICE", "-o", "OUT/a.mp4", "--identity", "OUT/nobody.safetensors"], "nobody.safetensors"),
        (["generate", "VOICE", "-o", "OUT/a.mp4", "--emotion", "hungry"], "hungry"),
        (["generate", "VOICE", "-o", "OUT/a.mp4", "--hair", "seaweed"], "seaweed"),
        (["generate", "VOICE", "-o", "OUT/a.mp4", "--gender", "robot"], "robot"),
        (["generate", "VOICE", "-o", "OUT/a.mp4", "--fps", "0"], "fps"),
        (["generate", "VOICE", "-o", "OUT/a.mp4", "--background", "transparent"], "transparency"),
        (["generate", "VOICE", "-o", "OUT/a.mp4", "--motion", "OUT/a.txt"], "does not end in .csv"),
        (["export", "VOICE", "-o", "OUT/a.obj"], ".glb"),
        (["export", "VOICE", "-o", "OUT/a.csv", "-o", "OUT/a.avi"], "does not end in .mp4"),
        (["export", "VOICE", "-o", "OUT/a.mp4", "--background", "transparent"], ".webm"),
        (["export", "VOICE", "-o", "OUT"], "there already"),
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

    options = ["--identity", person, "--fps", 10, "--steps", 2, "--background", "#20c040"]
    assert run("generate", voice, "-o", tmp_path / "again.mp4", *options) == 0
    frames = media.frames(tmp_path / "again.mp4")
    assert len(frames) == 4 and np.abs(frames[:, :8, :8].astype(int) - [0x20, 0xC0, 0x40]).max() < 12


def test_generate_hands_on_what_was_asked_for(monkeypatch, voice, tmp_path):
    given = {}

    class Pipeline:
        def write_mp4(self, sound, target, **options):
            given.update(options)
            return None

    monkeypatch.setattr(cli, "load_pipeline", lambda model: Pipeline())
    options = ["--emotion", "happy", "--emotion-intensity", 0.5, "--head-motion", 0, "--blink", 2, "--gaze", 0.5]
    options += [
        "--beard",
        "stubble",
        "--clothes",
        "suit",
        "--clothes-color",
        "blue",
        "--glasses",
        "round",
        "--skin",
        "dark",
    ]
    options += ["--attributes", "neutral", "--portrait-steps", 3, "--adapters", "semantic,spatial"]
    options += ["--identity-from", voice]
    assert run("generate", voice, "-o", tmp_path / "a.mp4", *options) == 0
    assert given == {
        "emotion": "happy", "emotion_intensity": 0.5, "head_motion": 0.0, "blink": 2.0, "gaze": 0.5, "beard": "stubble",
        "clothes": "suit", "clothes_color": "blue", "glasses": "round", "skin": "dark", "attributes": "neutral",
        "reference_steps": 3, "adapters": ("semantic", "spatial"), "identity": None, "identity_from": voice,
        "emotion_from": None, "motion": None, "sign": None,
    }  # fmt: skip
    assert run("generate", voice, "-o", tmp_path / "a.mp4", "--emotion-from", voice) == 0
    assert given["emotion_from"] == voice


def test_every_option_of_a_call_can_be_given():
    from imagineid_sdk.options import GenerateOptions

    parser = cli.build_parser()
    passed_on = parser.parse_args(["generate", "a.wav", "-o", "a.mp4"]).passed_on
    assert set(passed_on) == set(GenerateOptions.model_fields) - {"output_type", "sampling_rate", "speakers"}


def test_a_missing_encoder_costs_no_wait(no_model, voice, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nowhere"))
    assert run("generate", voice, "-o", tmp_path / "a.mp4") == 2
    assert "ffmpeg" in capsys.readouterr().err


def test_a_name_that_is_not_utf8_is_printed(capsys):
    cli.show(os.fsdecode(b"caf\xe9.mp4"))
    assert capsys.readouterr().out == "caf\\xe9.mp4\n"


def test_export_writes_what_other_programs_read(loaded, voice, tmp_path, capsys, media):
    names = ["talk.webm", "talk.csv", "talk.glb"]
    pytest.importorskip("pygltflib", reason="the extra mesh is not installed")
    paths = [tmp_path / "new" / name for name in names]
    options = ["--seed", 7, "--portrait-steps", 2, "--background", "transparent"]
    assert run("export", voice, *(part for path in paths for part in ("-o", path)), *options) == 0
    assert capsys.readouterr().out.splitlines() == [str(path) for path in paths]
    assert "alpha_mode" in media.describe(paths[0])
    assert len(paths[1].read_text().splitlines()) == 11 and paths[2].read_bytes()[:4] == b"glTF"

    again = ["--seed", 7, "--portrait-steps", 2, "--motion", paths[1], "--fps", 25, "-o", tmp_path / "again.csv"]
    assert run("export", voice, *again) == 0
    assert (tmp_path / "again.csv").read_text() == paths[1].read_text()


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("faces", "VOICE", "-n", "0", "-o", "OUT.png"), "num_faces=0"),
        (("faces", "VOICE", "--seed", "-1", "-o", "OUT.png"), "seed=-1"),
        (("generate", "VOICE", "--emotion", "happy", "--emotion-from", "VOICE", "-o", "OUT.mp4"), "both say which"),
        (("export", "VOICE", "--speakers", "separate", "--identity-from", "VOICE", "-o", "OUT.csv"), "one for each"),
        (("generate", "VOICE", "-o", "OUT.mp4", "--save-identity", "x" * 300 + ".safetensors"), "can't name a file"),
    ],
)
def test_mistakes_are_told_before_a_model_is_looked_for(voice, tmp_path, capsys, arguments, words):
    places = {"VOICE": str(voice), "OUT.png": str(tmp_path / "o.png"), "OUT.mp4": str(tmp_path / "o.mp4")}
    places["OUT.csv"] = str(tmp_path / "o.csv")
    assert run(*(places.get(one, one) for one in arguments), "--model", tmp_path / "nowhere") == 2
    assert words in capsys.readouterr().err


def test_faces_writes_a_contact_sheet(loaded, voice, tmp_path, capsys, media):
    assert run("faces", voice, "-n", 2, "-o", tmp_path / "faces.png") == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "faces.png")
    assert "png, rgb24" in media.describe(tmp_path / "faces.png")


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_in_the_middle_leaves_nothing(shipped_weights, make_voice, tmp_path, sent, status):
    soundfile.write(tmp_path / "speech.wav", make_voice(12.0), 16_000)
    command = [sys.executable, "-m", "imagineid_sdk.cli", "generate", str(tmp_path / "speech.wav")]
    command += ["-o", str(tmp_path / "talk.mp4"), "--portrait-steps", "1"]
    as_in_a_terminal = {"start_new_session": True, "preexec_fn": lambda: signal.signal(sent, signal.SIG_DFL)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **as_in_a_terminal) as process:
        deadline = time.monotonic() + 60
        while len(os.listdir(tmp_path)) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)  # until it is at work: the unfinished video lies beside the sound
        time.sleep(0.5)
        os.killpg(process.pid, sent)
        _, message = process.communicate(timeout=60)
    assert process.returncode == status
    if sent == signal.SIGINT:
        assert message.splitlines()[-1] == "imagineid: interrupted; unfinished files were removed"
    assert os.listdir(tmp_path) == ["speech.wav"]


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_is_told_even_if_tidying_up_after_it_fails(monkeypatch, voice, sent, status):
    def load(model):
        try:
            os.kill(os.getpid(), sent)
            time.sleep(5)
        finally:
            1 / 0  # noqa: B018

    monkeypatch.setattr(cli, "load_pipeline", load)
    before = signal.signal(sent, signal.default_int_handler if sent == signal.SIGINT else signal.SIG_DFL)
    try:
        assert run("listen", voice) == status
    finally:
        signal.signal(sent, before)


def test_a_signal_that_was_ignored_on_purpose_stays_so(monkeypatch, voice, tmp_path):
    """nohup ignores SIGHUP, so that the work goes on when the terminal is closed."""
    seen = []
    monkeypatch.setattr(cli, "load_pipeline", lambda model: seen.append(signal.getsignal(signal.SIGHUP)) or 1 / 0)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with pytest.raises(ZeroDivisionError):
            run("listen", voice)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert seen == [signal.SIG_IGN]


def test_handlers_of_the_program_around_it_are_put_back(monkeypatch, voice):
    before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)]
    monkeypatch.setattr(cli, "load_pipeline", lambda model: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("listen", voice)
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)] == before
