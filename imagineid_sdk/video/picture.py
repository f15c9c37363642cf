"""Single pictures as PNG."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from imagineid_sdk.errors import VideoError
from imagineid_sdk.files import check_output_path, placed_when_complete, typed_write_errors
from imagineid_sdk.video.provenance import PNG_KEYWORD, xmp_packet


def write_png(path: str | os.PathLike[str], image: np.ndarray, metadata: Mapping[str, str] | None = None) -> Path:
    """Write one picture, uint8 (height, width, 3) RGB or (height, width, 4) RGBA: complete or not at all.

    `metadata` becomes text chunks; the PNG specification names Title, Author, Description, Software, Comment, ...

    Raises:
        VideoError: a path that can't be written, or an array that is no such picture.
    """
    from PIL import Image, PngImagePlugin  # comes with diffusers

    target, image = check_output_path(path, ".png"), np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4) or 0 in image.shape:
        raise VideoError(
            f"An array of shape {image.shape} and type {image.dtype} is not a picture. "
            "Give uint8 of shape (height, width, 3) or (height, width, 4)."
        )
    chunks = PngImagePlugin.PngInfo()
    for key, value in (metadata or {}).items():
        try:
            chunks.add_itxt(key, value)
        except UnicodeEncodeError as error:
            raise VideoError(f"A picture can't hold the tag {key!r}. Use Latin letters.") from error
    chunks.add_itxt(PNG_KEYWORD, xmp_packet().decode())
    with placed_when_complete(target) as partial, typed_write_errors(target):
        Image.fromarray(image).save(partial, format="PNG", pnginfo=chunks)
    return Path(path)
