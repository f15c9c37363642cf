"""Matrices stored as bytes with a scale for each block of a row: half of float16, and closer than a scale for a row."""

from __future__ import annotations

import torch


def dequantize(stored: torch.Tensor, scale: torch.Tensor, block: int) -> torch.Tensor:
    """``(rows, columns)`` int8 and ``(rows, blocks)`` -> ``(rows, columns)`` float32; a scale for ``block`` columns."""
    return stored.float() * scale.float().repeat_interleave(block, dim=1)[:, : stored.shape[1]]
