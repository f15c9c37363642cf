"""Casting: from what a voice supports to one person, sampled with a seed.

The prior is a table of the synthetic people of the training world: which hair, skin, eyes and clothes go with which
sex, age and ancestry. A person is cast from it by the Gumbel trick, so that a small change of what was heard rarely
changes who is imagined, and the same seed means the same person for two clips of one voice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import nn

from ..errors import OptionError
from ..listening.identity import AGE_PRIOR
from .head import ParametricHead
from .identity import (
    BEARDS,
    HAIR_TONES,
    SKINS,
    WORDS,
    Identity,
    age_parameter,
    check_words,
    nearest_color,
    phenotype_features,
    read_colour,
    skin_word,
)

RGB = tuple[int, int, int]
COLOURED = ("hair_color", "clothes_color", "skin")
"""Wishes that may be a colour instead of a word."""

LOOKS = ("hair", "hair_color", "eye_color", "beard", "clothes", "glasses")
SEX_WIDTH = 0.25
"""Width of the kernel that picks people of like sex."""
CHILD_UNTIL, GROWN_FROM, GREY_FROM, GREY_OVER = 14.0, 17.0, 50.0, 20.0
"""Years up to which clothes are a child's and nobody is bald; the youngest age that is sampled for a voice that is no
child's, so that no seed makes a child of it; years from which on hair turns grey, and over which most of it does. Apart
from these an age changes no look: two clips of one voice are heard as people of different ages, and must not have other
hair for that."""
MIDDLE_AGE, AGE_DOUBT = 35.0, 0.5
"""Years that a higher age is drawn towards, and by what share where nothing was heard of it."""
NOT_GREY = 0.84
"""MakeHuman's age parameter up to which nobody of the training world has grey hair."""
VOICE_SHARE, SEEN_SHARE, WORN_SHARE = 0.95, 0.2, 0.5
"""Share of a person's free variety that the voice decides: of the head, and of the noise that the face is imagined
from; of how light the hair is, how full the beard, and the shades of the clothes; of how the hair is worn. What is a
voice's own has a cosine of 0.9 between two of its clips, of 0.2 between two voices of one sex
(``benchmarks/README.md``). All of it is continuous in the voice, so that 0.9 leaves the person the same, but a small
difference of hair, beard and clothes meets the eye before any face does. Words would flip, and are the seed's."""
BEARD_GROWS = (0.42, 0.64, 0.88)
"""Shares of men up to whom a beard begins to show, is stubble, and is full: about as often as in the training world."""
HAIR_SHADES, CLOTHES_SHADES = 0.4, 0.5
"""Doublings of how light the hair is, and of each primary of the clothes, for one standard deviation."""
HAIR, BEARD, SHADES, SHAPE, HEAVY = 0, 1, slice(2, 5), slice(5, 9), 9
"""Traits behind those of the head: how light the hair is, how full the beard, the shades of the clothes, how the hair
is worn, and how heavy somebody is."""
LOOK_TRAITS = HEAVY + 1
STEADY = 4
"""The first figures of a voice's own way, those that differ least between its clips, decide what meets the eye first:
hair, beard and clothes."""
BUILD, BUILD_SPREAD = 0.5, 0.16
"""Of the population, 0 slim .. 1 heavy: no voice tells it, so the seed draws it."""
CODE_SPREAD = 0.9
"""Share of the population's variety that is sampled; 1 would reproduce the rare odd heads as well."""


@dataclass(frozen=True)
class Heard:
    """What casting needs of a voice.

    Attributes:
        gender: probability that the speaker is female.
        age, age_spread: years.
        voice: unit vector of what is the voice's own (``IdentityEncoder.own_way``); places the person among those who
            fit, so that another voice is another person.
    """

    gender: float
    age: float
    age_spread: float
    voice: np.ndarray


