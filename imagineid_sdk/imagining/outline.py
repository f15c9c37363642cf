"""Mends the outline of a decoded portrait: no dots, dark lines or specks along it, and no holes in clothes."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from imagineid_sdk.compiled import compiled
from imagineid_sdk.imagining.pixels import blurred, gaussian, smoothstep

PERSON_ABOVE, SEE_THROUGH_BELOW = 64, 128
"""Alpha (0..255) above which a pixel counts as part of the person, and below which it counts as see-through."""
WISPS = 8
"""Pixels along the person's outline within which hairs may stray, and be seen through."""
GAP = 9
"""Pixels. A hole that holds a square of twice this side is a gap, such as that between hair and neck, and stays."""
RIM = 3
"""Pixels around a hole that are filled with it."""
AROUND = 12.0
"""Standard deviation, in pixels, of the surroundings whose colour fills a hole."""
DOTTED = 0.05, 0.1
"""How much alpha (0..1) goes up and down again from pixel to pixel, on average: dots begin, and are certain."""
NEAR, SOFT = 3.0, 1.5
"""Standard deviations, in pixels: of the surroundings in which dots are looked for, and of the blur over them."""
HELD = 0.15, 0.85
"""Blurred alpha that becomes 0, and 1. Steeper edges make curls look cut out with scissors."""
EDGE = 2
"""Pixels along the outline that get their colour from farther inside. With 4, skin covers a narrow beard."""
CUT_OFF, FADE = 24, 8
"""Rows at the top that get the colours of those below them, and rows over which that fades."""


def mend_outline(pixels: np.ndarray) -> np.ndarray:
    """uint8 ``(height, width, 4)``, premultiplied colour and alpha: what is not connected to the middle of the picture
    goes, dots become soft edges, and dark lines and small holes get the colour beside them."""
    pixels = _without_rim(_without_dots(_hair_to_the_edge(pixels)))
    alpha = pixels[..., 3]
    height, width = alpha.shape
    middle = np.zeros(alpha.shape, np.bool_)
    middle[height // 2, width // 2] = True
    person = _grown(connected(alpha > PERSON_ABOVE, middle), WISPS)
    kept = pixels * person[..., None].astype(np.uint8)
    seen_through = kept[..., 3] < SEE_THROUGH_BELOW
    border = np.zeros(alpha.shape, np.bool_)
    border[0] = border[:, 0] = border[:, -1] = True  # not below: clothes are cut off there
    outside = connected(seen_through, border)
    enclosed = seen_through & ~outside
    gaps = connected(enclosed, ~_grown(~enclosed, GAP))
    between_hairs = _grown(outside, WISPS)
    holes = enclosed & ~gaps & ~between_hairs
    return _filled(kept, _grown(holes, RIM)) if holes.any() else kept


@compiled
def connected(inside: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Pixels of the mask ``inside`` that are connected to one of ``start``, over sides; all are bool ``(height,
    width)``."""
    height, width = inside.shape
    reached = np.zeros((height, width), np.bool_)
    stack = np.empty(height * width, np.int64)
    size = 0
    for y in range(height):
        for x in range(width):
            if start[y, x] and inside[y, x]:
                reached[y, x] = True
                stack[size] = y * width + x
                size += 1
    while size:
        size -= 1
        y, x = divmod(stack[size], width)
        for step_y, step_x in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            near_y, near_x = y + step_y, x + step_x
            if 0 <= near_y < height and 0 <= near_x < width and inside[near_y, near_x] and not reached[near_y, near_x]:
                reached[near_y, near_x] = True
                stack[size] = near_y * width + near_x
                size += 1
    return reached


def _grown(mask: np.ndarray, reach: int) -> np.ndarray:
    planes = torch.from_numpy(mask)[None].float()
    return F.max_pool2d(planes, 2 * reach + 1, 1, reach)[0].numpy() > 0


def _hair_to_the_edge(pixels: np.ndarray) -> np.ndarray:
    """Above hair that the upper edge cuts off, the decoder draws skin. It gets the hair's colours, mirrored."""
    above, below = pixels[:CUT_OFF].astype(np.float32), pixels[2 * CUT_OFF - 1 : CUT_OFF - 1 : -1].astype(np.float32)
    known = below[..., 3:] > SEE_THROUGH_BELOW
    mirrored = np.where(known, below / np.maximum(below[..., 3:], 1) * above[..., 3:], above)
    share = np.clip((CUT_OFF - np.arange(CUT_OFF)) / FADE, 0, 1)[:, None, None]
    mixed = share * mirrored + (1 - share) * above
    return np.concatenate([mixed.round().astype(np.uint8), pixels[CUT_OFF:]])


def _without_dots(pixels: np.ndarray) -> np.ndarray:
    """Where the decoder is not sure of hair, it draws dots. They are blurred."""
    planes = torch.from_numpy(pixels).movedim(-1, 0)[None].float() / 255
    near = gaussian(NEAR)
    dotted = torch.zeros_like(planes[:, 3:])
    for axis in (2, 3):  # steps of a clean edge add up, those of dots cancel out
        steps = torch.diff(planes[:, 3:], dim=axis, append=planes[:, 3:].narrow(axis, -1, 1))
        dotted += blurred(steps.abs(), near) - blurred(steps, near).abs()
    dotted = smoothstep(dotted, *DOTTED)
    dotted = blurred(F.max_pool2d(dotted, 9, 1, 4), gaussian(SOFT))
    soft = blurred(planes, gaussian(SOFT))
    held = smoothstep(soft[:, 3:], *HELD)
    without = torch.cat([soft[:, :3] / soft[:, 3:].clamp_min(1e-4) * held, held], dim=1)
    mixed = dotted * without + (1 - dotted) * planes
    return mixed[0].mul(255).round().byte().movedim(0, -1).contiguous().numpy()


def _without_rim(pixels: np.ndarray) -> np.ndarray:
    """The decoder draws a dark line around the person. It gets the colours beside it, farther inside."""
    planes = torch.from_numpy(pixels).movedim(-1, 0)[None].float() / 255
    alpha = planes[:, 3:]
    inside = 1 - F.max_pool2d((alpha < SEE_THROUGH_BELOW / 255).float(), 2 * EDGE + 1, 1, EDGE)
    near = blurred(planes * inside, gaussian(EDGE))
    colour = near[:, :3] / near[:, 3:].clamp_min(1e-6) * alpha
    share = (1 - inside) * smoothstep(near[:, 3:], 0.005, 0.03)  # hairs that stray farther keep their own
    mixed = torch.cat([planes[:, :3] + share * (colour - planes[:, :3]), alpha], dim=1)
    return mixed[0].mul(255).round().byte().movedim(0, -1).contiguous().numpy()


def _filled(pixels: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Opaque in the holes, with the colour around them."""
    planes = torch.from_numpy(pixels).movedim(-1, 0)[None].float()
    around = blurred(planes, gaussian(AROUND))
    solid = 255 * around / around[:, 3:].clamp_min(1e-6)
    filled = planes + (1 - planes[:, 3:] / 255) * solid
    chosen = torch.where(torch.from_numpy(holes), filled, planes)
    return chosen[0].round().clamp(0, 255).byte().movedim(0, -1).contiguous().numpy()
