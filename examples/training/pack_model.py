"""The last step: the large networks of a model folder as bytes, half of float16, for those classes that read them.

    python -m examples.training.pack_model imagineid_sdk/weights/tiny

Training goes on from float16, so pack a copy.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from safetensors.torch import save_file

from examples.training.blocks import pack_weights
from imagineid_sdk.models import COMPONENTS
from imagineid_sdk.quantization import WEIGHTS_FILE, PackedModelMixin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    options = parser.parse_args()
    for name, kind in COMPONENTS.items():
        file = options.model / name / WEIGHTS_FILE
        if issubclass(kind, PackedModelMixin) and file.is_file():
            save_file(pack_weights(kind.from_pretrained(options.model / name).state_dict()), file)


if __name__ == "__main__":
    main()
