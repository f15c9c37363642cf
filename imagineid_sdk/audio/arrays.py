"""Samples in memory: numpy arrays, torch tensors, and pairs of samples and rate as other libraries pass them around."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from imagineid_sdk.errors import AudioError

MAXIMUM_CHANNELS = 64
"""More than this on the shorter axis of an array is a batch or a spectrogram, not channels."""

RATE_RANGE = (1_000, 768_000)
"""Hz. Outside it a sampling rate is a typing mistake, not a recording."""


def is_array(source: object) -> bool:
    """Whether `source` is samples alone, whose rate only the caller knows."""
    torch = sys.modules.get("torch")  # a tensor can only exist where torch was imported already
    return isinstance(source, np.ndarray) or (torch is not None and isinstance(source, torch.Tensor))


def array_and_rate(source: object) -> tuple[Any, int] | None:
    """Samples and rate of ``(rate, samples)`` or ``(samples, rate)``, as Gradio and torchaudio give them, of
    ``{"array": ..., "sampling_rate": ...}`` or a decoder of torchcodec, as datasets does; None for anything else."""
    if callable(decode := getattr(source, "get_all_samples", None)):
        decoded = decode()
        return decoded.data, decoded.sample_rate
    if isinstance(source, Mapping) and {"array", "sampling_rate"} <= set(source):
        return source["array"], source["sampling_rate"]
    if isinstance(source, tuple) and len(source) == 2:
        rate, samples = source if is_array(source[1]) else (source[1], source[0])
        if is_array(samples) and not is_array(rate):
            return samples, rate
    return None


def check_rate(rate: object) -> None:
    """Raises AudioError unless `rate` is a sampling rate in Hz."""
    low, high = RATE_RANGE
    if isinstance(rate, bool) or not isinstance(rate, (int, np.integer)) or not low <= rate <= high:
        raise AudioError(f"The sampling rate {rate!r} is out of range: give a whole number of Hz from {low} to {high}.")


def samples_from_array(source: Any) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """The caller's samples as (samples, channels), not copied, and a function that makes float32 of a part of them.

    Of two axes the shorter one is the channels. Floats stay as they are, integers are divided by their full scale.

    Raises:
        AudioError: not one clip, empty, or a type without a known full scale.
    """
    array = as_numpy(source)
    if array.ndim == 1:
        array = array[:, None]
    elif array.ndim == 2 and array.shape[0] < array.shape[1]:
        array = array.T
    if array.ndim != 2 or array.shape[1] > MAXIMUM_CHANNELS:
        raise AudioError(
            f"An array of shape {np.shape(source)} is not one clip. Give (samples,), (channels, samples) or "
            "(samples, channels), one clip at a time."
        )
    if 0 in array.shape:
        raise AudioError(f"The array is empty: its shape is {np.shape(source)}. Give the samples of a clip.")
    return array, to_float(array)


def as_numpy(source: Any) -> np.ndarray:
    if isinstance(source, np.ndarray):
        return source
    if is_array(source):
        tensor = source.detach().cpu()
        half = tensor.is_floating_point() and tensor.element_size() < 4  # numpy has no bfloat16
        return np.asarray((tensor.float() if half else tensor).numpy())
    raise AudioError(
        f"{type(source).__name__} is not a sound. Give a path, the bytes of an audio file, an open binary file, "
        "a numpy array or a torch tensor (and their rate as sampling_rate=), (rate, array), or "
        "{'array': ..., 'sampling_rate': ...}."
    )


def to_float(array: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """How parts of this array become float32 in [-1, 1]; any byte order."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "f":
        largest = float(np.finfo(np.float32).max)
        # Infinite values stay infinite for the check that follows; other values are brought into range first.
        peak = float(np.abs(array[np.isfinite(array)]).max(initial=0.0)) if size > 4 else 0.0
        divisor = peak if peak > largest / 1e3 else 1.0
        return lambda part: (part / divisor if divisor > 1 else part).astype(np.float32)
    if kind == "u" and size == 1:
        return lambda part: (part.astype(np.float32) - 128.0) / 128.0
    if kind == "i" and size in (1, 2, 4):
        scale = 2.0 ** (8 * size - 1)
        return lambda part: part.astype(np.float32) / np.float32(scale)
    raise AudioError(
        f"Samples of type {array.dtype} have no known full scale. Give floats in [-1, 1], or int16, int32, int8 or "
        "uint8 as a recorder makes them (array.astype('int16'))."
    )
