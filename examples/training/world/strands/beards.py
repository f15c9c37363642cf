"""Beards: where they grow comes from a density map, how long and which way from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import growth
from .growth import Strands
from .surface import Surface, smoothstep, tangent, unit

WeightOf = Callable[[np.ndarray, np.ndarray], np.ndarray]
GROWTHS = (0.0, 0.4, 0.8, 1.2, 1.6, 2.0)
LENGTHS = (0.0003, 0.0007, 0.0013, 0.0040, 0.0085, 0.0140)  # metres on the cheeks
CHINS = (0.0, 0.0, 0.0004, 0.0030, 0.0080, 0.0170)  # metres more at the chin
WIDTHS = (0.00009, 0.00010, 0.00012, 0.00018, 0.00020, 0.00020)
COUNTS = (9000, 13000, 15000, 15000, 14000, 14000)


@dataclass(frozen=True)
class BeardStyle:
    """share: of the hairs of a full beard; lip: longest hair of the moustache, metres; flare: sideways on the lip."""

    share: float
    lip: float
    flare: float
    clump: float


STYLES = {
    "stubble": BeardStyle(1.0, 0.0060, 0.6, 0.0),
    "short": BeardStyle(1.0, 0.0080, 0.8, 0.35),
    "full": BeardStyle(1.0, 0.0100, 0.9, 0.5),
    "goatee": BeardStyle(0.5, 0.0090, 0.8, 0.4),
    "moustache": BeardStyle(0.32, 0.0120, 1.3, 0.45),
}


def grow_beard(
    surface: Surface, weight_of: WeightOf, mouth: np.ndarray, amount: float, style: str, rng: np.random.Generator
) -> Strands:
    """A beard. weight_of(faces, barycentric): density 0..1; mouth (3,): its middle; amount: 0 none .. 2 full."""
    kind = STYLES[style]
    amount = float(np.clip(amount, 0, 2))
    count = int(np.interp(amount, GROWTHS, COUNTS) * kind.share)
    patches = rng.uniform(0, 6.28, 3)

    def density(faces: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """The map's border made steeper and a little ragged; the lip's hair as dense as the rest."""
        points = (surface.vertices[surface.triangles[faces]] * shares[..., None]).sum(1)
        x, y = points[:, 0], points[:, 1]
        ragged = 0.10 * np.sin(x * 310 + patches[0]) * np.sin(y * 270 + patches[1]) + 0.06 * np.sin(x * 900 + y * 700)
        weight = weight_of(faces, shares)
        lip = _on_lip(points, mouth)
        weight = np.where(lip & (weight > 0.04), np.maximum(weight, 0.9), weight)
        thick = smoothstep((weight + ragged * (weight > 0.02)) / 0.75) * (weight > 0.02)
        return np.where(lip, thick, 0.62 * thick)

    roots, normals, weight = surface.sample_faces(rng, density, count)
    height, across = roots[:, 1] - mouth[1], np.abs(roots[:, 0])
    lip = _on_lip(roots, mouth)
    chin = smoothstep((0.006 - height) / 0.03) * smoothstep((0.048 - across) / 0.028)
    combed = _combed(roots, normals, mouth, lip, kind, rng)
    longer = max(0.35, np.interp(amount, GROWTHS, LENGTHS) * 30)
    first = unit(combed + normals * (0.75 - 0.35 * min(1.0, longer)) + rng.normal(0, 0.14, roots.shape))
    length = np.interp(amount, GROWTHS, LENGTHS) + np.interp(amount, GROWTHS, CHINS) * chin
    length = length * rng.uniform(0.55, 1.1, len(roots)) * (0.35 + 0.65 * smoothstep(weight / 0.9))
    reach = np.clip(
        height * 1.05 + 0.0015, 0.0012, kind.lip * (1 - 0.6 * smoothstep((across - 0.020) / 0.012))
    )  # hair on the lip ends at its edge
    length = np.where(
        lip,
        rng.uniform(0.7, 1.1, len(roots)) * np.minimum(np.maximum(length, 0.85 * reach if amount > 1.2 else 0), reach),
        length,
    )

    def bend(points: np.ndarray, directions: np.ndarray, here: np.ndarray, share: float) -> np.ndarray:
        inwards = np.zeros_like(points)
        inwards[:, 0] = -np.sign(points[:, 0]) * 14 * chin
        return inwards * (amount > 1.2)

    points = growth.grow(surface, roots, first, length, 6, bend, 18.0, 0.0009, 3000.0)
    locks = growth.make_locks(roots, 0.0065, rng)
    if kind.clump and amount > 1.2:
        points = np.where(lip[:, None, None], points, growth.gather(points, locks, kind.clump, rng, 0.2, 0.012))
    points = growth.frizz(points, 0.00035 + 0.035 * float(np.median(length)), rng, 4)
    points[lip] = _off_the_mouth(points[lip], mouth)
    points = surface.push_out(points, 0.0002)
    width = float(np.interp(amount, GROWTHS, WIDTHS))
    return Strands(points.astype(np.float32), width, 0.35, growth.lock_tone([locks], rng), False)


def _on_lip(points: np.ndarray, mouth: np.ndarray) -> np.ndarray:
    """Which points (n,) lie between nose and mouth."""
    return (points[:, 1] > mouth[1] - 0.001) & (np.abs(points[:, 0]) < 0.033) & (points[:, 2] > mouth[2] - 0.035)


def _combed(
    roots: np.ndarray,
    normals: np.ndarray,
    mouth: np.ndarray,
    lip: np.ndarray,
    kind: BeardStyle,
    rng: np.random.Generator,
) -> np.ndarray:
    """Direction in the skin (n, 3): down, backwards on the cheeks, sideways on the lip, forwards under the chin."""
    side = np.sign(roots[:, 0]) * smoothstep(np.abs(roots[:, 0]) / 0.014)
    under = smoothstep((mouth[1] - 0.040 - roots[:, 1]) / 0.02)
    aside = np.where(lip, kind.flare, 0.12) * side
    forward = np.where(lip, 0.0, -0.22 * (1 - under) + 0.5 * under)
    return tangent(np.stack([aside, -np.ones(len(roots)), forward], 1), normals) + rng.normal(0, 0.08, roots.shape)


def _off_the_mouth(points: np.ndarray, mouth: np.ndarray) -> np.ndarray:
    """Strands that stop where the mouth begins."""
    return growth.cut(points, np.full(len(points), mouth[1] + 0.0025)) if len(points) else points
