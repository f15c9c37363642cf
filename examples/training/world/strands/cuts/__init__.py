"""Families of cuts: each grows strands (n, s, 3) and their brightness (n,) for one head in the chair."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..look import Groom
from .braids import grow_braids
from .curly import grow_curly, grow_ropes
from .long import grow_long
from .short import grow_short
from .up import grow_up

FAMILIES: dict[str, Callable[[Groom], tuple[np.ndarray, np.ndarray]]] = {
    "crop": grow_short,
    "long": grow_long,
    "up": grow_up,
    "curly": grow_curly,
    "rope": grow_ropes,
    "braids": grow_braids,
}
__all__ = ["FAMILIES"]
