"""Features of the portrait, warped to each frame: what `BlendingAdapter` computes, at a lower cost.

Pointwise layers commute with the warp, so they run once, on the portrait. The warp reads whole pixels from a table with
one row for each pixel: four rows and their bilinear weights give a new pixel, and the result is channels-last, which
convolutions are fastest with.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F

from imagineid_sdk.imagining.adapters.blending import BlendingAdapter, LatentBlend, MaskedBlend, Reference
from imagineid_sdk.imagining.autoencoder import Blend


class ReferenceWarp:
    """The portrait's features, ready to be warped to any frame."""

    def __init__(self, adapter: BlendingAdapter, reference: Reference) -> None:
        self._adapter = adapter
        self._latents, self._coarse = as_table(reference.latents), reference.latents.shape[-1]
        self._blends = [cast(MaskedBlend, blend) for blend in adapter.blends]
        prepared = [blend.before_warp(part) for blend, part in zip(self._blends, reference.features, strict=True)]
        # At 1/8 of the picture the blending of latents needs the raw features as well.
        prepared[0] = torch.cat([prepared[0], reference.features[0].to(prepared[0].dtype)], dim=1)
        self._raw = reference.features[0].shape[1]
        self._tables = [as_table(features) for features in prepared]
        self._sizes = [features.shape[-1] for features in prepared]

    def warp_to(self, maps: torch.Tensor, flow: torch.Tensor) -> tuple[LatentBlend, Blend]:
        """Results of the adapter's ``latent_blend`` and ``decoder_blend``; ``maps`` and ``flow`` as there."""
        latents = fetch(self._latents, corners(flow, self._coarse), self._coarse)
        first = fetch(self._tables[0], corners(flow, self._sizes[0]), self._sizes[0])
        prepared, features = first[:, : -self._raw], first[:, -self._raw :]

        def blend(level: int, hidden: torch.Tensor) -> torch.Tensor:
            if level == 0:
                return hidden
            size = hidden.shape[-1]
            warped = prepared if level == 1 else fetch(self._tables[level - 1], corners(flow, size), size)
            seen = F.avg_pool2d(maps[:, -2:], maps.shape[-1] // size) if size < maps.shape[-1] else maps[:, -2:]
            return self._blends[level - 1].after_warp(hidden, warped.to(hidden.dtype), seen.to(hidden.dtype))

        return self._adapter.blend_latents(latents, features, maps), blend


def as_table(features: torch.Tensor) -> torch.Tensor:
    """``(1, channels, size, size)`` -> one row for each pixel, float32 ``(size * size, channels)``."""
    return features[0].float().flatten(1).T.contiguous()


def corners(flow: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the pixels of some frames are fetched from, for features of this size.

    Args:
        flow: ``(frames, 2, flow_size, flow_size)`` in widths of the picture, see ``GeometryMaps.flow``.

    Returns:
        rows of the four pixels around each point ``(frames * size * size, 4)`` int32, and their bilinear weights;
        points outside are moved to the border.
    """
    if flow.shape[-1] > size:
        flow = F.avg_pool2d(flow, flow.shape[-1] // size)
    steps = torch.arange(size, device=flow.device, dtype=flow.dtype)
    x = (flow[:, 0] * size + steps).clamp_(0, size - 1)
    y = (flow[:, 1] * size + steps[:, None]).clamp_(0, size - 1)
    left, top = x.floor().clamp_(max=size - 2), y.floor().clamp_(max=size - 2)
    x, y = x - left, y - top
    first = (top * size + left).int()
    rows = torch.stack([first, first + 1, first + size, first + size + 1], dim=-1)
    weights = torch.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], dim=-1)
    return rows.view(-1, 4), weights.view(-1, 4)


def fetch(table: torch.Tensor, where: tuple[torch.Tensor, torch.Tensor], size: int) -> torch.Tensor:
    """Warped features ``(frames, channels, size, size)``, channels last, from ``as_table`` and ``corners``."""
    rows, weights = where
    pixels = F.embedding_bag(rows, table, mode="sum", per_sample_weights=weights)
    return pixels.view(-1, size, size, table.shape[1]).movedim(-1, 1)
