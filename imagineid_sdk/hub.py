"""Where models come from: the one inside the package, a local folder, or the Hub."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from .errors import HubError, ModelError, WeightsError

EMBEDDED = ("tiny",)
"""Models inside the package."""


def embedded_model(name: str = "tiny") -> Path:
    """Folder of a model that is shipped with the package."""
    return Path(__file__).parent / "weights" / name


def resolve(model: str | os.PathLike[str] | None) -> Path | None:
    """The folder of a model that is here, or None for a Hub repository.

    Raises:
        ModelError: neither an embedded model, nor a folder with a model_index.json, nor a repository's name.
    """
    if model is None:
        return embedded_model()
    if isinstance(model, str) and model in EMBEDDED:
        return embedded_model(model)
    folder = Path(model)
    if folder.is_dir():
        if (folder / "model_index.json").is_file():
            return folder
        raise ModelError(
            f"The folder {folder} holds no model: model_index.json is missing. Expected a folder written by "
            "pipe.save_pretrained(folder)."
        )
    if isinstance(model, str) and model.count("/") == 1 and not model.startswith((".", "/", "~")):
        return None
    raise ModelError(
        f"There is no model {str(model)!r}. Give an embedded one ({', '.join(EMBEDDED)}), a folder written by "
        "pipe.save_pretrained(folder), or a Hub repository as 'owner/name'."
    )


@contextmanager
def typed_load_errors(model: str | os.PathLike[str] | None, folder: Path | None) -> Iterator[None]:
    """diffusers' and the Hub's errors while a model is read -> errors that say what to do."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        if folder is not None:
            raise WeightsError(
                f"The model in {folder} can't be loaded ({error}). Expected a complete folder written by "
                "pipe.save_pretrained(folder)."
            ) from error
        raise HubError(
            f"The model {str(model)!r} can't be loaded from the Hub ({error}). Check the name and the network; give "
            "token=... for a private repository, or local_files_only=True to use what was downloaded before."
        ) from error


def load_component(folder: Path, name: str, kind: Any) -> Any:
    """One network of an embedded model, in float32, without the Hub's machinery.

    Raises:
        WeightsError: the folder is incomplete or its weights don't fit.
    """
    import json

    from safetensors.torch import load_file

    if kind == "UNet2DConditionModel":
        import diffusers

        kind = diffusers.UNet2DConditionModel
    try:
        config = json.loads((folder / name / "config.json").read_text())
        module = kind.from_config({k: v for k, v in config.items() if k != "_name_or_path"})
        module.load_state_dict(load_file(folder / name / "diffusion_pytorch_model.safetensors"))
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise WeightsError(
            f"The {name} of the model in {folder} can't be loaded ({error}). Install the package again."
        ) from error
    return module.eval()
