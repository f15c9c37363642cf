"""Numbers: what runs in which precision, and that a caller's settings of torch change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imagineid_sdk.errors import OptionError
from imagineid_sdk.precision import bfloat16_pays, pinned_torch, read_dtype


def test_names_and_types_are_read():
    assert read_dtype("bfloat16") is read_dtype(torch.bfloat16) is read_dtype("torch.bfloat16") is torch.bfloat16
    assert read_dtype(None) is None
    for wrong in ("int8", torch.int8, 16):
        with pytest.raises(OptionError, match="float32, float16, bfloat16"):
            read_dtype(wrong)


@pytest.mark.parametrize(("capability", "pays"), [((7, 0), False), ((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_only_gpus_that_have_bfloat16_use_it(monkeypatch, capability, pays):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)  # V100, T4, A100, H100
    monkeypatch.setattr(torch.version, "hip", None)
    assert bfloat16_pays(torch.device("cuda", 0)) is pays
    assert not bfloat16_pays(torch.device("mps"))


def test_settings_of_the_caller_are_put_aside_and_back():
    torch.set_default_dtype(torch.float64)
    try:
        with torch.autocast("cpu", torch.bfloat16), torch.device("meta"):
            with pinned_torch():
                made = torch.ones(2, 2)
                assert made.dtype == torch.float32 and made.device.type == "cpu"
                assert (made @ made).dtype == torch.float32 and not torch.is_grad_enabled()
            assert torch.get_default_dtype() == torch.float64 and torch.is_autocast_enabled("cpu")
            assert torch.ones(1).device.type == "meta" and torch.is_grad_enabled()
    finally:
        torch.set_default_dtype(torch.float32)


QUICK = {"seed": 7, "fps": 5, "reference_steps": 1}


@pytest.fixture(scope="module")
def plain(pipeline, sound):
    return pipeline(sound, **QUICK).frames


@pytest.fixture(scope="module")
def sound():
    from tests.conftest import voice_like

    return voice_like(0.4)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_a_call_inside_autocast_or_with_other_defaults_is_the_same(pipeline, sound, plain):
    with torch.autocast("cpu", torch.bfloat16):
        assert np.array_equal(pipeline(sound, **QUICK).frames, plain)
    torch.set_default_dtype(torch.float64)
    try:
        assert np.array_equal(pipeline(sound, **QUICK).frames, plain)
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.device("meta"), torch.inference_mode():
        assert np.array_equal(pipeline(sound, **QUICK).frames, plain)


@pytest.mark.parametrize("options", [{"dtype": "bfloat16"}, {"torch_dtype": torch.float16}])
def test_half_precision_works_and_listening_stays_in_full(sound, plain, options):
    from imagineid_sdk import ImagineIDPipeline

    half = ImagineIDPipeline.from_pretrained(**options)
    half.set_progress_bar_config(disable=True)
    assert half.denoiser.dtype == read_dtype(next(iter(options.values())))
    assert half.speech_encoder.dtype == half.head.identity_mean.dtype == torch.float32
    assert apart(half(sound, **QUICK).frames, plain) < 3  # grey levels of 255


def test_without_bfloat16_in_hardware_frames_are_made_in_float32(pipeline, sound, plain, monkeypatch):
    from imagineid_sdk.imagining import networks

    monkeypatch.setattr(networks, "bfloat16_pays", lambda device: False)
    assert apart(pipeline(sound, **QUICK).frames, plain) < 2


def test_moving_to_a_type_moves_only_what_imagines(pipeline):
    import copy

    moved = copy.deepcopy(pipeline).to(torch.bfloat16)
    assert moved.denoiser.dtype == torch.bfloat16 and moved.identity_encoder.dtype == torch.float32
    assert moved.to("cpu", torch.float32).denoiser.dtype == torch.float32
    assert moved.to(dtype="bfloat16").denoiser.dtype == torch.bfloat16
    assert pipeline.denoiser.dtype == torch.float32


def test_contradictions_are_refused_before_anything_is_loaded(monkeypatch):
    from imagineid_sdk import ImagineIDPipeline
    from imagineid_sdk.hub import loading

    monkeypatch.setattr(loading, "load_component", lambda *_: pytest.fail("loaded before the check"))
    for options, words in (
        ({"dtype": "int8"}, "dtype='int8'"), ({"dtype": "float16", "torch_dtype": "float32"}, "contradict"),
        ({"use_safetensors": False}, "pickles"), ({"varient": "fp16"}, "no option 'varient'"),
    ):  # fmt: skip
        with pytest.raises(OptionError, match=words):
            ImagineIDPipeline.from_pretrained(**options)


def test_calls_in_several_threads_share_what_they_put_aside():
    """The default type is one for all threads: whoever ends first must not put it back under the others."""
    import threading

    seen: list[torch.dtype] = []
    inside, first_is_out = threading.Barrier(2), threading.Event()

    def first() -> None:
        with pinned_torch():
            inside.wait()
        first_is_out.set()

    def second() -> None:
        with pinned_torch():
            inside.wait()
            first_is_out.wait()
            seen.append(torch.get_default_dtype())

    torch.set_default_dtype(torch.float64)
    try:
        threads = [threading.Thread(target=first), threading.Thread(target=second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [torch.float32] and torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_threads_wait_without_spinning_unless_the_user_wants_them_to():
    """On busy cores, threads that spin make a call ten times slower. OpenMP reads this when torch is first imported."""
    import os
    import subprocess
    import sys

    program = "import os, imagineid_sdk; print(os.environ['OMP_WAIT_POLICY'])"
    for given, expected in (({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")):
        environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | given
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert done.stdout.strip() == expected, done.stderr


def test_several_speakers_and_a_mesh_are_made_whatever_the_caller_has_set(pipeline, sound, tmp_path):
    out = pipeline(sound, **QUICK, output_type="none")
    torch.set_default_dtype(torch.float64)
    try:
        with torch.autocast("cpu", torch.bfloat16):
            assert len(pipeline(sound, **QUICK, output_type="none", speakers="separate")) == 1
            assert pipeline.renderer(out.identity).mesh().texture.dtype == np.uint8
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("options", [{"dtype": "bfloat16"}, {"torch_dtype": torch.bfloat16}])
def test_a_packed_network_is_loaded_in_the_type_that_was_asked_for(shipped_weights, options):
    from imagineid_sdk.models import SemanticAdapter

    adapter = SemanticAdapter.from_pretrained(shipped_weights / "semantic_adapter", **options)
    assert {weight.dtype for weight in adapter.parameters()} == {torch.bfloat16}
