"""The population prior: from what a voice supports to one person, sampled with a seed.

The prior is a table of the synthetic people of the training world: which hair, skin, eyes and clothes go with which
sex, age and ancestry. A person is sampled from it by the Gumbel trick, so that a small change of what was heard rarely
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

from imagineid_sdk.errors import OptionError
from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.face.persona.overrides import RGB, Overrides
from imagineid_sdk.face.persona.phenotype import age_parameter, phenotype_features
from imagineid_sdk.face.persona.vocabulary import (
    BEARDS,
    HAIR_TONES,
    LOOKS,
    SKINS,
    WORDS,
    nearest_color,
    read_colour,
    skin_word,
)
from imagineid_sdk.listening.identity import AGE_PRIOR
from imagineid_sdk.seeds import numpy_generator

SEX_WIDTH = 0.25
"""Width of the kernel that picks people of like sex."""
CHILD_UNTIL = 14.0
"""Years up to which clothes are a child's and nobody is bald. Beside this and grey hair, an age changes no look: two
clips of one voice are heard as different ages, and must not differ in hair for that."""
GROWN_FROM = 17.0
"""Years: the youngest age that is sampled for a voice that is no child's."""
GREY_FROM, GREY_OVER = 50.0, 20.0
"""Years from which hair turns grey, and over which most of it does."""
MIDDLE_AGE = 35.0
"""Years. Higher ages are drawn towards it as far as they are uncertain."""
AGE_DOUBT = 0.5
"""Share by which an age that was not heard at all is drawn towards `MIDDLE_AGE`."""
NOT_GREY = 0.84
"""MakeHuman's age parameter up to which nobody of the training world has grey hair."""
VOICE_SHARE = 0.95
"""Share of the variance of head shape and portrait noise that the voice decides; the seed decides the rest.

Speaker directions of two clips of one voice have a cosine of 0.9, those of two voices of one sex 0.2. All traits are
continuous in the voice, so the same voice keeps its person. Words (the cut of the hair, the kind of clothes) can't
change gradually, so the seed alone decides them."""
SEEN_SHARE = 0.2
"""The same for hair lightness, fullness of the beard and shades of the clothes: small differences are seen at once."""
WORN_SHARE = 0.5
"""The same for the shape of the hair."""
BEARD_GROWS = (0.42, 0.64, 0.88)
"""Shares of men up to whom a beard begins to show, is stubble, and is full: about as often as in the training world."""
HAIR_SHADES, CLOTHES_SHADES = 0.4, 0.5
"""Factors of two in hair lightness, and in each primary of the clothes, for one standard deviation of the trait."""
HAIR, BEARD, SHADES, SHAPE, HEAVY = 0, 1, slice(2, 5), slice(5, 9), 9
"""Traits behind those of the head: hair lightness, beard, shades of the clothes, shape of the hair, build."""
LOOK_TRAITS = HEAVY + 1
STEADY = 4
"""Leading numbers of the speaker direction that decide hair, beard and clothes: they vary least between clips."""
BUILD, BUILD_SPREAD = 0.5, 0.16
"""Of the population, 0 slim .. 1 heavy. No voice tells it: it is a trait like those of the head."""
CODE_SPREAD = 0.9
"""Share of the population's variety that is sampled; 1 would reproduce the rare odd heads as well."""


@dataclass(frozen=True, eq=False)
class VoiceAttributes:
    """What sampling a person needs of a voice.

    Attributes:
        gender: probability that the speaker is female.
        age, age_spread: years.
        voice: unit vector (``IdentityEncoder.speaker_direction``) that places the person among those who fit, so that
            another voice is another person.
    """

    gender: float
    age: float
    age_spread: float
    voice: np.ndarray


