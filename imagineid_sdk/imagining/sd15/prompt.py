"""Semantics at full scale: a person in words, and in pseudo-words spliced between them into the text encoder.

No public checkpoint turns a voice into pseudo-words, so they are built without training: a first and a second name
that nobody bears, each a mixture of the embeddings of common first names in which the person's identity code sets the
shares. Names steer Stable Diffusion to one steady face, and a point between many names is no real person's.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from imagineid_sdk.face.persona.identity import Identity

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPTokenizer

NAMES = {
    "female": (
        "anna", "maria", "laura", "emma", "julia", "sofia", "nina", "clara", "alice", "elena", "amina", "mei",
        "priya", "yuki", "fatima", "ines",
    ),
    "male": (
        "david", "martin", "thomas", "peter", "daniel", "lucas", "paul", "simon", "victor", "adam", "omar", "wei",
        "arjun", "kenji", "kofi", "diego",
    ),
}  # fmt: skip
PSEUDO_WORDS = 2
SHARPNESS = 1.5
"""How far a pseudo-word leans towards single names: 0 is the mean of all, large values pick one."""
NEGATIVE = "drawing, cartoon, 3d render, deformed, blurry, watermark, text, frame, hands"
BEFORE = "portrait photo of"
STYLE = "head and shoulders, facing the camera, {background} background, {light}, natural skin, sharp focus"
LIGHT = {
    "studio": "soft studio light", "window": "soft light from a window", "overcast": "overcast daylight",
    "sun": "sunlight", "evening": "warm evening light", "indoors": "light of a room",
}  # fmt: skip


def describe(identity: Identity | None, background: str = "plain grey") -> tuple[str, str]:
    """The prompt before and after the pseudo-words; None is nobody in particular."""
    style = STYLE.format(background=background, light=LIGHT["studio" if identity is None else identity.light])
    if identity is None:
        return f"{BEFORE} a person", f", {style}"
    words = identity.words()
    hair = "bald" if words["hair"] == "bald" else f"{words['hair_color']} {words['hair']} hair"
    traits = [
        f"a {round(identity.age)} year old {'woman' if identity.gender > 0.5 else 'man'}", f"{words['skin']} skin",
        hair, f"{words['eye_color']} eyes", f"wearing a {words['clothes_color']} {words['clothes']}",
    ]  # fmt: skip
    if words["beard"] != "none":
        traits.insert(3, words["beard"])
    if words["glasses"] != "none":
        traits.append(f"{words['glasses']} glasses")
    return BEFORE, f", {', '.join(traits)}, {style}"


def pseudo_words(identity: Identity, tokenizer: CLIPTokenizer, embeddings: torch.Tensor) -> torch.Tensor:
    """``(PSEUDO_WORDS, width)`` in the text encoder's input space.

    Args:
        embeddings: of all tokens, ``(tokens, width)``.
    """
    names = NAMES["female" if identity.gender > 0.5 else "male"]
    tokens = [tokenizer(name, add_special_tokens=False).input_ids for name in names]
    known = torch.stack([embeddings[ids].float().mean(0) for ids in tokens])
    # Fixed directions: the same code always means the same names, and near codes near ones.
    directions = np.random.default_rng(0).normal(size=(PSEUDO_WORDS, len(names), len(identity.code)))
    shares = torch.from_numpy(directions @ identity.code / np.sqrt(len(identity.code))).float()
    words = torch.softmax(SHARPNESS * shares, dim=-1).to(known.device) @ known
    # A mean is shorter than what it is a mean of; the text encoder knows words of a word's length.
    return words * (known.norm(dim=-1).mean() / words.norm(dim=-1, keepdim=True))


@torch.no_grad()
def encode(
    tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel, before: str, after: str, pseudo: torch.Tensor | None
) -> torch.Tensor:  # fmt: skip
    """Text embeddings ``(1, tokens, width)`` of ``before``, the pseudo-words, and ``after``; cut at the encoder's
    length."""
    length = text_encoder.config.max_position_embeddings
    first, second = (tokenizer(text, add_special_tokens=False).input_ids for text in (before, after))
    slots = 0 if pseudo is None else len(pseudo)
    first = first[: length - 2 - slots]
    body = [*first, *[tokenizer.unk_token_id] * slots, *second][: length - 2]
    ids = [tokenizer.bos_token_id, *body, tokenizer.eos_token_id]
    ids += [tokenizer.pad_token_id] * (length - len(ids))
    table = text_encoder.get_input_embeddings()

    here = threading.get_ident()  # another thread may be describing somebody else with it

    def splice(_: Any, __: Any, embedded: torch.Tensor) -> torch.Tensor | None:
        if pseudo is None or threading.get_ident() != here:
            return None
        start = 1 + len(first)
        return torch.cat([embedded[:, :start], pseudo[None].to(embedded), embedded[:, start + slots :]], dim=1)

    hook = table.register_forward_hook(splice) if pseudo is not None else None
    try:
        return text_encoder(torch.tensor([ids], device=cast(torch.Tensor, table.weight).device)).last_hidden_state
    finally:
        if hook is not None:
            hook.remove()
