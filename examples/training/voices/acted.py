"""Acted speech with known emotion as a corpus: recordings of the Berlin Database of Emotional Speech (EmoDB, CC0).

    python -m examples.training.voices.acted EMODB corpus/acted

Six speakers are few, so every recording comes as it is and as another might have said it: WORLD moves formants, pitch,
tempo and tilt, and the emotion stays. Nobody acted surprise or contempt: they are made of neutral recordings, as in the
synthetic corpora. Bored recordings are left out: with them as neutral, fewer of the sad ones are heard.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from examples.training.voices import corpus, world
from imagineid_sdk.audio import load_audio

EMOTION_OF_LETTER = {
    "N": "neutral", "F": "happy", "T": "sad", "W": "angry", "A": "fearful", "E": "disgusted",
}  # fmt: skip
SPEAKERS: dict[str, tuple[str, int]] = {
    "03": ("male", 31), "09": ("female", 21), "10": ("male", 32), "12": ("male", 30), "13": ("female", 32),
    "14": ("female", 35),
}  # fmt: skip
"""Sex and age of the speakers that are trained on."""
MADE = ("surprised", "contemptuous")
ACTED_STRENGTH = 0.9
"""The actors were asked for a full emotion that could still be heard in daily life."""


def recordings(folder: Path) -> list[Path]:
    """The recordings of the speakers that are trained on, in the order of their names."""
    paths = sorted(folder.glob("*.flac"))
    return [path for path in paths if path.stem[:2] in SPEAKERS and path.stem[5] in EMOTION_OF_LETTER]


def speaker_of(name: str) -> str:
    """The actor behind a speaker of the corpus: "acted-03-1" is a disguise of "acted-03"."""
    return "-".join(name.split("/")[-1].split("-")[:2])


def utterances(folder: Path, disguises: int, rng: np.random.Generator) -> Iterator[corpus.Utterance]:
    """Every recording itself, its disguises and, of neutral ones, the emotions that nobody acted; without disguises the
    recordings alone."""
    for path in recordings(folder):
        emotion = EMOTION_OF_LETTER[path.stem[5]]
        samples = load_audio(path).samples
        strength = 0.0 if emotion == "neutral" else ACTED_STRENGTH
        yield _utterance(samples, path.stem, 0, emotion, strength)
        if not disguises:
            continue
        analysis = world.analyse(samples, corpus.RATE)
        for number in range(1, 1 + disguises):
            changed = world.apply(analysis, disguise(rng), rng)
            yield _utterance(changed, path.stem, number, emotion, strength)
        for number, made in enumerate(MADE if emotion == "neutral" else (), 1):
            for _ in range(2):
                much = float(rng.uniform(0.6, 1.8))
                changed = world.apply(analysis, world.combine(disguise(rng), world.MADE_EMOTIONS[made], much), rng)
                yield _utterance(changed, path.stem, number, made, min(1.0, much / 1.5))


def disguise(rng: np.random.Generator) -> world.Change:
    """Somebody else who says the same in the same emotion."""
    size = rng.normal(0, 0.07)
    return world.Change(
        pitch_factor=float(np.exp(1.2 * size + rng.normal(0, 0.07))),
        pitch_range=float(np.exp(rng.normal(0, 0.1))),
        formant=float(np.exp(size)),
        tempo=float(np.exp(rng.normal(0, 0.06))),
        tilt=float(rng.normal(0, 0.6)),
    )


def _utterance(samples: np.ndarray, stem: str, number: int, emotion: str, strength: float) -> corpus.Utterance:
    actor = stem[:2]
    sex, age = SPEAKERS[actor]
    name = f"acted-{actor}-{number}-{stem[2:5]}{stem[5]}"
    return corpus.Utterance(samples, [], name, sex, age, "de", emotion, strength, held_out=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("emodb", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--disguises", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    options.folder.mkdir(parents=True, exist_ok=True)
    corpus.save(options.folder, utterances(options.emodb, options.disguises, np.random.default_rng(options.seed)))


if __name__ == "__main__":
    main()
