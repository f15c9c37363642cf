"""Exact soft alpha and class masks: triangles and strands drawn with a depth buffer, many samples a pixel, no noise.

A path tracer's own alpha has as many levels as it has samples, and dots along every strand.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

CLASSES = ("background", "skin", "lips", "mouth", "eyes", "brows", "hair", "clothing", "beard", "glasses")
SAMPLES = 4  # along each side of a pixel
FLYAWAY, DENSE, DENSITY_BLUR = 0.22, 0.50, 1.3
"""What a strand on its own keeps of its share, the density from which on hair keeps all, pixels of 256 around it."""
BLUR_REACH = 12  # pixels of 512 that the blur reads around one
STRAND_NEARNESS = 1e-5
"""Of depth: strands lie before the skin that they grow from."""


@dataclass(frozen=True)
class Sheet:
    """Triangles of one class. corners: (t, 3, 3) metres; classes: (t,) index into CLASSES."""

    corners: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True)
class Bundle:
    """Strands of one class. points: (n, s, 3) metres; width: metres at the root; tip: share of it at the tip."""

    points: np.ndarray
    width: float
    tip: float
    label: int


def draw_coverage(
    sheets: list[Sheet],
    bundles: list[Bundle],
    view_projection: np.ndarray,
    view_width: float,
    size: int,
    box: tuple[int, int, int, int] | None = None,
) -> np.ndarray:
    """(size, size, len(CLASSES)) float32: the share of each class in each pixel; they sum to 1.

    view_width: metres that the picture shows at the depth of the face. box: only these pixels of the picture (left,
    top, right, bottom).
    """
    left, top, right, bottom = box or (0, 0, size, size)
    margin = 0 if box is None else BLUR_REACH
    left, top, right, bottom = left - margin, top - margin, right + margin, bottom + margin
    fine, origin = size * SAMPLES, np.array([left, top, 0], np.float32) * SAMPLES
    depth = np.full(((bottom - top) * SAMPLES, (right - left) * SAMPLES), np.inf, np.float32)
    label = np.zeros(depth.shape, np.uint8)
    for sheet in sheets:
        if len(sheet.corners):
            screen = _to_screen(sheet.corners.reshape(-1, 3), view_projection, fine).reshape(-1, 3, 3) - origin
            _fill_triangles(screen, sheet.classes.astype(np.uint8), depth, label)
    for bundle in bundles:
        count, points, _ = bundle.points.shape
        screen = _to_screen(bundle.points.reshape(-1, 3), view_projection, fine).reshape(count, points, 3) - origin
        screen[..., 2] -= STRAND_NEARNESS
        widths = np.interp(np.linspace(0, 1, points), (0, 0.6, 1), (1, 0.9, bundle.tip)) * bundle.width
        radii = np.maximum(widths / view_width * fine / 2, 0.5).astype(np.float32)
        _draw_strands(screen, radii, np.uint8(bundle.label), depth, label)
    shares = _soften_flyaways(_average(label, len(CLASSES)), size)
    return shares[margin : len(shares) - margin, margin : shares.shape[1] - margin]


def visible_class(shares: np.ndarray) -> np.ndarray:
    """(size, size) uint8: the largest class of each pixel."""
    return shares.argmax(-1).astype(np.uint8)


def _soften_flyaways(shares: np.ndarray, size: int) -> np.ndarray:
    """A strand stands for several hairs. Where one is alone before the background it would look like wire, so that it
    loses most of its share there."""
    hair, background = shares[..., CLASSES.index("hair")], shares[..., 0]
    dense = cv2.GaussianBlur(1 - background, (0, 0), DENSITY_BLUR * size / 256)
    kept = np.clip(dense / DENSE, FLYAWAY, 1)
    lost = hair * (1 - kept) * background / np.maximum(1 - hair, 1e-3)
    lost = np.minimum(lost, hair)
    out = shares.copy()
    out[..., CLASSES.index("hair")] -= lost
    out[..., 0] += lost
    return out


def _to_screen(points: np.ndarray, view_projection: np.ndarray, size: int) -> np.ndarray:
    """(n, 3) float32: pixels right and down, depth."""
    clip = np.c_[points, np.ones(len(points))] @ view_projection.T
    flat = clip[:, :3] / clip[:, 3:]
    return np.stack([(flat[:, 0] * 0.5 + 0.5) * size, (0.5 - flat[:, 1] * 0.5) * size, flat[:, 2]], 1).astype(
        np.float32
    )


@njit(cache=True)
def _fill_triangles(screen, classes, depth, label):
    height, width = depth.shape
    for t in range(len(screen)):
        ax, ay, az = screen[t, 0]
        bx, by, bz = screen[t, 1]
        cx, cy, cz = screen[t, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        x0, x1 = max(0, int(min(ax, bx, cx))), min(width - 1, int(max(ax, bx, cx)) + 1)
        y0, y1 = max(0, int(min(ay, by, cy))), min(height - 1, int(max(ay, by, cy)) + 1)
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                px, py = x + 0.5, y + 0.5
                u = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
                v = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
                w = 1 - u - v
                if u >= 0 and v >= 0 and w >= 0:
                    z = u * az + v * bz + w * cz
                    if z < depth[y, x]:
                        depth[y, x] = z
                        label[y, x] = classes[t]


@njit(cache=True)
def _draw_strands(screen, radii, kind, depth, label):
    height, width = depth.shape
    for n in range(screen.shape[0]):
        for k in range(screen.shape[1] - 1):
            ax, ay, az = screen[n, k]
            bx, by, bz = screen[n, k + 1]
            radius = 0.5 * (radii[k] + radii[k + 1])
            dx, dy = bx - ax, by - ay
            length = dx * dx + dy * dy
            x0, x1 = max(0, int(min(ax, bx) - radius)), min(width - 1, int(max(ax, bx) + radius))
            y0, y1 = max(0, int(min(ay, by) - radius)), min(height - 1, int(max(ay, by) + radius))
            for y in range(y0, y1 + 1):
                for x in range(x0, x1 + 1):
                    px, py = x + 0.5 - ax, y + 0.5 - ay
                    t = 0.0 if length < 1e-9 else min(1.0, max(0.0, (px * dx + py * dy) / length))
                    ox, oy = px - t * dx, py - t * dy
                    if ox * ox + oy * oy <= radius * radius:
                        z = az + t * (bz - az)
                        if z < depth[y, x]:
                            depth[y, x] = z
                            label[y, x] = kind


@njit(cache=True)
def _average(label, classes):
    height, width = label.shape
    out = np.zeros((height // SAMPLES, width // SAMPLES, classes), np.float32)
    share = 1.0 / (SAMPLES * SAMPLES)
    for y in range(height):
        for x in range(width):
            out[y // SAMPLES, x // SAMPLES, label[y, x]] += share
    return out
