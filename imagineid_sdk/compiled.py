"""Loops over pixels and triangles in machine code.

numba comes with resampy, a core dependency; compiled code is cached beside the package or in the user's cache, if there
is a place for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The function in machine code, kept for the next start where some folder for it can be written."""
    try:
        return cast(Function, njit(cache=True, nogil=True, fastmath=True)(function))
    except RuntimeError:  # "no locator available": a read-only container
        return cast(Function, njit(nogil=True, fastmath=True)(function))
