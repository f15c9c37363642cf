"""Linear light and what a display shows."""

from __future__ import annotations

import numpy as np

LUMINANCE = np.array([0.3, 0.6, 0.1])
"""Of linear red, green, blue, roughly Rec. 709."""


def to_display(linear: np.ndarray) -> np.ndarray:
    """Linear light, clipped to 0..1 -> sRGB 0..1."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear < 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def to_linear(display: np.ndarray) -> np.ndarray:
    """sRGB 0..1 -> linear light, near enough for textures."""
    return display * display * (0.72 + 0.28 * display)
