"""Trains the first listening stage: the identity encoder.

    python -m examples.training.train_identity corpus/espeak corpus/recorded --output imagineid_sdk/weights/tiny

Two utterances of one speaker attract and other speakers repel (additive angular margin softmax over the training
speakers); sex by cross-entropy and age by Gaussian likelihood, so that the spread is learned with the mean.
"""

from __future__ import annotations

import argparse
import logging
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from examples.training.voices import corpus
from examples.training.voices.features import Views, load_views
from imagineid_sdk.audio import load_audio
from imagineid_sdk.listening.identity import WINDOW_SECONDS, IdentityEncoder, hear_identity, pitch_statistics
from imagineid_sdk.listening.profile import TRACK_RATE
from imagineid_sdk.listening.prosody import analyse_prosody

_MARGIN, _SCALE = 0.2, 24.0
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Item:
    """One utterance of a corpus: where it is and who speaks."""

    views: Views
    begin: int
    end: int
    speaker: str
    female: bool
    age: int
    held_out: bool
    emotion: str
    strength: float


def load_items(folders: list[Path]) -> list[Item]:
    """All utterances of all corpora, held-out speakers included."""
    items = []
    for folder in folders:
        views = load_views(folder)
        utterances = corpus.load(folder)
        for place, index in enumerate(views.picked):
            u, begin, end = utterances[index], int(views.edges[place]), int(views.edges[place + 1])
            items.append(
                Item(views, begin, end, u.speaker, u.gender == "female", u.age, u.held_out, u.emotion, u.strength)
            )
    return items


