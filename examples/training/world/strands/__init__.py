"""Hair, beards, brows and lashes as strands: numpy and scipy only."""

from .beards import grow_beard
from .brows import grow_brows
from .growth import Strands
from .hair import grow_hair, make_scalp, scalp_tint
from .lashes import grow_lashes
from .look import Look
from .looks import LOOKS, look_chances, random_look
from .scalp import Scalp
from .surface import Surface

__all__ = [
    "LOOKS",
    "Look",
    "Scalp",
    "Strands",
    "Surface",
    "grow_beard",
    "grow_brows",
    "grow_hair",
    "grow_lashes",
    "look_chances",
    "make_scalp",
    "random_look",
    "scalp_tint",
]
