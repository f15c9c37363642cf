"""Trains the second listening stage: the content encoder, with speech and identity encoders frozen.

python -m examples.training.train_content corpus/espeak corpus/recorded --output imagineid_sdk/weights/tiny
"""

from __future__ import annotations

import argparse
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from examples.training.train_identity import Item, described, load_items, set_rate, written
from examples.training.voices.features import load_views
from imagineid_sdk.listening.content import ContentEncoder
from imagineid_sdk.listening.identity import IdentityEncoder
from imagineid_sdk.listening.visemes import VISEMES

_LENGTH = 150  # frames a training piece: 3 s
_RATE = 1.5e-3
_logger = logging.getLogger(__name__)


def fingerprint(network: nn.Module) -> str:
    """SHA-256 over every weight: equal only for bit-identical networks."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode() + value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def freeze(network: nn.Module) -> nn.Module:
    """The network in evaluation mode without gradients."""
    return network.eval().requires_grad_(False)


@torch.no_grad()
def embeddings(identity: IdentityEncoder, items: list[Item]) -> np.ndarray:
    """What the frozen identity stage says of every utterance, (items, E)."""
    voices, pitch = described(items)
    return identity(torch.from_numpy(voices), torch.from_numpy(pitch).float()).embedding.numpy()


def class_weights(items: list[Item]) -> torch.Tensor:
    """Rare visemes count more: frequency to the power -0.4, silence no more than the mean."""
    count = np.zeros(len(VISEMES))
    for item in items:
        count += np.bincount(item.views.visemes[item.begin : item.end], minlength=len(VISEMES))
    weight = (count / count.sum() + 1e-3) ** -0.4
    weight[VISEMES.index("SIL")] = weight.mean()
    return torch.from_numpy(weight / weight.mean()).float()


class ContentLesson:
    """Batches of pieces of utterances and of sound without speech, and how wrong an encoder is about them."""

    def __init__(self, items: list[Item], backgrounds: list[Item], batch: int = 20) -> None:
        self.items, self.backgrounds, self.batch = items, backgrounds, batch
        self.weight = class_weights(items)
        formant = np.array([item.formant for item in items])
        chance = np.where(formant, 0.4 / max(1, formant.sum()), 0.6 / max(1, (~formant).sum()))
        self.chance = chance / chance.sum()

    def loss(
        self, encoder: ContentEncoder, voices: Callable[[np.ndarray], torch.Tensor], rng: np.random.Generator
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Of one batch; `voices` gives the embeddings of the items with these numbers."""
        chosen = rng.choice(len(self.items), self.batch, p=self.chance)
        pieces = [_piece(self.items[i], rng) for i in chosen]
        if self.backgrounds:
            pieces.append(_piece(self.backgrounds[int(rng.integers(len(self.backgrounds)))], rng))
        anybody = rng.integers(len(self.items), size=len(pieces) - self.batch)
        # Sometimes nobody in particular: the words must be heard without knowing the voice, too.
        known = torch.from_numpy(rng.uniform(size=(len(pieces), 1)) >= 0.2).float()
        voice = voices(np.concatenate([chosen, anybody])) * known
        features, visemes, actions, valid = (torch.from_numpy(np.stack(column)) for column in zip(*pieces, strict=True))
        with torch.autocast("cpu", torch.bfloat16):
            logits, predicted = encoder(_drop(features, rng), voice)
        logits, predicted = logits.float(), predicted.float()
        parts = {
            "visemes": F.cross_entropy(logits[valid], visemes[valid], weight=self.weight, label_smoothing=0.03),
            "actions": 8 * F.smooth_l1_loss(predicted[valid], actions[valid], beta=0.05),
        }
        return torch.stack(list(parts.values())).sum(), {name: part.item() for name, part in parts.items()}


def train(items: list[Item], backgrounds: list[Item], voices: np.ndarray, steps: int, seed: int = 0) -> ContentEncoder:
    """The trained encoder, float32. `voices`: identity embeddings of `items`."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    encoder = ContentEncoder(embedding_size=voices.shape[1])
    lesson = ContentLesson(items, backgrounds)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=_RATE, weight_decay=0.05)
    for step in range(steps):
        set_rate(optimizer, _RATE, step, steps)
        loss, parts = lesson.loss(encoder, lambda numbers: torch.from_numpy(voices[numbers]), rng)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 5.0)
        optimizer.step()
        if step % 50 == 0:
            _logger.info("step %d %s", step, written(parts))
    return encoder.eval()


def _piece(item: Item, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    room = max(0, item.end - item.begin - _LENGTH)
    begin = item.begin + int(rng.integers(room + 1))
    end = min(item.end, begin + _LENGTH)
    missing = _LENGTH - (end - begin)
    features = np.pad(item.views.features[begin:end].astype(np.float32), ((0, missing), (0, 0)))
    visemes = np.pad(item.views.visemes[begin:end].astype(np.int64), (0, missing))
    actions = np.pad(item.views.actions[begin:end].astype(np.float32), ((0, missing), (0, 0)))
    return features, visemes, actions, np.arange(_LENGTH) < end - begin


def _drop(features: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Feature noise: masks of channels, a little noise, so that the head leans on no single synthetic trait."""
    mask = torch.from_numpy((rng.uniform(size=(len(features), 1, features.shape[2])) > 0.1).astype(np.float32))
    return features * mask / 0.9 + 0.1 * torch.randn_like(features)


@torch.no_grad()
def evaluate(encoder: ContentEncoder, items: list[Item], voices: np.ndarray) -> dict[str, float]:
    """Frame accuracy over visemes and recall of lip closures and of silence."""
    truth, found = [], []
    for item, voice in zip(items, voices, strict=True):
        features = torch.from_numpy(item.views.features[item.begin : item.end].astype(np.float32))
        logits, _ = encoder(features[None], torch.from_numpy(voice)[None])
        found.append(logits[0].argmax(dim=1).numpy())
        truth.append(item.views.visemes[item.begin : item.end])
    t, f = np.concatenate(truth), np.concatenate(found)
    recall = {name: float((f[t == i] == i).mean()) for i, name in enumerate(VISEMES) if (t == i).any()}
    spoken = t != VISEMES.index("SIL")
    return {"accuracy": float((t == f).mean()), "accuracy_in_speech": float((t == f)[spoken].mean()), **recall}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, required=True, help="weights folder, holds identity_encoder/ already")
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    items = load_items(options.corpora)
    identity = IdentityEncoder.from_pretrained(options.output / "identity_encoder", torch_dtype=torch.float32)
    freeze(identity)
    before = fingerprint(identity)
    known = [item for item in items if not item.held_out]
    encoder = train(known, background_items(options.corpora), embeddings(identity, known), options.steps)
    assert fingerprint(identity) == before, "the identity stage must stay bit-identical while content is trained"
    unknown = [item for item in items if item.held_out]
    _logger.info("held-out speakers: %s", evaluate(encoder, unknown, embeddings(identity, unknown)))
    encoder.half().save_pretrained(options.output / "content_encoder")


def background_items(folders: list[Path]) -> list[Item]:
    """The clips without any speech that follow the utterances of every corpus."""
    result = []
    for folder in folders:
        views = load_views(folder)
        for place in range(len(views.picked), len(views.edges) - 1):
            result.append(Item(views, place, "nobody", False, 0, False, "neutral", 0.0))
    return result


if __name__ == "__main__":
    main()
