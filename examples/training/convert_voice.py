"""GE2E's recurrent network, from Resemblyzer's checkpoint to the SDK's `identity_encoder` folder, as bytes.

    pip download --no-deps resemblyzer==0.1.4 && unzip Resemblyzer-*.whl
    python -m examples.training.convert_voice resemblyzer/pretrained.pt imagineid_sdk/weights/tiny

What the identity stage learns on top of it is still empty: `train_identity` comes next.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from examples.training.blocks import pack
from imagineid_sdk.listening.identity import IdentityEncoder
from imagineid_sdk.listening.speaker_encoder import BLOCK


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("weights", type=Path, help="folder that gets identity_encoder/")
    options = parser.parse_args()
    known = torch.load(options.checkpoint, map_location="cpu", weights_only=True)["model_state"]
    encoder = IdentityEncoder()
    network = encoder.voice
    for layer in range(network.layers):
        for part, name in (("input", "ih"), ("hidden", "hh")):
            stored, scale = pack(known[f"lstm.weight_{name}_l{layer}"], BLOCK)
            network.get_buffer(f"{part}_{layer}").copy_(stored)
            network.get_buffer(f"{part}_range_{layer}").copy_(scale)
        network.get_buffer(f"bias_{layer}").copy_(known[f"lstm.bias_ih_l{layer}"] + known[f"lstm.bias_hh_l{layer}"])
    encoder.half().save_pretrained(options.weights / "identity_encoder")


if __name__ == "__main__":
    main()
