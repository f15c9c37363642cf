"""What is fuzzed: a sound, an identity, a model or a set of options, each drawn from a generator."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mutations import joined, odd_array, odd_text, odd_value, sound, sound_files, spoiled

Case = Callable[[np.random.Generator, int], str]
"""Runs the case of a number with its generator; says what came of it."""


def short_call(pipe: Any, source: Any, number: int, **options: Any) -> None:
    """All that is made of a sound, in turns: the voice, the motion, the frames, the video."""
    options = {"reference_steps": 1, "seed": number} | options
    kind = number // 100 % 4
    if kind == 0:
        pipe.listen(source)
    elif kind == 1:
        pipe(source, **options | {"output_type": "none"})
    elif kind == 2:
        pipe(source, **options)
    else:
        options.pop("output_type", None)
        pipe.write_mp4(source, io.BytesIO(), **options)


def load_pipeline() -> Any:
    from imagineid_sdk import ImagineIDPipeline

    pipe = ImagineIDPipeline.from_pretrained()
    pipe.set_progress_bar_config(disable=True)
    # Compilers, caches and the pools of threads are full before anybody looks whether memory grows.
    hum = 0.1 * np.sin(np.arange(16_000) / 20).astype(np.float32)
    for number in (0, 100, 200, 300) * 2:
        short_call(pipe, hum, number)
    return pipe


def audio_cases(folder: Path) -> Case:
    from imagineid_sdk import load_audio
    from imagineid_sdk.audio.decoding import open_pipe
    from imagineid_sdk.errors import AudioError

    seeds = sound_files(folder)
    names, contents = sorted(seeds), [seeds[name] for name in sorted(seeds)]
    pipe = load_pipeline()

    def case(draw: np.random.Generator, number: int) -> str:
        at = int(draw.integers(len(names)))
        content = spoiled(joined(contents, draw) if draw.random() < 0.05 else contents[at], draw)
        other = names[int(draw.integers(len(names)))]
        ending = Path(names[at] if draw.random() < 0.8 else other).suffix
        path = folder / f"case{ending}"
        path.write_bytes(content)
        way = draw.random()
        if way < 0.15:
            with open_pipe(io.BytesIO(content)) as live:
                return f"{sum(map(len, live.blocks))} samples"
        source = path if way < 0.65 else content if way < 0.85 else io.BytesIO(content)
        clip = load_audio(source)
        if not (np.isfinite(clip.samples).all() and np.abs(clip.samples).max(initial=0) <= 1.0):
            raise AssertionError("samples beyond [-1, 1] came through")
        if number % 100 == 0 and clip.duration < 2:
            short_call(pipe, path, number)
        return "result"

    def guarded(draw: np.random.Generator, number: int) -> str:
        try:
            return case(draw, number)
        except AudioError as error:
            assert len(str(error)) > 20, "an error without words"
            raise

    return guarded


def identity_cases(folder: Path) -> Case:
    from safetensors import safe_open
    from safetensors.numpy import load_file, save

    from imagineid_sdk import Identity

    pipe, base = load_pipeline(), folder / "base.safetensors"
    pipe.imagine(sound(), num_faces=1, seed=5, reference_steps=1)[0].identity.save(base)
    tensors, content = load_file(base), base.read_bytes()
    with safe_open(base, framework="np") as file:
        metadata = file.metadata()

    def changed(draw: np.random.Generator) -> bytes:
        way = draw.random()
        if way < 0.3:
            return spoiled(content, draw)
        kept, said = dict(tensors), dict(metadata)
        if way < 0.75:
            said["identity"] = odd_text(metadata["identity"], draw).decode("utf-8", "replace")
        if way > 0.65:
            name = str(draw.choice(sorted(kept)))
            kept[name] = odd_array(kept[name], draw)
        if draw.random() < 0.1:
            kept.pop(str(draw.choice(sorted(kept))))
        if draw.random() < 0.05:
            said = {str(odd_value(draw)).replace("\ud800", "?"): "1"}
        return save(kept, metadata=said)

    def case(draw: np.random.Generator, number: int) -> str:
        path = folder / "case.safetensors"
        path.write_bytes(changed(draw))
        Identity.load(path)
        if number % 10 == 0:
            pipe.renderer(path, reference_steps=1)
        if number % 100 == 0:
            short_call(pipe, sound(), number, identity=path)
        return "result"

    return case


def model_cases(folder: Path) -> Case:
    import shutil

    from imagineid_sdk import ImagineIDPipeline

    base, place = folder / "base", folder / "case"
    load_pipeline().save_pretrained(base)
    files = sorted(path.relative_to(base) for path in base.rglob("*") if path.is_file())
    configs = [path for path in files if path.suffix == ".json"]
    weights = [path for path in files if path.suffix == ".safetensors"]

    def spoil(draw: np.random.Generator) -> None:
        name = configs[0] if draw.random() < 0.2 else files[int(draw.integers(len(files)))]
        target, chance = place / name, draw.random()
        target.unlink()
        if chance < 0.1:
            return
        if chance < 0.2:
            target.mkdir()
        elif chance < 0.3:
            target.with_name("diffusion_pytorch_model.bin").write_bytes(draw.bytes(100))
        elif chance < 0.4:
            same = weights if name in weights else configs
            target.write_bytes((base / same[int(draw.integers(len(same)))]).read_bytes())
        elif name in configs:
            target.write_bytes(odd_text((base / name).read_text(), draw))
        else:
            target.write_bytes(spoiled((base / name).read_bytes(), draw))

    def case(draw: np.random.Generator, number: int) -> str:
        shutil.rmtree(place, ignore_errors=True)
        for name in files:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(base / name, place / name)
        spoil(draw)
        pipe = ImagineIDPipeline.from_pretrained(place)
        pipe.set_progress_bar_config(disable=True)
        if number % 10 == 0:
            short_call(pipe, sound(), number * 10)
        return "result"

    return case


def options_cases(folder: Path) -> Case:
    from imagineid_sdk.face.persona.vocabulary import WORDS
    from imagineid_sdk.options import GenerateOptions
    from imagineid_sdk.resolver import Factors

    pipe = load_pipeline()
    fields = {name: name for name in (*GenerateOptions.model_fields, *Factors.__dataclass_fields__)}
    names = sorted(fields)

    def value(name: str, draw: np.random.Generator) -> object:
        if draw.random() < 0.4:
            return odd_value(draw)
        if name in WORDS and draw.random() < 0.8:
            return str(draw.choice(WORDS[name]))
        usual: dict[str, object] = {
            "fps": float(draw.uniform(0.5, 130)), "seed": int(draw.integers(2**40)),
            "age": float(draw.uniform(-5, 130)), "num_inference_steps": int(draw.integers(0, 4)),
            "reference_steps": int(draw.integers(0, 4)),
            "background": draw.integers(0, 255, tuple(draw.integers(0, 9, 3)), dtype=np.uint8),
            "emotion": "happy", "adapters": ("semantic",), "identity_from": sound(), "emotion_from": sound(),
            "sampling_rate": int(draw.choice([8000, 16000, 44100, 1])), "output_type": "pil",
        }  # fmt: skip
        return usual.get(name, float(draw.uniform(-0.2, 2.2)))

    def case(draw: np.random.Generator, number: int) -> str:
        chosen = [names[int(at)] for at in draw.choice(len(names), int(draw.integers(0, 7)), replace=False)]
        options: dict[str, Any] = {name: value(name, draw) for name in chosen}
        if draw.random() < 0.05:
            options[str(odd_value(draw))] = odd_value(draw)
        if number % 20 == 1:
            type(pipe).from_pretrained(odd_value(draw) if draw.random() < 0.5 else None, **options)
        elif number % 100 == 0:
            short_call(pipe, sound(), number, **options)
        elif number % 2:
            GenerateOptions(**{name: given for name, given in options.items() if name in GenerateOptions.model_fields})
        else:
            options["reference_steps"] = options.get("reference_steps", 1)
            pipe.stream(**options)
        return "result"

    return case


TARGETS = {"audio": audio_cases, "identity": identity_cases, "model": model_cases, "options": options_cases}
