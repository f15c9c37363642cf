"""The speech corpus: every utterance with its speaker, emotion and timed visemes.

    python -m examples.training.voices.corpus espeak   corpus/espeak
    python -m examples.training.voices.corpus recorded corpus/recorded

A corpus is a folder with `samples.npy` (all utterances end to end, int16, 16 kHz) and `index.json`.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import resampy

from examples.training.voices import espeak, festival, texts, world
from examples.training.voices.phones import Sound, from_ipa, to_sounds
from imagineid_sdk.listening.visemes import VISEMES

RATE = 16_000
_SILENCE = VISEMES.index("SIL")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Utterance:
    """One utterance. `strength` of the emotion: 0 for neutral .. 1. `held_out`: speaker kept for evaluation."""

    samples: np.ndarray
    sounds: list[Sound]
    speaker: str
    gender: str
    age: int
    language: str
    emotion: str
    strength: float
    held_out: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("espeak", "recorded"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--speakers", type=int, default=220, help="espeak voices, or speakers per recorded voice")
    parser.add_argument("--utterances", type=int, default=9, help="per speaker")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    make = espeak_corpus if options.part == "espeak" else recorded_corpus
    options.folder.mkdir(parents=True, exist_ok=True)
    save(
        options.folder, make(options.folder, options.speakers, options.utterances, np.random.default_rng(options.seed))
    )


def espeak_corpus(folder: Path, speakers: int, utterances: int, rng: np.random.Generator) -> Iterator[Utterance]:
    """Formant synthesis: many speakers, fourteen languages; 2/3 re-voiced by WORLD, half of it with an emotion."""
    people = espeak.make_voices(speakers, folder / "voices", seed=int(rng.integers(1 << 30)))
    engine = espeak.Espeak(folder / "voices")
    languages = ["en-us", "en-us", "en-gb", "en-gb-scotland", *texts.OTHER_LANGUAGES]
    for number, speaker in enumerate(people):
        held_out = number % 11 == 5
        for turn in range(utterances):
            language = "en-us" if rng.uniform() < 0.35 else str(rng.choice(languages))
            text = texts.english(rng) if language.startswith("en") else texts.other(language, rng)
            samples, phones = engine.speak(
                text,
                f"{language}+{speaker.name}",
                rate=int(rng.integers(150, 196)),  # an emotion has to stand out against all of these
                pitch=int(rng.integers(45, 56)),
                spread=int(rng.integers(40, 61)),
            )
            sounds = to_sounds(_merge_short_pauses(phones, language), espeak.LABEL_SHIFT)
            signal = samples / 32768.0
            change, emotion, strength = world.Change(), "neutral", 0.0
            if turn % 3 == 2:
                change, emotion, strength = random_emotion(rng)
            elif turn % 3 == 1:  # the vocoder's own sound is no emotion
                change = neutral_variation(rng)
            if change != world.Change():
                signal = world.apply(world.analyse(signal, engine.rate), change, rng)
                sounds = _scale(sounds, 1 / change.tempo)
            yield _finish(
                signal,
                engine.rate,
                sounds,
                f"espeak-{speaker.name}",
                speaker,
                language,
                emotion,
                strength,
                held_out,
                rng,
            )


def recorded_corpus(folder: Path, speakers: int, utterances: int, rng: np.random.Generator) -> Iterator[Utterance]:
    """Recorded voices of flite and festival, each turned into many speakers and emotions by WORLD."""
    for base in festival.BASE_VOICES:
        count = 2 * utterances
        lines = [texts.english(rng) if base.language == "en" else texts.other(base.language, rng) for _ in range(count)]
        spoken = festival.speak(base, lines)
        analyses = [(world.analyse(_mono(s), rate), _fit(sounds, len(s) / rate)) for s, rate, sounds in spoken]
        _logger.info("%s: %d utterances", base.name, len(analyses))
        for number, group in enumerate(["itself", *rng.permutation(espeak.stratified_groups(speakers - 1))]):
            speaker, voice = _disguise(base, group, f"{base.name}-{number:02d}", rng)
            for turn, pick in enumerate(rng.permutation(len(analyses))[:utterances]):
                analysis, sounds = analyses[pick]
                if turn % 2:
                    change, emotion, strength = random_emotion(rng)
                else:
                    change, emotion, strength = neutral_variation(rng), "neutral", 0.0
                whole = world.combine(voice, change)
                signal = world.apply(analysis, whole, rng)
                yield _finish(
                    signal,
                    analysis.rate,
                    _scale(sounds, 1 / whole.tempo),
                    speaker.name,
                    speaker,
                    base.language,
                    emotion,
                    strength,
                    base.held_out,
                    rng,
                )


def neutral_variation(rng: np.random.Generator) -> world.Change:
    """How much neutral speech differs from itself: an emotion has to stand out against this."""
    return world.Change(
        pitch_factor=float(np.exp(rng.normal(0, 0.05))),
        pitch_range=float(np.exp(rng.normal(0, 0.16))),
        tempo=float(np.exp(rng.normal(0, 0.07))),
        tilt=float(rng.normal(0, 0.5)),
        gain=float(rng.normal(0, 2)),
    )


def random_emotion(rng: np.random.Generator) -> tuple[world.Change, str, float]:
    """An emotion at random strength over a neutral variation: (change, name, strength in 0..1)."""
    name = str(rng.choice(list(world.MADE_EMOTIONS)))
    strength = float(rng.uniform(0.6, 1.8))
    return world.combine(neutral_variation(rng), world.MADE_EMOTIONS[name], strength), name, min(1.0, strength / 1.5)


def _disguise(
    base: festival.BaseVoice, group: str, name: str, rng: np.random.Generator
) -> tuple[espeak.Speaker, world.Change]:
    """A speaker of `group` made of a recorded voice, and the change that makes it."""
    if group == "itself":
        return espeak.Speaker(name, group, base.gender, base.age, 0.0, 1.0), world.Change()
    speaker = espeak.draw_speaker(name, group, rng)
    own = 1.28 if base.age < 12 else 1.14 if base.gender == "female" else 1.0
    change = world.Change(
        pitch=speaker.pitch,
        formant=speaker.formant / own,
        breath=float(max(0, rng.normal(0, 0.12))),
        tilt=float(rng.normal(0, 0.8)),
        tempo=float(np.exp(rng.normal(0, 0.06))),
    )
    if group.startswith("old"):
        change = world.combine(change, world.OLD_AGE, float(rng.uniform(0.5, 1.2)))
    return speaker, change


def _finish(
    signal: np.ndarray, rate: int, sounds: list[Sound], name: str, speaker: espeak.Speaker, language: str,
    emotion: str, strength: float, held_out: bool, rng: np.random.Generator,
) -> Utterance:  # fmt: skip
    """16 kHz, silence before and after."""
    sound = resampy.resample(np.asarray(signal, np.float32), rate, RATE) if rate != RATE else signal
    before, after = rng.uniform(0.05, 0.6, 2)
    padded = np.pad(sound, (int(before * RATE), int(after * RATE)))
    moved = [Sound(s.start + before, s.end + before, s.viseme) for s in sounds]
    return Utterance(padded, moved, name, speaker.gender, speaker.age, language, emotion, strength, held_out)


def _merge_short_pauses(phones, language: str) -> list[tuple[float, float, list[str]]]:
    """espeak's phones as visemes; its unnamed events between words are no pauses unless they last."""
    result: list[tuple[float, float, list[str]]] = []
    for start, end, name in phones:
        visemes = from_ipa(name)
        if not language.startswith("en"):
            visemes = ["AX" if viseme == "RR" else viseme for viseme in visemes]
        if visemes == ["SIL"] and end - start < 0.08 and result:
            first, _, before = result[-1]
            result[-1] = (first, end, before)
        elif end > start:
            result.append((start, end, visemes))
    return result