@dataclass(frozen=True)
class Wishes:
    """What the user sets instead of the voice and the seed; None leaves it to them.

    Attributes:
        gender: "male", "female" or 0 male .. 1 female.
        age: years, 10 to 90.
        hair, eye_color, beard, clothes, glasses: words of ``identity.WORDS``.
        hair_color, clothes_color, skin: words of ``identity.WORDS``, or any colour: a word of ``identity.COLORS``,
            "#rrggbb" or (r, g, b) in 0..255.
    """

    gender: str | float | None = None
    age: float | None = None
    hair: str | None = None
    hair_color: str | RGB | None = None
    eye_color: str | None = None
    beard: str | None = None
    clothes: str | None = None
    clothes_color: str | RGB | None = None
    glasses: str | None = None
    skin: str | RGB | None = None

    def __post_init__(self) -> None:
        for slot in (*LOOKS, "clothes_color", "skin"):
            wish = getattr(self, slot)
            if slot not in COLOURED or wish in WORDS[slot] or wish is None:
                check_words({slot: wish})
            elif read_colour(wish) is None:
                raise OptionError(
                    f"{slot}={wish!r} is not known. Choose one of: {', '.join(WORDS[slot])}, or give a colour as "
                    "'#rrggbb' or (r, g, b) in 0..255."
                )
        if isinstance(self.gender, str):
            check_words({"gender": self.gender})
        elif self.gender is not None and not 0 <= self.gender <= 1:
            raise OptionError(f"gender={self.gender} is out of range. Give 'male', 'female' or a number from 0 to 1.")
        if self.age is not None and not 10 <= self.age <= 90:
            raise OptionError(f"age={self.age} is out of range. The model knows people of 10 to 90 years.")


