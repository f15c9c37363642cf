"""No door is left open: what strangers write makes nothing be run, read or allocated that was not meant to be.

examples/SECURITY.md says what is promised; each promise is a test here, in tests/test_files.py or in tests/hub.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from imagineid_sdk import Identity, ImagineIDPipeline, load_audio
from imagineid_sdk.audio.decoding import open_audio, open_pipe
from imagineid_sdk.errors import AudioError, IdentityFileError, ModelError, OptionError, VideoReadError, WeightsError
from imagineid_sdk.hub.download import HubOptions, fetch
from imagineid_sdk.hub.plausible import check_network
from imagineid_sdk.hub.recipes import Recipe
from imagineid_sdk.hub.sources import fetch_model
from imagineid_sdk.models import EmotionEncoder
from imagineid_sdk.video import verify
from tests.conftest import ROOT, voice_like

WEIGHTS = "diffusion_pytorch_model.safetensors"


# --- ffmpeg reads what it was given, and nothing else -----------------------------------------------------------------


@pytest.fixture
def listening_port():
    """A port on loopback, and the connections that were made to it."""
    made: list[object] = []
    server = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                made.append(server.accept())
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1], made
    server.close()


def playlists(folder: Path, port: int) -> dict[str, str]:
    """Texts that some demuxer of ffmpeg takes for a list of what to read."""
    soundfile.write(folder / "secret.wav", voice_like(1.0), 16_000)
    secret, address = folder / "secret.wav", f"http://127.0.0.1:{port}/a.wav"
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
    dash = '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    dash += 'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="audio/wav"><Representation id="1">'
    dash += "<BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    sdp = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"
    return {
        "hls.m3u8": hls.format(secret), "web.m3u8": hls.format(address), "hls.wav": hls.format(secret),
        "list.ffconcat": f"ffconcat version 1.0\nfile '{secret}'\n",
        "web.txt": f"ffconcat version 1.0\nfile '{address}'\n",
        "a.mpd": dash.format(address), "file.mpd": dash.format(secret), "a.sdp": sdp,
        "a.mp4": f"ffconcat version 1.0\nfile 'secret.wav'\nfile 'subfile,,start,0,end,9,,:{secret}'\n",
    }  # fmt: skip


def test_playlists_read_no_other_file_and_no_address_whichever_way_they_come(tmp_path, listening_port):
    port, made = listening_port
    for name, text in playlists(tmp_path, port).items():
        path = tmp_path / name
        path.write_text(text)
        for way in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
            with pytest.raises(AudioError):
                load_audio(way)
        with pytest.raises(AudioError), path.open("rb") as file, open_pipe(file) as sound:
            list(sound.blocks)
        with pytest.raises(VideoReadError):
            verify(path)
    assert made == []


@pytest.mark.parametrize(
    "name",
    ["-i", "-f", "concat:a.wav", "http:", "pipe:0", "file:a", "a%03d.m4a", "tee:b", "@a", "fd:1", "a|b", "data:,x"],
)
def test_a_name_that_means_something_to_ffmpeg_is_only_a_name(tmp_path, monkeypatch, media, name):
    """As a sound that ffmpeg decodes, and as the stem of a video."""
    from imagineid_sdk.video.recorder import write_mp4
    from tests.audio.test_clip import encode

    monkeypatch.chdir(tmp_path)
    soundfile.write(tmp_path / "sound.wav", voice_like(0.3), 16_000)
    os.rename(encode(tmp_path / "sound.wav", tmp_path / "sound.m4a"), tmp_path / name)
    assert load_audio(name).duration == pytest.approx(0.3, abs=0.1)
    write_mp4(f"{name}.mp4", np.zeros((3, 32, 32, 3), np.uint8), fps=25, audio=None, metadata={"title": name})
    assert len(media.frames(tmp_path / f"{name}.mp4")) == 3
    assert sorted(os.listdir(tmp_path)) == sorted(["sound.wav", name, f"{name}.mp4"])


# --- bombs ------------------------------------------------------------------------------------------------------------


def hours_of_silence(path: Path, hours: float) -> Path:
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        for _ in range(round(hours * 60)):
            file.write(np.zeros(8000 * 60, np.float32))
    return path


def test_a_small_file_of_endless_silence_is_refused_before_memory_is_full(tmp_path, monkeypatch):
    path = hours_of_silence(tmp_path / "day.flac", 1)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(AudioError, match="too long: 60 s are allowed"):
        load_audio(path, longest=60)
    monkeypatch.setattr("imagineid_sdk.audio.clip.MOST_HELD", 4 * 8000 * 600)
    for way in (path, path.read_bytes()):
        begun = time.monotonic()
        with pytest.raises(AudioError, match="too long: 600 s fit in memory.*write_mp4"):
            load_audio(way)
        assert time.monotonic() - begun < 5
    with open_audio(path) as sound:  # the way of write_mp4 holds none of it
        assert next(sound.blocks).shape[1] == 1


def test_an_hour_of_silence_passes_through_in_constant_memory(tmp_path):
    path = hours_of_silence(tmp_path / "hour.flac", 1)
    program = """
