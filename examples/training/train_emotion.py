"""Trains the third listening stage: the emotion encoder, with speech, identity and content encoders frozen.

    python -m examples.training.train_emotion corpus/acted corpus/espeak corpus/recorded --output WEIGHTS

The corpora need the sums of `voices/step_sums.py`. What voice and words explain of the statistics of neutral speech is
found by ridge regression and subtracted. The classifier behind it is linear, as six actors are few: regularised
multinomial regression, whose optimum is found by L-BFGS. Its calibration is found on actors that it was not trained on:
one after the other is left out, and sharpness and caution are fitted to what the stage of the others says.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize
from torch.nn import functional as F

from examples.training.train_content import fingerprint
from examples.training.voices.acted import speaker_of
from examples.training.voices.step_sums import earlier_stages, load_sums
from imagineid_sdk.listening.emotion import EmotionEncoder, pooled, speech_seconds
from imagineid_sdk.listening.profile import EMOTIONS

_BATCH = 256
_RIDGE = 10.0  # of the variance of what explains: voices and words of training are few
_PENALTY = 0.02  # on the squared weights of the classifier
_STEPS = 40  # of L-BFGS
_ACTED_NEUTRAL, _ACTED_EMOTION = 0.6, 0.9  # share of real voices in neutral speech, and in the emotions that were acted
_CHANCE = {"neutral": 0.18, "surprised": 0.08, "contemptuous": 0.08}  # the others share what is left
_MIXED = 0.3  # share of examples that lie between an emotion and neutral
_SHORTEST = 8  # steps of a window: 0.8 s
_HESITATION = 0.5  # s: what half a second of speech says counts half. The recordings are too alike in length to fit it
_NEUTRAL = 1 / 2  # share of neutral speech that calibration expects
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examples:
    """Copies of utterances. `totals`: running sums of the rows of all, float64 (N + 1, STEP_SUMS); `begin` and `end` of
    each in them, (n,); `emotion`: number in EMOTIONS; `strength`: 0..1; `actor`: whose voice; `acted`: by a real
    person; `undisguised`: as it was recorded, clean or degraded; `embeddings`: (n, E) of the identity stage,
    which saw `voices` (n, 256) and `pitch_statistics` (n, 8)."""

    totals: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    emotion: np.ndarray
    strength: np.ndarray
    actor: np.ndarray
    acted: np.ndarray
    undisguised: np.ndarray
    embeddings: np.ndarray
    voices: np.ndarray
    pitch_statistics: np.ndarray

    def __len__(self) -> int:
        return len(self.begin)

    def take(self, which: np.ndarray) -> Examples:
        """Those with these numbers, or those that are true."""
        rest = {name: getattr(self, name)[which] for name in self.__dataclass_fields__ if name != "totals"}
        return Examples(self.totals, **rest)

    def sums(self, begin: np.ndarray, end: np.ndarray) -> torch.Tensor:
        """Of windows of steps, float32 (windows, STEP_SUMS)."""
        return torch.from_numpy((self.totals[end] - self.totals[begin]).astype(np.float32))

    def whole(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Sums and embeddings of all examples."""
        return self.sums(self.begin, self.end), torch.from_numpy(self.embeddings)


def load_examples(folders: list[Path], held_out: bool = False) -> Examples:
    """What training may use of some corpora (or, of synthetic ones, the speakers kept out)."""
    columns: dict[str, list] = {name: [] for name in Examples.__dataclass_fields__ if name != "totals"}
    totals, before = [], 0
    for folder in folders:
        sums, index = load_sums(folder), json.loads((folder / "index.json").read_text())
        entries = [index[picked] for picked in sums.picked]
        acted = np.array([entry["speaker"].startswith("acted") for entry in entries])
        columns["begin"].append(sums.edges[:-1] + before)
        columns["end"].append(sums.edges[1:] + before)
        columns["emotion"].append(np.array([EMOTIONS.index(entry["emotion"]) for entry in entries]))
        columns["strength"].append(np.array([entry["strength"] for entry in entries], np.float32))
        columns["actor"].append(np.array([actor_of(folder, entry["speaker"]) for entry in entries]))
        columns["acted"].append(acted)
        itself = [entry["speaker"].split("-")[2:3] == ["0"] for entry in entries]
        columns["undisguised"].append(np.array(itself) & acted)
        for name in ("embeddings", "voices", "pitch_statistics"):
            columns[name].append(getattr(sums, name))
        kept_out = np.array([entry["held_out"] for entry in entries])
        for name in columns:
            columns[name][-1] = columns[name][-1][kept_out == held_out]
        totals.append(sums.rows.astype(np.float64))
        before += len(sums.rows)
    running = np.concatenate([np.zeros((1, totals[0].shape[1])), np.cumsum(np.concatenate(totals), axis=0)])
    return Examples(running, **{name: np.concatenate(parts) for name, parts in columns.items()})


