"""What describes one hair style, and what a family of cuts needs to grow it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .growth import Strands
from .scalp import Scalp
from .surface import Surface


@dataclass(frozen=True)
class Look:
    """One style. Lengths in metres on a head of scale 1."""

    family: str  # crop, long, up, curly, rope, braids, none
    top: float = 0.04  # crop: length on top
    side: float = 0.012  # crop: length at the sides
    fade: float = 0.0  # crop: 0..1, sides run out to skin
    way: str = "crown"  # crop: crown, forward, back, side, messy, spikes
    quiff: float = 0.0  # crop, side: how far hair at the forehead goes up and back
    lift: float = 0.24  # root direction: share of the normal
    cling: float = 5000.0  # how firmly hair lies on the head, 1/m²
    length: float = 0.35  # all but crop
    part: float = 0.0  # x of the parting; sign chooses the side
    blunt: float | None = None  # long: height of the cut over the chin
    fringe: str = ""  # long: "", full, curtain
    tuck: tuple[float, float] = (0.0, 0.0)  # long: chance of hair behind the left and right ear
    layers: float = 0.1  # long: how much shorter front and upper locks are
    tie: tuple[float, float, float] = (0.0, 0.08, -0.15)  # up, braids: where hair is bound, from the eyes
    tail: str = ""  # up: tail, bun, knot
    rows: int = 0  # braids: cornrows
    curl: tuple[float, float] = (0.0, 0.0)  # radius and length of a turn
    straight: float = 0.03  # straight root before a curl or wave, metres
    order: float = 0.8  # radians between the phases of neighbouring locks
    clump: float = 0.5
    lock: float = 0.009  # size of a lock at the scalp
    frizz: float = 0.0006
    fly: float = 0.02
    gravity: float = 20.0
    margin: float = 0.004
    strands: int = 17000
    steps: int = 18
    width: float = 0.00025
    tip: float = 0.4
    loose: bool = False
    scalp: dict[str, float] = field(default_factory=dict)  # fields of Scalp that the style brings


@dataclass
class Groom:
    """One head in the chair: everything a family of cuts reads."""

    surface: Surface
    scalp: Scalp
    look: Look
    shape: np.ndarray  # (4,) height, width, length, hairline in -1..1
    chin_y: float
    brow_y: float
    rng: np.random.Generator

    @property
    def scale(self) -> float:
        return self.scalp.scale

    @property
    def longer(self) -> float:
        """Factor on lengths from shape."""
        return float(1 + (0.32 if self.shape[2] > 0 else 0.24) * self.shape[2])

    @property
    def higher(self) -> float:
        """Factor on the volume on top from shape."""
        return float(1 + (0.6 if self.shape[0] > 0 else 0.45) * self.shape[0])

    @property
    def wider(self) -> float:
        """Factor on the volume at the sides from shape."""
        return float(1 + (0.7 if self.shape[1] > 0 else 0.5) * self.shape[1])

    def roots(
        self,
        count: int,
        thin: bool = True,
        soft: float = 0.007,
        crowd: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Positions and normals (n, 3) inside the hairline.

        thin: with its soft edge, soft metres wide; crowd: points (n, 3) -> how many times denser (1..3) they are.
        """
        scalp, vertices = self.scalp, self.surface.vertices
        inside = (scalp.depth(vertices) > -0.012).astype(float)
        points, normals = self.surface.sample(self.rng, inside, int(count * (1.7 if crowd is None else 4.5)))
        density = scalp.density(points, soft)
        if not thin:
            density = np.sign(density)
        if crowd is not None:
            density = density * crowd(points) / 3.0
        keep = np.nonzero(self.rng.uniform(size=len(points)) < density)[0][:count]
        return points[keep], normals[keep]


__all__ = ["Groom", "Look", "Strands"]
