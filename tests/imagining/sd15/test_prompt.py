"""A person in words and pseudo-words, and how the two come together in the text encoder."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.imagining.sd15.prompt import describe, encode, pseudo_words


@pytest.fixture
def anna() -> Identity:
    return Identity(
        code=np.random.default_rng(1).normal(size=96).astype(np.float32), gender=0.9, age=34.4, build=0.5,
        ancestry=(0.2, 0.3, 0.5), hair="bob", hair_color="brown", eye_color="green", beard="none", clothes="hoodie",
        hair_rgb=(0.3, 0.2, 0.1), skin_rgb=(0.7, 0.6, 0.5), clothes_rgb=(0.2, 0.3, 0.65), seed=0,
    )  # fmt: skip


class Letters:
    """A tokenizer of one token a letter."""

    bos_token_id, eos_token_id, unk_token_id, pad_token_id = 28, 29, 30, 29

    def __call__(self, text: str, add_special_tokens: bool) -> SimpleNamespace:
        return SimpleNamespace(input_ids=[ord(letter) % 28 for letter in text])


class Encoder(torch.nn.Module):
    """A text encoder that gives back what it was given."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = torch.nn.Embedding(31, 8)
        self.config = SimpleNamespace(max_position_embeddings=24)

    def get_input_embeddings(self) -> torch.nn.Embedding:
        return self.table

    def forward(self, ids: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(last_hidden_state=self.table(ids))


def test_the_prompt_says_who_is_seen(anna):
    before, after = describe(anna, "plain white")
    assert before == "portrait photo of"
    for words in ("a 34 year old woman", "brown bob hair", "green eyes", "blue hoodie", "plain white background"):
        assert words in after
    assert "beard" not in after
    he = describe(replace(anna, gender=0.1, beard="stubble", hair="bald"))[1]
    assert "a 34 year old man" in he and "stubble" in he and "bald" in he and "brown" not in he
    assert "woman" not in "".join(describe(None))


def test_pseudo_words_are_a_persons_own(anna):
    table = Encoder().table.weight
    words = pseudo_words(anna, Letters(), table)
    assert torch.equal(words, pseudo_words(anna, Letters(), table))
    near = pseudo_words(replace(anna, code=anna.code + 0.01), Letters(), table)
    other = pseudo_words(replace(anna, code=-anna.code), Letters(), table)
    assert (near - words).norm() < 0.1 * (other - words).norm()


def test_pseudo_words_stand_between_the_words(anna):
    encoder, pseudo = Encoder(), torch.full((2, 8), 5.0)
    made = encode(Letters(), encoder, "ab", "cd", pseudo)[0]
    plain = encode(Letters(), encoder, "ab", "cd", None)[0]
    assert made.shape == plain.shape == (24, 8)
    assert torch.equal(made[:3], plain[:3]) and torch.equal(made[3:5], pseudo) and torch.equal(made[5:7], plain[3:5])
    assert torch.equal(encode(Letters(), encoder, "ab", "cd", None)[0], plain)  # nothing stays behind
    assert encode(Letters(), encoder, "a" * 99, "", pseudo).shape == (1, 24, 8)
