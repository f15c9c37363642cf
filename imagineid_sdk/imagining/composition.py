"""Full-resolution frames from the portrait's pixels: warped along the mesh's flow, shaded, and blended with what the
networks paint. One pass over the head's box; the rest of the picture is nothing.

The flow and the masks come at a quarter of the resolution and are interpolated bilinearly, as ``F.interpolate`` with
``align_corners=False`` does; the portrait is sampled bilinearly with its border repeated, as ``F.grid_sample`` does. So
training, which uses those, sees the same frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagineid_sdk.compiled import compiled

HAIR_SWING = 0.08
"""Of the picture's width: how far hair and shoulders may move beyond where the portrait has them."""


@dataclass(frozen=True, eq=False)
class Patch:
    """Pixels that a network painted at full resolution.

    Attributes:
        left, top: of the patch in the frame, pixels.
        pixels: ``(height, width, 4)`` float32: premultiplied red, green, blue and alpha, 0..255.
        mask: ``(height, width)`` float32 in 0..1: how much of the frame they replace.
    """

    left: int
    top: int
    pixels: np.ndarray
    mask: np.ndarray


def warp_crop(
    portrait: np.ndarray, flow: np.ndarray, gain: np.ndarray, left: int, top: int, height: int, width: int
) -> np.ndarray:
    """The warped and shaded portrait in one rectangle: ``(height, width, 4)`` float32, 0..255, premultiplied.

    Args:
        portrait: ``(size, size, 4)`` uint8, premultiplied colour and alpha.
        flow: ``(2, coarse, coarse)`` float32 in widths of the picture, see ``GeometryMaps.flow``.
        gain: ``(coarse, coarse)`` float32, factor on the colour.
    """
    coarse = np.zeros((9, *gain.shape), np.float32)
    coarse[:2], coarse[2], coarse[3] = flow, gain, 1.0
    out = np.empty((height, width, 4), np.float32)
    _draw(portrait, np.ascontiguousarray(coarse.transpose(1, 2, 0)), left, top, out, False)
    return out


def compose(
    portrait: np.ndarray, flow: np.ndarray, gain: np.ndarray, mask: np.ndarray, painted: np.ndarray,
    patches: list[Patch],
) -> np.ndarray:  # fmt: skip
    """One frame, ``(size, size, 4)`` uint8: premultiplied colour and alpha.

    Args:
        portrait, flow, gain: see `warp_crop`.
        mask: ``(coarse, coarse)`` float32 in 0..1: how much of the warped portrait counts.
        painted: ``(4, coarse, coarse)`` float32, 0..255: what the network shows elsewhere, premultiplied.
        patches: laid over, in this order.
    """
    size = len(portrait)
    coarse = np.concatenate([flow, gain[None], mask[None], painted, _occupied(portrait, painted[3])[None]])
    out = np.zeros((size, size, 4), np.uint8)
    _draw(portrait, np.ascontiguousarray(coarse.transpose(1, 2, 0)), 0, 0, out, True)
    for patch in patches:
        _lay_patch(out, patch.pixels, patch.mask, patch.left, patch.top)
    return out


