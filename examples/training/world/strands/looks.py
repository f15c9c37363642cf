"""Named looks and who wears them."""

from __future__ import annotations

import numpy as np

from .look import Look

LOOKS: dict[str, Look] = {
    "buzz": Look("crop", top=0.006, side=0.005, way="spikes", cling=0, lift=0.7, gravity=10, strands=20000,
                 width=0.00018, clump=0, frizz=0.0002, fly=0, steps=5, margin=0.001),
    "crew": Look("crop", top=0.021, side=0.008, fade=0.35, way="spikes", cling=500, lift=0.62, gravity=25,
                 strands=20000, width=0.0002, clump=0.25, lock=0.006, frizz=0.0006, fly=0.01, steps=7, margin=0.0015),
    "fade": Look("crop", top=0.034, side=0.007, fade=1.0, way="messy", lift=0.5, cling=1200, gravity=30,
                 strands=19000, width=0.00022, clump=0.65, lock=0.007, frizz=0.0008, fly=0.015, steps=8,
                 margin=0.002),
    "side_part": Look("crop", top=0.060, side=0.017, fade=0.15, way="side", lift=0.28, gravity=60, part=0.030,
                      quiff=0.7, strands=19000, width=0.00023, clump=0.55, lock=0.008, frizz=0.0007, fly=0.012,
                      steps=11),
    "swept_back": Look("crop", top=0.085, side=0.026, way="back", lift=0.22, gravity=42, strands=19000, width=0.00023,
                       clump=0.6, lock=0.010, frizz=0.0008, fly=0.012, steps=12),
    "messy": Look("crop", top=0.050, side=0.017, way="messy", lift=0.5, cling=1500, gravity=34, part=0.02,
                  strands=18000, width=0.00024, clump=0.78, lock=0.010, frizz=0.0012, fly=0.03, steps=10,
                  curl=(0.003, 0.05), straight=0.02),
    "caesar": Look("crop", top=0.040, side=0.012, fade=0.25, way="forward", lift=0.28, gravity=45, strands=19000,
                   width=0.00023, clump=0.7, lock=0.008, frizz=0.0008, fly=0.015, steps=9, margin=0.003),
    "receding": Look("crop", top=0.026, side=0.013, fade=0.15, way="crown", lift=0.4, gravity=30, strands=16000,
                     width=0.0002, clump=0.4, lock=0.007, frizz=0.0008, steps=7, margin=0.002,
                     scalp={"recede": 0.75}),
    "balding": Look("crop", top=0.016, side=0.012, way="crown", lift=0.3, gravity=30, strands=13000, width=0.0002,
                    clump=0.3, lock=0.007, frizz=0.0008, steps=7, margin=0.0015, scalp={"bald": 1.0}),
    "bald": Look("none"),
    "pixie": Look("crop", top=0.066, side=0.028, way="side", lift=0.34, gravity=48, part=-0.034, strands=19000,
                  width=0.00023, clump=0.62, lock=0.010, frizz=0.0009, fly=0.02, steps=12,
                  scalp={"sideburn": -0.004}),
    "bob": Look("long", loose=True, length=0.26, blunt=0.004, part=0.014, gravity=26, margin=0.0075, clump=0.45,
                lock=0.010, fly=0.02, layers=0.0),
    "bob_fringe": Look("long", loose=True, length=0.26, blunt=0.012, fringe="full", gravity=26, margin=0.007,
                       clump=0.5, layers=0.0),
    "lob_wavy": Look("long", loose=True, length=0.31, blunt=-0.055, part=-0.022, gravity=24, margin=0.007, clump=0.7,
                     lock=0.014, curl=(0.008, 0.075), straight=0.07, fly=0.03, tuck=(0.2, 0.2)),
    "long_straight": Look("long", loose=True, length=0.43, part=0.002, gravity=30, margin=0.004, clump=0.62,
                          lock=0.012, fly=0.02, tuck=(0.45, 0.45), layers=0.15),
    "long_side": Look("long", loose=True, length=0.42, part=0.032, gravity=27, margin=0.0065, clump=0.62, lock=0.014,
                      fly=0.025, curl=(0.004, 0.14), straight=0.10, tuck=(0.1, 0.65), layers=0.2),
    "long_wavy": Look("long", loose=True, length=0.42, part=0.012, gravity=24, margin=0.007, clump=0.74, lock=0.016,
                      fly=0.03, curl=(0.010, 0.085), straight=0.08, tuck=(0.2, 0.2), layers=0.2),
    "long_curtain": Look("long", loose=True, length=0.42, part=0.0, fringe="curtain", gravity=27, margin=0.006,
                         clump=0.66, lock=0.013, curl=(0.005, 0.12), straight=0.09, fly=0.03, layers=0.25),
    "ponytail": Look("up", length=0.32, tie=(0.012, 0.090, -0.150), tail="tail", margin=0.002, strands=17000,
                     steps=24, fly=0.02, loose=True),
    "high_bun": Look("up", tie=(0.0, 0.108, -0.145), tail="bun", margin=0.002, strands=17000, steps=24, fly=0.02),
    "low_bun": Look("up", tie=(0.0, -0.01, -0.165), tail="bun", part=0.012, margin=0.003, strands=17000, steps=24,
                    fly=0.02),
    "plaits": Look("braids", length=0.24, tie=(0.062, -0.045, -0.125), tail="two", margin=0.006, strands=11500,
                   steps=36, width=0.0003, loose=True),
    "side_plait": Look("braids", length=0.24, tie=(0.012, -0.028, -0.168), tail="one", margin=0.0075, strands=11500,
                       steps=36, width=0.0003, part=-0.02, loose=True),
    "cornrows": Look("braids", tie=(0.0, -0.03, -0.165), rows=13, strands=5600, steps=72, width=0.00028,
                     frizz=0.0003),
    "curly_short": Look("rope", length=0.060, lift=0.6, cling=400, curl=(0.0042, 0.017), straight=0.010, lock=0.0080,
                        margin=0.0020, frizz=0.0008, gravity=14, strands=16000, steps=24, width=0.00026, fly=0.02,
                        part=0.01),
    "curly_long": Look("rope", length=0.26, curl=(0.0065, 0.030), straight=0.03, lock=0.011, margin=0.0035,
                       frizz=0.0012, gravity=24, strands=8400, steps=48, width=0.00028, fly=0.04, layers=0.35,
                       part=0.01, loose=True),
    "afro": Look("curly", length=0.054, curl=(0.003, 0.011), straight=0.006, clump=0.62, lock=0.008, frizz=0.002,
                 gravity=1, strands=15000, steps=26, width=0.00026, fly=0.05),
    "afro_short": Look("curly", length=0.022, curl=(0.0018, 0.009), straight=0.004, clump=0.6, lock=0.006,
                       frizz=0.0012, gravity=0, strands=19000, steps=14, width=0.00022, fly=0.02),
    "locs": Look("rope", length=0.22, curl=(0.0008, 0.09), straight=0.03, lock=0.0125, margin=0.0048, frizz=0.0012,
                 gravity=22, strands=9000, steps=30, width=0.0003, fly=0.03, layers=0.2, part=0.015, loose=True),
}  # fmt: skip

