"""Full scale end to end: the sd15 recipe on tiny random twins, through the loopback Hub and then without it.

The twins have the layout of the public repositories and nothing of their content: what is checked is everything but
how the pictures look.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from imagineid_sdk import ImagineIDPipeline
from imagineid_sdk.errors import HubError, MissingExtraError, ModelError, OptionError, WeightsError
from imagineid_sdk.hub.recipes import Recipe
from tests.hub.conftest import turn_towards
from tests.hub.loopback import LoopbackHub

pytest.importorskip("transformers", reason="full scale needs the extra: pip install 'imagineid-sdk[sd15]'")

from tests.hub.twins import make_autoencoder, publish_twins  # noqa: E402

QUICK = {"num_inference_steps": 2, "reference_steps": 2}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sd15")


@pytest.fixture(scope="module")
def twins(place):
    """A Hub with the twins, which is there only while models are loaded from it."""
    server = LoopbackHub()
    publish_twins(server, place / "twins")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def full(twins, place, shipped_weights) -> ImagineIDPipeline:
    """The recipe, loaded from the Hub."""
    with pytest.MonkeyPatch.context() as patch:
        turn_towards(twins, patch)
        loaded = ImagineIDPipeline.from_pretrained("sd15", cache_dir=place / "cache")
    loaded.set_progress_bar_config(disable=True)
    return loaded


@pytest.fixture(scope="module")
def saved(full, place) -> Path:
    """The folder that the recipe was saved to."""
    full.save_pretrained(place / "saved")
    return place / "saved"


@pytest.fixture(scope="module")
def person(full, make_sound):
    return full.imagine(make_sound(0.2), num_faces=1, seed=7, reference_steps=2)[0].identity


@pytest.fixture(scope="module")
def make_sound():
    from tests.conftest import voice_like

    return voice_like


def test_only_what_is_needed_was_downloaded(full, twins):
    fetched = {request.split("/resolve/")[1].split("/", 1)[1] for request in twins.requests if "/resolve/" in request}
    wanted = {f"{s.subfolder}/{name}".lstrip("/") for s in Recipe.load("sd15").roles().values() for name in s.files}
    assert fetched == wanted


def test_a_second_load_asks_for_no_weights_and_a_third_needs_no_hub(full, twins, place, monkeypatch):
    with monkeypatch.context() as patch:
        turn_towards(twins, patch)
        before = len(twins.requests)
        ImagineIDPipeline.from_pretrained("sd15", cache_dir=place / "cache")
        asked = twins.requests[before:]
    assert asked and not [request for request in asked if "cdn" in request or "GET" in request]
    # HF_HUB_OFFLINE is set again: no request leaves.
    assert ImagineIDPipeline.from_pretrained("sd15", cache_dir=place / "cache", local_files_only=True)
    with pytest.raises(HubError, match="emilianJR/epiCRealism.*unet/config.json.*not downloaded before"):
        ImagineIDPipeline.from_pretrained("sd15", cache_dir=place / "empty", local_files_only=True)


def test_roles_can_be_overridden_by_folders_files_and_components(full, place, tmp_path):
    make_autoencoder(tmp_path / "mine")
    own = json.loads((Path(__file__).parents[2] / "imagineid_sdk" / "hub" / "recipes" / "sd15.json").read_text())
    own["autoencoder"] |= {"repo": str(tmp_path / "mine")}
    (tmp_path / "own.json").write_text(json.dumps(own))
    options = {"cache_dir": place / "cache", "local_files_only": True}
    for model, other in (
        ("sd15", {"autoencoder": tmp_path / "mine"}),
        (tmp_path / "own.json", {}),
        ("sd15", {"autoencoder": {"repo": str(tmp_path / "mine")}}),
        ("sd15", {"autoencoder": full.autoencoder, "text_encoder": full.text_encoder}),
    ):
        assert ImagineIDPipeline.from_pretrained(model, **options, **other).autoencoder.config.latent_channels == 4
    with pytest.raises(OptionError, match="no role 'vae'.*denoiser"):
        ImagineIDPipeline.from_pretrained("sd15", **options, vae=tmp_path)
    with pytest.raises(ModelError, match="has no config.json"):
        ImagineIDPipeline.from_pretrained("sd15", **options, autoencoder=tmp_path)
    with pytest.raises(WeightsError, match="denoiser from.*it is a AutoencoderKL.*UNet2DConditionModel"):
        ImagineIDPipeline.from_pretrained("sd15", **options, denoiser=tmp_path / "mine")
    with pytest.raises(WeightsError, match="is a pickle"):
        ImagineIDPipeline.from_pretrained("sd15", **options, motion_module={"files": ["mm.ckpt"]})
    with pytest.raises(OptionError, match="variant"):
        ImagineIDPipeline.from_pretrained("sd15", **options, variant="fp16")


def test_dtype_is_that_of_the_imagining_half(full, place):
    half = ImagineIDPipeline.from_pretrained(
        "sd15", cache_dir=place / "cache", local_files_only=True, dtype=torch.bfloat16
    )
    assert {half.denoiser.dtype, half.autoencoder.dtype, half.text_encoder.dtype} == {torch.bfloat16}
    assert half.identity_encoder.dtype == torch.float32


def test_a_saved_pipeline_has_the_same_weights_and_makes_bit_identical_frames(full, saved, person, make_sound):
    loaded = ImagineIDPipeline.from_pretrained(saved)
    loaded.set_progress_bar_config(disable=True)
    options = {"identity": person, **QUICK}
    sound = make_sound(0.2)
    for name in ("denoiser", "spatial_adapter", "autoencoder", "text_encoder"):
        before, after = getattr(full, name).state_dict(), getattr(loaded, name).state_dict()
        assert before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before), name
    for kind in ("uint8", "latent"):
        before, after = (np.asarray(pipe(sound, output_type=kind, **options).frames) for pipe in (full, loaded))
        assert np.array_equal(before, after), kind


def test_without_the_extra_the_command_that_installs_it_is_named(saved, monkeypatch):
    monkeypatch.setattr("imagineid_sdk.hub.sources.find_spec", lambda name: None)
    for model in ("sd15", saved):
        with pytest.raises(MissingExtraError, match=r"pip install 'imagineid-sdk\[sd15\]'"):
            ImagineIDPipeline.from_pretrained(model)


# --- what each adapter does -------------------------------------------------------------------------------------------


def test_each_adapter_can_be_switched_off_and_is_missed(full, person, make_sound):
    sound = make_sound(0.2)
    everything = full(sound, identity=person, output_type="latent", **QUICK).frames
    for missing in ("semantic", "spatial", "blending", "temporal"):
        rest = tuple(name for name in ("semantic", "spatial", "blending", "temporal") if name != missing)
        without = full(sound, identity=person, output_type="latent", adapters=rest, **QUICK).frames
        assert not torch.equal(without, everything), missing


def test_the_background_of_the_reference_stays(full, person, make_sound):
    latents = full(make_sound(0.8), identity=person, output_type="latent", num_inference_steps=2).frames
    assert len(latents) == 20
    corner = torch.from_numpy(person.reference).float()[:, 0, 0]
    assert torch.allclose(latents[:, :, 0, 0], corner.expand(len(latents), -1), atol=1e-6)


def test_a_video_of_several_windows_has_every_frame_and_no_two_alike(full, person, make_sound):
    latents = full(make_sound(1.2), identity=person, output_type="latent", num_inference_steps=1).frames
    assert len(latents) == 30  # three windows
    assert torch.isfinite(latents).all() and (latents[1:] - latents[:-1]).flatten(1).norm(dim=1).min() > 0


def test_a_background_it_cannot_paint_is_refused(full, person, make_sound):
    with pytest.raises(OptionError, match="colour word"):
        full(make_sound(0.2), identity=person, background="transparent")
