"""Progressive training in miniature: a later stage never touches an earlier one."""

import numpy as np
import pytest
import torch

from imagineid_sdk.listening.content import ContentEncoder
from imagineid_sdk.listening.identity import IdentityEncoder
from imagineid_sdk.listening.visemes import VISEMES


def test_content_training_leaves_identity_bit_identical():
    torch.manual_seed(0)
    identity = IdentityEncoder(voice_size=16, embedding_size=8).eval().requires_grad_(False)
    content = ContentEncoder(embedding_size=8, width=16)
    before = {name: value.clone() for name, value in identity.state_dict().items()}
    optimizer = torch.optim.AdamW(content.parameters(), lr=1e-2)
    losses = []
    for _ in range(10):
        embedding = identity(torch.ones(2, 16), torch.zeros(2, 8)).embedding
        logits, _ = content(torch.ones(2, 20, 384), embedding)
        target = torch.full((40,), VISEMES.index("AA"))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert all(torch.equal(value, before[name]) for name, value in identity.state_dict().items())


def test_targets_close_the_lips_and_rest_in_silence():
    pytest.importorskip("scipy")
    from examples.training.voices.phones import Sound, action_frames, viseme_frames
    from imagineid_sdk.listening.profile import MOUTH_BLENDSHAPES

    a, b = VISEMES.index("AA"), VISEMES.index("PP")
    silence = VISEMES.index("SIL")
    sounds = [Sound(0, 0.5, silence), Sound(0.5, 0.7, a), Sound(0.7, 0.77, b), Sound(0.77, 0.95, a)]
    sounds.append(Sound(0.95, 1.6, silence))
    jaw = action_frames(sounds, 80)[:, MOUTH_BLENDSHAPES.index("jawOpen")]
    assert jaw[36] < 0.05 and jaw[30] > 0.4
    assert jaw[:20].max() < 0.02
    assert np.array_equal(np.unique(viseme_frames(sounds, 80)), np.sort([0, a, b]))
