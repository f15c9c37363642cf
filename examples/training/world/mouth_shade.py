"""Shade inside an open mouth, from the picture alone: what lies next to the lips, and in the corners, gets less light.

The renderer's lights reach lower teeth that in life lie in the lip's shade. Drawn bright, they make a white line along
the whole lower lip.
"""

from __future__ import annotations

import cv2
import numpy as np

LEAST_OPEN = 4  # pixels; fewer are no opening
BELOW_UPPER_LIP, ABOVE_LOWER_LIP = 0.85, 0.40  # light directly at each lip
UPPER_REACH, LOWER_REACH = 3.0, 9.0  # pixels of 256 over which the light grows to its full strength
CORNER = 0.35  # light in the corners
REDDENED = np.array([0.0, 0.10, 0.16], np.float32)  # what the shade takes from each primary: a mouth is red inside
SHADE_SOFTNESS = 1.2  # pixels
SOFTENING = 0.6  # pixels: edges of teeth are as soft as every other edge


def shade_mouth(rgba: np.ndarray, mouth: np.ndarray) -> np.ndarray:
    """The same picture (height, width, 4) uint8 with its mouth shaded; mouth: (height, width) bool."""
    if mouth.sum() < LEAST_OPEN:
        return rgba
    rows, columns = np.nonzero(mouth)
    scale = len(rgba) / 256
    top, bottom = np.full(mouth.shape[1], np.inf), np.full(mouth.shape[1], -np.inf)
    np.minimum.at(top, columns, rows)
    np.maximum.at(bottom, columns, rows)
    height = bottom[columns] - top[columns] + 1
    from_upper, from_lower = rows - top[columns] + 0.5, bottom[columns] - rows + 0.5
    # In a narrow mouth the lower lip shades half of what is seen, not all of it.
    reach = np.minimum(LOWER_REACH * scale, 0.5 * height)
    light = _grow(BELOW_UPPER_LIP, from_upper / (UPPER_REACH * scale)) * _grow(ABOVE_LOWER_LIP, from_lower / reach)
    across = (columns - columns.min() + 0.5) / (np.ptp(columns) + 1) * 2 - 1
    light *= _grow(CORNER, (1 - np.abs(across)) / 0.55)
    shaded = rgba.astype(np.float32)
    light = _smooth(light, mouth, SHADE_SOFTNESS * scale)[:, None]
    shaded[rows, columns, :3] *= light * (1 - (1 - light) * REDDENED)
    around = cv2.dilate(mouth.astype(np.float32), np.ones((3, 3)))[..., None]
    soft = cv2.GaussianBlur(shaded, (0, 0), SOFTENING * scale)
    return (shaded + around * (soft - shaded)).round().astype(np.uint8)


def _smooth(values: np.ndarray, mask: np.ndarray, width: float) -> np.ndarray:
    """A blur of the values at the mask's pixels that knows nothing outside of it: columns differ by whole pixels."""
    picture, share = np.zeros(mask.shape, np.float32), mask.astype(np.float32)
    picture[mask] = values
    return cv2.GaussianBlur(picture, (0, 0), width)[mask] / cv2.GaussianBlur(share, (0, 0), width)[mask]


def _grow(least: float, distance: np.ndarray) -> np.ndarray:
    """Light from ``least`` at distance 0 to 1 at distance 1, smoothly."""
    t = np.clip(distance, 0, 1)
    return least + (1 - least) * t * t * (3 - 2 * t)
