"""Words, numbers and colours of a rendered person: what the semantic side of the training sees."""

from __future__ import annotations

import numpy as np

from examples.training.people_dataset import CLOTHES, HAIR, SKIN, Person
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.face.persona.phenotype import age_in_years
from imagineid_sdk.face.persona.vocabulary import BEARDS, EYE_COLORS, HAIR_COLORS, HAIRS

HAIR_WORDS = {
    "buzz": "buzz cut", "crew": "crew cut", "messy": "tousled", "bob_fringe": "bob with fringe",
    "lob_wavy": "wavy lob", "long_side": "long side part", "long_curtain": "curtain fringe",
    "curly_short": "short curls", "curly_long": "long curls", "afro_short": "short afro",
}  # fmt: skip
"""Looks of ``world.strands`` that are called otherwise."""
CLOTHES_WORDS = {
    "female_casualsuit01": "striped top", "female_elegantsuit01": "blouse", "male_casualsuit02": "sports shirt",
    "male_casualsuit03": "polo", "male_casualsuit04": "jersey", "male_casualsuit05": "hoodie",
    "male_casualsuit06": "t-shirt", "male_elegantsuit01": "suit",
}  # fmt: skip
EYE_WORDS = {
    "brown": "brown", "brownlight": "hazel", "blue": "blue", "bluegreen": "blue-green", "green": "green",
    "grey": "grey", "lightblue": "light blue", "ice": "ice",
}  # fmt: skip
HAIR_DYES = np.array([
    (0.016, 0.014, 0.013), (0.036, 0.026, 0.019), (0.082, 0.055, 0.036), (0.17, 0.118, 0.074), (0.42, 0.30, 0.17),
    (0.29, 0.235, 0.175), (0.17, 0.070, 0.030), (0.36, 0.35, 0.34), (0.52, 0.51, 0.49),
])  # fmt: skip
"""Linear colours of the world for ``HAIR_COLORS``."""
WHITE_HAIR = np.array([0.50, 0.485, 0.46])


def mean_colour(picture: np.ndarray, chosen: np.ndarray, fallback) -> tuple[float, float, float]:
    """Mean red, green, blue in 0..1 of the chosen pixels of one picture ``(256, 256, 5)``."""
    if chosen.sum() < 20:
        return tuple(float(c) for c in fallback)
    return tuple(float(c) / 255 for c in picture[..., :3][chosen].mean(0))


Colours = dict[str, tuple[float, float, float]]
"""``hair_rgb``, ``skin_rgb``, ``clothes_rgb``: means of what is seen, 0..1."""


def describe(person: Person) -> Identity:
    """The rendered person as an Identity without code and reference."""
    facts, picture = person.description, person.pictures[0]
    segmentation = picture[..., 4]
    face = np.zeros(segmentation.shape, bool)
    face[90:190, 80:176] = True
    colours = {
        "hair_rgb": mean_colour(picture, segmentation == HAIR, dyed_hair(facts) ** 0.45),
        "skin_rgb": mean_colour(picture, (segmentation == SKIN) & face, (0.5, 0.4, 0.35)),
        "clothes_rgb": mean_colour(picture, segmentation == CLOTHES, facts["shirt"]),
    }
    return describe_facts(facts, colours)


def dyed_hair(facts: dict) -> np.ndarray:
    """Linear colour of the hair, white strands included."""
    return np.array(facts["hair_color"]) * (1 - facts["grey"]) + WHITE_HAIR * facts["grey"]


def describe_facts(facts: dict, colours: Colours) -> Identity:
    """What the world says about a person, and the colours that are seen, as an Identity."""
    phenotype = facts["phenotype"]
    ancestry = np.array([phenotype[name] for name in ("african", "asian", "caucasian")])
    dye = np.log(HAIR_DYES + 0.01) - np.log(dyed_hair(facts) + 0.01)
    hair = HAIR_WORDS.get(facts["hair"], facts["hair"].replace("_", " "))
    assert hair in HAIRS, hair
    assert facts["eye"] in EYE_WORDS and EYE_WORDS[facts["eye"]] in EYE_COLORS
    return Identity(
        code=np.zeros(0, np.float32),
        gender=float(phenotype["gender"]),
        age=age_in_years(phenotype["age"]),
        build=float(phenotype["weight"]),
        ancestry=tuple(float(share) for share in ancestry / ancestry.sum()),
        hair=hair,
        hair_color=HAIR_COLORS[int((dye**2).sum(1).argmin())],
        eye_color=EYE_WORDS[facts["eye"]],
        beard=_beard_word(facts),
        beard_growth=float(facts["beard"]),
        hair_shape=tuple(float(figure) for figure in facts["hair_shape"]),
        clothes=CLOTHES_WORDS[facts["clothes"]],
        seed=int(facts["seed"]),
        **colours,
        glasses=facts["glasses"] or "none",
        light=facts["light"]["kind"],
    )


def _beard_word(facts: dict) -> str:
    if facts["beard"] < 0.5:
        return "none"
    if facts["beard"] < 1.2:
        return "stubble"
    return facts["beard_style"] if facts["beard_style"] in BEARDS else "beard"
