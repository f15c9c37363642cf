"""Models from the Hub, against a Hub on loopback: what is fetched, what is not, and what each failure says."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from imagineid_sdk import ImagineIDPipeline
from imagineid_sdk.errors import HubError, MissingExtraError, ModelError, OptionError, WeightsError
from imagineid_sdk.hub.download import HubOptions, fetch
from imagineid_sdk.hub.sources import fetch_model
from tests.hub.loopback import LoopbackHub, commit_of

WEIGHTS = "diffusion_pytorch_model.safetensors"
REPO = "someone/face"


@pytest.fixture(scope="module")
def small_model() -> dict[str, bytes]:
    """The files of a model with one small component: enough for everything that happens before it is loaded."""
    from safetensors.numpy import save

    weights = save({"w": np.random.default_rng(0).integers(0, 255, 300_000, dtype=np.uint8)})
    index = {"_class_name": "ImagineIDPipeline", "head": ["imagineid_sdk.face.mesh.head", "ParametricHead"]}
    return {"model_index.json": json.dumps(index).encode(), "head/config.json": b"{}", f"head/{WEIGHTS}": weights}


@pytest.fixture
def face(hub, small_model) -> LoopbackHub:
    """A Hub with the small model on it."""
    hub.publish(REPO, small_model)
    return hub


def load(**options):
    """What a user calls; the small model never gets as far as being loaded."""
    return ImagineIDPipeline.from_pretrained(REPO, **options)


def nothing_half_written(cache: Path) -> bool:
    return not list(cache.rglob("*.incomplete"))


# --- the shipped model there and back ---------------------------------------------------------------------------------


def test_a_pushed_model_comes_back_and_makes_bit_identical_frames(hub, pipeline, make_voice, tmp_path):
    pipeline.push_to_hub("me/my-imagineid", token="mine")
    hub.repositories["me/my-imagineid"].token = "mine"
    loaded = ImagineIDPipeline.from_pretrained("me/my-imagineid", token="mine", cache_dir=tmp_path / "clean")
    loaded.set_progress_bar_config(disable=True)
    sound = make_voice(0.4)
    options = {"seed": 3, "reference_steps": 2}
    assert np.array_equal(loaded(sound, **options).frames, pipeline(sound, **options).frames)

    before = len(hub.requests)
    ImagineIDPipeline.from_pretrained("me/my-imagineid", token="mine", cache_dir=tmp_path / "clean")
    assert hub.requests[before:] == ["HEAD me/my-imagineid/resolve/main/model_index.json"]

    hub.stop()
    again = ImagineIDPipeline.from_pretrained("me/my-imagineid", token="mine", cache_dir=tmp_path / "clean")
    assert again.head.config.num_vertices == pipeline.head.config.num_vertices
    ImagineIDPipeline.from_pretrained("me/my-imagineid", cache_dir=tmp_path / "clean", local_files_only=True)


# --- what is fetched --------------------------------------------------------------------------------------------------


def test_a_revision_is_a_branch_or_a_commit(face, small_model):
    changed = small_model | {"head/config.json": b'{"num_vertices": 9}'}
    face.publish(REPO, changed, branch="next")
    for revision, content in (("main", b"{}"), ("next", changed["head/config.json"]), (commit_of(small_model), b"{}")):
        folder = fetch_model(REPO, HubOptions(revision=revision))
        assert (folder / "head" / "config.json").read_bytes() == content


def test_only_the_variant_that_was_asked_for_is_fetched(face, small_model):
    half = f"head/{WEIGHTS}".replace(".safetensors", ".fp16.safetensors")
    face.publish(REPO, small_model | {half: small_model[f"head/{WEIGHTS}"], "head/pytorch_model.bin": b"pickle"})
    fetch_model(REPO, HubOptions(variant="fp16"))
    assert face.asked_for(".fp16.safetensors") and not face.asked_for(WEIGHTS) and not face.asked_for(".bin")
    fetch_model(REPO, HubOptions())
    assert face.asked_for(WEIGHTS)


def test_a_connection_that_breaks_is_taken_up_where_it_broke(face, small_model, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    face.faults[WEIGHTS] = "cut"
    folder = fetch_model(REPO, HubOptions())
    assert (folder / "head" / WEIGHTS).read_bytes() == small_model[f"head/{WEIGHTS}"]
    assert len([request for request in face.asked_for(WEIGHTS) if "cdn" in request]) == 2


def test_an_interrupted_download_goes_on_with_what_is_missing(face, small_model, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    face.faults[WEIGHTS] = "broken"
    with pytest.raises(HubError, match=WEIGHTS):
        fetch_model(REPO, HubOptions())
    face.faults.clear()
    folder = fetch_model(REPO, HubOptions())
    assert (folder / "head" / WEIGHTS).read_bytes() == small_model[f"head/{WEIGHTS}"]


# --- what each failure says -------------------------------------------------------------------------------------------


def test_a_repository_that_does_not_exist(hub):
    with pytest.raises(HubError, match=f"{REPO}.*no such repository, or it is private.*token"):
        load()


@pytest.mark.parametrize(("status", "words"), [(401, "private"), (403, "refused")])
def test_a_private_repository_needs_a_token(face, status, words):
    face.repositories[REPO].token, face.repositories[REPO].refusal = "secret", status
    for token in (None, "wrong"):
        with pytest.raises(HubError, match=f"{REPO}.*{words}.*token="):
            load(token=token)
    assert fetch_model(REPO, HubOptions(token="secret"))


def test_a_gated_repository_names_the_page_to_go_to(face):
    face.repositories[REPO].token, face.repositories[REPO].gated = "secret", True
    with pytest.raises(HubError, match=f"gated.*{face.url}/{REPO}"):
        load()


def test_a_revision_that_does_not_exist(face):
    with pytest.raises(HubError, match=f"{REPO}.*no revision 'v9'"):
        load(revision="v9")


def test_a_variant_that_does_not_exist(face, small_model):
    with pytest.raises(HubError, match=f"{REPO}.*no variant 'fp16'"):
        load(variant="fp16")
    half = {name.replace(".saf", ".fp16.saf"): content for name, content in small_model.items()}
    face.publish(REPO, half)
    with pytest.raises(HubError, match="weights of head.*variant=fp16"):
        load()


def test_a_repository_of_something_else(face, small_model):
    face.publish(REPO, small_model | {"model_index.json": b'{"_class_name": "StableDiffusionPipeline"}'})
    with pytest.raises(ModelError, match="a StableDiffusionPipeline, not an ImagineIDPipeline.*'sd15'"):
        load()
    face.publish(REPO, {"README.md": b"nothing"})
    with pytest.raises(HubError, match=f"{REPO}.*no file model_index.json"):
        load()


def test_a_model_that_needs_an_extra_names_the_command_that_installs_it(face, small_model, tmp_path, monkeypatch):
    """Stable Diffusion's text encoder and tokenizer are classes of transformers."""
    monkeypatch.setattr("imagineid_sdk.hub.sources.find_spec", lambda name: None)
    index = json.loads(small_model["model_index.json"]) | {"text_encoder": ["transformers", "CLIPTextModel"]}
    face.publish(REPO, small_model | {"model_index.json": json.dumps(index).encode()})
    with pytest.raises(MissingExtraError, match=rf"{REPO}.*pip install 'imagineid-sdk\[sd15\]'"):
        load()
    assert not face.asked_for(WEIGHTS)
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(MissingExtraError, match=rf"{tmp_path}.*pip install 'imagineid-sdk\[sd15\]'"):
        ImagineIDPipeline.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["diffusion_pytorch_model.bin", "model.ckpt", "model.pt"])
