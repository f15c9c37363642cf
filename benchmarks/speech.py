"""Clips of speech to judge with, and what is done to them: shortened, silenced, buried in noise, said by another voice.

Clips are named LANGUAGE_SEX_SPEAKER_TAKE.wav, as `real_speech.py` writes them: en_man_librivox_a.wav. Two takes of one
speaker are the same voice, whatever their words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from imagineid_sdk.audio.clip import AudioClip, load_audio

RATE = 16_000
LOUD_QUANTILE = 0.95
FADE = 0.02  # seconds


@dataclass(frozen=True)
class Speech:
    """One clip. samples: float32 mono at `RATE`."""

    name: str
    samples: np.ndarray

    @property
    def language(self) -> str:
        return self.name.split("_")[0]

    @property
    def sex(self) -> str:
        """man, woman or, where nobody knows, voice."""
        return (self.name.split("_") + ["voice"])[1]

    @property
    def voice(self) -> str:
        """The name without the take: the same for two clips of one speaker."""
        return self.name[:-2] if self.name[-2:] in ("_a", "_b") else self.name

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE

    @property
    def clip(self) -> AudioClip:
        """What the pipeline takes."""
        return load_audio(np.asarray(self.samples, np.float32), RATE)

    def first(self, seconds: float) -> Speech:
        return replace(self, samples=self.samples[: int(seconds * RATE)])

    def then_silence(self, seconds: float) -> Speech:
        return replace(self, samples=np.concatenate([self.samples, np.zeros(int(seconds * RATE), np.float32)]))

    def in_noise(self, decibels: float, seed: int = 0) -> Speech:
        """With white and pink noise, half each, so many decibels below the mean power of the speech."""
        noise = room_noise(len(self.samples), seed) * active_level(self.samples) * 10 ** (-decibels / 20)
        return replace(self, samples=(self.samples + noise).astype(np.float32))

    def at_level(self, dbfs: float) -> Speech:
        """Scaled so that its loud moments lie at this level."""
        return replace(self, samples=self.samples * np.float32(10 ** (dbfs / 20) / speech_level(self.samples)))


def read_speech(path: Path) -> Speech:
    return Speech(path.stem, load_audio(path).samples)


def find_speech(folder: Path) -> tuple[list[Speech], list[Speech]]:
    """(clips of sentences, clips of single words) of a folder that `real_speech.py` wrote."""
    return (
        [read_speech(path) for path in sorted(folder.glob("*.wav"))],
        [read_speech(path) for path in sorted((folder / "words").glob("*.wav"))],
    )


def synthetic_speech(corpora: Sequence[Path]) -> list[Speech]:
    """Two clips of calm speech of each speaker whom training never heard, from corpora of examples/training/voices."""
    from examples.training.voices import corpus

    takes: dict[str, list[Speech]] = {}
    for folder in corpora:
        for said in corpus.load(folder):
            sex = "woman" if said.gender == "female" else "man"
            of_speaker = takes.setdefault(f"xx_{sex}_{folder.name}-{said.speaker}", [])
            if said.held_out and said.emotion == "neutral" and len(of_speaker) < 2:
                name = f"xx_{sex}_{folder.name}-{said.speaker}_{'ab'[len(of_speaker)]}"
                of_speaker.append(Speech(name, said.samples))
    return [clip for clips in takes.values() if len(clips) == 2 for clip in clips]


def first_takes(clips: list[Speech], count: int) -> list[Speech]:
    """One clip of each of so many voices, new languages first, men and women in turn."""
    left = [clip for clip in clips if clip.name.endswith("_a")] or list(clips)
    chosen: list[Speech] = []
    while left and len(chosen) < count:
        languages = {clip.language for clip in chosen}
        last = chosen[-1].sex if chosen else ""
        left.sort(key=lambda clip: (clip.language in languages, clip.sex == last, clip.sex == "voice"))
        chosen.append(left.pop(0))
    return sorted(chosen, key=lambda clip: clip.name)


def power_of(samples: np.ndarray) -> np.ndarray:
    """Mean square of each 20 ms."""
    hop = RATE // 50
    return np.array([np.mean(samples[start : start + hop] ** 2) for start in range(0, len(samples), hop)])


def speech_level(samples: np.ndarray) -> float:
    """Root mean square of the loud moments of a clip."""
    return float(np.sqrt(np.quantile(power_of(samples), LOUD_QUANTILE)) + 1e-9)


def active_level(samples: np.ndarray, decibels: float = 30.0) -> float:
    """Root mean square of a clip without its pauses: of what lies within so many decibels of the loud moments."""
    power = power_of(samples)
    active = power > speech_level(samples) ** 2 * 10 ** (-decibels / 10)
    return float(np.sqrt(power[active].mean())) if active.any() else 1e-9


def room_noise(count: int, seed: int = 0) -> np.ndarray:
    """(count,) of mean square 1: white and pink, half of the power each."""
    random = np.random.default_rng(seed)
    spectrum = np.fft.rfft(random.standard_normal(count))
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), count)
    mixed = random.standard_normal(count) + pink / pink.std()
    return mixed / np.sqrt(np.mean(mixed**2))


def hum(count: int, hertz: float = 50.0) -> np.ndarray:
    """(count,) of mean square 1: mains hum with its overtones."""
    moments = np.arange(count) / RATE
    wave = sum(np.sin(2 * np.pi * hertz * k * moments + k) / k for k in (1, 2, 3, 5))
    return wave / np.sqrt(np.mean(wave**2))


def to_last_sound(samples: np.ndarray, decibels: float = 25.0) -> np.ndarray:
    """A clip without what lies behind its last moment within so many decibels of the loud ones."""
    loud = np.flatnonzero(power_of(samples) > speech_level(samples) ** 2 * 10 ** (-decibels / 10))
    return samples[: (loud[-1] + 1) * (RATE // 50)] if len(loud) else samples


def faded(samples: np.ndarray) -> np.ndarray:
    """Cut out without a click."""
    edge = np.linspace(0, 1, int(FADE * RATE), dtype=np.float32)
    result = samples.copy()
    result[: len(edge)] *= edge
    result[-len(edge) :] *= edge[::-1]
    return result


@dataclass(frozen=True)
class Change:
    """What WORLD changes of a voice, the words and their timing left alone.

    pitch: factor; formants: factor (> 1: a shorter vocal tract); melody: factor on the movement of the pitch in
    octaves; brightness: decibels an octave above 1 kHz.
    """

    pitch: float = 1.0
    formants: float = 1.0
    melody: float = 1.0
    brightness: float = 0.0


OTHER_PERSON = (Change(pitch=1.6, formants=1.16), Change(pitch=0.62, formants=0.86))
"""A man's voice made a woman's, and the reverse."""
OTHER_MANNER = (Change(melody=1.7, brightness=2.0), Change(melody=0.4, brightness=-2.0))
"""Livelier, and flatter."""


def changed(speech: Speech, change: Change) -> Speech:
    """The same words at the same moments, by vocoder (WORLD). ``Change()`` gives what the vocoder alone does to it."""
    import pyworld

    samples = speech.samples.astype(np.float64)
    pitch, times = pyworld.dio(samples, RATE, f0_floor=60, f0_ceil=600)
    pitch = pyworld.stonemask(samples, pitch, times, RATE)
    envelope = pyworld.cheaptrick(samples, pitch, times, RATE)
    breath = pyworld.d4c(samples, pitch, times, RATE)
    voiced = pitch > 0
    if voiced.any():
        middle = np.exp(np.log(pitch[voiced]).mean())
        pitch[voiced] = middle * change.pitch * (pitch[voiced] / middle) ** change.melody
    envelope = _segment(envelope, change.formants)
    hertz = np.linspace(0, RATE / 2, envelope.shape[1])
    envelope *= 10 ** (change.brightness * np.log2(np.maximum(hertz, 100) / 1000) / 10)[None]
    result = pyworld.synthesize(pitch, np.ascontiguousarray(envelope), breath, RATE)[: len(samples)]
    result = np.pad(result, (0, len(samples) - len(result)))
    return replace(speech, samples=(result / max(1.0, np.abs(result).max() / 0.98)).astype(np.float32))


def _segment(envelope: np.ndarray, factor: float) -> np.ndarray:
    """Spectral envelopes (frames, bins) with their peaks at ``factor`` times the frequency."""
    bins = np.arange(envelope.shape[1])
    logarithm = np.log(envelope + 1e-16)
    return np.exp(np.stack([np.interp(bins / factor, bins, row) for row in logarithm]))
