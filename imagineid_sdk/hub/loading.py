"""From the arguments of ``from_pretrained`` to the components of a pipeline."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from pydantic import ConfigDict
from safetensors import SafetensorError
from torch import nn
from typing_extensions import TypedDict

from imagineid_sdk.errors import MissingExtraError, OptionError, WeightsError
from imagineid_sdk.face.mesh import rasterizer
from imagineid_sdk.hub.download import HubOptions
from imagineid_sdk.hub.plausible import check_networks
from imagineid_sdk.hub.recipes import is_recipe
from imagineid_sdk.hub.sources import check_folder, embedded_model, fetch_model, resolve
from imagineid_sdk.imagining.choose import ONLY_SD15
from imagineid_sdk.models import COMPONENTS, CONVOLUTIONAL, IMAGINING, LISTENING_AND_FACE
from imagineid_sdk.options import check_names
from imagineid_sdk.precision import pinned, read_dtype
from imagineid_sdk.quantization import WEIGHTS_FILE, unpack
from imagineid_sdk.video import watermark

ALIGNMENT = 64
"""Bytes that torch's own tensors begin at multiples of."""

DIFFUSERS_OPTIONS = (
    "device_map", "low_cpu_mem_usage", "max_memory", "offload_folder", "offload_state_dict", "quantization_config",
    "disable_mmap",
)  # fmt: skip
"""Options of `diffusers.DiffusionPipeline.from_pretrained` that are handed on."""


class LoadKwargs(TypedDict, total=False):
    """Keywords of ``from_pretrained``: fields of `LoadOptions`, components, roles of a recipe, options of diffusers."""

    revision: str | None
    token: str | bool | None
    cache_dir: str | Path | None
    local_files_only: bool
    force_download: bool
    variant: str | None
    dtype: str | torch.dtype | None
    torch_dtype: str | torch.dtype | None
    use_safetensors: bool | None

    speech_encoder: Any
    identity_encoder: Any
    content_encoder: Any
    emotion_encoder: Any
    head: Any
    population: Any
    autoencoder: Any
    portrait_decoder: Any
    denoiser: Any
    attribute_embedder: Any
    semantic_adapter: Any
    spatial_adapter: Any
    blending_adapter: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: Any
    motion_module: Any

    device_map: Any
    low_cpu_mem_usage: bool
    max_memory: Any
    offload_folder: str | os.PathLike[str]
    offload_state_dict: bool
    quantization_config: Any
    disable_mmap: bool


class LoadOptions(HubOptions):
    """How a model is fetched and loaded.

    Attributes:
        dtype: "float32", "float16" or "bfloat16", or the torch type: of the networks that imagine; listening and the
            head stay in float32. Half precision is for accelerators and for processors that have it.
        use_safetensors: for code that sets it; only True and None are possible.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    dtype: torch.dtype | None = None
    use_safetensors: bool | None = None

    @classmethod
    def take(cls, options: dict[str, Any]) -> LoadOptions:
        """Take the fields out of ``options``; the others are for components or diffusers.

        Raises:
            OptionError: a field can't be used.
        """
        both = {name: options.pop(name) for name in ("dtype", "torch_dtype") if name in options}
        types = {read_dtype(dtype) for dtype in both.values() if dtype != "auto"} - {None}
        if len(types) > 1:
            raise OptionError(
                f"dtype={both['dtype']} and torch_dtype={both['torch_dtype']} contradict. Give one of them."
            )
        chosen = super().take(options | {"dtype": next(iter(types), None)})
        for name in cls.model_fields:
            options.pop(name, None)
        if chosen.use_safetensors is False:
            raise OptionError(
                "use_safetensors=False would load pickles, which run code. Only safetensors are loaded here."
            )
        return chosen

    @classmethod
    def split(cls, options: LoadKwargs) -> tuple[LoadOptions, dict[str, Any]]:
        """The fields, and the rest of the options."""
        rest: dict[str, Any] = {**options}
        return cls.take(rest), rest

    def folder(self, model: str | os.PathLike[str] | None, options: Mapping[str, Any]) -> Path:
        """The folder of a model that is no recipe, fetched if need be.

        Raises:
            OptionError: an option is unknown.
            HubError, MissingExtraError, ModelError, WeightsError: as for ``from_pretrained``.
        """
        known = *COMPONENTS, *ONLY_SD15, *DIFFUSERS_OPTIONS
        check_names(options, known, "from_pretrained", [*LoadOptions.model_fields])
        needs_accelerate = options.get("device_map") is not None or options.get("low_cpu_mem_usage")
        if needs_accelerate and find_spec("accelerate") is None:
            raise MissingExtraError("device_map= or low_cpu_mem_usage=True", "sd15")
        folder = resolve(model)
        if folder == embedded_model():
            if given := [name for name in ("revision", "variant") if getattr(self, name) is not None]:
                raise OptionError(f"{given[0]}= is about a repository; the embedded model has none. Leave it out.")
            return folder
        if folder is None:
            folder = fetch_model(str(model), self)
        else:
            check_folder(folder, self.variant)
        check_networks(folder, self.variant, str(model))
        return folder

    def for_diffusers(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of `diffusers.DiffusionPipeline.from_pretrained`."""
        arguments = {"variant": self.variant, "use_safetensors": True, **options}
        # Without accelerate diffusers would warn about each of a dozen small networks.
        arguments.setdefault("low_cpu_mem_usage", find_spec("accelerate") is not None)
        types: dict[str, Any] = {} if self.dtype is None else {name: self.dtype for name in IMAGINING}
        return arguments | {"dtype": types | {"default": torch.float32}}


