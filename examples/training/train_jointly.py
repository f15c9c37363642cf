"""The baseline that progressive training is compared with: the three listening stages trained at once, nothing frozen.

    python -m examples.training.train_jointly corpus/espeak corpus/recorded --acted corpus/acted --output JOINTLY
    python -m benchmarks.emotion --emodb EMODB --speech SPEECH --jointly JOINTLY
    python -m benchmarks.quality --model JOINTLY --speech SPEECH --parts factors

The same networks, corpora and losses; the sum of all losses moves everything, so that words and emotions may shape the
voice's embedding as well, and what the emotion stage takes off for voice and words is learned with the rest. Writes a
copy of the shipped model with these three encoders in it. It is never shipped.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from examples.training import train_content, train_emotion, train_identity
from examples.training.train_content import ContentLesson
from examples.training.train_emotion import Examples, Lessons, load_examples
from examples.training.train_identity import IdentityLesson, Item, described, set_rate, written
from examples.training.voices.features import WEIGHTS
from imagineid_sdk.listening.content import ContentEncoder
from imagineid_sdk.listening.emotion import EmotionEncoder
from imagineid_sdk.listening.identity import IdentityEncoder

_RATE, _SCALE = 1.5e-3, 24.0
_logger = logging.getLogger(__name__)


def train(
    identity: IdentityEncoder, items: list[Item], backgrounds: list[Item], acted: Examples, steps: int, seed: int = 0
) -> tuple[IdentityEncoder, ContentEncoder, EmotionEncoder]:
    """The three encoders, float32, after `steps` steps, each on a batch for every stage.

    The embedding begins as the progressive one does and goes on learning: to tell speakers apart (softmax over the
    training speakers) and whatever the later stages ask of it.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    train_identity.set_directions(identity, items)
    size = identity.config.embedding_size
    content, emotion = ContentEncoder(embedding_size=size), EmotionEncoder(embedding_size=size)
    train_emotion.set_usual(emotion, acted)
    who, what, how = IdentityLesson(items), ContentLesson(items, backgrounds), Lessons(acted)
    prototypes = torch.nn.Parameter(F.normalize(torch.randn(len(who.speakers), size), dim=1))

    def voices(numbers: np.ndarray) -> torch.Tensor:
        seen, pitch = described([items[i] for i in numbers])
        return identity(torch.from_numpy(seen), torch.from_numpy(pitch).float()).embedding

    def everyone() -> torch.Tensor:
        pitch = torch.from_numpy(acted.pitch_statistics).float()
        return identity(torch.from_numpy(acted.voices), pitch).embedding

    def tells_apart() -> torch.Tensor:
        speakers, heard, pitch = who.draw(rng)
        similarity = identity(heard, pitch).embedding @ F.normalize(prototypes, dim=1).T
        return F.cross_entropy(_SCALE * similarity, torch.from_numpy(speakers))

    weights = [weight for network in (identity, content, emotion) for weight in network.parameters()]
    optimizer = torch.optim.AdamW([*weights, prototypes], lr=_RATE, weight_decay=0.05)
    for step in range(steps):
        set_rate(optimizer, _RATE, step, steps)
        losses = [who.loss(identity, rng), what.loss(content, voices, rng), how.loss(emotion, everyone(), rng)]
        speakers = tells_apart()
        optimizer.zero_grad()
        (speakers + torch.stack([loss for loss, _ in losses]).sum()).backward()
        torch.nn.utils.clip_grad_norm_(weights, 5.0)
        optimizer.step()
        if step % 50 == 0:
            parts = " ".join(written(parts) for _, parts in losses)
            _logger.info("step %d speakers %.3f %s", step, speakers.item(), parts)
    return identity.eval(), content.eval(), emotion.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path, nargs="+")
    parser.add_argument("--acted", type=Path, required=True, help="corpus of voices/acted.py")
    parser.add_argument("--output", type=Path, required=True, help="folder that gets the whole model")
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    known = [item for item in train_identity.load_items(options.corpora) if not item.held_out]
    identity = IdentityEncoder.from_pretrained(WEIGHTS / "identity_encoder", torch_dtype=torch.float32)
    acted = load_examples([options.acted, *options.corpora])
    stages = train(identity, known, train_content.background_items(options.corpora), acted, options.steps)
    shutil.copytree(WEIGHTS, options.output, dirs_exist_ok=True)
    for name, network in zip(("identity_encoder", "content_encoder", "emotion_encoder"), stages, strict=True):
        network.half().save_pretrained(options.output / name)


if __name__ == "__main__":
    main()
