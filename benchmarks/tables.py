"""Markdown tables of what was measured."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Row = dict[str, str]
Columns = tuple[tuple[str, Callable[[Any], Any], str], ...]
"""Each column: title, what it shows of one thing (a number or several), how a number is written."""


def measure_row(measure: str, value: str, judge: str) -> Row:
    """A row of a table that lists unlike measures."""
    return {"measure": measure, "value": value, "judge": judge}


def rows_of(things: Sequence[Any], names: Sequence[str], columns: Columns, first: str = "clip") -> list[Row]:
    """One row for each thing and, of several, one of means."""
    values = [[np.atleast_1d(show(thing)).astype(float) for _, show, _ in columns] for thing in things]
    named = [*names, "**mean**"] if len(things) > 1 else list(names)
    if len(things) > 1:
        values.append([mean_over([row[k] for row in values]) for k in range(len(columns))])
    return [
        {first: name} | {title: write(value, form) for value, (title, _, form) in zip(row, columns, strict=True)}
        for name, row in zip(named, values, strict=True)
    ]


def mean_over(cells: Sequence[np.ndarray]) -> np.ndarray:
    """Mean of cells without those where nothing could be measured (nan)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column of nothing but nan stays nan
        return np.nanmean(np.stack(cells), axis=0)


def write(values: Any, form: str) -> str:
    """One number or several, "-" for what could not be measured."""
    return " / ".join("-" if np.isnan(value) else form.format(value) for value in np.atleast_1d(values))


def mean_and(values: Sequence[float], extreme: Callable[[Any], float]) -> str:
    """The mean and the worst of some distances."""
    return f"{np.nanmean(values):.2f} / {extreme(values):.2f}" if len(values) else "-"


def print_table(title: str, rows: Sequence[Row], note: str = "") -> None:
    """One markdown table; the columns are those of the first row."""
    if not rows:
        return
    names = list(rows[0])
    print(f"\n### {title}\n")
    if note:
        print(f"{note}\n")
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for row in rows:
        print(f"| {' | '.join(row[name] for name in names)} |")
    print(flush=True)
