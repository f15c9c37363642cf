"""Rows of numbers as int8 in blocks with a scale each, as ``imagineid_sdk.quantization.dequantize`` reads them."""

from __future__ import annotations

import torch

from imagineid_sdk.quantization import BLOCK, SCALE


def pack(rows: torch.Tensor, block: int) -> tuple[torch.Tensor, torch.Tensor]:
    """``(rows, columns)`` -> the same as int8, and scales ``(rows, blocks)`` that float16 holds exactly: the bytes have
    to fit the scale that is stored."""
    count, columns = rows.shape
    blocks = -(-columns // block)
    padded = rows.new_zeros(count, blocks * block)
    padded[:, :columns] = rows
    padded = padded.unflatten(1, (blocks, block))
    scale = (padded.abs().amax(dim=2) / 127 + 1e-6).half().to(rows.dtype)
    stored = (padded / scale[..., None]).round().clamp(-127, 127).to(torch.int8)
    return stored.flatten(1)[:, :columns].contiguous(), scale


LEAST = 4096
"""Entries of a weight below which bytes save nothing worth having."""


def pack_weights(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A network's weights as ``PackedModelMixin`` reads them: matrices as bytes, everything else in float16."""
    packed: dict[str, torch.Tensor] = {}
    for name, weight in state.items():
        if weight.ndim >= 2 and weight.numel() >= LEAST and weight.is_floating_point():
            stored, scale = pack(weight.float().flatten(1), BLOCK)
            packed[name], packed[name + SCALE] = stored.view(weight.shape), scale.half()
        else:
            packed[name] = weight.half() if weight.is_floating_point() else weight
    return packed
