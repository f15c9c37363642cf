"""Video: what is behind the person, frames and sound into files, and what files say about their making."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .provenance import Signature, Signer
    from .verification import Verification, verify

_HOMES = {"Signature": "provenance", "Signer": "provenance", "Verification": "verification", "verify": "verification"}

__all__ = ["Signature", "Signer", "Verification", "verify"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
