"""Trains the first listening stage: what of a voice tells people apart, and what tells sex and age.

    python -m examples.training.train_identity corpus/espeak corpus/recorded --output imagineid_sdk/weights/tiny

The network that describes the voice stays as it is (`convert_voice.py`). The embedding is linear discriminant analysis
of it (Fisher 1936) over speakers, emotions, languages and microphones: directions in which utterances of one speaker
differ little and speakers of one sex much. Sex is learned by cross-entropy and age by Gaussian likelihood, so that the
spread is learned with the mean.
"""

from __future__ import annotations

import argparse
import logging
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import eigh
from torch.nn import functional as F

from examples.training.voices import corpus, festival
from examples.training.voices.features import Views, load_views
from imagineid_sdk.audio import load_audio
from imagineid_sdk.listening.identity import IdentityEncoder, hear_identity
from imagineid_sdk.listening.prosody import analyse_prosody

_RATE = 1e-3
_RIDGE = 1e-3  # added to the variance within speakers: directions that training never varied are no evidence
_CHILDREN = 0.2  # what a child's sex counts: few who speak to this are children, and boys sound like girls
_BASE_SEX = {base.name: base.gender == "female" for base in festival.BASE_VOICES}
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Item:
    """One utterance of a corpus: where it is and who speaks. `place`: its number in the views."""

    views: Views
    place: int
    speaker: str
    female: bool
    age: int
    held_out: bool
    emotion: str
    strength: float

    @property
    def crossed(self) -> bool:
        """A man's recording made a woman's or the other way round: much of what tells sex still tells the old one."""
        base = _BASE_SEX.get(self.speaker.split("/")[-1].rsplit("-", 1)[0])
        return base is not None and base != self.female

    @property
    def formant(self) -> bool:
        """Synthesis from formants, not from recordings."""
        return self.speaker.startswith("espeak")

    @property
    def begin(self) -> int:
        return int(self.views.edges[self.place])

    @property
    def end(self) -> int:
        return int(self.views.edges[self.place + 1])


def load_items(folders: list[Path]) -> list[Item]:
    """All utterances of all corpora, held-out speakers included."""
    items = []
    for folder in folders:
        views = load_views(folder)
        utterances = corpus.load(folder)
        for place, index in enumerate(views.picked):
            u = utterances[index]
            speaker = f"{folder.name}/{u.speaker}"
            items.append(
                Item(views, place, speaker, u.gender == "female", u.age, u.held_out, u.emotion, u.strength)
            )  # fmt: skip
    return items