def _scale(sounds: list[Sound], factor: float) -> list[Sound]:
    return [Sound(s.start * factor, s.end * factor, s.viseme) for s in sounds]


def _fit(sounds: list[Sound], duration: float) -> list[Sound]:
    """kal16's labels run faster than its sound; the others fit within rounding."""
    factor = duration / sounds[-1].end
    return _scale(sounds, factor) if abs(factor - 1) > 0.01 else sounds


def _mono(samples: np.ndarray) -> np.ndarray:
    return samples if samples.ndim == 1 else samples.mean(axis=1)


def save(folder: Path, utterances: Iterator[Utterance]) -> None:
    """Writes a corpus."""
    pieces, index, place = [], [], 0
    for utterance in utterances:
        samples = np.round(np.clip(utterance.samples, -1, 1) * 32767).astype(np.int16)
        entry = asdict(utterance) | {
            "samples": [place, place + len(samples)],
            "sounds": [[round(s.start, 4), round(s.end, 4), s.viseme] for s in utterance.sounds],
        }
        pieces.append(samples)
        index.append(entry)
        place += len(samples)
    np.save(folder / "samples.npy", np.concatenate(pieces))
    (folder / "index.json").write_text(json.dumps(index))
    _logger.info("%d utterances, %.1f minutes in %s", len(index), place / RATE / 60, folder)


def load(folder: Path) -> list[Utterance]:
    """Reads a corpus that `save` wrote; samples are float32."""
    samples = np.load(folder / "samples.npy", mmap_mode="r")
    result = []
    for entry in json.loads((folder / "index.json").read_text()):
        begin, end = entry["samples"]
        entry["samples"] = samples[begin:end].astype(np.float32) / 32767
        entry["sounds"] = [Sound(*sound) for sound in entry["sounds"]]
        result.append(Utterance(**entry))
    return result


if __name__ == "__main__":
    main()
