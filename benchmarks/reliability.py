"""How sure listening is of a speaker's sex, against how often it is right: a table and a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.people import Voice
from benchmarks.tables import Row

EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_SIDE, _MARGIN = 420, 50


def certainties(voices: Sequence[Voice]) -> tuple[np.ndarray, np.ndarray]:
    """How sure (0.5 .. 1) and whether right, of each clip whose speaker's sex is known."""
    known = [voice for voice in voices if voice.speech.sex in ("man", "woman")]
    female = np.array([voice.profile.gender.value for voice in known])
    right = (female > 0.5) == np.array([voice.speech.sex == "woman" for voice in known], bool)
    return np.maximum(female, 1 - female), right


def reliability_rows(voices: Sequence[Voice]) -> list[Row]:
    sure, right = certainties(voices)
    rows = []
    for low, high in zip(EDGES, EDGES[1:], strict=False):
        inside = (sure >= low) & ((sure < high) | (high == 1))
        said, true = (f"{part[inside].mean():.2f}" if inside.any() else "-" for part in (sure, right))
        rows.append({"sure of": f"{low:.1f} to {high:.1f}", "clips": str(inside.sum()), "said": said, "right": true})
    error = np.average(
        [abs(float(row["said"]) - float(row["right"])) for row in rows if row["clips"] != "0"],
        weights=[int(row["clips"]) for row in rows if row["clips"] != "0"],
    )
    return [
        *rows,
        {"sure of": "expected calibration error", "clips": str(len(sure)), "said": f"{error:.3f}", "right": "-"},
    ]


def save_plot(path: Path, rows: Sequence[Row]) -> None:
    """Said against right: on the diagonal where listening is as sure as it may be; a dot's area counts its clips."""
    plot = np.full((_SIDE, _SIDE, 3), 255, np.uint8)

    def place(said: float, right: float) -> tuple[int, int]:
        span = _SIDE - 2 * _MARGIN
        return int(_MARGIN + (said - 0.5) / 0.5 * span), int(_SIDE - _MARGIN - right * span)

    cv2.line(plot, place(0.5, 0.5), place(1, 1), (190, 190, 190), 1, cv2.LINE_AA)
    cv2.rectangle(plot, place(0.5, 1), place(1, 0), (0, 0, 0), 1)
    for text, spot in (("said 0.5", place(0.5, -0.08)), ("1", place(0.98, -0.08)), ("right 1", (2, _MARGIN + 5)),
                       ("0", (30, _SIDE - _MARGIN))):  # fmt: skip
        cv2.putText(plot, text, spot, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    for row in rows:
        if row.get("right", "-") != "-":
            radius = max(2, int(2 * np.sqrt(int(row["clips"]))))
            spot = place(float(row["said"]), float(row["right"]))
            cv2.circle(plot, spot, radius, (180, 90, 20), -1, cv2.LINE_AA)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), plot)
    print(f"(sheet: {path})")
