"""Recipes: which public checkpoint plays which role. Data only; `imagining.sd15` loads them.

A recipe is a json file: sd15.json beside this module, or a user's own with the same fields.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from imagineid_sdk.errors import ModelError, OptionError
from imagineid_sdk.hub.download import check_inside

FOLDER = Path(__file__).parent


class Source(BaseModel):
    """The checkpoint of one role.

    Attributes:
        repo: a Hub repository ``owner/name``, or a local folder.
        subfolder: of the repository; empty is its root.
        files: all that is needed of it, and all that is downloaded.
        revision: branch, tag or commit.
        license: as the repository states it.
        megabytes: size of the download, rounded.
        purpose: what the role is for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    repo: str
    files: tuple[str, ...] = Field(min_length=1)
    subfolder: str = ""
    revision: str = "main"
    license: str = "not stated"
    megabytes: int = Field(default=0, ge=0)
    purpose: str = ""

    @field_validator("files")
    @classmethod
    def _inside(cls, files: tuple[str, ...]) -> tuple[str, ...]:
        for name in files:
            check_inside(name, "The recipe")
        return files

    @field_validator("subfolder")
    @classmethod
    def _below(cls, subfolder: str) -> str:
        if subfolder:
            check_inside(subfolder, "The recipe")
        return subfolder

    def replaced_by(self, other: str | os.PathLike[str] | Mapping[str, Any]) -> Source:
        """The same role with another checkpoint: a repository or folder of the same layout, or fields to change."""
        if isinstance(other, Mapping):
            return Source(**(self.model_dump() | dict(other)))
        # Nobody knows the other one's variants, size and licence; plain weights are what every repository has.
        files = tuple(_without_variant(name) for name in self.files)
        return Source(repo=os.fspath(other), subfolder=self.subfolder, files=files, purpose=self.purpose)


class Recipe(BaseModel):
    """One checkpoint for each role."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str
    denoiser: Source
    motion_module: Source
    spatial_adapter: Source
    text_encoder: Source
    tokenizer: Source
    scheduler: Source
    autoencoder: Source

    @classmethod
    def load(cls, name: str | os.PathLike[str]) -> Recipe:
        """Read a recipe of this package by name, or a json file.

        Raises:
            ModelError: there is none, or it is not one.
        """
        path = FOLDER / f"{name}.json" if is_named(name) else Path(name)
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise ModelError(f"{path} is not a recipe: it is no text in UTF-8.") from error
        except OSError as error:
            raise ModelError(
                f"There is no recipe {str(name)!r}. Give one of: {', '.join(named())}, or the path of a json file "
                "with the same fields."
            ) from error
        except ValidationError as error:
            raise ModelError(f"{path} is not a recipe. {_explain(error)}") from None

    def __str__(self) -> str:
        """A few lines for each role, and the size of all downloads."""
        lines = [f"{self.name}: {self.description}", ""]
        for role, source in self.roles().items():
            place = f"{source.repo}/{source.subfolder}".rstrip("/")
            lines += [
                f"{role:16} {source.purpose}",
                f"{'':16} {place} at {source.revision}: {', '.join(source.files)}",
                f"{'':16} {source.megabytes} MB, licence {source.license}",
            ]
        total = sum(source.megabytes for source in self.roles().values())
        return "\n".join([*lines, "", f"{total} MB in all, downloaded when the model is first loaded."])

    def roles(self) -> dict[str, Source]:
        return {name: getattr(self, name) for name in ROLES}

    def with_overrides(self, overrides: Mapping[str, Any]) -> Recipe:
        """Other checkpoints for some roles, see `Source.replaced_by`.

        Raises:
            OptionError: there is no such role, or its new source is not one.
        """
        check_roles(overrides)
        try:
            changed = {role: self.roles()[role].replaced_by(other) for role, other in overrides.items()}
        except ValidationError as error:
            raise OptionError(f"The source of {', '.join(overrides)} can't be used. {_explain(error)}") from None
        return self.model_copy(update=changed)


ROLES = tuple(name for name in Recipe.model_fields if name not in ("name", "description"))


def check_roles(names: Iterable[str]) -> None:
    """Raises OptionError for an unknown role."""
    if unknown := [name for name in names if name not in ROLES]:
        raise OptionError(f"There is no role {unknown[0]!r}. The roles are: {', '.join(ROLES)}.")


def named() -> list[str]:
    """Names of the recipes in this package."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def is_named(name: object) -> bool:
    return isinstance(name, str) and name in named()


def is_recipe(model: object) -> bool:
    """Whether ``from_pretrained(model)`` means a recipe: one of this package, or the path of a json file."""
    return is_named(model) or (isinstance(model, (str, os.PathLike)) and str(model).endswith(".json"))


def _without_variant(name: str) -> str:
    """``model.fp16.safetensors`` -> ``model.safetensors``."""
    path = PurePosixPath(name)
    parts = path.name.split(".")
    return name if len(parts) < 3 else path.with_name(f"{parts[0]}.{parts[-1]}").as_posix()


def _explain(error: ValidationError) -> str:
    problems = error.errors()
    return " ".join(f"{'.'.join(str(part) for part in p['loc'])}: {p['msg']}." for p in problems)
