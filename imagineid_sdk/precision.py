"""Numbers: which precision the networks run in, and torch's settings pinned while they do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

from imagineid_sdk.errors import OptionError

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""Names and types that ``dtype=`` takes."""

Given = ParamSpec("Given")
Result = TypeVar("Result")


def read_dtype(dtype: str | torch.dtype | None) -> torch.dtype | None:
    """The type that an option names.

    Raises:
        OptionError: it is none that the networks run in.
    """
    known = DTYPES.get(str(dtype).removeprefix("torch."))
    if dtype is not None and known is None:
        raise OptionError(f"dtype={dtype!r} can't be used. Choose one of: {', '.join(DTYPES)}.")
    return known


def cast(modules: Iterable[object], dtype: torch.dtype | None) -> None:
    """The networks among the modules in another type, in place; None changes nothing."""
    for module in modules:
        if dtype is not None and isinstance(module, torch.nn.Module):
            torch.nn.Module.to(module, dtype)


def bfloat16_pays(device: torch.device) -> bool:
    """Whether this device multiplies bfloat16 matrices in hardware; elsewhere it would be slower than float32."""
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    if device.type == "cuda":  # compute capability 8 (Ampere) and later; T4 and V100 emulate it
        return torch.version.hip is not None or torch.cuda.get_device_capability(device)[0] >= 8
    return device.type == "xpu"


@contextmanager
def pinned_torch() -> Iterator[None]:
    """torch as the networks expect it, whatever the caller has set: no gradients, no autocast, new tensors in float32
    and on the CPU."""
    elsewhere = torch.get_default_device().type != "cpu"
    autocast = [kind for kind in ("cpu", "cuda", "mps", "xpu") if torch.is_autocast_enabled(kind)]
    with ExitStack() as settings:
        settings.enter_context(_float32_by_default())
        settings.enter_context(torch.no_grad())
        for kind in autocast:
            settings.enter_context(torch.autocast(kind, enabled=False))
        if elsewhere:
            settings.enter_context(torch.device("cpu"))
        yield


class _Default:
    """torch's default dtype is process-wide: the first active call saves it, and the last one restores it."""

    lock, calls, before = threading.Lock(), 0, torch.float32


@contextmanager
def _float32_by_default() -> Iterator[None]:
    with _Default.lock:
        if _Default.calls == 0:
            _Default.before = torch.get_default_dtype()
            torch.set_default_dtype(torch.float32)
        _Default.calls += 1
    try:
        yield
    finally:
        with _Default.lock:
            _Default.calls -= 1
            if _Default.calls == 0:
                torch.set_default_dtype(_Default.before)


def pinned(compute: Callable[Given, Result]) -> Callable[Given, Result]:
    """A function that runs in `pinned_torch`."""

    @wraps(compute)
    def computed(*args: Given.args, **options: Given.kwargs) -> Result:
        with pinned_torch():
            return compute(*args, **options)

    return computed