def actor_of(folder: Path, speaker: str) -> str:
    """Whose voice it is; the speakers of two synthetic corpora have nothing to do with each other."""
    return speaker_of(speaker) if speaker.startswith("acted") else f"{folder.name}/{speaker}"


# --- what voice and words explain -------------------------------------------------------------------------------------


@torch.no_grad()
def set_usual(encoder: EmotionEncoder, examples: Examples) -> None:
    """Sets mean and deviation of the statistics, so that they count alike."""
    weight = torch.from_numpy(draw_chances(examples)).float()[:, None]
    statistics, _ = pooled(examples.whole()[0])
    usual = (weight * statistics).sum(dim=0)
    encoder.usual.copy_(usual)
    encoder.spread.copy_((weight * (statistics - usual) ** 2).sum(dim=0).sqrt() + 1e-4)
    encoder.voice.weight.zero_()
    encoder.words.weight.zero_()


@torch.no_grad()
def subtract_known(encoder: EmotionEncoder, examples: Examples) -> None:
    """Sets what voice and words explain of the statistics of neutral speech."""
    set_usual(encoder, examples)
    weight = torch.from_numpy(draw_chances(examples)).float()[:, None]
    sums, voices = examples.whole()
    statistics, words = pooled(sums)
    neutral = torch.from_numpy(examples.emotion == 0)
    known = torch.cat([voices, words], dim=1)[neutral]
    apart = ((statistics - encoder.usual) / encoder.spread)[neutral]
    share = weight[neutral] / weight[neutral].sum()
    middle = (share * known).sum(dim=0)
    centred = known - middle
    moment = centred.T @ (share * centred)
    moment += _RIDGE * torch.diag(moment).mean() * torch.eye(len(moment))
    explained = torch.linalg.solve(moment, centred.T @ (share * (apart - (share * apart).sum(dim=0))))
    encoder.voice.weight.copy_(explained[: voices.shape[1]].T)
    encoder.words.weight.copy_(explained[voices.shape[1] :].T)
    encoder.usual.sub_(encoder.spread * (middle @ explained))


# --- the classifier ---------------------------------------------------------------------------------------------------


def draw_chances(examples: Examples) -> np.ndarray:
    """How often each example is drawn: emotions, real and synthetic, and speakers in balance."""
    chance = np.zeros(len(examples))
    rest = (1 - sum(_CHANCE.values())) / (len(EMOTIONS) - len(_CHANCE))
    for number, name in enumerate(EMOTIONS):
        of_emotion = examples.emotion == number
        real = _ACTED_EMOTION if number else _ACTED_NEUTRAL
        for acted, share in ((True, real), (False, 1 - real)):
            group = of_emotion & (examples.acted == acted)
            _, who, count = np.unique(examples.actor[group], return_inverse=True, return_counts=True)
            if len(who):
                alone = not (of_emotion & (examples.acted != acted)).any()
                chance[group] = _CHANCE.get(name, rest) * (1 if alone else share) / len(count) / count[who]
    return chance / chance.sum()


@dataclass(frozen=True)
class Lesson:
    """Windows and what they should be heard as: `residual` (n, STATISTICS), `target` (n, 8) shares of the emotions,
    `strength` (n,) in 0..1; `weight` (n,) sums to 1."""

    residual: torch.Tensor
    target: torch.Tensor
    strength: torch.Tensor
    weight: torch.Tensor


