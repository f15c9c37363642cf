"""The autoencoder in two halves. Faces are imagined, never encoded, so the package has the decoder alone; its encoder
lies here, for whoever trains on."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file, save_file

from imagineid_sdk.imagining.autoencoder import HeadAutoencoder

ENCODER = Path(__file__).parent / "encoder.safetensors"


def with_encoder(shipped: Path) -> HeadAutoencoder:
    """The shipped autoencoder, float32, with the encoder that belongs to it: what further adapters are trained with."""
    shipped_half = HeadAutoencoder.from_pretrained(shipped).float()
    whole = HeadAutoencoder(**{**public_settings(shipped_half), "with_encoder": True})
    whole.load_state_dict(shipped_half.state_dict(), strict=False)
    whole.encoder.load_state_dict(load_file(ENCODER))
    return whole.eval()


def public_settings(model: HeadAutoencoder) -> dict:
    return {name: value for name, value in model.config.items() if not name.startswith("_")}


def without_encoder(model: HeadAutoencoder) -> HeadAutoencoder:
    """What imagining needs of the autoencoder."""
    shipped = HeadAutoencoder(**{**public_settings(model), "with_encoder": False})
    kept = shipped.state_dict()
    shipped.load_state_dict({name: value for name, value in model.state_dict().items() if name in kept})
    return shipped


def save_encoder(model: HeadAutoencoder) -> None:
    """In float16, beside this file."""
    save_file({name: value.half().contiguous() for name, value in model.encoder.state_dict().items()}, ENCODER)
