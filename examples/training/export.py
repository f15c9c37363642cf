"""Put the averaged weights of a training run into the package, in float16.

python -m examples.training.export .train/autoencoder        # and denoiser, adapters, frames
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel

from examples.training.people_dataset import people
from examples.training.prepare_people import latent_statistics
from examples.training.train_denoiser import DENOISER
from examples.training.whole_autoencoder import save_encoder, without_encoder
from imagineid_sdk.face.persona.identity import VECTOR_SIZE
from imagineid_sdk.face.persona.vocabulary import WORDS
from imagineid_sdk.imagining.adapters.blending import BlendingAdapter
from imagineid_sdk.imagining.adapters.semantic import AttributeEmbedder, SemanticAdapter
from imagineid_sdk.imagining.adapters.spatial import SpatialAdapter
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder

MODULES = {
    "autoencoder": HeadAutoencoder,
    "denoiser": lambda: UNet2DConditionModel(**DENOISER),
    "attribute_embedder": lambda: AttributeEmbedder([(slot, list(known)) for slot, known in WORDS.items()]),
    "semantic_adapter": lambda: SemanticAdapter(inputs=96 + VECTOR_SIZE),
    "spatial_adapter": SpatialAdapter,
    "blending_adapter": BlendingAdapter,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument(
        "--people", type=Path,
        help="rendered people, for the statistics of the latents; without, an autoencoder keeps those of --out, as one "
        "must whose decoder alone was trained on",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("imagineid_sdk/weights/tiny"))
    options = parser.parse_args()
    averaged = torch.load(options.run / "state.pt", weights_only=True)["averaged"]
    for name, state in averaged.items():
        if name == "discriminator":  # only training needs it
            continue
        module = MODULES[name]()
        module.load_state_dict(state)
        if name == "autoencoder":
            if options.people:
                latent_statistics(module, people(options.people))
            else:
                shipped = HeadAutoencoder.from_pretrained(options.out / name).float()
                module.latent_mean, module.latent_std = shipped.latent_mean, shipped.latent_std
            module.save_pretrained(options.run / "model")  # with the encoder, for prepare_people
            save_encoder(module)
            module = without_encoder(module)
        module.half().save_pretrained(options.out / name)
    write_index(options.out)


def write_index(folder: Path) -> None:
    """``model_index.json``, once every component is there."""
    from imagineid_sdk.hub.loading import load_component
    from imagineid_sdk.models import COMPONENTS
    from imagineid_sdk.pipeline import ImagineIDPipeline

    if all((folder / name / "config.json").is_file() for name in COMPONENTS):
        parts = {name: load_component(folder, name, kind) for name, kind in COMPONENTS.items()}
        ImagineIDPipeline(**parts).save_config(folder)


if __name__ == "__main__":
    main()
