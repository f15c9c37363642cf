"""One file from the Hub: complete and as the Hub describes it, or an error that names repository, file and remedy.

`huggingface_hub` moves the bytes: it caches, resumes, and puts a file in its place only when all of it is there. What
this module adds is the check of the content and the words.
"""

from __future__ import annotations

import errno
import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import Self

from imagineid_sdk.errors import HubError, ModelError, OptionError, WeightsError

SHA256 = re.compile("[0-9a-f]{64}")
"""The Hub tags every large file with the SHA-256 of its content, and the cache names the file after its tag."""
PICKLES = (".bin", ".ckpt", ".pkl", ".pickle", ".pt", ".pth")
"""Endings of files that run code when they are read. Nothing here ever opens one."""


ABANDONED = 600
"""Seconds without a change after which an unfinished download is a dead one's: a living one gives up long before."""


class HubOptions(BaseModel):
    """Where and how a model is fetched.

    Attributes:
        revision: branch, tag or commit; None is the repository's main branch.
        token: for private and gated repositories; None takes the one that ``hf auth login`` stored.
        cache_dir: folder of the downloads; None is the one that all of Hugging Face's libraries share.
        local_files_only: use what was downloaded before, and no network.
        force_download: fetch again what is there already.
        variant: precision of the weights, such as "fp16"; None is the plain one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    revision: str | None = None
    token: str | bool | None = None
    cache_dir: str | Path | None = None
    local_files_only: bool = False
    force_download: bool = False
    variant: str | None = None

    @classmethod
    def take(cls, options: dict[str, Any]) -> Self:
        """Take the fields out of ``options``; the others are left.

        Raises:
            OptionError: a field has the wrong type.
        """
        try:
            return cls(**{name: options.pop(name) for name in cls.model_fields if name in options})
        except ValidationError as error:
            problem = error.errors()[0]
            raise OptionError(f"{problem['loc'][0]}={problem['input']!r} can't be used: {problem['msg']}.") from None


def fetch(repo: str, name: str, options: HubOptions, revision: str | None = None) -> Path:
    """Path of the file ``name`` of ``repo`` in the cache, downloaded if it isn't there.

    Args:
        revision: instead of the one in ``options``; a commit's hash makes a file that is there need no request.

    Raises:
        HubError: it can't be had.
        ModelError: its name leads out of the repository.
        WeightsError: it is a pickle, or its content is not what the Hub says it is.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    check_inside(name, repo)
    if name.endswith(PICKLES):
        raise pickle_refused(repo, name)
    revision = revision or options.revision
    with typed_hub_errors(repo, name, options, revision):
        before = try_to_load_from_cache(repo, name, cache_dir=options.cache_dir, revision=revision)
        path = hf_hub_download(
            repo, name, revision=revision, token=options.token, cache_dir=options.cache_dir,
            local_files_only=options.local_files_only, force_download=options.force_download,
        )  # fmt: skip
    if path != before or options.force_download:
        _check_content(repo, name, Path(path))
        _remove_abandoned(Path(path).resolve().parent)
    return Path(path)


def check_inside(name: str, place: str | Path) -> None:
    """Raises ModelError for the name of a file that would lie outside of the model's folder, on any system."""
    windows = PureWindowsPath(name)
    if not name or "\0" in name or windows.anchor or ".." in windows.parts or PurePosixPath(name).is_absolute():
        raise ModelError(
            f"{place} names the file {name!r}, which does not lie in its folder, so it is not opened. Expected names "
            "of files in it, such as head/config.json. Don't use a model that you don't trust."
        )


def pickle_refused(place: str | Path, name: str) -> WeightsError:
    """The error for weights that only a pickle holds."""
    return WeightsError(
        f"{name} of {place} is a pickle, which runs code when it is read, so it is never opened. Expected "
        ".safetensors. Ask the owner for safetensors weights, or convert them where you trust the file."
    )


