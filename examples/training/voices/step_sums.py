"""What the emotion stage is trained on: the sums of every utterance of a corpus, clean and degraded.

    python -m examples.training.voices.step_sums corpus/acted --copies 5
    python -m examples.training.voices.step_sums corpus/telephone --copies 3 --telephone
    python -m examples.training.voices.step_sums corpus/espeak corpus/recorded --share 0.5

adds `step_sums_*.npy` to each corpus: all that comes before the emotion stage, with the frozen encoders, of the
utterance itself and of copies that rooms, microphones, telephones and noise have changed.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from examples.training.voices import augment, corpus
from examples.training.voices.features import WEIGHTS
from imagineid_sdk.listening.content import ContentEncoder
from imagineid_sdk.listening.emotion import EmotionEncoder
from imagineid_sdk.listening.identity import IdentityEncoder, chosen_speech, pitch_statistics, samples_of
from imagineid_sdk.listening.listener import Listener
from imagineid_sdk.listening.prosody import analyse_prosody
from imagineid_sdk.listening.speech_encoder import SpeechEncoder
from imagineid_sdk.listening.stream import FILE

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sums:
    """Utterances of a corpus end to end at 10 Hz: `edges[i]:edges[i + 1]` is copy `copies[i]` of utterance `picked[i]`.

    rows (N, STEP_SUMS) float32; embeddings (copies, E); voices (copies, 256), pitch_statistics (copies, 8): what the
    identity stage sees.
    """

    picked: np.ndarray
    copies: np.ndarray
    edges: np.ndarray
    rows: np.ndarray
    embeddings: np.ndarray
    voices: np.ndarray
    pitch_statistics: np.ndarray


def earlier_stages(weights: Path = WEIGHTS) -> Listener:
    """A listener with the frozen stages that come before emotion, and an untrained emotion stage."""

    def load(kind, name):
        return kind.from_pretrained(weights / name, torch_dtype=torch.float32).requires_grad_(False)

    identity = load(IdentityEncoder, "identity_encoder")
    return Listener(
        load(SpeechEncoder, "speech_encoder"), identity, load(ContentEncoder, "content_encoder"),
        EmotionEncoder(embedding_size=identity.config.embedding_size),
    )  # fmt: skip


def sums_of(listener: Listener, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows (steps, STEP_SUMS), embedding (E,), voice (256,) and pitch statistics (8,) of a sound of up to a minute."""
    stream = listener.open(FILE)
    stream.feed(samples)
    for _ in stream.finish():
        pass
    prosody = analyse_prosody(samples)
    chosen = chosen_speech(prosody.speech)
    chosen = chosen if chosen.any() else np.ones(len(chosen), bool)
    voice = listener.identity_encoder.voice.embed(samples_of(samples, chosen)).numpy()
    pitch = pitch_statistics(prosody.pitch[chosen], prosody.speech[chosen])
    return stream.step_sums, stream.who.embedding, voice, pitch


def make_sums(
    utterances: list[np.ndarray], copies: int, listener: Listener, rng: np.random.Generator, telephone: bool = False
) -> Sums:
    """`copies` of every utterance, the first of them clean; or all of them over telephones."""
    parts: list[tuple[np.ndarray, ...]] = []
    for number, samples in enumerate(utterances):
        for copy in range(copies):
            sound = augment.telephone(samples, rng) if telephone else samples
            sound = augment.degrade(sound, rng, strength=1.2) if copy else samples
            parts.append((np.array(number), np.array(copy), *sums_of(listener, sound)))
        if number % 100 == 0:
            _logger.info("%d of %d", number, len(utterances))
    picked, numbers, rows, *rest = zip(*parts, strict=True)
    edges = np.concatenate([[0], np.cumsum([len(part) for part in rows])])
    return Sums(np.stack(picked), np.stack(numbers), edges, np.concatenate(rows), *map(np.stack, rest))


def load_sums(folder: Path) -> Sums:
    """The sums of one corpus."""
    return Sums(**{name: np.load(folder / f"step_sums_{name}.npy") for name in Sums.__dataclass_fields__})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", type=Path, nargs="+")
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--telephone", action="store_true", help="every copy goes over a telephone first")
    parser.add_argument("--share", type=float, default=1.0, help="of the utterances to take, drawn at random")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    listener = earlier_stages()
    for folder in options.corpora:
        rng = np.random.default_rng(options.seed)
        utterances = corpus.load(folder)
        picked = np.flatnonzero(rng.uniform(size=len(utterances)) < options.share)
        samples = [utterances[i].samples for i in picked]
        if options.copies == 1:  # the only copy is as sound comes in
            samples = [augment.degrade(sound, rng, strength=0.7) for sound in samples]
        sums = make_sums(samples, options.copies, listener, rng, options.telephone)
        for name, value in vars(sums).items():
            np.save(folder / f"step_sums_{name}.npy", picked[value] if name == "picked" else value)
        _logger.info("%s: %d rows", folder, len(sums.rows))


if __name__ == "__main__":
    main()