class PopulationPrior(ModelMixin, ConfigMixin):
    """Table of synthetic people.

    Buffers:
        factors: ``(people, 6)``: gender 0..1, MakeHuman's age parameter, build 0..1, and shares of the african, asian
            and caucasian base shapes.
        looks: ``(people, 7)`` uint8: number of the word in each slot of ``LOOKS``.
        colours: ``(people, 9)``: red, green and blue in 0..1 of hair, skin and clothes.
    """

    @register_to_config
    def __init__(self, num_people: int = 1) -> None:
        super().__init__()
        self.register_buffer("factors", torch.zeros(num_people, 6))
        self.register_buffer("looks", torch.zeros(num_people, len(LOOKS), dtype=torch.uint8))
        self.register_buffer("colours", torch.zeros(num_people, 9))
        self.lift = nn.Parameter(torch.zeros(()), requires_grad=False)  # diffusers asks the first parameter for dtype

    def sample(self, head: ParametricHead, heard: VoiceAttributes, overrides: Overrides, seed: int) -> Identity:
        """The person whom ``seed`` picks among those who fit the voice and the overrides."""
        codes = len(head.code_spread)
        draws = _Draws.of(seed, len(self.factors), codes + LOOK_TRAITS, len(heard.voice))
        # Boys and girls sound alike: the seed decides, or two clips of one child would be a boy and a girl.
        sexed = heard.age > CHILD_UNTIL or overrides.age is not None
        female = _female(heard.gender if sexed else 0.5, overrides.gender, draws.coin)
        gender = 0.88 + 0.12 * draws.sex if female else 0.12 * draws.sex
        gender = overrides.gender if isinstance(overrides.gender, float) else gender
        age = _age(heard, draws.age) if overrides.age is None else float(overrides.age)
        free = _free_traits(heard.voice, draws, codes)
        looks = free[codes:]
        build = float(np.clip(BUILD + BUILD_SPREAD * looks[HEAVY], 0.15, 0.9))

        person, dressed = self._fitting(gender, age, draws)
        factors, colours = self.factors.float().cpu().numpy(), self.colours.float().cpu().numpy()
        ancestry = _triple(factors[person, 3:] / factors[person, 3:].sum())
        spread = head.code_spread.float().cpu().numpy()
        code = _mean_code(head, gender, age, build, ancestry) + CODE_SPREAD * (spread @ free[:codes])
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
        return self.edit(head, identity if female else _bearded(identity, looks[BEARD]), overrides)

    def _fitting(self, gender: float, age: float, draws: _Draws) -> tuple[int, int]:
        """Rows of the table for the looks and for the clothes. A child has its grown-up looks and a child's clothes."""
        factors = self.factors.float().cpu().numpy()
        child = age <= CHILD_UNTIL
        young = factors[:, 1] <= age_parameter(CHILD_UNTIL)
        grown = ~young & (factors[:, 1] < NOT_GREY)
        bald = self.looks[:, LOOKS.index("hair")].cpu().numpy() == WORDS["hair"].index("bald")
        unlike = ((factors[:, 0] - gender) / SEX_WIDTH) ** 2 / 2

        def pick(noise: np.ndarray, fits: np.ndarray) -> int:
            return int(np.argmax(noise - unlike - np.where(fits, 0, 1e3)))

        return pick(draws.person, grown & ~(child & bald)), pick(draws.clothes, young if child else grown)

    def edit(self, head: ParametricHead, identity: Identity, overrides: Overrides) -> Identity:
        """The same person with other attributes; the same object where nothing changes. Colours that belong to a word
        follow it, and the shape of the head follows sex and age; the colour of the hair stays at any age.
        """
        changes: dict[str, Any] = {slot: word for slot in LOOKS if (word := getattr(overrides, slot)) is not None}
        if overrides.hair_color is not None:
            changes |= self._hair_colour(overrides.hair_color)
        if overrides.clothes_color is not None:
            changes["clothes_rgb"] = read_colour(overrides.clothes_color)
        if overrides.skin is not None:
            given = None if overrides.skin in SKINS else read_colour(overrides.skin)
            changes["skin_rgb"] = given or self._typical_skin(str(overrides.skin))
        changes |= self._body(head, identity, overrides)
        # Who becomes a woman or a child has no beard any more, unless this edit asks for one.
        woman, child = changes.get("gender", 0.0) > 0.5, changes.get("age", 99.0) <= GROWN_FROM
        beardless = (woman and identity.gender <= 0.5) or (child and identity.age > GROWN_FROM)
        if beardless and overrides.beard is None:
            changes["beard"] = "none"
        if changes.get("beard", identity.beard) != identity.beard:
            changes["beard_growth"] = None
        changed = any(not np.array_equal(value, getattr(identity, name)) for name, value in changes.items())
        return replace(identity, **changes) if changed else identity

    def _body(self, head: ParametricHead, identity: Identity, overrides: Overrides) -> dict[str, Any]:
        """Sex and age, and the head that goes with them."""
        gender, age = identity.gender, identity.age
        if isinstance(overrides.gender, str):
            gender = gender if (gender > 0.5) == (overrides.gender == "female") else 1 - gender
        elif overrides.gender is not None:
            gender = float(overrides.gender)
        if overrides.age is not None:
            age = float(overrides.age)
        if (gender, age) == (identity.gender, identity.age):
            return {}
        before = _mean_code(head, identity.gender, identity.age, identity.build, identity.ancestry)
        after = _mean_code(head, gender, age, identity.build, identity.ancestry)
        code = np.round(identity.code + after - before, 4).astype(np.float32)
        return {"gender": gender, "age": age, "code": code}

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
        assert colour is not None  # checked by `Overrides`
        return {"hair_color": nearest_color(colour, HAIR_TONES), "hair_rgb": colour}

    def _typical_skin(self, word: str) -> tuple[float, float, float]:
        colours = [_triple(rgb) for rgb in self.colours[:, 3:6].float().cpu().numpy()]
        chosen = [rgb for rgb in colours if skin_word(rgb) == word]
        if not chosen:
            known = [each for each in SKINS if each in map(skin_word, colours)]
            raise OptionError(f"skin={word!r}: nobody of this model has it. Choose one of: {', '.join(known)}.")
        return _triple(np.mean(chosen, axis=0))