def _occupied(portrait: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """``(coarse, coarse)`` 1 where there may be something: rows and columns outside are skipped."""
    step = len(portrait) // len(alpha)
    seen = portrait[::step, ::step, 3] > 0
    rows, columns = seen.any(1) | (alpha > 1).any(1), seen.any(0) | (alpha > 1).any(0)
    out = np.zeros(alpha.shape, np.float32)
    if rows.any():
        margin = int(HAIR_SWING * len(alpha)) + 1
        top, bottom = np.flatnonzero(rows)[[0, -1]] + [-margin, margin + 1]
        left, right = np.flatnonzero(columns)[[0, -1]] + [-margin, margin + 1]
        out[max(top, 0) : bottom, max(left, 0) : right] = 1.0
    return out


@compiled
def _draw(portrait: np.ndarray, coarse: np.ndarray, left: int, top: int, out: np.ndarray, whole: bool) -> None:
    """coarse ``(coarse, coarse, 9)``: flow x and y, gain, mask, painted red, green, blue and alpha, occupied. whole: a
    frame, rounded, and empty outside the box of the head; else a crop."""
    size, cells = portrait.shape[0], coarse.shape[0]
    scale, last = np.float32(cells / size), np.float32(size - 1)
    half, one, most = np.float32(0.5), np.float32(1), np.float32(255)
    line = np.empty((cells, 8), np.float32)
    for row in range(out.shape[0]):
        y = top + row
        fy = min(max((y + half) * scale - half, np.float32(0)), np.float32(cells - 1))
        y0 = min(int(fy), cells - 2)
        ty = np.float32(fy - y0)
        first, end = 0, cells
        if whole:  # what lies outside the box of the head stays empty
            while first < cells and coarse[y0, first, 8] + coarse[y0 + 1, first, 8] == 0:
                first += 1
            while end > first and coarse[y0, end - 1, 8] + coarse[y0 + 1, end - 1, 8] == 0:
                end -= 1
            if first >= end:
                continue
        for x in range(max(first - 1, 0), min(end + 1, cells)):
            for channel in range(8):
                line[x, channel] = coarse[y0, x, channel] + ty * (coarse[y0 + 1, x, channel] - coarse[y0, x, channel])
        start, stop = (0, out.shape[1]) if not whole else (int(first / scale), int(end / scale))
        for column in range(start, stop):
            x = left + column
            fx = min(max((x + half) * scale - half, np.float32(0)), np.float32(cells - 1))
            x0 = min(int(fx), cells - 2)
            tx = np.float32(fx - x0)
            sx = min(max(x + (line[x0, 0] + tx * (line[x0 + 1, 0] - line[x0, 0])) * size, np.float32(0)), last)
            sy = min(max(y + (line[x0, 1] + tx * (line[x0 + 1, 1] - line[x0, 1])) * size, np.float32(0)), last)
            lit = line[x0, 2] + tx * (line[x0 + 1, 2] - line[x0, 2])
            share = line[x0, 3] + tx * (line[x0 + 1, 3] - line[x0, 3])
            u, v = min(int(sx), size - 2), min(int(sy), size - 2)
            tu, tv = np.float32(sx - u), np.float32(sy - v)
            wa, wb, wc, wd = (one - tv) * (one - tu), (one - tv) * tu, tv * (one - tu), tv * tu
            p, q = portrait[v], portrait[v + 1]
            red = wa * p[u, 0] + wb * p[u + 1, 0] + wc * q[u, 0] + wd * q[u + 1, 0]
            green = wa * p[u, 1] + wb * p[u + 1, 1] + wc * q[u, 1] + wd * q[u + 1, 1]
            blue = wa * p[u, 2] + wb * p[u + 1, 2] + wc * q[u, 2] + wd * q[u + 1, 2]
            alpha = wa * p[u, 3] + wb * p[u + 1, 3] + wc * q[u, 3] + wd * q[u + 1, 3]
            red, green, blue = min(red * lit, alpha), min(green * lit, alpha), min(blue * lit, alpha)
            if share < one:
                near, far, rest = line[x0], line[x0 + 1], one - share
                red = share * red + rest * (near[4] + tx * (far[4] - near[4]))
                green = share * green + rest * (near[5] + tx * (far[5] - near[5]))
                blue = share * blue + rest * (near[6] + tx * (far[6] - near[6]))
                alpha = share * alpha + rest * (near[7] + tx * (far[7] - near[7]))
            if whole:
                alpha = min(max(alpha + half, half), most)
                out[row, column, 0] = min(max(red + half, half), alpha)
                out[row, column, 1] = min(max(green + half, half), alpha)
                out[row, column, 2] = min(max(blue + half, half), alpha)
                out[row, column, 3] = alpha
            else:
                out[row, column, 0], out[row, column, 1] = red, green
                out[row, column, 2], out[row, column, 3] = blue, alpha


@compiled
def _lay_patch(frame: np.ndarray, pixels: np.ndarray, mask: np.ndarray, left: int, top: int) -> None:
    size, half = frame.shape[0], np.float32(0.5)
    for row in range(max(0, -top), min(pixels.shape[0], size - top)):
        for column in range(max(0, -left), min(pixels.shape[1], size - left)):
            share = mask[row, column]
            for channel in range(4):
                old = np.float32(frame[top + row, left + column, channel])
                new = old + share * (pixels[row, column, channel] - old)
                frame[top + row, left + column, channel] = min(max(new, np.float32(0)), np.float32(255)) + half