import resource, sys
from imagineid_sdk.audio.decoding import open_audio
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open_audio(sys.argv[1]) as sound:
    samples = sum(len(block) for block in sound.blocks)
print(samples, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    samples, grown = map(int, done.stdout.split())
    assert samples == 3600 * 8000 and grown < 40


def test_a_picture_that_unpacks_to_gigabytes_is_refused(tmp_path):
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)))
    from imagineid_sdk.options import GenerateOptions

    with pytest.raises(OptionError, match="too many pixels"):
        GenerateOptions(background=str(tmp_path / "bomb.png"))


# --- models of strangers ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(pipeline, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture
def changed(saved, tmp_path) -> Callable[..., Path]:
    """A copy of the saved model, in which one json file is changed."""

    def change(name: str, edit: Callable[[dict], object]) -> Path:
        folder = tmp_path / "model"
        shutil.copytree(saved, folder, copy_function=os.link)
        content = json.loads((folder / name).read_text())
        content = edit(content) or content
        (folder / name).unlink()
        (folder / name).write_text(json.dumps(content))
        return folder

    return change


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda index: index.update(head=["os", "system"]), "loaded by the package 'os'"),
        (lambda index: index.update(head=["subprocess", "Popen"]), "package 'subprocess'"),
        (lambda index: index.update({"../../head": ["diffusers", "UNet2DModel"]}), "component '../../head'"),
        (lambda index: index.update({"/etc": ["diffusers", "UNet2DModel"]}), "component '/etc'"),
        (lambda index: index.update(head=["imagineid_sdk.models"]), r"Expected \[library, class\]"),
        (lambda index: index.update(head=[["a"], {}]), r"Expected \[library, class\]"),
        (lambda index: index.update(_class_name=["pipeline.py", "Evil"]), "not an ImagineIDPipeline"),
        (lambda index: [index], "can't be read"),
    ],
)
def test_a_model_index_names_no_package_and_no_folder_elsewhere(changed, edit, words):
    with pytest.raises(ModelError, match=words):
        ImagineIDPipeline.from_pretrained(changed("model_index.json", edit))


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        (
            "autoencoder/config.json",
            lambda config: {k: [2**31] * 4 if isinstance(v, list) else v for k, v in config.items()},
        ),
        ("denoiser/config.json", lambda config: config.update(layers_per_block=10**6)),
        ("head/config.json", lambda config: config.update(num_vertices=10**12)),
        ("head/config.json", lambda config: config.update(num_vertices="many")),
        (
            "identity_encoder/config.json",
            lambda config: {k: 10**7 if isinstance(v, int) else v for k, v in config.items()},
        ),
        ("attribute_embedder/config.json", lambda config: config.pop("vocabulary") and None),
        ("spatial_adapter/config.json", lambda config: [1, 2, 3]),
    ],
)
def test_a_config_that_does_not_fit_its_weights_costs_neither_memory_nor_time(changed, name, edit):
    begun = time.monotonic()
    with pytest.raises(WeightsError, match=f"its {name.split('/')[0]}: "):
        ImagineIDPipeline.from_pretrained(changed(name, edit))
    assert time.monotonic() - begun < 10


def test_weights_that_lack_a_tensor_are_refused_instead_of_filled_with_noise(changed):
    from safetensors.torch import load_file, save_file

    folder = changed("model_index.json", lambda index: None)
    tensors = load_file(folder / "head" / WEIGHTS)
    del tensors["identity_mean"]
    (folder / "head" / WEIGHTS).unlink()
    save_file(tensors, folder / "head" / WEIGHTS)
    with pytest.raises(WeightsError, match="its head: its weights lack identity_mean"):
        ImagineIDPipeline.from_pretrained(folder)


@pytest.mark.parametrize(
    "named", ["../../outside.safetensors", "/etc/passwd", "..\\outside", "C:\\outside", "part.bin"]
)
def test_an_index_of_shards_names_only_files_beside_it(changed, named):
    folder = changed("model_index.json", lambda index: None)
    (folder / "head" / f"{WEIGHTS}.index.json").write_text(json.dumps({"weight_map": {"lift": named}}))
    with pytest.raises((ModelError, WeightsError), match="does not lie in its folder|is a pickle"):
        ImagineIDPipeline.from_pretrained(folder)


