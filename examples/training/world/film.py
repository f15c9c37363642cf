"""From a noisy linear picture and an exact alpha to what a camera shows: denoised, exposed, with a filmic curve."""

from __future__ import annotations

import cv2
import numpy as np
import pyoidn

from .colors import LUMINANCE, to_display
from .coverage import CLASSES
from .cycles.scene import Shot

SKIN_LEVEL = ((0, 0.4, 0.7, 1.0), (0.40, 0.30, 0.19, 0.12))
"""Of melanin: the luminance that the skin's median is exposed to."""
CONTRAST = 0.28  # share of a smoothstep in the curve
KEPT_GRAIN = 0.10  # of the noise in hair, which OIDN smears
FAINT = 0.06  # alpha below which a pixel takes its colour from its neighbours


def develop(shot: Shot, shares: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """uint8 (h, w, 4): as displayed, premultiplied by alpha, and alpha.

    shares: exact classes of each pixel, see ``draw_coverage``.
    """
    color = denoise(shot, shares)
    alpha = 1 - shares[..., :1]
    straight = np.clip(filmic(_straight(color, shot, shares) * exposure), 0, 1)
    return (np.concatenate([straight * alpha, alpha], -1) * 255 + 0.5).astype(np.uint8)


def exposure_for(shot: Shot, shares: np.ndarray, tone: np.ndarray, melanin: float, kept_cast: float) -> np.ndarray:
    """(3,) factors that bring the skin to its level and take off the light's cast, but for a part of it.

    tone: (3,) linear, the skin's own colour. Once a person, so that no frame is brighter than another.
    """
    skin = shares[..., CLASSES.index("skin")] > 0.9
    seen = np.median(denoise(shot, shares)[skin], axis=0) if skin.sum() > 50 else 0.5 * tone
    level = max(float(seen @ LUMINANCE), 0.01)
    cast = (seen / level) / (tone / (tone @ LUMINANCE))
    brightness = np.clip((np.interp(melanin, *SKIN_LEVEL) / level) ** 0.9, 0.3, 4)
    return (brightness * np.clip(cast, 0.3, 3) ** (kept_cast - 1)).astype(np.float32)


def filmic(linear: np.ndarray) -> np.ndarray:
    """Linear light -> sRGB, with a toe and a shoulder (Narkowicz's fit of ACES) and a little more contrast."""
    x = linear * 0.62
    x = x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)
    shown = to_display(x)
    return shown + CONTRAST * (shown * shown * (3 - 2 * shown) - shown)


def denoise(shot: Shot, shares: np.ndarray) -> np.ndarray:
    """(h, w, 3) linear, premultiplied. The guides are denoised first and then trusted; well inside skin and cloth the
    colour is divided by its albedo before and multiplied after, so that texture passes untouched."""
    flat = _inner(_skin(shares), 3) + _inner(shares[..., CLASSES.index("clothing")], 3)
    faced = np.clip((shot.normal[..., 2] - 0.30) / 0.3, 0, 1)  # seen from the side, the albedo is noisy as well
    flat = cv2.GaussianBlur(np.minimum(flat, 1) * faced, (0, 0), 0.7)[..., None]
    albedo = np.clip(_oidn(shot.albedo, hdr=False, quality="fast"), 0, 1)
    albedo = albedo * (1 - flat) + shot.albedo * flat
    normal = _oidn(shot.normal * 0.5 + 0.5, hdr=False, quality="fast") * 2 - 1
    clean = _oidn(shot.color, albedo, normal, clean=True)
    light = shot.color / (albedo + 0.03)
    deep = _inner(_skin(shares), 7) + _inner(shares[..., CLASSES.index("clothing")], 7)
    deep = cv2.GaussianBlur(np.minimum(deep, 1) * faced, (0, 0), 1.0)[..., None]
    clean = clean * (1 - deep) + _oidn(light, albedo, normal, clean=True) * (albedo + 0.03) * deep
    grain = np.clip(np.clip(shot.color, 0, 4) - np.clip(clean, 0, 4), -0.08, 0.08)
    hair = (shares[..., CLASSES.index("hair")] > 0.3)[..., None]
    return np.maximum(clean + KEPT_GRAIN * grain * hair, 0)


def _straight(color: np.ndarray, shot: Shot, shares: np.ndarray) -> np.ndarray:
    """Colour without its alpha, Cycles' own; where hardly anything is, the neighbours'."""
    alpha = _oidn(np.repeat(shot.alpha, 3, -1), hdr=False, quality="fast")[..., :1].clip(0, 1)
    alpha = np.where(shares[..., :1] == 0, 1.0, alpha)
    around = cv2.GaussianBlur(color, (0, 0), 1.5) / np.maximum(cv2.GaussianBlur(alpha, (0, 0), 1.5), 1e-3)[..., None]
    own = np.clip((alpha - FAINT) / 0.25, 0, 1)
    return color / np.maximum(alpha, FAINT) * own + around * (1 - own)


def _skin(shares: np.ndarray) -> np.ndarray:
    return sum(shares[..., CLASSES.index(name)] for name in ("skin", "lips"))


def _inner(share: np.ndarray, width: int) -> np.ndarray:
    return cv2.erode((share > 0.97).astype(np.float32), np.ones((width, width)))


def _oidn(color, albedo=None, normal=None, hdr=True, clean=False, quality="balanced") -> np.ndarray:
    def whole(picture):
        return None if picture is None else np.ascontiguousarray(picture, np.float32)

    return np.array(
        pyoidn.denoise(whole(color), whole(albedo), whole(normal), hdr=hdr, clean_aux=clean, quality=quality)
    )
