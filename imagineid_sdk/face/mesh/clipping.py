"""A mesh cut where a value that its vertices have passes 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Cut:
    """New vertices on edges between old ones, behind all others.

    Attributes:
        first, second: ``(new,)`` old vertices.
        share: ``(new,)`` of the second.
    """

    first: np.ndarray
    second: np.ndarray
    share: np.ndarray

    def add_to(self, values: np.ndarray, axis: int = 0) -> np.ndarray:
        """What is known of the old vertices, and the same of the new ones."""
        one, other = values.take(self.first, axis), values.take(self.second, axis)
        share = self.share.reshape([-1 if at == axis else 1 for at in range(values.ndim)])
        return np.concatenate([values, one + (other - one) * share], axis=axis).astype(np.float32)


def clip(triangles: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, Cut]:
    """Triangles where ``inside`` ``(vertices,)`` is above 0, cut where it is 0; it is linear along edges."""
    within = inside[triangles] > 0
    kept, edges, number = [triangles[within.all(1)]], [], len(inside)
    crossing, within = triangles[within.any(1) & ~within.all(1)], within[within.any(1) & ~within.all(1)]
    lone = np.where(within.sum(1) == 1, within.argmax(1), (~within).argmax(1))  # the corner on a side of its own
    rows = np.arange(len(crossing))
    corner, after, before = (crossing[rows, (lone + step) % 3] for step in (0, 1, 2))
    for ends in (after, before):
        edges.append(np.stack([corner, ends], axis=1))
    unique, inverse = np.unique(np.sort(np.concatenate(edges), axis=1), axis=0, return_inverse=True)
    on_after, on_before = np.split(inverse.reshape(-1) + number, 2)
    alone = within.sum(1) == 1
    kept.append(np.stack([corner, on_after, on_before], axis=1)[alone])
    kept.append(np.stack([on_after, after, before], axis=1)[~alone])
    kept.append(np.stack([on_after, before, on_before], axis=1)[~alone])
    first, second = unique[:, 0], unique[:, 1]
    return np.concatenate(kept).astype(np.int32), Cut(first, second, inside[first] / (inside[first] - inside[second]))