@pytest.mark.parametrize("name", ["../outside.json", "head/../../outside.json", "/etc/passwd", "C:\\a", "..\\a", ""])
def test_no_file_of_a_repository_lies_outside_of_it(name):
    with pytest.raises(ModelError, match="does not lie in its folder"):
        fetch("someone/face", name, HubOptions())


def test_a_hub_that_lists_files_elsewhere_is_not_followed(monkeypatch, tmp_path):
    index = {"_class_name": "ImagineIDPipeline", "head": ["imagineid_sdk.models", "ParametricHead"]}
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    listed = ["head/config.json", f"head/{WEIGHTS}", "head/../../../outside.json"]
    fetched: list[str] = []

    def answer(repo, name, options, revision=None):
        from imagineid_sdk.hub.download import check_inside

        check_inside(name, repo)
        fetched.append(name)
        return tmp_path / "model_index.json"

    monkeypatch.setattr("imagineid_sdk.hub.sources.fetch", answer)
    monkeypatch.setattr("imagineid_sdk.hub.sources._list_repository", lambda *_: listed)
    with pytest.raises(ModelError, match="outside.json"):
        fetch_model("someone/face", HubOptions())
    assert "head/../../../outside.json" not in fetched


@pytest.mark.parametrize("field", [{"files": ["../../a.safetensors"]}, {"files": ["/etc/a"]}, {"subfolder": "../.."}])
def test_a_recipe_leaves_no_folder(tmp_path, field):
    recipe = json.loads((ROOT / "imagineid_sdk" / "hub" / "recipes" / "sd15.json").read_text())
    recipe["denoiser"] |= field
    (tmp_path / "mine.json").write_text(json.dumps(recipe))
    with pytest.raises(ModelError, match="does not lie in its folder"):
        Recipe.load(tmp_path / "mine.json")


def test_models_are_never_saved_as_pickles(pipeline, tmp_path):
    with pytest.raises(OptionError, match="pickles"):
        pipeline.save_pretrained(tmp_path / "model", safe_serialization=False)
    assert os.listdir(tmp_path) == []


def test_what_is_no_name_of_a_model_is_said_so():
    for model in (0.5, ["tiny"], b"tiny", {}):
        with pytest.raises(ModelError, match="is no model"):
            ImagineIDPipeline.from_pretrained(model)


# --- people of strangers ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def person(pipeline) -> Identity:
    return pipeline.imagine(voice_like(0.4), num_faces=1, reference_steps=1)[0].identity


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hair_rgb", 0.5), ("hair_rgb", [0.1, 0.2]), ("ancestry", True), ("ancestry", None), ("hair_shape", 0.5),
        ("hair_shape", [0.1] * 9), ("age", 10**400), ("age", "old"), ("age", float("nan")), ("seed", -1),
        ("seed", 1.5e300),
        ("model", 7), ("hair", ["short"]), ("hair", "a" * 10_000), ("beard_growth", []), ("clothes", {}),
    ],
)  # fmt: skip
def test_an_identity_with_an_impossible_value_names_it(person, tmp_path, field, value):
    from safetensors.numpy import save_file

    fields = {k: v for k, v in person.__dict__.items() if k not in ("code", "traits", "reference")} | {field: value}
    path = tmp_path / "anna.safetensors"
    save_file({"code": person.code}, path, {"format": "imagineid-identity-2", "identity": json.dumps(fields)})
    with pytest.raises(IdentityFileError, match=field):
        Identity.load(path)


@pytest.mark.parametrize("said", ["[]", "7", "null", '"anna"', "{", "[" * 100_000, "{}"])
def test_an_identity_that_describes_nobody_is_refused(person, tmp_path, said):
    from safetensors.numpy import save_file

    path = tmp_path / "anna.safetensors"
    save_file({"code": person.code}, path, {"identity": said})
    with pytest.raises(IdentityFileError, match="not an identity file"):
        Identity.load(path)
    save_file({"code": person.code}, path)
    with pytest.raises(IdentityFileError, match="not an identity file"):
        Identity.load(path)


@pytest.mark.parametrize("value", ["#20c040", [1.0], True, None])
def test_a_number_that_a_config_does_not_hold_is_named(pipeline, tmp_path, value):
    pipeline.emotion_encoder.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | {"sharpness": value}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="sharpness in its config.json"):
        check_network(EmotionEncoder, tmp_path, None)