def test_pickles_are_refused_unread(face, small_model, name, tmp_path):
    files = {k: v for k, v in small_model.items() if not k.endswith(WEIGHTS)} | {f"head/{name}": b"pickle"}
    face.publish(REPO, files)
    with pytest.raises(WeightsError, match=f"head/{name} of {REPO} is a pickle.*safetensors"):
        load()
    assert not face.asked_for(name)
    with pytest.raises(WeightsError, match="is a pickle"):
        fetch(REPO, f"head/{name}", HubOptions())
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    with pytest.raises(WeightsError, match="is a pickle"):
        ImagineIDPipeline.from_pretrained(tmp_path)


def test_a_file_of_the_wrong_size_is_not_kept(face, tmp_path):
    face.faults[WEIGHTS] = "short"
    with pytest.raises(HubError, match=f"head/{WEIGHTS} arrived with the wrong size"):
        load()
    assert nothing_half_written(tmp_path / "cache") and not list((tmp_path / "cache").rglob(WEIGHTS))
    face.faults.clear()
    assert fetch_model(REPO, HubOptions())


def test_a_damaged_file_is_not_kept(face, tmp_path):
    face.faults[WEIGHTS] = "flipped"
    with pytest.raises(WeightsError, match=f"head/{WEIGHTS} of {REPO} arrived damaged.*SHA-256"):
        load()
    assert not list((tmp_path / "cache").rglob(WEIGHTS))
    face.faults.clear()
    assert fetch_model(REPO, HubOptions())


def test_safetensors_that_are_none_are_named(face, small_model):
    face.publish(REPO, small_model | {f"head/{WEIGHTS}": b"\x10\0\0\0\0\0\0\0not a header...."})
    with pytest.raises(WeightsError, match=f"{REPO}.*can't be loaded.*force_download"):
        load()


def test_without_a_network_the_cache_is_used_or_missed(face, monkeypatch):
    with pytest.raises(HubError, match=f"{REPO}.*model_index.json.*not downloaded before.*local_files_only"):
        load(local_files_only=True)
    folder = fetch_model(REPO, HubOptions())
    assert fetch_model(REPO, HubOptions(local_files_only=True)) == folder
    face.stop()
    assert fetch_model(REPO, HubOptions()) == folder
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between its tries to reach the Hub
    with pytest.raises(HubError, match=f"someone/else.*can't be reached.*{face.url}"):
        ImagineIDPipeline.from_pretrained("someone/else")


def test_a_full_disk_is_named(face, small_model, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", disk], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk needs root")
    try:
        with pytest.warns(UserWarning, match="Not enough free disk space"), pytest.raises(
            HubError, match=f"disk is full: head/{WEIGHTS} does not fit in {disk}"
        ):  # fmt: skip
            load(cache_dir=disk)
        assert nothing_half_written(disk)
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("kind", [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")])
def test_a_cache_that_can_not_be_written_is_named(face, tmp_path, monkeypatch, kind):
    def refuse(*_: object, **__: object) -> None:
        raise kind

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    with pytest.raises(HubError, match=f"may not write to the cache in {tmp_path}.*cache_dir="):
        load(cache_dir=tmp_path)


def test_options_of_the_wrong_type_are_named():
    with pytest.raises(OptionError, match="revision=3"):
        load(revision=3)


def test_a_name_that_can_be_nothing(tmp_path):
    with pytest.raises(ModelError, match="no model 'a/b/c'"):
        ImagineIDPipeline.from_pretrained("a/b/c")
    assert os.listdir(tmp_path) == []


def test_the_shipped_weights_name_no_folder_of_whoever_trained_them(shipped_weights):
    configs = list(shipped_weights.glob("*/config.json"))
    assert len(configs) > 10
    assert not [path for path in configs if "_name_or_path" in path.read_text()]
