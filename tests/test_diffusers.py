"""What users of diffusers expect of a pipeline."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys

import diffusers
import numpy as np
import pytest
import torch
from packaging.requirements import Requirement
from packaging.version import Version

from imagineid_sdk import ImagineIDPipeline
from imagineid_sdk.errors import MissingExtraError, OptionError
from tests.conftest import ROOT, voice_like

QUICK = {"fps": 5, "reference_steps": 2}


@pytest.fixture(scope="module")
def sound():
    return voice_like(0.4)


@pytest.fixture(scope="module")
def plain(pipeline, sound):
    return pipeline(sound, seed=7, **QUICK)


@pytest.fixture(scope="module")
def folder(pipeline, tmp_path_factory):
    pipeline.save_pretrained(tmp_path_factory.mktemp("model"))
    return tmp_path_factory.getbasetemp() / "model0"


def test_a_generator_chooses_the_person(pipeline, sound):
    first, again = (pipeline(sound, generator=torch.Generator().manual_seed(3), **QUICK) for _ in range(2))
    assert first.identity.seed == again.identity.seed
    seeds = [
        face.identity.seed
        for face in pipeline.imagine(sound, num_faces=2, generator=torch.Generator().manual_seed(3), reference_steps=1)
    ]
    assert seeds[0] == first.identity.seed != seeds[1]
    with pytest.raises(OptionError, match="both choose the person"):
        pipeline(sound, seed=1, generator=torch.Generator())
    with pytest.raises(OptionError, match="a list of 1"):
        pipeline(sound, generator=[torch.Generator(), torch.Generator()])


def test_several_clips_give_one_output_each_in_order(pipeline, sound, plain):
    made = pipeline([sound, (16_000, sound[:3200])], seed=7, **QUICK)
    assert [len(output.frames) for output in made] == [2, 1]
    assert np.array_equal(made[0].frames, plain.frames)
    seeds = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    first, second = pipeline([sound, sound], generator=seeds, return_dict=False, **QUICK)
    assert first[3].seed != second[3].seed


def test_the_tensors_of_a_callback_are_chosen_as_in_diffusers(pipeline, sound):
    seen = []
    options = {"callback_on_step_end": lambda pipe, step, time, tensors: seen.append(list(tensors))}
    pipeline(sound, seed=7, callback_on_step_end_tensor_inputs=["latents"], **options, **QUICK)
    assert seen and set(map(tuple, seen)) == {("latents",)}
    for wrong in (5, "latents", ["prompt_embeds"]):
        with pytest.raises(OptionError, match="callback_on_step_end_tensor_inputs"):
            pipeline(sound, callback_on_step_end_tensor_inputs=wrong, **QUICK)


def test_a_callback_sees_and_changes_the_steps_of_the_portrait(pipeline, sound, plain):
    seen = []

    def watch(pipe, step, time, tensors):
        assert pipe is pipeline
        seen.append((step, round(time, 2), tuple(tensors["latents"].shape)))
        return tensors

    options = {"seed": 7, "fps": 5, "reference_steps": 2}
    watched = pipeline(sound, callback_on_step_end=watch, **options)
    assert seen == [(0, 1.0, (1, 16, 16, 16)), (1, 0.5, (1, 16, 16, 16))]
    assert np.array_equal(watched.frames, plain.frames)
    blank = pipeline(sound, callback_on_step_end=lambda *_: {"latents": torch.zeros(1, 16, 16, 16)}, **options)
    assert not blank.identity.reference.any()


def test_the_tuple_is_that_of_the_outputs_fields(pipeline, sound, plain):
    frames, fps, profile, identity, motion, audio = pipeline(sound, seed=7, return_dict=False, **QUICK)
    assert np.array_equal(frames, plain.frames) and fps == 5 and identity.seed == 7
    assert len(motion) == len(frames) and audio.duration == profile.duration


def test_a_pipeline_can_be_copied_and_pickled_after_a_call(pipeline, sound, plain):
    longer = pipeline(voice_like(1.2), identity=plain.identity)  # several batches: with threads, where there are some
    assert len(longer.frames) == 30
    for twin in (copy.deepcopy(pipeline), pickle.loads(pickle.dumps(pipeline))):
        assert np.array_equal(twin(sound, seed=7, **QUICK).frames, plain.frames)


def test_another_pipeline_of_the_same_networks(pipeline, sound, plain):
    for unknown in ("denoisr", "revision"):
        with pytest.raises(OptionError, match=unknown):
            ImagineIDPipeline.from_pipe(pipeline, **{unknown: None})
    twin = ImagineIDPipeline.from_pipe(pipeline)
    assert twin.denoiser is pipeline.denoiser
    twin.set_progress_bar_config(disable=True)
    assert np.array_equal(twin(sound, seed=7, **QUICK).frames, plain.frames)


def test_diffusers_own_loader_gives_this_class(folder, sound, plain):
    loaded = diffusers.DiffusionPipeline.from_pretrained(folder)
    assert type(loaded) is ImagineIDPipeline
    loaded.set_progress_bar_config(disable=True)
    assert np.array_equal(loaded(sound, seed=7, **QUICK).frames, plain.frames)


def test_a_saved_model_names_one_module_of_ours(folder, shipped_weights):
    for index in (folder, shipped_weights):
        text = (index / "model_index.json").read_text()
        assert text.count('"imagineid_sdk') == text.count('"imagineid_sdk.models"') == 12


def test_options_of_loading(folder, monkeypatch):
    assert ImagineIDPipeline.from_pretrained(folder, use_safetensors=True, torch_dtype="float32") is not None
    from imagineid_sdk.hub import loading

    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="device_map"):
        ImagineIDPipeline.from_pretrained(folder, device_map="balanced")


def test_the_range_of_diffusers_ends_where_nobody_has_tried():
    text = (ROOT / "pyproject.toml").read_text()
    wanted = Requirement(next(line for line in text.splitlines() if '"diffusers>' in line).split('"')[1])
    assert Version(diffusers.__version__) in wanted.specifier
    assert any(part.operator == "<" for part in wanted.specifier)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_call_after_a_fork_ends():
    program = """
import os, sys
from imagineid_sdk import ImagineIDPipeline
from tests.conftest import voice_like
pipe = ImagineIDPipeline.from_pretrained()
pipe.set_progress_bar_config(disable=True)
options = {"seed": 7, "fps": 5, "reference_steps": 1, "size": 256}
pipe(voice_like(0.4), **options)
child = os.fork()
if child == 0:
    os._exit(len(pipe(voice_like(0.4), **options).frames))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    places = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive", "PYTHONPATH": places}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=180, cwd=ROOT
    )
    assert run.stdout.strip() == "2", run.stderr
