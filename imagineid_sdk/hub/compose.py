"""From a recipe to networks: fetch what each role needs, and nothing else, and put it together."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from imagineid_sdk.errors import ModelError, OptionError, WeightsError
from imagineid_sdk.hub.download import PICKLES, HubOptions, fetch, pickle_refused
from imagineid_sdk.hub.loading import DIFFUSERS_OPTIONS, LoadOptions
from imagineid_sdk.hub.recipes import Recipe, Source, check_roles
from imagineid_sdk.hub.sources import is_repository, require_transformers

CLASSES = {
    "denoiser": ("UNet2DConditionModel",),
    "spatial_adapter": ("ControlNetModel",),
    "autoencoder": ("AutoencoderKL", "AutoencoderTiny"),
}
"""What a role may hold, as its config.json names it."""
FRAME_SCHEDULE = {"timestep_spacing": "trailing", "beta_schedule": "linear"}
"""What the distilled motion module was trained with (model card of ByteDance/AnimateDiff-Lightning)."""


def load_recipe(name: str | os.PathLike[str], options: LoadOptions, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The imagining components of a pipeline, as its constructor takes them.

    Args:
        name: a recipe of the package, or the path of a json file.
        options: where the checkpoints are fetched, and the networks' type; None is float32.
        overrides: role -> repository, folder, fields of `Source`, or the loaded component itself.

    Raises:
        MissingExtraError: transformers is not installed.
        OptionError: no such role; or options that a recipe fixes itself.
        HubError, ModelError, WeightsError: a checkpoint can't be had or does not fit its role.
    """
    if idle := [name for name in overrides if name in DIFFUSERS_OPTIONS]:
        raise OptionError(
            f"{idle[0]}= can't be used with a recipe, whose networks come from several repositories. Give dtype=, and "
            "call pipe.to('cuda') or pipe.enable_model_cpu_offload() afterwards."
        )
    check_roles(overrides)
    require_transformers(f"The recipe {str(name)!r}")
    if options.variant or options.revision:
        raise OptionError(
            "variant and revision belong to one repository; a recipe has several and names the files of each. "
            "Override a role instead: denoiser={'revision': ..., 'files': [...]}."
        )
    given = {role: other for role, other in overrides.items() if not isinstance(other, (str, os.PathLike, Mapping))}
    recipe = Recipe.load(name).with_overrides({k: v for k, v in overrides.items() if k not in given})
    folders = {role: locate(source, options) for role, source in recipe.roles().items() if role not in given}
    loaded = {role: load_role(role, folder, recipe, options.dtype) for role, folder in folders.items()} | given
    motion = loaded.pop("motion_module")
    if type(loaded["denoiser"]).__name__ != "UNetMotionModel":
        loaded["denoiser"] = with_motion(loaded["denoiser"], motion)
    return loaded


def locate(source: Source, hub: HubOptions) -> Path:
    """Folder that holds the files of a source, downloaded if they are on the Hub."""
    for name in source.files:
        if name.endswith(PICKLES):
            raise pickle_refused(source.repo, name)
    folder = Path(source.repo)
    if folder.is_dir():
        # Both a whole model and the folder of the one component are taken.
        folder = folder / source.subfolder if (folder / source.subfolder).is_dir() else folder
        for name in source.files:
            if not (folder / name).is_file() and name.endswith((".safetensors", "config.json")):
                raise ModelError(f"The folder {folder} has no {name}. Expected the files: {', '.join(source.files)}.")
        return folder
    if not is_repository(source.repo):
        raise ModelError(f"{source.repo!r} is neither a folder nor a Hub repository. Give 'owner/name' or a path.")
    prefix = f"{source.subfolder}/" if source.subfolder else ""
    first = fetch(source.repo, prefix + source.files[0], hub, revision=source.revision)
    # The rest comes from the same commit, and what is in the cache needs no request.
    commit = first.parents[prefix.count("/")].name
    for name in source.files[1:]:
        fetch(source.repo, prefix + name, hub, revision=commit)
    return first.parent


def load_role(role: str, folder: Path, recipe: Recipe, dtype: torch.dtype | None) -> Any:
    """The network, tokenizer or scheduler that a folder holds; of a motion module its tensors."""
    weights = [name for name in recipe.roles()[role].files if name.endswith(".safetensors")]
    try:
        if role == "motion_module":
            from safetensors.torch import load_file

            return load_file(folder / weights[0])
        if role == "tokenizer":
            from transformers import CLIPTokenizer

            return CLIPTokenizer.from_pretrained(folder)
        if role == "text_encoder":
            return _load_text_encoder(folder, dtype)
        if role == "scheduler":
            from diffusers import EulerDiscreteScheduler

            return EulerDiscreteScheduler.from_config(EulerDiscreteScheduler.load_config(folder), **FRAME_SCHEDULE)
        return _load_network(role, folder, weights[0], dtype)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        source = recipe.roles()[role]
        raise WeightsError(
            f"The {role} from {source.repo} can't be loaded ({error}). Expected {', '.join(source.files)} of a Stable "
            f"Diffusion 1.5 model. Give force_download=True, or another source: {role}='owner/name'."
        ) from error


def _load_text_encoder(folder: Path, dtype: torch.dtype | None) -> Any:
    from transformers import CLIPTextModel

    loaded: Any = CLIPTextModel.from_pretrained(
        folder, dtype=dtype or torch.float32, use_safetensors=True, output_loading_info=True
    )
    encoder, report = loaded
    # transformers only warns, and fills what is missing with random numbers.
    if missing := report["missing_keys"]:
        raise ValueError(f"its weights lack {sorted(missing)[0]} and {len(missing) - 1} more")
    return encoder.eval()


def _load_network(role: str, folder: Path, weights: str, dtype: torch.dtype | None) -> Any:
    import diffusers
    from diffusers.utils import is_accelerate_available

    kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["_class_name"]
    if kind not in CLASSES[role]:
        raise ValueError(f"it is a {kind}, and this role needs {' or '.join(CLASSES[role])}")
    parts = weights.split(".")
    network = getattr(diffusers, kind).from_pretrained(
        str(folder), variant=parts[1] if len(parts) > 2 else None, dtype=dtype or torch.float32, use_safetensors=True,
        low_cpu_mem_usage=is_accelerate_available(),
    )  # fmt: skip
    return network.eval()


def with_motion(unet: Any, motion: Mapping[str, torch.Tensor]) -> Any:
    """The frozen 2D base with a motion module's tensors between its layers; the shape is read from the tensors, which
    come without a config.

    Raises:
        WeightsError: the two do not fit.
    """
    from diffusers import MotionAdapter, UNetMotionModel

    positions = next((tensor for name, tensor in motion.items() if name.endswith("pos_embed.pe")), None)
    try:
        adapter = MotionAdapter(
            block_out_channels=tuple(unet.config.block_out_channels),
            motion_layers_per_block=unet.config.layers_per_block,
            motion_norm_num_groups=unet.config.norm_num_groups,
            motion_max_seq_length=32 if positions is None else positions.shape[1],
            use_motion_mid_block=any(name.startswith("mid_block") for name in motion),
        )
        adapter.load_state_dict(motion)
        return UNetMotionModel.from_unet2d(unet, adapter.to(unet.dtype)).eval()
    except (RuntimeError, ValueError) as error:
        raise WeightsError(
            f"The motion module does not fit the denoiser ({error}). Expected an AnimateDiff module for Stable "
            "Diffusion 1.5 in diffusers' layout."
        ) from error
