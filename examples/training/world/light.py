"""Light as an attribute: a few kinds that have names, each with many instances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LIGHTS = ("studio", "window", "overcast", "sun", "evening", "indoors")
LIGHT_SHARES = (0.26, 0.18, 0.16, 0.12, 0.12, 0.16)
SURROUNDINGS = {
    "window": ("apartment", "interior", "lobby"),
    "overcast": ("park", "sky", "city", "courtyard", "esplanade"),
    "sun": ("forest", "park", "courtyard", "venice"),
    "evening": ("sunset", "sunrise", "venice", "city"),
    "indoors": ("lobby", "hall", "lab", "apartment", "workshop"),
}  # HDRIs: of the assets' folder `hdri`, or Blender's own
KEPT_CAST = {"studio": 0.0, "window": 0.1, "overcast": 0.1, "sun": 0.2, "evening": 0.4, "indoors": 0.2}
"""How much of the light's cast on the skin the camera leaves."""
WARM, COOL, NEUTRAL = np.array([1.0, 0.90, 0.76]), np.array([0.90, 0.96, 1.0]), np.array([1.0, 0.985, 0.965])


@dataclass(frozen=True)
class Lamp:
    """azimuth: degrees, > 0 image right; elevation: degrees; size: metres; power: watts."""

    azimuth: float
    elevation: float
    size: float
    power: float
    color: tuple[float, float, float]


@dataclass(frozen=True)
class Light:
    """kind: of LIGHTS; level: mean radiance of the surroundings; surroundings: a picture's name, None: even grey."""

    kind: str
    surroundings: str | None
    turn: float
    level: float
    lamps: tuple[Lamp, ...]

    def to_dict(self) -> dict:
        """json-able."""
        return {**vars(self), "lamps": [vars(lamp) for lamp in self.lamps]}


def random_light(seed: int, kind: str | None = None) -> Light:
    rng = np.random.default_rng([seed, 3])
    drawn = str(rng.choice(LIGHTS, p=LIGHT_SHARES))
    kind = kind or drawn
    side = float(rng.choice([-1, 1]))
    around = SURROUNDINGS.get(kind)
    name = None if around is None else str(rng.choice(around))
    turn = float(rng.uniform(0, 360))

    def lamp(azimuth, elevation, size, power, color):
        color = np.asarray(color) * np.exp(rng.normal(0, 0.015, 3))
        return Lamp(float(azimuth), float(elevation), float(size), float(power), tuple(float(c) for c in color))

    def between(low, high):
        return rng.uniform(low, high)

    if kind == "studio":
        level = between(0.16, 0.30)
        lamps = [
            lamp(side * between(22, 55), between(15, 38), between(0.6, 1.1), between(16, 24), NEUTRAL),
            lamp(-side * between(30, 60), between(0, 12), 1.2, between(2, 6), NEUTRAL),
            lamp(-side * between(135, 160), 30, 0.4, between(0, 14), NEUTRAL),
        ]
    elif kind == "window":
        level = between(0.22, 0.34)
        lamps = [lamp(side * between(45, 72), between(8, 25), between(1.0, 1.5), between(20, 30), COOL)]
    elif kind == "overcast":
        level = between(0.55, 0.8)
        lamps = [lamp(side * between(0, 40), between(28, 45), between(1.8, 2.6), between(8, 15), COOL)]
    elif kind == "sun":
        level = between(0.42, 0.6)
        lamps = [
            lamp(side * between(25, 50), between(30, 50), between(0.22, 0.4), between(13, 20), WARM**0.5),
            lamp(-side * between(135, 165), 35, 0.4, between(4, 12), WARM**0.5),
        ]
    elif kind == "evening":
        level = between(0.30, 0.45)
        lamps = [
            lamp(side * between(35, 62), between(6, 18), between(0.5, 0.8), between(12, 18), WARM),
            lamp(-side * between(130, 160), 20, 0.5, between(4, 14), WARM),
        ]
    else:
        level = between(0.35, 0.55)
        lamps = [lamp(side * between(10, 45), between(24, 42), between(0.8, 1.3), between(9, 16), WARM**0.4)]
    if kind != "studio":  # what the ground and the walls in front give back
        lamps.append(lamp(-side * between(5, 35), between(-15, 5), 1.6, between(2.5, 5), NEUTRAL))
    return Light(kind, name, turn, float(level), tuple(lamps))
