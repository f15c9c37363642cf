"""Smoothing of tracks over time."""

from __future__ import annotations

import numpy as np

from imagineid_sdk.listening.profile import TRACK_RATE


def smooth(track: np.ndarray, seconds: float, rate: float = TRACK_RATE) -> np.ndarray:
    """A track (T,) or (T, columns) of so many frames a second under a Gaussian whose standard deviation is `seconds`;
    float64."""
    deviation = seconds * rate
    reach = max(1, int(np.ceil(3 * deviation)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    padded = np.pad(track, [(reach, reach)] + [(0, 0)] * (track.ndim - 1), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0) @ (kernel / kernel.sum())
