"""Video: what is behind the person, frames and sound into files, and what files say about their making."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .picture import write_png
    from .provenance import Signature, Signer
    from .recorder import Recorder, write_mp4
    from .verification import Verification, verify

_HOMES = {
    "Recorder": "recorder", "Signature": "provenance", "Signer": "provenance", "Verification": "verification",
    "verify": "verification", "write_mp4": "recorder", "write_png": "picture",
}  # fmt: skip

__all__ = ["Recorder", "Signature", "Signer", "Verification", "verify", "write_mp4", "write_png"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
