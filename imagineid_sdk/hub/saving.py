"""Models are written as a whole: what is under a model's name is complete, whatever happens while it is saved."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from imagineid_sdk.errors import ModelError, OptionError, check_path
from imagineid_sdk.files import folder_placed_when_complete


@contextmanager
def saved_as_a_whole(directory: str | os.PathLike[str], options: dict[str, Any]) -> Iterator[str]:
    """Gives a folder to save to; its files come into ``directory`` when the block has ended without an error.

    Args:
        options: of ``save_pretrained``; the name of a repository is filled in.

    Raises:
        ModelError: it can't be written.
        OptionError: pickles were asked for, or it is no path.
    """
    if not options.get("safe_serialization", True):
        raise OptionError("safe_serialization=False would write pickles, which nothing here opens. Leave it out.")
    check_path(directory, "save_directory")
    target = Path(os.path.realpath(directory))
    if options.get("push_to_hub"):
        options.setdefault("repo_id", target.name)
    with folder_placed_when_complete(target, ModelError) as partial, typed_save_errors():
        yield str(partial)


@contextmanager
def typed_save_errors() -> Iterator[None]:
    """What safetensors says of a full disk -> OSError, as everybody else says it."""
    try:
        yield
    except SafetensorError as error:
        raise OSError(str(error)) from error
