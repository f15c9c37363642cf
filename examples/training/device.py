"""Where a training runs: on the GPU if there is one, else on the CPU; the same scripts do for both."""

from __future__ import annotations

import torch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
if DEVICE.type == "cuda":
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True


def autocast(enabled: bool = True) -> torch.autocast:
    """Convolutions and matrix products in bfloat16."""
    return torch.autocast(DEVICE.type, dtype=torch.bfloat16, enabled=enabled)
