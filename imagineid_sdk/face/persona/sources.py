"""From a speaker, or from a person imagined earlier, to the person whom the frames show."""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from imagineid_sdk.errors import IdentityFileError, OptionError
from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.face.persona.overrides import Overrides
from imagineid_sdk.face.persona.population import LOOK_TRAITS, PopulationPrior, VoiceAttributes
from imagineid_sdk.listening.identity import AGE_PRIOR, GENDER_PRIOR, IdentityEncoder
from imagineid_sdk.listening.profile import SpeakerIdentity, VoiceProfile

logger = logging.getLogger(__name__)


def voice_attributes(
    encoder: IdentityEncoder, speaker: SpeakerIdentity | VoiceProfile, neutral: bool = False
) -> VoiceAttributes:
    """What the population prior needs of a voice, rounded: the last bits depend on where tensors lie in memory.

    `neutral`: infer neither sex nor age.
    """
    if neutral:
        speaker = replace(speaker, gender=GENDER_PRIOR, age=AGE_PRIOR)
    direction = encoder.speaker_direction(speaker.embedding).astype(np.float64)
    return VoiceAttributes(
        gender=round(speaker.gender.value, 3), age=round(speaker.age.value, 2),
        age_spread=round(speaker.age.spread, 2), voice=np.round(direction, 4),
    )  # fmt: skip


def known_person(
    given: Identity | str | os.PathLike[str], population: PopulationPrior, head: ParametricHead, overrides: Overrides,
    model: str,
) -> Identity:  # fmt: skip
    """A person imagined earlier, edited; the face has to be imagined again where something changed.

    Args:
        given: the person, or the path of a saved one.
        model: fingerprint of the model that will show the person.

    Raises:
        IdentityFileError: it is no person, or one of another model.
        OptionError: it is something else.
    """
    if isinstance(given, (str, os.PathLike)):
        given = Identity.load(given)
    if not isinstance(given, Identity):
        raise OptionError(
            f"identity={type(given).__name__} is no person. Give out.identity, or the path of a file that "
            "identity.save() wrote."
        )
    given.check()
    codes = head.config.num_identity_codes
    if len(given.code) != codes:
        raise IdentityFileError(
            f"The identity is of another model: its head has {len(given.code)} numbers, and {codes} are expected. "
            "Imagine the person again with this model."
        )
    traits = codes + LOOK_TRAITS
    if given.traits is not None and len(given.traits) != traits:
        raise IdentityFileError(
            f"The identity can't be used: it has {len(given.traits)} traits, and {traits} are expected. Imagine the "
            "person again with this model."
        )
    if given.model and model and given.model != model and given.reference is not None:
        logger.warning("The identity's face was made by another model and is imagined again.")
        given = given.without_face()
    edited = population.edit(head, given, overrides)
    return edited if edited is given else edited.without_face()


def model_fingerprint(*networks: nn.Module) -> str:
    """Tells models apart whose faces differ: a hash of the signs of each network's first weights, which are the same in
    every precision. Empty for weights that are not in memory."""
    digest = hashlib.sha256()
    for network in networks:
        weight = next(network.parameters())
        if weight.is_meta:
            return ""
        digest.update(np.packbits((weight.detach() > 0).to(torch.uint8).cpu().numpy()).tobytes())
    return digest.hexdigest()[:16]
