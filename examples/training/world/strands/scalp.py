"""Where scalp hair grows: a hairline round the head and a density inside it, in metres that scale with the head."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import PchipInterpolator

from .surface import smoothstep, unit

# Degrees from the front round the head's axis, and the height over the eyes (for a head of scale 1) where hair begins.
ANGLES = np.array([-30, -14, 0, 14, 28, 39, 47, 53, 58, 62, 65, 68, 72, 79, 86, 98, 114, 126, 145, 180, 200], float)
HEIGHTS = np.array(
    [0.0605, 0.0635, 0.0645, 0.0635, 0.0605, 0.0550, 0.0490, 0.0425, 0.0345, 0.0240, 0.0110, -0.0060, -0.0220, -0.0300,
     -0.0285, -0.0290, -0.0470, -0.0640, -0.0790, -0.0830, -0.081]
)  # fmt: skip
LINE = PchipInterpolator(ANGLES, HEIGHTS)


@dataclass(frozen=True)
class Scalp:
    """The hair's outline on one head. All lengths are for a head of scale 1."""

    eyes: np.ndarray  # (3,) middle between the eyes, metres
    scale: float  # size of the head, 1 for an average man
    recede: float = 0.0  # 0..1: temples and front go back
    corners: float = 0.004  # depth of the natural M of the hairline
    peak: float = 0.0  # widow's peak, metres downwards
    bald: float = 0.0  # 0..1: bare top of the head
    higher: float = 0.0  # whole front higher
    nape: float = 0.0  # back of the neck lower
    sideburn: float = 0.0  # longer sideburns are negative
    phase: tuple[float, ...] = (0.3, 1.9, 4.1)
    hairline: float = 0.0  # -1..1: 1 further back

    def with_hairline(self, value: float) -> Scalp:
        """The same scalp with the front at value -1..1 (1: further back)."""
        return replace(self, hairline=float(np.clip(value, -1, 1)))

    @property
    def center(self) -> np.ndarray:
        """Middle of the skull (3,)."""
        return self.eyes + np.array([0.0, 0.02, -0.075]) * self.scale

    def local(self, points: np.ndarray) -> np.ndarray:
        """Points relative to the eyes on a head of scale 1."""
        return (points - self.eyes) / self.scale

    def angles(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Degrees from the front (0..180) and heights over the eyes for a head of scale 1."""
        rel = points - self.center
        return np.degrees(np.arctan2(np.abs(rel[..., 0]), rel[..., 2])), (points[..., 1] - self.eyes[1]) / self.scale

    def line(self, angle: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Height over the eyes at which hair begins."""
        height = LINE(angle) + (self.higher + 0.0075 * self.hairline) * smoothstep(1 - angle / 75)
        back = self.corners + 0.052 * self.recede + 0.006 * max(self.hairline, 0.0)
        height += back * np.exp(-(((angle - 35) / 12) ** 2)) + 0.020 * self.recede * np.exp(-((angle / 26) ** 2))
        height -= self.peak * np.exp(-((angle / 7) ** 2))
        height -= self.nape * smoothstep((angle - 108) / 26)
        height += self.sideburn * np.exp(-(((angle - 76) / 7) ** 2))
        x, y = points[..., 0] / self.scale, points[..., 1] / self.scale
        first, second, third = self.phase
        ragged = np.sin(x * 95 + first) * 0.0013 + np.sin(x * 310 + y * 260 + second) * 0.0010
        return height + ragged + np.sin(y * 420 + third) * 0.0008

    def depth(self, points: np.ndarray) -> np.ndarray:
        """Metres inside the hairline (negative: outside)."""
        angle, height = self.angles(points)
        rise = (LINE(np.minimum(angle + 3, 190)) - LINE(angle - 3)) / (np.radians(6) * 0.08)
        depth = (height - self.line(angle, points)) / np.sqrt(1 + rise**2)
        local = self.local(points)
        ear = np.hypot((local[..., 2] + 0.083) / 0.019, (local[..., 1] + 0.018) / 0.033)
        depth = np.minimum(depth, (ear - 1) * 0.026)
        if self.bald:
            rim = 0.118 - 0.066 * self.bald + 0.012 * smoothstep((angle - 60) / 60) + 0.004 * np.sin(angle / 17.0)
            depth = np.minimum(depth, rim - height)
        return depth * self.scale

    def density(self, points: np.ndarray, soft: float = 0.007) -> np.ndarray:
        """0..1: full inside, thinning over the last soft metres, a few baby hairs just outside."""
        depth = self.depth(points)
        return smoothstep(depth / soft + 0.12) * (depth > -0.0012)

    def tint(self, points: np.ndarray) -> np.ndarray:
        """0..1: how much the skin takes the hair's colour (roots and shadow under the hair)."""
        return smoothstep((self.depth(points) - 0.001) / 0.014)

    def topness(self, points: np.ndarray) -> np.ndarray:
        """1 on top of the head, 0 on sides and back; the front hairline counts as top."""
        up = unit(points - self.center)
        return smoothstep((up[..., 1] + 0.25 * np.maximum(up[..., 2], 0) - 0.30) / 0.36)

    def frontness(self, points: np.ndarray) -> np.ndarray:
        """1 before the crown, 0 behind it."""
        return smoothstep(((points[..., 2] - self.center[2]) / self.scale + 0.05) / 0.05)

    def crown(self, side: float = 0.010) -> np.ndarray:
        """Where the whorl is (3,)."""
        return self.center + np.array([side, 0.10, -0.055]) * self.scale
