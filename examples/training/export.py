"""Put the averaged weights of a training run into a model folder, in float16.

    python -m examples.training.export .train/denoiser --out MODEL    # and portrait, frame_decoder, adapters, frames
    python -m examples.training.export .train/autoencoder --people data/people

The autoencoder stays in its run's folder ``model``: only training needs it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel

from examples.training.device import DEVICE
from examples.training.people_dataset import people
from examples.training.prepare_people import latent_statistics
from examples.training.train_denoiser import DENOISER
from examples.training.train_frame_decoder import FRAME_DECODER
from imagineid_sdk.face.persona.identity import VECTOR_SIZE
from imagineid_sdk.face.persona.vocabulary import WORDS
from imagineid_sdk.imagining.adapters.blending import BlendingAdapter
from imagineid_sdk.imagining.adapters.semantic import AttributeEmbedder, SemanticAdapter
from imagineid_sdk.imagining.adapters.spatial import SpatialAdapter
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder
from imagineid_sdk.imagining.portrait_decoder import PortraitDecoder

MODULES = {
    "autoencoder": HeadAutoencoder,
    "portrait_decoder": PortraitDecoder,
    "frame_decoder": lambda: HeadAutoencoder(**FRAME_DECODER),
    "denoiser": lambda: UNet2DConditionModel(**DENOISER),
    "attribute_embedder": lambda: AttributeEmbedder([(slot, list(known)) for slot, known in WORDS.items()]),
    "semantic_adapter": lambda: SemanticAdapter(inputs=96 + VECTOR_SIZE),
    "spatial_adapter": SpatialAdapter,
    "blending_adapter": BlendingAdapter,
}
COMPONENTS = {"frame_decoder": "autoencoder"}
"""Modules that are called otherwise in a model: of an autoencoder, frames need no more than this decoder."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--people", type=Path, help="rendered people, for the statistics of an autoencoder's latents")
    parser.add_argument("--out", type=Path, default=Path("imagineid_sdk/weights/tiny"))
    options = parser.parse_args()
    averaged = torch.load(options.run / "state.pt", weights_only=True, map_location=DEVICE)["averaged"]
    for name, state in averaged.items():
        if "discriminator" in name:  # only training needs it
            continue
        module = MODULES[name]().to(DEVICE)
        module.load_state_dict(state)
        if name == "autoencoder":
            latent_statistics(module, people(options.people))
            module.save_pretrained(options.run / "model")
        else:
            module.half().save_pretrained(options.out / COMPONENTS.get(name, name))
    write_index(options.out)


def write_index(folder: Path) -> None:
    """``model_index.json``, once every component is there."""
    from imagineid_sdk.models import COMPONENTS

    if all((folder / name / "config.json").is_file() for name in COMPONENTS):
        # The pipeline needs more packages than training does.
        from imagineid_sdk.hub.loading import load_component
        from imagineid_sdk.pipeline import ImagineIDPipeline

        parts = {name: load_component(folder, name, kind) for name, kind in COMPONENTS.items()}
        ImagineIDPipeline(**parts).save_config(folder)


if __name__ == "__main__":
    main()
