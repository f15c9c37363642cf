"""The casting table: what the rendered people look like, for ``PopulationPrior``.

python -m examples.training.list_people --people DIR --out imagineid_sdk/weights/tiny/population
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from examples.training.describe_people import describe
from examples.training.people_dataset import people
from imagineid_sdk.face.persona.overrides import LOOKS
from imagineid_sdk.face.persona.phenotype import age_parameter
from imagineid_sdk.face.persona.population import PopulationPrior
from imagineid_sdk.face.persona.vocabulary import WORDS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    everyone = [describe(person) for person in people(options.people)]
    prior = PopulationPrior(num_people=len(everyone))
    prior.factors.copy_(
        torch.tensor([[who.gender, age_parameter(who.age), who.build, *who.ancestry] for who in everyone])
    )
    prior.looks.copy_(torch.tensor([[WORDS[slot].index(getattr(who, slot)) for slot in LOOKS] for who in everyone]))
    prior.colours.copy_(torch.tensor([[*who.hair_rgb, *who.skin_rgb, *who.clothes_rgb] for who in everyone]))
    prior.half().save_pretrained(options.out)


if __name__ == "__main__":
    main()