MEN = {
    "buzz": 1,
    "crew": 2,
    "fade": 2,
    "side_part": 2.4,
    "swept_back": 1.3,
    "messy": 2,
    "caesar": 1.6,
    "curly_short": 1,
    "long_straight": 0.15,
    "receding": 0.5,
    "balding": 0.2,
    "bald": 0.3,
}
MEN_AFRICAN = {
    "buzz": 2,
    "afro_short": 3,
    "fade": 0.6,
    "afro": 0.8,
    "cornrows": 0.6,
    "locs": 0.8,
    "bald": 0.8,
    "receding": 0.2,
}
MEN_ASIAN = {
    "buzz": 1,
    "crew": 2,
    "fade": 1.5,
    "side_part": 2.5,
    "swept_back": 1,
    "messy": 2.5,
    "caesar": 2,
    "receding": 0.3,
}
MEN_OLD = {"receding": 2.5, "balding": 2, "bald": 1, "side_part": 1.5, "crew": 1.5, "swept_back": 1}
BOYS = {"crew": 1.5, "side_part": 1.5, "messy": 2.5, "caesar": 2, "curly_short": 0.6, "buzz": 0.5}
BOYS_AFRICAN = {"afro_short": 3, "buzz": 1.5, "fade": 0.7, "cornrows": 0.6, "locs": 0.3, "afro": 0.5}
WOMEN = {
    "bob": 1.5,
    "bob_fringe": 0.9,
    "lob_wavy": 1.5,
    "long_straight": 1.6,
    "long_side": 1.4,
    "long_wavy": 1.6,
    "long_curtain": 1,
    "ponytail": 0.78,
    "high_bun": 0.42,
    "low_bun": 0.21,
    "pixie": 0.7,
    "side_plait": 0.4,
    "curly_long": 0.8,
}
WOMEN_AFRICAN = {
    "afro": 1.5,
    "afro_short": 1,
    "curly_long": 1.8,
    "curly_short": 0.8,
    "high_bun": 0.6,
    "ponytail": 0.36,
    "long_straight": 0.4,
    "lob_wavy": 0.5,
    "buzz": 0.2,
    "locs": 1,
    "cornrows": 0.7,
    "plaits": 0.2,
}
WOMEN_ASIAN = {
    "bob": 1.6,
    "bob_fringe": 1.2,
    "lob_wavy": 1.1,
    "long_straight": 2.4,
    "long_side": 1.4,
    "long_wavy": 1,
    "long_curtain": 1.2,
    "ponytail": 0.78,
    "high_bun": 0.36,
    "low_bun": 0.24,
    "pixie": 0.5,
    "side_plait": 0.3,
}
WOMEN_OLD = {
    "pixie": 2,
    "bob": 2,
    "lob_wavy": 1,
    "low_bun": 0.3,
    "bob_fringe": 0.6,
    "curly_short": 0.8,
    "ponytail": 0.24,
}
GIRLS = {
    "plaits": 1.6,
    "side_plait": 0.7,
    "ponytail": 1.08,
    "long_straight": 1.5,
    "long_wavy": 0.8,
    "bob": 1,
    "bob_fringe": 1.3,
    "high_bun": 0.3,
    "long_curtain": 0.6,
    "curly_long": 0.4,
}
GIRLS_AFRICAN = {
    "afro": 1.2,
    "plaits": 1,
    "cornrows": 1.2,
    "curly_long": 1.4,
    "high_bun": 0.6,
    "locs": 0.6,
    "ponytail": 0.24,
}
CHILD_AGE, OLD_AGE = 0.58, 0.87


def look_chances(phenotype: dict[str, float]) -> dict[str, float]:
    """Weights of looks. phenotype: gender (1 woman), age (0..1, 0.5 grown up), african, asian, caucasian (shares)."""
    woman, age = phenotype["gender"] > 0.5, phenotype["age"]
    african, asian = phenotype.get("african", 0.0) > 0.5, phenotype.get("asian", 0.0) > 0.5
    if age < CHILD_AGE:
        return ((GIRLS_AFRICAN if african else GIRLS) if woman else (BOYS_AFRICAN if african else BOYS)).copy()
    old = age > OLD_AGE
    if african:
        return (WOMEN_AFRICAN if woman else MEN_AFRICAN).copy()
    if old:
        return (WOMEN_OLD if woman else MEN_OLD).copy()
    if asian:
        return (WOMEN_ASIAN if woman else MEN_ASIAN).copy()
    return (WOMEN if woman else MEN).copy()


def random_look(phenotype: dict[str, float], rng: np.random.Generator) -> str:
    """A name in LOOKS that such a person may wear."""
    chances = look_chances(phenotype)
    weights = np.array(list(chances.values()), float)
    return str(rng.choice(list(chances), p=weights / weights.sum()))