class Lessons:
    """Windows of utterances, and how wrong an encoder is about their emotion."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples
        self.chance = draw_chances(examples)
        neutral = np.flatnonzero(examples.emotion == 0)
        calm = {who: neutral[examples.actor[neutral] == who] for who in np.unique(examples.actor[neutral])}
        self.calm = [calm.get(who, neutral) for who in examples.actor]

    def windows(self, chosen: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        """Sums of a window of each example, half of them whole, the others cut short at random."""
        begin, end = self.examples.begin[chosen], self.examples.end[chosen]
        length = end - begin
        shorter = np.maximum(np.minimum(length, _SHORTEST), (length * rng.uniform(0.25, 1, len(chosen))).astype(int))
        shorter = np.where(rng.uniform(size=len(chosen)) < 0.5, length, shorter)
        first = begin + (rng.uniform(size=len(chosen)) * (length - shorter + 1)).astype(int)
        return self.examples.sums(first, first + shorter)

    def of(
        self, encoder: EmotionEncoder, chosen: np.ndarray, mixed: float, rng: np.random.Generator, voices: torch.Tensor
    ) -> Lesson:
        """A window of each of these examples; the share `mixed` lies between an emotion and the speaker's neutral
        speech, and is to be heard as so much weaker. `voices`: embeddings of all examples."""
        residual = encoder.residual(self.windows(chosen, rng), voices[chosen])
        partner = np.array([rng.choice(self.calm[number]) for number in chosen])
        calm = encoder.residual(self.windows(partner, rng), voices[partner])
        drawn = np.where(rng.uniform(size=len(chosen)) < mixed, rng.uniform(size=len(chosen)), 1.0)
        share = torch.from_numpy(drawn.astype(np.float32))[:, None]
        target = share * F.one_hot(torch.from_numpy(self.examples.emotion[chosen]), len(EMOTIONS))
        target[:, 0] += 1 - share[:, 0]
        strength = share[:, 0] * torch.from_numpy(self.examples.strength[chosen])
        weight = torch.from_numpy(self.chance[chosen]).float()
        return Lesson(share * residual + (1 - share) * calm, target, strength, weight / weight.sum())

    def loss(
        self, encoder: EmotionEncoder, voices: torch.Tensor, rng: np.random.Generator
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """Of a batch at random, with its parts by name: for training by gradient steps (`train_jointly.py`)."""
        chosen = rng.choice(len(self.examples), _BATCH, p=self.chance)
        lesson = self.of(encoder, chosen, _MIXED, rng, voices)
        parts = wrong(encoder, replace(lesson, weight=torch.full_like(lesson.weight, 1 / _BATCH)))
        return torch.stack(list(parts.values())).sum(), {name: part.item() for name, part in parts.items()}


def wrong(encoder: EmotionEncoder, lesson: Lesson) -> dict[str, torch.Tensor]:
    """Cross-entropy of emotion and of strength."""
    out = encoder.head(lesson.residual)
    emotion = F.cross_entropy(out[:, :-1], lesson.target, reduction="none")
    strength = F.binary_cross_entropy_with_logits(out[:, -1], lesson.strength, reduction="none")
    return {"emotion": (lesson.weight * emotion).sum(), "strength": (lesson.weight * strength).sum()}


def train(examples: Examples, seed: int = 0) -> EmotionEncoder:
    """The trained encoder, float32, not calibrated."""
    rng = np.random.default_rng(seed)
    encoder = EmotionEncoder(embedding_size=examples.embeddings.shape[1]).requires_grad_(False)
    subtract_known(encoder, examples)
    lessons, everything, voices = Lessons(examples), np.arange(len(examples)), torch.from_numpy(examples.embeddings)
    parts = [lessons.of(encoder, everything, mixed, rng, voices) for mixed in (0.0, _MIXED, 1.0)]
    lesson = Lesson(*(torch.cat([getattr(part, name) for part in parts]) for name in Lesson.__dataclass_fields__))
    lesson = replace(lesson, weight=lesson.weight / len(parts))
    encoder.head.requires_grad_(True)
    torch.nn.init.zeros_(encoder.head.weight)
    torch.nn.init.zeros_(encoder.head.bias)
    optimizer = torch.optim.LBFGS(encoder.head.parameters(), max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.stack(list(wrong(encoder, lesson).values())).sum()
        loss = loss + _PENALTY * encoder.head.weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return encoder.requires_grad_(False).eval()


# --- calibration ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unseen:
    """What a stage says of windows of actors that it never heard: logits (n, 8), seconds of speech and emotion (n,)."""

    logits: torch.Tensor
    seconds: torch.Tensor
    emotion: torch.Tensor

    @staticmethod
    def joined(parts: list[Unseen]) -> Unseen:
        return Unseen(*(torch.cat([getattr(part, name) for part in parts]) for name in Unseen.__dataclass_fields__))


@torch.no_grad()
def unseen(encoder: EmotionEncoder, examples: Examples, seed: int = 0) -> Unseen:
    """Of recordings that nobody disguised, clean and degraded: whole and, twice, a part."""
    lessons, rng = Lessons(examples), np.random.default_rng(seed)
    numbers = np.arange(len(examples))
    parts = [examples.sums(examples.begin, examples.end), *(lessons.windows(numbers, rng) for _ in range(2))]
    sums, voices = torch.cat(parts), torch.from_numpy(np.tile(examples.embeddings, (3, 1)))
    return Unseen(encoder(sums, voices)[0], speech_seconds(sums), torch.from_numpy(np.tile(examples.emotion, 3)))


def calibrate(encoder: EmotionEncoder, heard: Unseen) -> None:
    """Sets sharpness and caution so that probabilities are right: least negative log-likelihood, where
    neutral counts half of all and the acted emotions the rest in equal parts."""
    count = torch.bincount(heard.emotion, minlength=len(EMOTIONS)).double()
    share = torch.where(count > 0, (1 - _NEUTRAL) / (count[1:] > 0).sum(), torch.zeros(()).double())
    share[0] = _NEUTRAL
    weight = (share / count.clamp(min=1))[heard.emotion]
    logits, seconds = heard.logits.double(), heard.seconds.double()

    def loss(values: np.ndarray) -> float:
        scaled = (np.exp(values[0]) * seconds / (seconds + _HESITATION))[:, None] * logits
        scaled[:, 0] += values[1]
        return float((weight * F.cross_entropy(scaled, heard.emotion, reduction="none")).sum())

    best = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-5}).x
    encoder.register_to_config(
        sharpness=round(float(np.exp(best[0])), 3), caution=round(float(best[1]), 3), hesitation=_HESITATION,
    )  # fmt: skip


def actors(examples: Examples) -> list[str]:
    """The real people of some examples."""
    return sorted(set(examples.actor[examples.acted]))


def without(examples: Examples, *who: str) -> Examples:
    """The examples without some speakers."""
    return examples.take(~np.isin(examples.actor, who))


def recordings_of(examples: Examples, who: str) -> Examples:
    """The recordings of an actor, clean and degraded, without disguises and made emotions."""
    return examples.take((examples.actor == who) & examples.undisguised)


def left_out(examples: Examples) -> Iterator[tuple[str, EmotionEncoder]]:
    """For each actor a calibrated stage to which neither training nor calibration showed anything of them."""
    people = actors(examples)
    heard: dict[tuple[str, str], Unseen] = {}  # (whom it is for, who was left out as well): what is said of the latter
    for place, first in enumerate(people):
        for second in people[place + 1 :]:
            encoder = train(without(examples, first, second))
            heard[first, second] = unseen(encoder, recordings_of(examples, second))
            heard[second, first] = unseen(encoder, recordings_of(examples, first))
    for who in people:
        encoder = train(without(examples, who))
        calibrate(encoder, Unseen.joined([heard[who, other] for other in people if other != who]))
        yield who, encoder


def train_whole(examples: Examples) -> EmotionEncoder:
    """The stage that is shipped: of all actors, calibrated on each of them as the others' stage hears them."""
    heard = []
    for who in actors(examples):
        heard.append(unseen(train(without(examples, who)), recordings_of(examples, who)))
        _logger.info("%s left out: recall %s", who, recall(heard[-1]))
    encoder = train(examples)
    calibrate(encoder, Unseen.joined(heard))
    return encoder


