"""Whether a model from elsewhere is what it says, before anything of its size is made.

A config.json is written by strangers. Its numbers may describe networks that fill the memory or take hours to build,
and weights that lack a tensor would be filled up with random numbers. So each network is first built without memory
(on torch's meta device), no larger than its weights are, and compared with their list of contents.
"""

from __future__ import annotations

import inspect
import json
import math
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as hooks

from imagineid_sdk.errors import ImagineIDError, MissingExtraError, ModelError, WeightsError
from imagineid_sdk.hub.download import PICKLES, check_inside

LIBRARIES = ("imagineid_sdk", "diffusers", "transformers")
"""Packages whose classes a model_index.json may name: loading imports what it names."""

INDEX = "model_index.json"

Shapes = dict[str, tuple[int, ...]]


def check_index(listed: Mapping[str, Any], known: Iterable[str], place: str | Path) -> None:
    """Raises ModelError for components that a pipeline doesn't have, or that classes of other packages load."""
    known = set(known)
    for name, entry in listed.items():
        if name.startswith("_"):
            continue
        if name not in known:
            raise ModelError(f"{place} lists a component {name!r}. The components are: {', '.join(sorted(known))}.")
        named = (
            isinstance(entry, list) and len(entry) == 2 and all(part is None or isinstance(part, str) for part in entry)
        )
        if not named or (entry[0] is None) != (entry[1] is None):
            raise ModelError(
                f"{place} lists {name} as {entry!r}. Expected [library, class], as save_pretrained writes it."
            )
        if entry[0] is not None and entry[0].split(".")[0] not in LIBRARIES:
            raise ModelError(
                f"{place} wants {name} to be loaded by the package {entry[0]!r}, which is not imported for it. "
                f"Expected one of: {', '.join(LIBRARIES)}."
            )


def check_networks(folder: Path, variant: str | None, place: str | Path) -> None:
    """Raises WeightsError for networks that their weights don't fit, in a folder whose index was checked."""
    listed = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    for name, entry in listed.items():
        kind = None if name.startswith("_") else network_class(*entry)
        if kind is not None and (folder / name / "config.json").is_file():
            with typed_load_errors(place, f"its {name}: "):
                check_network(kind, folder / name, variant)


@contextmanager
def typed_load_errors(place: str | os.PathLike[str], part: str = "") -> Iterator[None]:
    """Turn the errors of loading a model into typed ones, with the remedy: constructors raise anything when they get
    numbers that a stranger wrote."""
    try:
        yield
    except ImagineIDError:
        raise
    except ImportError as error:
        raise MissingExtraError(f"Loading {place} in this way ({error})", "sd15") from error
    except Exception as error:
        raise WeightsError(
            f"The model in {place} can't be loaded ({part}{str(error) or type(error).__name__}). Expected a complete "
            "model written by pipe.save_pretrained(folder); give force_download=True to fetch a Hub repository again."
        ) from error


def network_class(library: str | None, name: str | None) -> type[Any] | None:
    """The class of a network that is built here from its config; None for what other libraries build."""
    if library is None or name is None:
        return None
    if library.split(".")[0] == "transformers":
        return None
    if library == "diffusers":
        import diffusers

        found = getattr(diffusers, name, None)
    else:
        from imagineid_sdk import models

        found = getattr(models, name, None) if name in models.__all__ else None
    return found if isinstance(found, type) and issubclass(found, nn.Module) else None


def check_network(kind: type[Any], folder: Path, variant: str | None) -> None:
    """Raises for a network whose weights lack something, or have another shape than its config says."""
    files = sorted(folder.glob("*.safetensors"))
    plain = [path for path in files if variant_of(path.name) is None]
    chosen = [path for path in files if variant and f".{variant}." in path.name]
    stored: Shapes = {}
    for path in chosen or plain or files:
        stored |= stored_shapes(path)
    check_shards(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise ValueError(f"its config.json is a {type(config).__name__}, and an object is expected")
    if kind.__module__.startswith("imagineid_sdk."):
        check_kinds(kind, config)
    with torch.device("meta"), no_larger_than(stored):
        network = kind.from_config({name: value for name, value in config.items() if name != "_name_or_path"})
    if kind.__module__.startswith("diffusers.") and kind.__name__ != "UNet2DConditionModel":
        return  # diffusers renames tensors of old checkpoints while it loads them
    for name, tensor in network.state_dict().items():
        if name not in stored:
            raise ValueError(f"its weights lack {name}")
        if stored[name] != tuple(tensor.shape):
            raise ValueError(f"{name} has the shape {stored[name]}, and its config says {tuple(tensor.shape)}")


def check_kinds(kind: type[Any], config: Mapping[str, Any]) -> None:
    """Raises for a value of another kind than the default of the network's constructor."""
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        default, value = parameter.default, config.get(name, parameter.default)
        if isinstance(default, (list, tuple)):
            fits = isinstance(value, (list, tuple))
        elif isinstance(default, bool) or not isinstance(default, (int, float)):
            continue
        else:
            fits = isinstance(value, (int, type(default))) and not isinstance(value, bool) and math.isfinite(value)
        if not fits:
            raise ValueError(f"{name} in its config.json is {value!r}, and a value such as {default!r} is expected")


def variant_of(name: str) -> str | None:
    """``a/model.fp16.safetensors`` -> ``fp16``."""
    parts = Path(name).name.split(".")
    return parts[-2] if len(parts) > 2 else None


def stored_shapes(path: Path) -> Shapes:
    """Names and shapes of the tensors of a safetensors file, from its header."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def check_shards(folder: Path) -> None:
    """Raises for an index of shards that names files elsewhere, or pickles."""
    for path in folder.glob("*.index.json"):
        named = json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()
        for name in sorted(set(named)):
            check_inside(name, path)
            if name.endswith(PICKLES):
                raise ValueError(f"{path.name} names {name}, which is a pickle")


@contextmanager
def no_larger_than(stored: Shapes) -> Iterator[None]:
    """Within the block this thread builds no network that is larger than the weights that are there for it."""
    here, most = threading.get_ident(), 2 * sum(math.prod(shape) for shape in stored.values()) + (1 << 20)
    built, tensors, numbers = 4 * len(stored) + 1024, 0, 0

    def count(*registered: Any) -> None:
        nonlocal tensors, numbers
        if threading.get_ident() != here:
            return
        tensors += 1
        numbers += registered[2].numel() if isinstance(registered[2], torch.Tensor) else 0
        if tensors > built or numbers > most:
            raise ValueError("its config describes a larger network than its weights are")

    with ExitStack() as registered:
        for register in (
            hooks.register_module_parameter_registration_hook, hooks.register_module_buffer_registration_hook,
            hooks.register_module_module_registration_hook,
        ):  # fmt: skip
            registered.callback(register(count).remove)
        yield