class PeoplePrior(ModelMixin, ConfigMixin):
    """Table of synthetic people: factors ``(people, 6)``, words ``(people, 6)`` and colours ``(people, 9)``."""

    @register_to_config
    def __init__(self, num_people: int = 1) -> None:
        super().__init__()
        self.register_buffer("factors", torch.zeros(num_people, 6))
        self.register_buffer("looks", torch.zeros(num_people, len(LOOKS), dtype=torch.uint8))
        self.register_buffer("colours", torch.zeros(num_people, 9))
        self.lift = nn.Parameter(torch.zeros(()), requires_grad=False)  # diffusers asks the first parameter for dtype

    def cast(self, head: ParametricHead, heard: Heard, wishes: Wishes, seed: int) -> Identity:
        """The person whom ``seed`` picks among those who fit the voice and the wishes."""
        codes = len(head.code_spread)
        draws = _Draws.of(seed, len(self.factors), codes + LOOK_TRAITS, len(heard.voice))
        # Boys and girls sound alike: the seed decides, or two clips of one child would be a boy and a girl.
        sexed = heard.age > CHILD_UNTIL or wishes.age is not None
        female = _female(heard.gender if sexed else 0.5, wishes.gender, draws.coin)
        gender = 0.88 + 0.12 * draws.sex if female else 0.12 * draws.sex
        gender = wishes.gender if isinstance(wishes.gender, float) else gender
        age = _age(heard, draws.age) if wishes.age is None else float(wishes.age)
        free = _free_traits(heard.voice, draws, codes)
        looks = free[codes:]
        build = float(np.clip(BUILD + BUILD_SPREAD * looks[HEAVY], 0.15, 0.9))

        person, dressed = self._fitting(gender, age, draws)
        factors, colours = self.factors.float().cpu().numpy(), self.colours.float().cpu().numpy()
        ancestry = _triple(factors[person, 3:] / factors[person, 3:].sum())
        features = torch.from_numpy(phenotype_features(gender, age_parameter(age), build, ancestry)).float()
        spread = head.code_spread.float().cpu().numpy()
        code = head.mean_code(features).cpu().numpy() + CODE_SPREAD * (spread @ free[:codes])
        words: dict[str, Any] = {slot: WORDS[slot][int(self.looks[person, i])] for i, slot in enumerate(LOOKS)}
        words["clothes"] = WORDS["clothes"][int(self.looks[dressed, LOOKS.index("clothes")])]
        words["glasses"] = "none"  # no voice tells, and rims are what the shipped model draws worst: only on request
        identity = Identity(
            code=np.round(code, 4).astype(np.float32), gender=float(gender), age=age, build=build,
            ancestry=ancestry, **words, hair_rgb=_triple(colours[person, 0:3]), skin_rgb=_triple(colours[person, 3:6]),
            clothes_rgb=_triple(colours[dressed, 6:9]), seed=seed,
            hair_shape=_evenly(looks[SHAPE]), traits=np.round(free, 3).astype(np.float32),
        )  # fmt: skip
        identity = self._coloured(identity, looks, draws.greying)
        return self.edit(identity if female else _bearded(identity, looks[BEARD]), wishes)

    def _fitting(self, gender: float, age: float, draws: _Draws) -> tuple[int, int]:
        """Who of the table is taken for the looks, and who for the clothes. A child has the looks that it will have as
        a grown-up, and a child's clothes."""
        factors = self.factors.float().cpu().numpy()
        child = age <= CHILD_UNTIL
        young = factors[:, 1] <= age_parameter(CHILD_UNTIL)
        grown = ~young & (factors[:, 1] < NOT_GREY)
        bald = self.looks[:, LOOKS.index("hair")].cpu().numpy() == WORDS["hair"].index("bald")
        unlike = ((factors[:, 0] - gender) / SEX_WIDTH) ** 2 / 2

        def pick(noise: np.ndarray, fits: np.ndarray) -> int:
            return int(np.argmax(noise - unlike - np.where(fits, 0, 1e3)))

        return pick(draws.person, grown & ~(child & bald)), pick(draws.clothes, young if child else grown)

    def edit(self, identity: Identity, wishes: Wishes) -> Identity:
        """The same person with the wished looks; colours that belong to a word follow it."""
        changes: dict = {slot: word for slot in LOOKS if (word := getattr(wishes, slot)) is not None}
        if wishes.hair_color is not None:
            changes |= self._hair_colour(wishes.hair_color)
        if wishes.clothes_color is not None:
            changes["clothes_rgb"] = read_colour(wishes.clothes_color)
        if wishes.skin is not None:
            given = None if wishes.skin in SKINS else read_colour(wishes.skin)
            changes["skin_rgb"] = given or self._typical_skin(str(wishes.skin))
        if identity.gender > 0.5 and wishes.beard is None and identity.beard != "none":
            changes["beard"] = "none"
        if "beard" in changes:
            changes["beard_growth"] = None
        return replace(identity, **changes) if changes else identity

    def _coloured(self, identity: Identity, looks: np.ndarray, greying: float) -> Identity:
        """The same person with hair and clothes of another shade, and hair that is grey with age."""
        hair = np.clip(np.array(identity.hair_rgb) * 2 ** (HAIR_SHADES * np.clip(looks[HAIR], -2, 2)), 0.04, 0.92)
        grey = float(np.clip((identity.age - GREY_FROM) / GREY_OVER * greying, 0, 1))
        hair = hair + grey * (np.array(HAIR_TONES["grey" if greying < 1.1 else "white"]) - hair)
        shades = 2 ** (CLOTHES_SHADES * np.clip(looks[SHADES], -2, 2))
        return replace(
            identity,
            hair_rgb=_triple(hair),
            hair_color=nearest_color(_triple(hair), HAIR_TONES),
            clothes_rgb=_triple(np.clip(np.array(identity.clothes_rgb) * shades, 0.04, 0.92)),
        )

    def _hair_colour(self, wish: str | RGB) -> dict[str, Any]:
        """The word and the colour of hair, each following from the other."""
        if isinstance(wish, str) and wish in HAIR_TONES:
            return {"hair_color": wish, "hair_rgb": HAIR_TONES[wish]}
        colour = read_colour(wish)
        assert colour is not None  # Wishes has checked it
        return {"hair_color": nearest_color(colour, HAIR_TONES), "hair_rgb": colour}

    def _typical_skin(self, word: str) -> tuple[float, float, float]:
        colours = self.colours[:, 3:6].float().cpu().numpy()
        chosen = [rgb for rgb in colours if skin_word(_triple(rgb)) == word]
        if not chosen:
            raise OptionError(f"skin={word!r} is not among the people of this model. Try another of {SKINS}.")
        return _triple(np.mean(chosen, axis=0))


