"""Where models come from: the one inside the package, a local folder, or a repository of the Hub.

A repository holds what ``pipe.save_pretrained(folder)`` writes: model_index.json and a folder for each component.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from imagineid_sdk.errors import HubError, MissingExtraError, ModelError, WeightsError
from imagineid_sdk.hub.download import PICKLES, HubOptions, fetch, pickle_refused, typed_hub_errors
from imagineid_sdk.hub.plausible import INDEX, check_index, variant_of
from imagineid_sdk.hub.recipes import Recipe, is_recipe

EMBEDDED = ("tiny",)
"""Models inside the package."""
WEIGHTS = ".safetensors"
CONFIGS = ("config.json", "scheduler_config.json", "tokenizer_config.json")
"""One of them is in every component's folder."""


def embedded_model(name: str = "tiny") -> Path:
    """Folder of a model that is shipped with the package."""
    return Path(__file__).parent.parent / "weights" / name


def check_model(model: str | os.PathLike[str] | None) -> None:
    """Raises ModelError for what is no model's name, before anything is loaded; a repository is not asked for."""
    if is_recipe(model):
        Recipe.load(str(model))
    else:
        resolve(model)


def resolve(model: str | os.PathLike[str] | None) -> Path | None:
    """The folder of a model that is here, or None for a Hub repository.

    Raises:
        ModelError: neither an embedded model, nor a folder with a model_index.json, nor a repository's name.
    """
    if model is None:
        return embedded_model()
    if isinstance(model, str) and model in EMBEDDED:
        return embedded_model(model)
    if not isinstance(model, (str, os.PathLike)):
        raise ModelError(f"A {type(model).__name__} is no model. Give the name of one, or the path of a folder.")
    folder = Path(model)
    if folder.is_dir():
        if (folder / INDEX).is_file():
            return folder
        raise ModelError(
            f"The folder {folder} holds no model: {INDEX} is missing. Expected a folder written by "
            "pipe.save_pretrained(folder)."
        )
    if isinstance(model, str) and is_repository(model):
        return None
    raise ModelError(
        f"There is no model {str(model)!r}. Give an embedded one ({', '.join(EMBEDDED)}), the recipe 'sd15', a "
        "folder written by pipe.save_pretrained(folder), or a Hub repository as 'owner/name'."
    )


def is_repository(name: str) -> bool:
    """Whether a name has the form of a Hub repository's."""
    return name.count("/") == 1 and not name.startswith((".", "/", "~"))


# --- a whole model ----------------------------------------------------------------------------------------------------


def fetch_model(repo: str, options: HubOptions) -> Path:
    """Folder with all files of a repository's model, of one commit.

    What is there already is not asked for again: a model that was loaded before costs one request, for the name of the
    newest commit, and none when the Hub can't be reached.

    Raises:
        HubError: repository, revision, file or variant can't be had.
        MissingExtraError: it needs packages that are not installed; then no weights are fetched.
        ModelError: the repository holds something else.
        WeightsError: it holds pickles, or a file arrived damaged.
    """
    index = fetch(repo, INDEX, options)
    folder, components = index.parent, component_names(index, repo)
    present = _files_in(folder)
    if options.force_download or not _is_complete(present, components, options.variant):
        available = _list_repository(repo, folder.name, options, present)
        for name in needed_files(available, components, options.variant, repo):
            fetch(repo, name, options, revision=folder.name)
    return folder


def check_folder(folder: Path, variant: str | None) -> None:
    """Raise if a local folder lacks a component, holds pickles instead of safetensors, or needs a missing package."""
    needed_files(_files_in(folder), component_names(folder / INDEX, folder), variant, folder)


def component_names(index: Path, place: str | Path) -> list[str]:
    """Names of the components that a model_index.json lists.

    Raises:
        MissingExtraError: some are of transformers, which is not installed.
        ModelError: it is not the index of an ImagineID pipeline.
    """
    from imagineid_sdk import models

    try:
        listed = json.loads(index.read_text(encoding="utf-8"))
        kind = listed["_class_name"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{INDEX} of {place} can't be read ({error}). Expected what save_pretrained wrote.") from error
    if kind != "ImagineIDPipeline":
        raise ModelError(
            f"{place} holds a {kind}, not an ImagineIDPipeline. To build a face from Stable Diffusion's parts, use "
            "ImagineIDPipeline.from_pretrained('sd15'), with denoiser=... for another base model."
        )
    check_index(listed, (*models.COMPONENTS, *models.OPTIONAL), f"{INDEX} of {place}")
    libraries = {name: entry[0] for name, entry in listed.items() if isinstance(entry, list) and entry[0] is not None}
    if "transformers" in libraries.values():
        require_transformers(f"The model {str(place)!r}")
    return list(libraries)


def require_transformers(feature: str) -> None:
    if find_spec("transformers") is None:
        raise MissingExtraError(feature, "sd15")


def needed_files(available: Iterable[str], components: list[str], variant: str | None, place: str | Path) -> list[str]:
    """Files of a model among those that are ``available``; a component's config comes last, as its seal.

    Raises:
        WeightsError: a component has only pickles.
        HubError: a component or the variant is missing; WeightsError in a folder.
    """
    incomplete = WeightsError if isinstance(place, Path) else HubError
    available, found_variant = list(available), False
    needed: list[str] = []
    for component in components:
        inside = [name for name in available if name.startswith(f"{component}/")]
        weights = [name for name in inside if name.endswith(WEIGHTS)]
        wanted = [name for name in weights if variant and variant_of(name) == variant]
        found_variant |= bool(wanted)
        weights = wanted or [name for name in weights if variant_of(name) is None]
        rest = [name for name in inside if name.endswith((".json", ".txt")) and Path(name).name not in CONFIGS]
        seal = [name for name in inside if Path(name).name in CONFIGS]
        if not seal or (f"{component}/config.json" in seal and not weights):
            if pickles := [name for name in inside if name.endswith(PICKLES)]:
                raise pickle_refused(place, pickles[0])
            what = f"weights of {component} (*{WEIGHTS})" if seal else f"{component}/{CONFIGS[0]}"
            kept = sorted({kind for name in inside if name.endswith(WEIGHTS) and (kind := variant_of(name))})
            advice = (
                f"It has variant={', '.join(kept)}." if kept else "Expected all that save_pretrained(folder) wrote."
            )
            raise incomplete(f"The model {str(place)!r} is incomplete: {what} are missing. {advice}")
        needed += [*weights, *rest, *sorted(seal, key=lambda name: CONFIGS.index(Path(name).name), reverse=True)]
    if variant and not found_variant:
        raise incomplete(
            f"The model {str(place)!r} has no variant {variant!r}: no file ends in .{variant}{WEIGHTS}. Leave variant "
            "out for the plain weights."
        )
    return needed


def _is_complete(present: list[str], components: list[str], variant: str | None) -> bool:
    try:
        needed_files(present, components, variant, "")
    except ModelError:
        return False
    return True


def _files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _list_repository(repo: str, commit: str, options: HubOptions, present: list[str]) -> list[str]:
    """All files of a commit; without a network those that are here, whose gaps are then named."""
    from huggingface_hub import HfApi, constants

    if options.local_files_only or constants.HF_HUB_OFFLINE:
        return present
    with typed_hub_errors(repo, "the list of its files", options, commit):
        return [file.rfilename for file in HfApi(token=options.token).model_info(repo, revision=commit).siblings or []]
