"""One utterance, many speakers and emotions, phone times still known: WORLD vocoder (PyPI `pyworld-prebuilt`).

Emotions are acoustic caricatures after the literature on vocal emotion (Scherer 2003; Juslin & Laukka 2003): pitch
level, range, tempo, loudness, spectral tilt, breath, tremor. They keep formants and so the speaker.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyworld

PERIOD = 0.005


@dataclass(frozen=True)
class Analysis:
    """WORLD's parameters of one utterance: pitch (frames,), envelope and aperiodicity (frames, bins)."""

    pitch: np.ndarray
    envelope: np.ndarray
    aperiodicity: np.ndarray
    rate: int


@dataclass(frozen=True)
class Change:
    """What to do to an utterance; the defaults change nothing.

    `pitch`: mean in Hz (None keeps it); `pitch_factor`, `pitch_range` (of the deviation in log Hz), `formant`, `tempo`:
    factors; `breath` 0..1; `tilt`: dB an octave; `rise`: share by which the end of the phrase rises; `tremor`,
    `jitter`: relative; `gain`: dB.
    """

    pitch: float | None = None
    pitch_factor: float = 1.0
    pitch_range: float = 1.0
    formant: float = 1.0
    tempo: float = 1.0
    breath: float = 0.0
    tilt: float = 0.0
    rise: float = 0.0
    tremor: float = 0.0
    jitter: float = 0.0
    gain: float = 0.0


MADE_EMOTIONS: dict[str, Change] = {
    "happy": Change(pitch_factor=1.2, pitch_range=1.5, tempo=1.08, tilt=0.8, gain=2),
    "sad": Change(pitch_factor=0.92, pitch_range=0.5, tempo=0.8, breath=0.2, tilt=-2, gain=-4),
    "angry": Change(pitch_factor=1.1, pitch_range=1.45, tempo=1.12, tilt=2, gain=4, jitter=0.008),
    "surprised": Change(pitch_factor=1.3, pitch_range=1.8, rise=0.45, gain=2),
    "fearful": Change(pitch_factor=1.25, pitch_range=0.9, tempo=1.18, breath=0.2, tremor=0.025),
    "disgusted": Change(pitch_factor=0.90, pitch_range=0.8, tempo=0.82, tilt=0.8, jitter=0.012, rise=-0.08),
    "contemptuous": Change(pitch_factor=0.86, pitch_range=0.65, tempo=0.94, tilt=-0.8, rise=-0.15, gain=-2),
}

OLD_AGE = Change(tempo=0.88, breath=0.25, tremor=0.03, jitter=0.012, tilt=-1.2)


def analyse(samples: np.ndarray, rate: int) -> Analysis:
    """WORLD analysis of a mono utterance."""
    signal = np.ascontiguousarray(samples, dtype=np.float64)
    pitch, times = pyworld.dio(signal, rate, f0_floor=60, f0_ceil=600)
    pitch = pyworld.stonemask(signal, pitch, times, rate)
    envelope = pyworld.cheaptrick(signal, pitch, times, rate)
    return Analysis(pitch, envelope, pyworld.d4c(signal, pitch, times, rate), rate)


def combine(first: Change, second: Change, strength: float = 1.0) -> Change:
    """`first`, and then `second` at `strength`: factors multiply, amounts add."""
    factors = {
        name: getattr(first, name) * getattr(second, name) ** strength
        for name in ("pitch_factor", "pitch_range", "formant", "tempo")
    }
    amounts = {
        name: getattr(first, name) + strength * getattr(second, name)
        for name in ("breath", "tilt", "rise", "tremor", "jitter", "gain")
    }
    return replace(first, **factors, **amounts)


def apply(analysis: Analysis, change: Change, rng: np.random.Generator) -> np.ndarray:
    """The changed utterance, float32 at the rate of the analysis, at most full scale. Times scale by 1 / tempo."""
    pitch = analysis.pitch.copy()
    voiced = pitch > 0
    if voiced.any():
        mean = np.exp(np.log(pitch[voiced]).mean())
        target = (change.pitch or mean) * change.pitch_factor
        pitch[voiced] = target * np.exp((np.log(pitch[voiced]) - np.log(mean)) * change.pitch_range)
    pitch, envelope, aperiodicity = _retime(pitch, analysis.envelope, analysis.aperiodicity, change.tempo)
    time = np.arange(len(pitch)) * PERIOD
    shake = np.sin(2 * np.pi * 5.2 * time + rng.uniform(0, 6))
    movement = 1 + change.rise * np.clip((time / time[-1] - 0.6) / 0.4, 0, 1)
    movement = movement * (1 + change.tremor * shake) * (1 + change.jitter * rng.standard_normal(len(pitch)))
    pitch = np.where(pitch > 0, pitch * movement, 0.0)
    envelope = envelope * (1 + 2 * change.tremor * shake)[:, None]
    if change.formant != 1:
        envelope = _move_formants(envelope, change.formant)
    frequency = np.linspace(0, analysis.rate / 2, envelope.shape[1])
    if change.tilt:
        envelope = envelope * 10 ** (change.tilt * np.log2(np.maximum(frequency, 100) / 1000) / 10)
    if change.breath:
        air = np.clip((frequency - 500) / 3000, 0, 1)
        aperiodicity = np.clip(aperiodicity + change.breath * air * (1 - aperiodicity), 0, 1)
    sound = pyworld.synthesize(
        pitch, np.ascontiguousarray(envelope), np.ascontiguousarray(aperiodicity), analysis.rate, PERIOD * 1000
    )
    sound = sound * 10 ** (change.gain / 20)
    return (sound / max(1.0, np.abs(sound).max() / 0.98)).astype(np.float32)


def _retime(pitch: np.ndarray, envelope: np.ndarray, aperiodicity: np.ndarray, tempo: float):
    count = len(pitch)
    place = np.linspace(0, count - 1, max(2, int(round(count / tempo))))
    left = np.minimum(place.astype(int), count - 2)
    share = (place - left)[:, None]
    both = (pitch[left] > 0) & (pitch[left + 1] > 0)
    between = pitch[left] * (1 - share[:, 0]) + pitch[left + 1] * share[:, 0]
    moved = np.where(both, between, np.where(share[:, 0] < 0.5, pitch[left], pitch[left + 1]))
    spectrum = np.exp(np.log(envelope[left]) * (1 - share) + np.log(envelope[left + 1]) * share)
    return moved, spectrum, aperiodicity[left] * (1 - share) + aperiodicity[left + 1] * share


def _move_formants(envelope: np.ndarray, factor: float) -> np.ndarray:
    bins = envelope.shape[1]
    source = np.arange(bins) / factor
    left = np.minimum(source.astype(int), bins - 2)
    share = np.minimum(source - left, 1)
    logarithm = np.log(envelope)
    return np.exp(logarithm[:, left] * (1 - share) + logarithm[:, left + 1] * share)
