"""Words, numbers and colours of a rendered person: what the semantic side of the training sees."""

from __future__ import annotations

import numpy as np

from examples.training.people_dataset import CLOTHES, HAIR, SKIN, Person
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.face.persona.phenotype import age_in_years
from imagineid_sdk.face.persona.vocabulary import EYE_COLORS, HAIR_COLORS

HAIR_WORDS = {
    "afro01": "afro", "bob01": "bob", "bob02": "fringe", "braid01": "braid", "long01": "long",
    "ponytail01": "tied back", "short01": "short", "short02": "tousled", "short03": "side-swept",
    "short04": "spiky", "bald": "bald", "buzz": "buzz cut",
}  # fmt: skip
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
    (0.018, 0.014, 0.012), (0.045, 0.026, 0.016), (0.10, 0.055, 0.030), (0.20, 0.115, 0.06), (0.46, 0.31, 0.15),
    (0.33, 0.26, 0.18), (0.17, 0.058, 0.025), (0.36, 0.35, 0.34), (0.52, 0.52, 0.51),
])  # fmt: skip
"""Linear colours of the renderer for ``HAIR_COLORS``."""


def mean_colour(picture: np.ndarray, chosen: np.ndarray, fallback) -> tuple[float, float, float]:
    """Mean red, green, blue in 0..1 of the chosen pixels of one picture ``(256, 256, 5)``."""
    if chosen.sum() < 20:
        return tuple(float(c) for c in fallback)
    return tuple(float(c) / 255 for c in picture[..., :3][chosen].mean(0))


def describe(person: Person) -> Identity:
    """The rendered person as an Identity without code and reference."""
    facts, picture = person.description, person.pictures[0]
    segmentation = picture[..., 4]
    phenotype = facts["phenotype"]
    ancestry = np.array([phenotype[name] for name in ("african", "asian", "caucasian")])
    face = np.zeros(segmentation.shape, bool)
    face[90:190, 80:176] = True
    dye = np.log(HAIR_DYES + 0.01) - np.log(np.array(facts["hair_color"]) + 0.01)
    beard = facts["beard"]
    assert facts["eye"] in EYE_WORDS and EYE_WORDS[facts["eye"]] in EYE_COLORS
    return Identity(
        code=np.zeros(0, np.float32),
        gender=float(phenotype["gender"]),
        age=age_in_years(phenotype["age"]),
        build=float(phenotype["weight"]),
        ancestry=tuple(float(share) for share in ancestry / ancestry.sum()),
        hair=HAIR_WORDS[facts["hair"]],
        hair_color=HAIR_COLORS[int((dye**2).sum(1).argmin())],
        eye_color=EYE_WORDS[facts["eye"]],
        beard="none" if beard == 0 else ("stubble" if beard < 0.45 else "beard"),
        beard_growth=float(np.interp(beard, (0, 0.3, 0.65), (0, 1, 2))),
        hair_shape=tuple(float(figure) for figure in facts["hair_shape"]),
        clothes=CLOTHES_WORDS[facts["clothes"]],
        hair_rgb=mean_colour(picture, segmentation == HAIR, np.array(facts["hair_color"]) ** 0.45),
        skin_rgb=mean_colour(picture, (segmentation == SKIN) & face, (0.5, 0.4, 0.35)),
        clothes_rgb=mean_colour(picture, segmentation == CLOTHES, facts["shirt"]),
        seed=int(facts["seed"]),
        glasses=facts["glasses"] or "none",
    )
