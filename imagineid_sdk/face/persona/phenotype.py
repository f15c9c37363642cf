"""Phenotype parameters of MakeHuman's mesh: age, and the features that the mean head of a population follows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

AGE_YEARS = (1, 10, 25, 35, 45, 55, 65, 90)
AGE_PARAMETERS = (0, 1 / 3, 2 / 3, 0.82, 0.865, 0.905, 0.945, 1)
"""Years, and MakeHuman's age parameter of the people who look it. By its own straight scale of 25 to 90 years between
2/3 and 1, people of 50 look thirty: skins of middle age come in from 0.8 on, lines and grey hair behind that."""


def age_parameter(years: float) -> float:
    """MakeHuman's age parameter of people who look as old as ``years``."""
    return float(np.interp(years, AGE_YEARS, AGE_PARAMETERS))


def age_in_years(parameter: float) -> float:
    """Inverse of ``age_parameter``."""
    return float(np.interp(parameter, AGE_PARAMETERS, AGE_YEARS))


def phenotype_features(gender: float, parameter: float, build: float, ancestry: Sequence[float]) -> np.ndarray:
    """Features ``(12,)`` of ``ParametricHead.mean_code``; ``parameter`` is MakeHuman's age parameter."""
    age = (parameter - 0.7) * 4
    sex = gender * 2 - 1
    african, asian, caucasian = ancestry
    return np.array(
        [1, sex, age, age * age, sex * age, build * 2 - 1, african, asian, caucasian, sex * african, sex * asian,
         (build * 2 - 1) * sex], np.float64,
    )  # fmt: skip
