"""Everything the SDK raises on purpose.

Each message says what was wrong, what was expected and what to do about it. Catch `ImagineIDError` for all of them;
where Python already has a word for the kind of mistake (`ValueError`, `FileNotFoundError`, `ImportError`), the error is
one of those too, so code that knows nothing of this package still handles it.
"""

from __future__ import annotations

import os
from numbers import Real

__all__ = [
    "AudioError",
    "AudioNotFoundError",
    "FFmpegError",
    "GenerationCancelled",
    "HubError",
    "IdentityFileError",
    "ImagineIDError",
    "MissingExtraError",
    "ModelError",
    "OptionError",
    "VideoError",
    "VideoReadError",
    "WeightsError",
]


class ImagineIDError(Exception):
    """Base of every error that this package raises on purpose."""


class AudioError(ImagineIDError, ValueError):
    """The sound that was given can't be used: unreadable, empty, too short, or holding impossible samples."""


class AudioNotFoundError(AudioError, FileNotFoundError):
    """No file lies at the path that was given as the sound."""


class VideoError(ImagineIDError):
    """The video or picture can't be written: a bad path, unusable frames, or an encoder that gave up."""


class VideoReadError(VideoError, ValueError):
    """A video or picture can't be read: there is none, or it is damaged or of an unknown kind."""


class FFmpegError(AudioError, VideoError):
    """The ffmpeg that imageio-ffmpeg ships is missing or lacks an encoder, so neither sound nor video can use it."""


class OptionError(ImagineIDError, ValueError):
    """An option has a value outside its range, or options contradict each other."""


class ModelError(ImagineIDError):
    """A model can't be found, read or put together."""


class WeightsError(ModelError):
    """A weights file is missing, damaged, or does not fit the network that it is for."""


class HubError(ModelError):
    """The Hub could not deliver a model: offline, no such repository or revision, or no access to it."""


class IdentityFileError(ImagineIDError, ValueError):
    """A saved identity can't be read: not an identity file, damaged, or made for another head."""


class MissingExtraError(ImagineIDError, ImportError):
    """A feature needs a package that the core installation leaves out.

    `feature` says what was asked for ("the Gradio app"), `extra` names the group of packages that brings it ("app").
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(feature, extra)
        self.feature = feature
        self.extra = extra

    def __str__(self) -> str:
        return (
            f"{self.feature} needs packages that the core installation leaves out. "
            f"Install them with: pip install 'imagineid-sdk[{self.extra}]'"
        )


class GenerationCancelled(ImagineIDError):
    """The caller stopped a run before its end; nothing of it was kept."""


LONGEST_NAME = 255
"""Bytes of a file's name that common file systems take."""


def check_path(path: object, name: str = "path") -> None:
    """Raises OptionError unless `path` can name a file."""
    if not isinstance(path, (str, os.PathLike)):
        raise OptionError(f"{name}={path!r} is no path. Give a str or a pathlib.Path.")
    parts = os.fsencode(os.fspath(path)).replace(b"\\", b"/").split(b"/")
    if b"\0" in parts[-1] or max(map(len, parts)) > LONGEST_NAME:
        raise OptionError(
            f"{name}={str(path)[:60]!r}… can't name a file: it holds a NUL, or a name of over {LONGEST_NAME} bytes."
        )


def check_number(name: str, value: object, low: float, high: float, unit: str = "") -> None:
    """Raises OptionError unless `value` is a number in the range."""
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= float(value) <= high:
        raise OptionError(f"{name}={value!r} is out of range. Give {low:g} to {high:g}{unit}.")