def _check_content(repo: str, name: str, path: Path) -> None:
    """Compare a new download with its SHA-256; remove it from the cache if it differs."""
    blob = path.resolve()
    if not SHA256.fullmatch(blob.name):
        return  # a small file, tagged in git's way, or a cache without links, which does not keep the tag
    digest = hashlib.sha256()
    with blob.open("rb") as file:
        while part := file.read(1 << 22):
            digest.update(part)
    if digest.hexdigest() == blob.name:
        return
    path.unlink()
    blob.unlink(missing_ok=True)
    raise WeightsError(
        f"{name} of {repo} arrived damaged: its SHA-256 is {digest.hexdigest()[:12]}…, the Hub says "
        f"{blob.name[:12]}…. Nothing of it was kept. Load the model again; should it repeat, look at the network."
    )


def _remove_abandoned(blobs: Path) -> None:
    """What downloads that were killed have left: huggingface_hub never takes it up again, nor away."""
    for path in blobs.glob("*.incomplete"):
        with suppress(OSError):  # somebody else's, or gone by now
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()


@contextmanager
def typed_hub_errors(repo: str, name: str, options: HubOptions, revision: str | None = None) -> Iterator[None]:
    """What goes wrong while ``name`` of ``repo`` is fetched -> `HubError`."""
    from huggingface_hub import errors

    try:
        yield
    # ValueError: contradicting arguments and impossible names; RuntimeError: the Hub's own transfer protocol.
    except (OSError, ValueError, RuntimeError, errors.HTTPError, errors.EntryNotFoundError) as error:  # type: ignore[attr-defined]
        reason = _explain(error, name, options, revision or options.revision or "main", repo)
        raise HubError(f"The model {repo!r} can't be loaded from the Hub: {reason}") from error


def _explain(error: BaseException, name: str, options: HubOptions, revision: str, repo: str) -> str:
    """Cause and remedy, in one or two sentences."""
    from huggingface_hub import constants, errors

    status = _status(error)
    if isinstance(error, errors.GatedRepoError):
        return f"it is gated. Accept its conditions at {constants.ENDPOINT}/{repo} and give token=..."
    if isinstance(error, errors.RepositoryNotFoundError) or status == 401:
        return (
            "there is no such repository, or it is private. Check the name; for a private one give the token=... of "
            "someone who may read it, or run 'hf auth login'."
        )
    if status == 403:
        return f"access to {name} was refused (403). Give a token=... that may read this repository."
    if isinstance(error, errors.RevisionNotFoundError):
        return f"it has no revision {revision!r}. Give a branch, a tag or a commit that it has."
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"it has no file {name} at revision {revision!r}. Check the name and the revision."
    if isinstance(error, errors.LocalEntryNotFoundError):
        why = f"the Hub answered {status}" if status else "the Hub can't be reached"
        if options.local_files_only or constants.HF_HUB_OFFLINE:
            why = "local_files_only=True" if options.local_files_only else "HF_HUB_OFFLINE is set"
        return (
            f"{name} of revision {revision!r} was not downloaded before, and {why}. Load the model once with the "
            f"network on (the Hub is {constants.ENDPOINT})."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = options.cache_dir or constants.HF_HUB_CACHE
        return f"the disk is full: {name} does not fit in {place}. Free some space, or give another cache_dir=..."
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        place = options.cache_dir or constants.HF_HUB_CACHE
        return f"this user may not write to the cache in {place}. Give another cache_dir=..., or set HF_HOME."
    if "Consistency check failed" in str(error):
        return f"{name} arrived with the wrong size. Nothing of it was kept. Load the model again."
    return (
        f"{name} could not be fetched ({str(error).strip() or type(error).__name__}). Nothing half-written was kept. "
        f"Check the network and load the model again (the Hub is {constants.ENDPOINT})."
    )


def _status(error: BaseException) -> int | None:
    """The HTTP status behind an error, if there is one: the Hub's library wraps some answers in others."""
    seen: BaseException | None = error
    while seen is not None:
        if (response := getattr(seen, "response", None)) is not None:
            return int(response.status_code)
        seen = seen.__cause__
    return None