@dataclass(frozen=True)
class _Draws:
    """All that a seed draws, whether it is used or not: editing one attribute leaves the others as they were.

    coin, sex: 0..1; age: standard deviations; greying: how soon hair turns grey, 0.5 late .. 1.8; person, clothes:
    Gumbel noise for everybody of the table; directions ``(traits, figures)``: what the figures of a voice's own way do
    to each trait; own ``(traits,)``: what the seed alone does.
    """

    coin: float
    sex: float
    age: float
    greying: float
    person: np.ndarray
    clothes: np.ndarray
    directions: np.ndarray
    own: np.ndarray

    @classmethod
    def of(cls, seed: int, people: int, traits: int, figures: int) -> _Draws:
        random = np.random.default_rng(seed)
        return cls(
            coin=random.uniform(), sex=random.uniform(), age=random.normal(), greying=random.uniform(0.5, 1.8),
            person=random.gumbel(size=people), clothes=random.gumbel(size=people),
            directions=random.normal(size=(traits, figures)), own=random.normal(size=traits),
        )  # fmt: skip


def _female(heard: float, wished: str | float | None, coin: float) -> bool:
    if isinstance(wished, str):
        return wished == "female"
    if wished is not None:
        return wished > 0.5
    # A clear voice decides; in between the seed does, in proportion.
    certain = np.clip((heard - 0.5) * 4 + 0.5, 0, 1)
    return bool(coin < certain)


def _age(heard: Heard, noise: float) -> float:
    """Years, 10 to 85. noise: standard deviations."""
    youngest = GROWN_FROM if heard.age > CHILD_UNTIL else 10.0
    # The less surely an age is heard, the less it may lie above the middle: or most men's voices would be grey.
    doubt = AGE_DOUBT * min(1.0, heard.age_spread / AGE_PRIOR.spread)
    about = heard.age - doubt * max(0.0, heard.age - MIDDLE_AGE)
    return float(np.clip(about + 0.25 * heard.age_spread * np.clip(noise, -1.5, 1.5), youngest, 85))


def _free_traits(own_way: np.ndarray, draws: _Draws, codes: int) -> np.ndarray:
    """``(codes + LOOK_TRAITS,)`` of about unit variance: what is free of a person comes mostly from the voice itself,
    and a little from the seed alone."""
    voice = np.tile(own_way, (len(draws.own), 1))
    voice[codes:-1] *= np.where(np.arange(len(own_way)) < STEADY, np.sqrt(len(own_way) / STEADY), 0)
    share = np.full(len(draws.own), VOICE_SHARE)
    share[codes:-1], share[codes:][SHAPE] = SEEN_SHARE, WORN_SHARE
    return np.sqrt(share) * (draws.directions * voice).sum(1) + np.sqrt(1 - share) * draws.own


def _bearded(identity: Identity, trait: float) -> Identity:
    """The same man with the beard that falls to him."""
    among_men = NormalDist().cdf(trait) if identity.age > GROWN_FROM else 0.0
    growth = float(np.interp(among_men, BEARD_GROWS, (0, 1, 2)))
    return replace(identity, beard=BEARDS[round(growth)], beard_growth=round(growth, 3))


def _evenly(traits: np.ndarray) -> tuple[float, ...]:
    """Normal figures, spread evenly over -1..1."""
    return tuple(round(2 * NormalDist().cdf(trait) - 1, 3) for trait in traits)


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third