def recall(heard: Unseen) -> dict[str, float]:
    """Share of each emotion that is heard as such, before calibration."""
    right = heard.logits.argmax(dim=1) == heard.emotion
    return {
        name: round(float(right[heard.emotion == number].double().mean()), 2)
        for number, name in enumerate(EMOTIONS) if (heard.emotion == number).any()
    }  # fmt: skip


@torch.no_grad()
def evaluate(encoder: EmotionEncoder, examples: Examples) -> dict[str, float]:
    """Of synthetic speakers that were kept out: recall over the emotions, neutral as such, mean intensities."""
    logits, strength = encoder.judge(*examples.whole())
    probabilities = torch.softmax(logits, dim=1)
    right = (probabilities.argmax(dim=1).numpy() == examples.emotion).astype(float)
    intensity = (strength * (1 - probabilities[:, 0])).numpy()
    calm = examples.emotion == 0
    return {
        "emotion_recall": float(np.mean([right[examples.emotion == k].mean() for k in range(1, len(EMOTIONS))])),
        "neutral_recall": float(right[calm].mean()),
        "intensity_neutral": float(intensity[calm].mean()),
        "intensity_emotion": float(intensity[~calm].mean()),
        "intensity_follows_strength": float(np.corrcoef(intensity[~calm], examples.strength[~calm])[0, 1]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, required=True, help="weights folder, holds the earlier stages already")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    earlier = earlier_stages(options.output)
    frozen = [earlier.speech_encoder, earlier.identity_encoder, earlier.content_encoder]
    before = [fingerprint(network) for network in frozen]
    encoder = train_whole(load_examples(options.corpora))
    assert [fingerprint(network) for network in frozen] == before, "the earlier stages must stay bit-identical"
    synthetic = load_examples(options.corpora, held_out=True)
    _logger.info("synthetic speakers kept out: %s", evaluate(encoder, synthetic))
    encoder.half().save_pretrained(options.output / "emotion_encoder")


if __name__ == "__main__":
    main()