def load_components(
    model: str | os.PathLike[str] | None, chosen: LoadOptions, options: Mapping[str, Any]
) -> dict[str, Any] | Path:
    """The components of a recipe or of the embedded model; of others the folder, which diffusers reads.

    Raises:
        OptionError: an option is unknown.
        HubError, MissingExtraError, ModelError, WeightsError: as for ``from_pretrained``.
    """
    from imagineid_sdk.hub.compose import load_recipe

    rasterizer.load()
    watermark.load()
    if is_recipe(model):
        return embedded_components(LISTENING_AND_FACE) | load_recipe(str(model), chosen, options)
    folder = chosen.folder(model, options)
    return embedded_components(COMPONENTS) if folder == embedded_model() and not options else folder


def exchange_components(
    components: Mapping[str, Any], options: Mapping[str, Any]
) -> tuple[dict[str, Any], torch.dtype | None]:
    """The components with some exchanged, and the type that was asked for.

    Raises:
        OptionError: an option is unknown.
    """
    types = {name: options[name] for name in ("dtype", "torch_dtype") if name in options}
    others = {name: component for name, component in options.items() if name not in types}
    check_names(others, (*COMPONENTS, *ONLY_SD15), "from_pipe", ["dtype"])
    return {**components, **others}, LoadOptions.take(types).dtype


def embedded_components(components: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Some components of ``tiny``, loaded."""
    return {name: load_component(embedded_model(), name, kind) for name, kind in components.items()}


@pinned
def load_component(folder: Path, name: str, kind: type[Any]) -> Any:
    """One network of an embedded model, in float32, without the Hub's machinery.

    Raises:
        WeightsError: the folder is incomplete or its weights don't fit.
    """
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / name / "config.json").read_text())
        module = kind.from_config({k: v for k, v in config.items() if k != "_name_or_path"})
        module.load_state_dict(unpack(load_file(folder / name / WEIGHTS_FILE)))
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise WeightsError(
            f"The {name} of the model in {folder} can't be loaded ({error}). Install the package again."
        ) from error
    return module.eval()


def lay_out(components: Mapping[str, Any]) -> None:
    """Lay the weights of networks out in memory: convolutions as they are fastest, and no views into a mapped file.

    Those begin at any byte there, and the last bits of a product depend on that: a model that is saved and loaded would
    no longer make the same frames.
    """
    for name in CONVOLUTIONAL:
        if components.get(name) is not None:
            components[name].to(memory_format=torch.channels_last)
    for network in components.values():
        if isinstance(network, nn.Module):
            for tensor in (*network.parameters(), *network.buffers()):
                if tensor.device.type == "cpu" and tensor.data_ptr() % ALIGNMENT:
                    tensor.data = tensor.data.clone()
