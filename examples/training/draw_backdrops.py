"""The backdrops that ship with the package: what a camera with a wide aperture sees behind the head, from CC0 HDRIs.

python -m examples.training.draw_backdrops --hdri hdri --out imagineid_sdk/video/backdrops

Runs in the environment of the renders, see world/README.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from .world.cycles.light import backdrop
from .world.film import filmic

SIZE, QUALITY = 512, 82
VIEWS = {
    "room": ("apartment", 0.0, 0.6),
    "office": ("lobby", 310.0, 0.8),
    "park": ("park", 140.0, 0.8),
    "forest": ("forest", 30.0, 0.8),
    "street": ("city", 225.0, 1.0),
    "dusk": ("sunset", 90.0, 0.75),
}
"""Name -> HDRI, degrees that it is turned, brightness."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hdri", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, (picture, turn, brightness) in VIEWS.items():
        seen = backdrop(picture, options.hdri, turn, SIZE, view=40, blur=0.032)
        cast = seen.reshape(-1, 3).mean(0)
        shown = filmic(brightness * seen / np.sqrt(cast / cast.mean()))
        pixels = (np.clip(shown, 0, 1) * 255 + 0.5).astype(np.uint8)
        Image.fromarray(pixels).save(options.out / f"{name}.jpg", quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main()
