"""Sheets of pictures to look at beside the figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

WIDEST = 1440  # pixels


def frames_of(frames: np.ndarray, count: int = 6) -> list[np.ndarray]:
    """Frames spread over a video."""
    return [frames[k] for k in np.linspace(0, len(frames) - 1, count).astype(int)]


def save_sheet(path: Path, rows: Sequence[Sequence[np.ndarray]], labels: Sequence[str] | None = None) -> None:
    """Write rows of equally large RGB pictures as one PNG, with a label in the first picture of each row."""
    columns = max(len(row) for row in rows)
    side = min(WIDEST // columns, rows[0][0].shape[1])
    lines = []
    for index, row in enumerate(rows):
        pictures = [cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in row]
        pictures += [np.full((side, side, 3), 255, np.uint8)] * (columns - len(row))
        line = np.hstack(pictures)
        if labels:
            _label(line, labels[index])
        lines.append(line)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.ascontiguousarray(np.vstack(lines)[:, :, ::-1]))
    print(f"(sheet: {path})")


def in_rows(pictures: Sequence[np.ndarray], columns: int = 8) -> list[list[np.ndarray]]:
    return [list(pictures[start : start + columns]) for start in range(0, len(pictures), columns)]


def _label(line: np.ndarray, text: str) -> None:
    """White letters with a black shadow."""
    for place, colour in (((5, 15), (0, 0, 0)), ((4, 14), (255, 255, 255))):
        cv2.putText(line, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
