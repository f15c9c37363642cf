"""Eyelids and lashes. MakeHuman's lashes don't move with its blink, so they are bound to the lid here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

HALF_LASH_LINE = 0.0138  # metres from the middle of the eye to where the lid no longer moves
LASH_LENGTH = 0.007


@dataclass
class Eyelid:
    """center, radius: the eyeball's; region: skin that moves in a blink; upper_margin, lower_margin: vertices in the
    middle of the two lid edges; gap: metres between them on the template."""

    center: np.ndarray
    radius: float
    region: np.ndarray
    upper_margin: int
    lower_margin: int
    gap: float


def find_eyelid(template: np.ndarray, blink: np.ndarray, eye: np.ndarray, is_skin: np.ndarray) -> Eyelid:
    """blink: (vertices, 3) the action's displacements; eye: vertices of the eyeball."""
    moved = _moved(blink, is_skin)
    center = template[eye].mean(0)
    radius = np.linalg.norm(template[eye] - center, axis=1).max()
    distance = np.linalg.norm(template - center, axis=1)
    region = np.nonzero((moved > 0.0002) & (distance < 2.0 * radius))[0]
    upper = np.nonzero(moved > 0.7 * moved.max())[0]
    middle = upper[np.argsort(np.abs(template[upper][:, 0] - center[0]))[:6]]
    upper_margin = middle[np.argmin(template[middle][:, 1])]
    near = _in_front(template, center, radius, is_skin)
    below = (np.abs(template[near][:, 0] - template[upper_margin, 0]) < 0.003) & (template[near][:, 1] < center[1])
    candidates = near[below]
    from_center = np.linalg.norm(template[candidates] - center, axis=1)
    candidates = candidates[from_center < from_center.min() + 0.0035]
    lower_margin = candidates[np.argmax(template[candidates][:, 1])]
    gap = template[upper_margin, 1] - template[lower_margin, 1]
    return Eyelid(center, radius, region, int(upper_margin), int(lower_margin), gap)


def bind_lashes(
    template: np.ndarray,
    action_shapes: np.ndarray,
    blink_row: int,
    eyelid: Eyelid,
    lashes: np.ndarray,
    is_skin: np.ndarray,
) -> np.ndarray:
    """Displacements (52, lashes, 3): upper lashes follow the upper lid's edge, lower lashes the skin next to them."""
    moved = _moved(action_shapes[blink_row], is_skin)
    at = template[lashes]
    upper = _follow_upper_lid(template, action_shapes, moved, eyelid, at, is_skin)
    upper[blink_row] = _upper_lash_blink(at, eyelid)
    lower = _follow_lower_lid(template, action_shapes, moved, eyelid, at, is_skin)
    is_upper = at[:, 1] > eyelid.center[1] - 0.002
    return np.where(is_upper[None, :, None], upper, lower).astype(np.float32)


def outer_corner(points: np.ndarray, eyelids: tuple[Eyelid, Eyelid]) -> np.ndarray:
    """(n,) for points on the template: 0 over the middle of an eye, 1 at its outer corner."""
    left, right = (eyelid.center[0] for eyelid in eyelids)
    outwards = np.where(points[:, 0] > 0, points[:, 0] - left, right - points[:, 0])
    return np.clip((outwards - 0.006) / 0.007, 0, 1)


def _moved(blink: np.ndarray, is_skin: np.ndarray) -> np.ndarray:
    moved = np.linalg.norm(blink, axis=1)
    moved[~is_skin] = 0
    return moved


def _in_front(template: np.ndarray, center: np.ndarray, radius: float, is_skin: np.ndarray) -> np.ndarray:
    distance = np.linalg.norm(template - center, axis=1)
    return np.nonzero(is_skin & (distance < 1.35 * radius) & (template[:, 2] > center[2]))[0]


def _follow_upper_lid(template, action_shapes, moved, eyelid, at, is_skin) -> np.ndarray:
    """Lashes move with the lid's lowest strongly moving vertices, blended along the lid."""
    distance = np.linalg.norm(template - eyelid.center, axis=1)
    above = (distance < 1.25 * eyelid.radius) & (template[:, 1] > eyelid.center[1] - 0.003)
    candidates = np.nonzero(is_skin & (moved > 0.05 * moved.max()) & above)[0]
    strong = template[candidates[moved[candidates] > 0.30 * moved.max()]][:, 0]
    columns = np.linspace(at[:, 0].min(), at[:, 0].max(), 48)
    edge = []
    for x in np.clip(columns, strong.min() + 0.0012, strong.max() - 0.0012):
        column = candidates[np.abs(template[candidates][:, 0] - x) < 0.0020]
        if not len(column):
            column = candidates[np.argsort(np.abs(template[candidates][:, 0] - x))[:3]]
        column = column[moved[column] > 0.8 * moved[column].max()]
        edge.append(column[np.argmin(template[column][:, 1])])
    weights = np.exp(-0.5 * ((at[:, 0][:, None] - columns[None]) / 0.0022) ** 2) + 1e-12
    weights /= weights.sum(1, keepdims=True)
    return np.einsum("vk,akj->avj", weights, action_shapes[:, np.array(edge)])


def _upper_lash_blink(at: np.ndarray, eyelid: Eyelid) -> np.ndarray:
    """The blink itself is analytic: down by the gap between the lids, less towards the corners, tips turning down."""
    distance = np.linalg.norm(at - eyelid.center, axis=1)
    tip = np.clip((distance - distance.min()) / LASH_LENGTH, 0, 1)
    x = (at[:, 0] - eyelid.center[0]) * (1 - 0.24 * tip)
    amount = np.clip(1 - (x / HALF_LASH_LINE) ** 2, 0, 1) ** 0.6
    move = np.zeros((len(at), 3))
    move[:, 1] = -eyelid.gap * amount - 1.1 * tip * 0.0045 * np.sqrt(amount)
    move[:, 2] = -0.04 * eyelid.gap * amount + 0.0012 * tip
    return move


def _follow_lower_lid(template, action_shapes, moved, eyelid, at, is_skin) -> np.ndarray:
    near = _in_front(template, eyelid.center, eyelid.radius, is_skin)
    near = near[(moved[near] < 0.12 * moved.max()) | (template[near][:, 1] < eyelid.center[1] - 0.002)]
    near = near[template[near][:, 1] < eyelid.center[1] + 0.004]
    distance, neighbours = cKDTree(template[near]).query(at, k=4)
    weights = 1 / (distance + 1e-4)
    weights /= weights.sum(1, keepdims=True)
    return np.einsum("vk,avkj->avj", weights, action_shapes[:, near[neighbours]])