@dataclass(frozen=True, eq=False)
class _Draws:
    """Everything that a seed draws, used or not, so that editing one attribute leaves the others as they were.

    coin, sex: 0..1. age: standard deviations. greying: how soon hair turns grey, 0.5 late .. 1.8. person, clothes:
    Gumbel noise for every row of the table. directions ``(traits, size)``: from the speaker direction to the traits.
    own ``(traits,)``: the seed's own part of the traits.
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
        random = numpy_generator(seed)
        return cls(
            coin=random.uniform(), sex=random.uniform(), age=random.normal(), greying=random.uniform(0.5, 1.8),
            person=random.gumbel(size=people), clothes=random.gumbel(size=people),
            directions=random.normal(size=(traits, figures)), own=random.normal(size=traits),
        )  # fmt: skip


def _mean_code(
    head: ParametricHead, gender: float, age: float, build: float, ancestry: tuple[float, float, float]
) -> np.ndarray:
    """Mean identity code ``(codes,)`` of such people."""
    features = torch.from_numpy(phenotype_features(gender, age_parameter(age), build, ancestry)).float()
    return head.mean_code(features).cpu().numpy()


def _female(heard: float, wished: str | float | None, coin: float) -> bool:
    if isinstance(wished, str):
        return wished == "female"
    if wished is not None:
        return wished > 0.5
    # A clear voice decides; in between the seed does, in proportion.
    certain = np.clip((heard - 0.5) * 4 + 0.5, 0, 1)
    return bool(coin < certain)


def _age(heard: VoiceAttributes, noise: float) -> float:
    """Years, 10 to 85. noise: standard deviations."""
    youngest = GROWN_FROM if heard.age > CHILD_UNTIL else 10.0
    # The less surely an age is heard, the less it may lie above the middle: or most men's voices would be grey.
    doubt = AGE_DOUBT * min(1.0, heard.age_spread / AGE_PRIOR.spread)
    about = heard.age - doubt * max(0.0, heard.age - MIDDLE_AGE)
    return float(np.clip(about + 0.25 * heard.age_spread * np.clip(noise, -1.5, 1.5), youngest, 85))


def _free_traits(speaker_direction: np.ndarray, draws: _Draws, codes: int) -> np.ndarray:
    """Traits ``(codes + LOOK_TRAITS,)`` of about unit variance: mostly the voice's, a little the seed's."""
    voice = np.tile(speaker_direction, (len(draws.own), 1))
    voice[codes:-1] *= np.where(np.arange(len(speaker_direction)) < STEADY, np.sqrt(len(speaker_direction) / STEADY), 0)
    share = np.full(len(draws.own), VOICE_SHARE)
    share[codes:-1], share[codes:][SHAPE] = SEEN_SHARE, WORN_SHARE
    return np.sqrt(share) * (draws.directions * voice).sum(1) + np.sqrt(1 - share) * draws.own


def _bearded(identity: Identity, trait: float) -> Identity:
    """The same man with the beard of this trait."""
    among_men = NormalDist().cdf(trait) if identity.age > GROWN_FROM else 0.0
    growth = float(np.interp(among_men, BEARD_GROWS, (0, 1, 2)))
    return replace(identity, beard=BEARDS[round(growth)], beard_growth=round(growth, 3))


def _evenly(traits: np.ndarray) -> tuple[float, ...]:
    """Normal numbers as quantiles, uniform in -1..1."""
    return tuple(round(2 * NormalDist().cdf(trait) - 1, 3) for trait in traits)


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third
