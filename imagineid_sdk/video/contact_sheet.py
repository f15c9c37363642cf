"""Several faces on one picture, each with its seed below it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from imagineid_sdk.output import ImaginedFace

PAPER, INK, GREY = (255, 255, 255), (20, 20, 20), (96, 96, 96)
GAP, LETTER = 1 / 16, 1 / 13
"""Space around a face and height of the letters, as shares of the face's width."""
SMALLEST_LETTER = 11


def captions(faces: Sequence[ImaginedFace]) -> list[tuple[str, str]]:
    """Two lines for each face: its seed, and who it is."""
    return [
        (f"seed {face.identity.seed}", f"{face.identity.words()['gender']}, {face.identity.age:.0f}") for face in faces
    ]


def contact_sheet(images: Sequence[np.ndarray], lines: Sequence[Sequence[str]]) -> np.ndarray:
    """Pictures of one size, uint8 ``(height, width, 3)`` or with alpha, over their lines of text, in rows of about
    as many as there are rows: uint8 ``(height, width, 3)``."""
    from PIL import Image, ImageDraw, ImageFont  # comes with diffusers

    height, width = images[0].shape[:2]
    letter, gap = max(SMALLEST_LETTER, round(width * LETTER)), max(4, round(width * GAP))
    square = math.ceil(math.sqrt(len(images)))
    columns = min((square, square + 1), key=lambda number: -len(images) % number)  # the fuller rows
    rows = math.ceil(len(images) / columns)
    line = round(letter * 1.35)
    cell = height + max(map(len, lines), default=0) * line + 2 * gap
    sheet = Image.new("RGB", (columns * (width + gap) + gap, rows * cell + gap), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(letter)
    for at, (image, text) in enumerate(zip(images, lines, strict=True)):
        left, top = gap + at % columns * (width + gap), gap + at // columns * cell
        face = Image.fromarray(image)
        sheet.paste(face, (left, top), face if image.shape[2] == 4 else None)
        for number, words in enumerate(text):
            place = (left + width // 2, top + height + gap // 2 + number * line)
            draw.text(place, words, fill=GREY if number else INK, font=font, anchor="ma")
    return np.asarray(sheet)