def crop(item: Item, copy: int, rng: np.random.Generator | None) -> tuple[np.ndarray, np.ndarray]:
    """Log-mel (80, 300) and pitch statistics of a window of the utterance; without `rng` its middle."""
    length = int(WINDOW_SECONDS * TRACK_RATE)
    if rng is not None:
        length = int(rng.integers(length // 2, length + 1))
    room = max(0, item.end - item.begin - length)
    begin = item.begin + (int(rng.integers(room + 1)) if rng is not None else room // 2)
    end = min(item.end, begin + length)
    mel = item.views.mel[copy, 2 * begin : 2 * end].astype(np.float32).T
    wanted = int(WINDOW_SECONDS * 2 * TRACK_RATE)
    mel = np.tile(mel, (1, -(-wanted // mel.shape[1])))[:, :wanted]
    pitch = item.views.pitch[copy, begin:end].astype(np.float32)
    statistics = pitch_statistics(pitch, item.views.speech[copy, begin:end])
    if rng is not None:
        _mask(mel, rng)
        if rng.uniform() < 0.1:
            statistics[:] = 0
    return mel, statistics


def _mask(mel: np.ndarray, rng: np.random.Generator) -> None:
    """SpecAugment (Park et al. 2019) and a smooth random response, in place."""
    knots = rng.normal(0, 0.06, 7)
    mel += np.interp(np.linspace(0, 6, len(mel)), np.arange(7), knots)[:, None].astype(np.float32)
    for axis, most in ((0, 12), (1, 60)):
        size = int(rng.integers(most))
        start = int(rng.integers(mel.shape[axis] - size))
        part = [slice(None), slice(None)]
        part[axis] = slice(start, start + size)
        mel[tuple(part)] = mel.mean()


def train(items: list[Item], steps: int, speakers_a_step: int = 20, seed: int = 0) -> IdentityEncoder:
    """The trained encoder, float32, after `steps` steps."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    by_speaker: dict[str, list[Item]] = {}
    for item in items:
        by_speaker.setdefault(item.speaker, []).append(item)
    names = sorted(by_speaker)
    # Recorded voices carry over to real ones better than formant synthesis: draw them as often.
    formant = np.array([name.startswith("espeak") for name in names])
    chance = np.where(formant, 0.45 / max(1, formant.sum()), 0.55 / max(1, (~formant).sum()))
    chance /= chance.sum()
    encoder = IdentityEncoder()
    prototypes = torch.nn.Parameter(F.normalize(torch.randn(len(names), encoder.config.embedding_size), dim=1))
    optimizer = torch.optim.AdamW([*encoder.parameters(), prototypes], lr=2e-3, weight_decay=0.02)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * step / steps))
        chosen = rng.choice(len(names), speakers_a_step, replace=False, p=chance)
        batch = [
            (speaker, by_speaker[names[speaker]][int(pick)])
            for speaker in chosen
            for pick in rng.choice(len(by_speaker[names[speaker]]), 2)
        ]
        crops = [crop(item, int(rng.integers(2)), rng) for _, item in batch]
        mel = torch.from_numpy(np.stack([c[0] for c in crops]))
        output = encoder(mel, torch.from_numpy(np.stack([c[1] for c in crops])))
        who = torch.tensor([speaker for speaker, _ in batch])
        similarity = output.embedding @ F.normalize(prototypes, dim=1).T
        angle = torch.arccos(similarity.clamp(-1 + 1e-6, 1 - 1e-6))
        target = F.one_hot(who, len(names)).bool()
        speaker_loss = F.cross_entropy(_SCALE * torch.where(target, torch.cos(angle + _MARGIN), similarity), who)
        female = torch.tensor([float(item.female) for _, item in batch])
        age = torch.tensor([float(item.age) for _, item in batch])
        # A twentieth of doubt: synthetic labels are surer than any real voice.
        gender_loss = F.binary_cross_entropy_with_logits(output.gender_logit, 0.95 * female + 0.025)
        age_loss = 0.5 * (output.age_log_variance + (age - output.age) ** 2 / output.age_log_variance.exp()).mean()
        loss = speaker_loss + gender_loss + 0.5 * age_loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 5.0)
        optimizer.step()
        if step % 50 == 0:
            _logger.info(
                "step %d speaker %.2f gender %.3f age %.2f",
                step,
                speaker_loss.item(),
                gender_loss.item(),
                age_loss.item(),
            )
    return encoder.eval()


@torch.no_grad()
def evaluate(encoder: IdentityEncoder, items: list[Item]) -> dict[str, float]:
    """Figures on speakers kept out: sex of adults, age error, same voice found first among all."""
    crops = [crop(item, 0, None) for item in items]
    mel, statistics = (torch.from_numpy(np.stack(column)) for column in zip(*crops, strict=True))
    output = encoder(mel, statistics)
    female = np.array([item.female for item in items])
    age = np.array([item.age for item in items])
    who = np.array([item.speaker for item in items])
    similarity = (output.embedding @ output.embedding.T).numpy()
    np.fill_diagonal(similarity, -1)
    right = (output.gender_logit.numpy() > 0) == female
    error = np.abs(output.age.numpy() - age)
    spread = output.age_log_variance.exp().sqrt().numpy()
    return {
        "utterances": len(items),
        "speakers": len(set(who)),
        "adult_gender_accuracy": float(right[age >= 20].mean()),
        "child_gender_accuracy": float(right[age < 13].mean()),
        "age_error_years": float(error.mean()),
        "age_within_one_spread": float((error < spread).mean()),
        "rank1": float((who[similarity.argmax(axis=1)] == who).mean()),
    }


def describe_clips(encoder: IdentityEncoder, folder: Path) -> None:
    """Logs what is heard of the speaker of every sound file of a folder: real voices, kept out of training."""
    names, voices = [], []
    for path in sorted(folder.glob("*.wav")):
        samples = load_audio(path).samples
        who = hear_identity(encoder, samples, analyse_prosody(samples))
        names.append(path.stem)
        voices.append(who.embedding)
        nearest = "-" if len(voices) < 2 else names[int(np.argmax([v @ who.embedding for v in voices[:-1]]))]
        _logger.info(
            "%-34s female %.2f, age %.0f +- %.0f, nearest before: %s",
            path.stem, who.gender.value, who.age.value, who.age.spread, nearest,
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, required=True, help="weights folder that gets identity_encoder/")
    parser.add_argument("--clips", type=Path, help="folder of real voices to describe at the end")
    parser.add_argument("--steps", type=int, default=800)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    items = load_items(options.corpora)
    encoder = train([item for item in items if not item.held_out], options.steps)
    _logger.info("held-out speakers: %s", evaluate(encoder, [item for item in items if item.held_out]))
    if options.clips:
        describe_clips(encoder, options.clips)
    encoder.half().save_pretrained(options.output / "identity_encoder")


if __name__ == "__main__":
    main()
