"""Who speaks when: diarisation error on dialogues of two people, mixed from real clips.

    python -m benchmarks.speakers --speech SPEECH [--pairs 60]

A dialogue is ten turns of 1.5 to 5 s, cut from clips of two people at the same loudness, with pauses of 0.1 to 0.6 s
and a little noise; nobody interrupts. Error is missed speech, false speech and speech of the wrong person, as a
share of the speech. What is speech is asked of each clip before it is mixed. No tolerance at the edges of a turn.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np

from benchmarks.tables import Row, print_table
from imagineid_sdk import ImagineIDPipeline, load_audio
from imagineid_sdk.listening.diarisation import SpeakerTurns, find_turns
from imagineid_sdk.listening.prosody import analyse_prosody

RATE, HOP = 16_000, 320
TURNS = 10
LEVEL, NOISE = 0.05, 1e-4


def voices(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Samples and speech (50 a second) of each person, all clips joined."""
    people: dict[str, list[np.ndarray]] = {}
    for path in sorted(folder.glob("*.wav")):
        people.setdefault(path.stem.rpartition("_")[0], []).append(load_audio(path).samples)
    joined = {name: np.concatenate(clips) for name, clips in people.items()}
    levelled = {name: clip * np.float32(LEVEL / np.sqrt(np.mean(clip**2))) for name, clip in joined.items()}
    return {name: (clip, analyse_prosody(clip).speech > 0.5) for name, clip in levelled.items()}


def dialogue(pair: list[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Samples, and who speaks in every 20 ms (-1 nobody)."""
    sound, speakers = [], []
    for turn in range(TURNS):
        samples, speech = pair[turn % 2]
        length = round(rng.uniform(1.5, 5) * 50)
        begin = int(rng.integers(0, max(1, len(speech) - length)))
        part = speech[begin : begin + length]
        sound += [samples[begin * HOP : (begin + len(part)) * HOP]]
        speakers += [np.where(part, turn % 2, -1)[: len(sound[-1]) // HOP]]
        sound[-1] = sound[-1][: len(speakers[-1]) * HOP]
        pause = round(rng.uniform(0.1, 0.6) * 50)
        sound.append(np.zeros(pause * HOP, np.float32))
        speakers.append(np.full(pause, -1))
    mixed = np.concatenate(sound)
    return mixed + NOISE * rng.standard_normal(len(mixed)).astype(np.float32), np.concatenate(speakers)


def errors(truth: np.ndarray, found: SpeakerTurns) -> tuple[float, float]:
    """Diarisation error, and the part of it that is the wrong person, as shares of the speech."""
    frames = min(len(truth), found.speaking.shape[1])
    truth, speaking = truth[:frames], found.speaking[:, :frames]
    said = np.where(speaking.any(axis=0), speaking.argmax(axis=0), -1)
    wrong = []
    for mapping in itertools.permutations(range(max(2, len(speaking))), 2):
        both = (truth >= 0) & (said >= 0)
        wrong.append(int((both & (said != np.asarray(mapping)[truth])).sum()))
    speech = int((truth >= 0).sum())
    return (min(wrong) + int(((truth >= 0) != (said >= 0)).sum())) / speech, min(wrong) / speech


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=60)
    options = parser.parse_args()
    encoder = ImagineIDPipeline.from_pretrained().identity_encoder.eval()
    people, rng = voices(options.speech), np.random.default_rng(23)
    pairs = list(itertools.combinations(people, 2))
    chosen = [pairs[at] for at in rng.permutation(len(pairs))[: options.pairs]]
    rows = []
    for names in chosen:
        mixed, truth = dialogue([people[name] for name in names], rng)
        found, told = find_turns(encoder, mixed), find_turns(encoder, mixed, 2)
        rows.append((len(found) == 2, *errors(truth, found), *errors(truth, told)))
    figures = np.array(rows, float)
    found, told = figures[:, 0].mean(), figures[:, 3:]
    shown = [row("found out", f"{found:.0%}", figures[:, 1:3]), row("told", "", told)]
    print_table("Who speaks when", shown, f"{len(chosen)} dialogues of two of {len(people)} people.")


def row(number: str, right: str, errors: np.ndarray) -> Row:
    """Of the errors and wrong people (dialogues, 2)."""
    whole = errors[:, 0]
    return {
        "number of speakers": number, "is two": right, "error, mean": f"{whole.mean():.1%}",
        "median": f"{np.median(whole):.1%}", "worst tenth from": f"{np.quantile(whole, 0.9):.1%}",
        "wrong person": f"{errors[:, 1].mean():.1%}",
    }  # fmt: skip


if __name__ == "__main__":
    main()
