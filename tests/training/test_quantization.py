"""Bytes with a scale for each block, there and back."""

import torch

from examples.training.blocks import pack
from imagineid_sdk.quantization import dequantize


def test_packed_rows_come_back_within_half_a_step_of_their_block():
    rows = torch.randn(5, 100, generator=torch.Generator().manual_seed(0)) * torch.logspace(-2, 1, 5)[:, None]
    stored, scale = pack(rows, 32)
    assert stored.dtype == torch.int8 and stored.shape == rows.shape and scale.shape == (5, 4)
    steps = scale.repeat_interleave(32, dim=1)[:, :100]
    assert ((dequantize(stored, scale, 32) - rows).abs() <= 0.51 * steps).all()
    assert torch.equal(scale, scale.half().float())
