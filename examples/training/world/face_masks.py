"""The mask texture that the skin shader reads."""

from __future__ import annotations

import cv2
import numpy as np


def face_mask_texture(masks: np.ndarray) -> np.ndarray:
    """uint8 (1024, 1024, 4): lips, inside of the mouth, scalp, and noise for stubble.

    masks: uint8 (1024, 1024, 3), the first three.
    """
    noise = np.random.default_rng(1).uniform(0, 1, masks.shape[:2]).astype(np.float32)
    fine, coarse = cv2.GaussianBlur(noise, (0, 0), 0.7), cv2.GaussianBlur(noise, (0, 0), 2.5)
    noise = 0.5 + (fine - 0.5) * 1.3 + (coarse - 0.5) * 2.5
    return np.dstack([masks, (np.clip(noise, 0, 1) * 255).astype(np.uint8)])
