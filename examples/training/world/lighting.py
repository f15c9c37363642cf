"""Lights: key, fill, rim, sky and background, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Light:
    """Directions are (azimuth, elevation) in degrees, azimuth > 0 from image right; colours are linear RGB."""

    key_direction: tuple[float, float]
    key: np.ndarray
    fill_direction: tuple[float, float]
    fill: np.ndarray
    rim_direction: tuple[float, float]
    rim: np.ndarray
    ambient: float
    background_inner: np.ndarray
    background_outer: np.ndarray

    def directions(self) -> np.ndarray:
        """(3, 3) unit vectors towards key, fill and rim."""
        return np.stack([_direction(d) for d in (self.key_direction, self.fill_direction, self.rim_direction)])

    def colors(self) -> np.ndarray:
        """(3, 3) linear RGB of key, fill and rim."""
        return np.stack([self.key, self.fill, self.rim])

    def without_background(self) -> Light:
        """Black behind the person, so that the picture is premultiplied by its own coverage."""
        return replace(self, background_inner=np.zeros(3), background_outer=np.zeros(3))

    def to_dict(self) -> dict:
        """json-able."""
        return {name: np.asarray(value).tolist() for name, value in vars(self).items()}


def random_light(seed: int) -> Light:
    rng = np.random.default_rng(seed)
    azimuth, elevation, warmth = rng.uniform(-60, 60), rng.uniform(10, 50), rng.normal(0, 0.05)
    level, hue = rng.uniform(0.18, 0.88), rng.normal(0, 0.06, 3)
    inner = np.clip(level + hue * (0.4 + level), 0.06, 0.95)
    outer = np.clip(inner * rng.uniform(0.55, 1.0), 0.03, 0.95)
    return Light(
        key_direction=(azimuth, elevation),
        key=np.array([1 + warmth, 1, 1 - warmth]) * rng.uniform(1.55, 2.1),
        fill_direction=(-np.sign(azimuth) * rng.uniform(30, 75), rng.uniform(-5, 25)),
        fill=np.array([1 - warmth, 1, 1 + warmth]) * rng.uniform(0.25, 0.7),
        rim_direction=(np.sign(azimuth) * rng.uniform(-165, -130), rng.uniform(15, 45)),
        rim=np.ones(3) * rng.uniform(0.3, 1.4),
        ambient=rng.uniform(0.38, 0.56),
        background_inner=inner,
        background_outer=outer,
    )


def studio_light() -> Light:
    """One pleasant light for contact sheets and tests."""
    return Light(
        key_direction=(35, 30),
        key=np.array([1.03, 1, 0.96]) * 1.85,
        fill_direction=(-50, 10),
        fill=np.array([0.95, 1, 1.06]) * 0.45,
        rim_direction=(-150, 30),
        rim=np.ones(3) * 0.9,
        ambient=0.46,
        background_inner=np.array([0.50, 0.53, 0.57]),
        background_outer=np.array([0.30, 0.32, 0.36]),
    )


def _direction(azimuth_elevation: tuple[float, float]) -> np.ndarray:
    azimuth, elevation = np.radians(azimuth_elevation)
    return np.array([np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)])
