"""Matrices stored as bytes with a scale for each block of a row: half of float16, and closer than a scale for a row.

Some networks multiply by them as they are stored, see `dequantize`. Others are unpacked when they are loaded, see
`PackedModelMixin`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from diffusers.models.modeling_utils import ModelMixin
from typing_extensions import Self

from imagineid_sdk.precision import read_dtype

WEIGHTS_FILE = "diffusion_pytorch_model.safetensors"
SCALE = ":scale"
"""Ends the name of the scales of a packed weight."""
BLOCK = 128
"""Entries of a row of a packed weight that share one scale."""


def dequantize(stored: torch.Tensor, scale: torch.Tensor, block: int) -> torch.Tensor:
    """``(rows, columns)`` int8 and ``(rows, blocks)`` -> ``(rows, columns)`` float32; a scale for ``block`` columns."""
    return stored.float() * scale.float().repeat_interleave(block, dim=1)[:, : stored.shape[1]]


def unpack(stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A network's weights with the packed ones in float32; the others stay as they are."""
    weights = {name: weight for name, weight in stored.items() if not name.endswith(SCALE)}
    for name, scale in stored.items():
        if name.endswith(SCALE):
            packed = weights[name.removesuffix(SCALE)]
            weights[name.removesuffix(SCALE)] = dequantize(packed.flatten(1), scale, BLOCK).view(packed.shape)
    return weights


class PackedModelMixin(ModelMixin):
    """A network whose file may hold packed weights. In memory, and in whatever is saved again, they are floats."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str] | None, **kwargs: Any) -> Self:
        """As diffusers' own, which can't read a packed file; of the options only ``subfolder``, ``dtype`` and
        ``torch_dtype`` have a meaning for one."""
        from safetensors.torch import load_file

        folder = Path(pretrained_model_name_or_path or "") / (kwargs.get("subfolder") or "")
        stored = load_file(folder / WEIGHTS_FILE) if (folder / WEIGHTS_FILE).is_file() else {}
        if not any(name.endswith(SCALE) for name in stored):
            return super().from_pretrained(pretrained_model_name_or_path, **kwargs)
        model = cls.from_config(cls.load_config(folder))
        model.load_state_dict(unpack(stored))
        model.register_to_config(_name_or_path=str(pretrained_model_name_or_path))
        dtype = kwargs.get("dtype") or kwargs.get("torch_dtype")
        return torch.nn.Module.to(model, read_dtype(None if dtype == "auto" else dtype) or torch.float32).eval()