def described(items: list[Item], copy: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What the stage sees of utterances: voices (items, 256) and pitch statistics (items, 8), float32."""
    voices = np.stack([item.views.voices[copy, item.place] for item in items])
    return voices, np.stack([item.views.pitch_statistics[copy, item.place] for item in items])


def set_directions(encoder: IdentityEncoder, items: list[Item]) -> None:
    """Fills in the embedding, and which figures of it are a person's own."""
    both = [described(items, copy)[0] for copy in range(2)]
    voices = np.concatenate(both).astype(np.float64)
    names = {name: number for number, name in enumerate(sorted({item.speaker for item in items}))}
    who = np.tile([names[item.speaker] for item in items], 2)
    female = np.tile([item.female for item in items], 2)
    # Real voices lie on the side of the recorded ones, and children's apart: the middle is that of grown-up recordings.
    grown = np.tile([not item.formant and 18 < item.age < 65 for item in items], 2)

    def middle_of(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        women, men = vectors[grown & female].mean(axis=0), vectors[grown & ~female].mean(axis=0)
        return (women + men) / 2, (women - men) / np.linalg.norm(women - men)

    usual, _ = middle_of(voices)
    embed = discriminants(voices, who, female)[: encoder.config.embedding_size]
    vectors = (voices - usual) @ embed.T
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    middle, sex = middle_of(vectors)
    # How sure the voice is about its sex differs from clip to clip: that direction says nothing about the person.
    without = np.eye(len(sex)) - np.outer(sex, sex)
    own = discriminants((vectors - middle) @ without, who, female)[: encoder.config.individual_size] @ without
    with torch.no_grad():
        for target, values in (
            (encoder.usual, usual), (encoder.embed.weight, embed), (encoder.middle, middle), (encoder.individual, own)
        ):  # fmt: skip
            target.copy_(torch.from_numpy(values))


def discriminants(voices: np.ndarray, who: np.ndarray, female: np.ndarray) -> np.ndarray:
    """Directions (as many as there are columns) by how much speakers of one sex differ against one speaker's own
    variety, best first; along each of them one speaker varies by 1."""
    apart = voices - np.stack([voices[female == sex].mean(axis=0) for sex in (False, True)])[female.astype(int)]
    means = np.stack([apart[who == number].mean(axis=0) for number in range(who.max() + 1)])
    within = np.cov((apart - means[who]).T)
    within += _RIDGE * np.trace(within) / len(within) * np.eye(len(within))
    _, directions = eigh(np.cov(means.T), within)
    return directions[:, ::-1].T.copy()


class IdentityLesson:
    """Batches of voices, and how wrong an encoder is about their sex and age."""

    def __init__(self, items: list[Item], batch: int = 96) -> None:
        self.batch = batch
        by_speaker: dict[str, list[Item]] = {}
        for item in items:
            by_speaker.setdefault(item.speaker, []).append(item)
        self.speakers = [by_speaker[name] for name in sorted(by_speaker)]
        # Recorded voices carry over to real ones better than formant synthesis: draw them as often.
        formant = np.array([items[0].formant for items in self.speakers])
        chance = np.where(formant, 0.45 / max(1, formant.sum()), 0.55 / max(1, (~formant).sum()))
        self.chance = chance / chance.sum()

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
        """Numbers of speakers, and what is seen of one to three of their utterances together."""
        chosen = rng.choice(len(self.speakers), self.batch, p=self.chance)
        voices, pitch = [], []
        for who in chosen:
            items = self.speakers[who]
            some = [items[i] for i in rng.choice(len(items), min(len(items), int(rng.integers(1, 4))), replace=False)]
            seen = described(some, int(rng.integers(2)))
            voices.append(seen[0].mean(axis=0))
            pitch.append(seen[1].mean(axis=0) * (rng.uniform() > 0.1))
        return chosen, torch.from_numpy(np.stack(voices)), torch.from_numpy(np.stack(pitch)).float()

    def loss(self, encoder: IdentityEncoder, rng: np.random.Generator) -> tuple[torch.Tensor, dict[str, float]]:
        """Of one batch, with its parts by name."""
        chosen, voices, pitch = self.draw(rng)
        output = encoder(voices + 0.1 * voices.std() * torch.randn_like(voices), pitch)
        female = torch.tensor([float(self.speakers[who][0].female) for who in chosen])
        age = torch.tensor([float(self.speakers[who][0].age) for who in chosen])
        plain = torch.tensor([float(not self.speakers[who][0].crossed) for who in chosen])
        plain = plain * torch.where(age < 13, _CHILDREN, 1.0)
        # A twentieth of doubt: synthetic labels are surer than any real voice.
        unsure = F.binary_cross_entropy_with_logits(output.gender_logit, 0.95 * female + 0.025, reduction="none")
        parts = {
            "gender": (unsure * plain).sum() / plain.sum(),
            "age": ((output.age_log_variance + (age - output.age) ** 2 / output.age_log_variance.exp()) / 4).mean(),
        }
        return torch.stack(list(parts.values())).sum(), {name: part.item() for name, part in parts.items()}


def train(encoder: IdentityEncoder, items: list[Item], steps: int, seed: int = 0) -> IdentityEncoder:
    """The trained encoder, float32, after `steps` steps."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    set_directions(encoder, items)
    lesson = IdentityLesson(items)
    learned = [*encoder.norm.parameters(), *encoder.pitch.parameters(), *encoder.traits.parameters()]
    optimizer = torch.optim.AdamW(learned, lr=_RATE, weight_decay=0.1)
    encoder.train()
    for step in range(steps):
        set_rate(optimizer, _RATE, step, steps)
        loss, parts = lesson.loss(encoder, rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            _logger.info("step %d %s", step, written(parts))
    return encoder.eval()


def set_rate(optimizer: torch.optim.Optimizer, rate: float, step: int, steps: int) -> None:
    """Up over the first 50 steps, then down along a cosine."""
    for group in optimizer.param_groups:
        group["lr"] = rate * min(1, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * step / steps))


def written(parts: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.3f}" for name, value in parts.items())


@torch.no_grad()
def evaluate(encoder: IdentityEncoder, items: list[Item]) -> dict[str, float]:
    """Figures on speakers kept out: sex of adults, age error, same voice found first among all."""
    voices, pitch = described(items)
    output = encoder(torch.from_numpy(voices), torch.from_numpy(pitch).float())
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
    parser.add_argument("--output", type=Path, required=True, help="weights folder, holds identity_encoder/ to train")
    parser.add_argument("--clips", type=Path, help="folder of real voices to describe at the end")
    parser.add_argument("--steps", type=int, default=800)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    items = load_items(options.corpora)
    known = IdentityEncoder.from_pretrained(options.output / "identity_encoder", torch_dtype=torch.float32)
    encoder = IdentityEncoder()  # a loaded one would write down the folder that it came from
    encoder.load_state_dict(known.state_dict())
    train(encoder, [item for item in items if not item.held_out], options.steps)
    _logger.info("held-out speakers: %s", evaluate(encoder, [item for item in items if item.held_out]))
    if options.clips:
        describe_clips(encoder, options.clips)
    encoder.half().save_pretrained(options.output / "identity_encoder")


if __name__ == "__main__":
    main()
