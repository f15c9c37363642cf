"""Prosodic events: accents and phrase ends, which head, brows and lids react to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagineid_sdk.listening.profile import TRACK_RATE, ProsodyTrack
from imagineid_sdk.listening.tracks import smooth

ACCENT_HISTORY = 5.0
"""Seconds of the tracks before a moment that its accents depend on."""

SLOT = 0.35
"""Seconds within which there is at most one accent."""

PHRASE_GAP = 0.25
"""Seconds of silence that end a phrase."""


@dataclass(frozen=True, eq=False)
class ProsodicEvents:
    """What the face reacts to; times in seconds.

    activity: (T,) 0..1, how much is being spoken around a sample of the tracks.
    accents: time and strength (0..1) of each stressed syllable, in the order of time.
    phrase_ends: when a phrase ended.
    """

    activity: np.ndarray
    accents: list[tuple[float, float]]
    phrase_ends: list[float]


def find_prosodic_events(prosody: ProsodyTrack, start: float, complete: bool) -> ProsodicEvents:
    """Finds stressed syllables (louder and higher than their surroundings) and the ends of phrases.

    Args:
        prosody: tracks that begin at `start`.
        start: seconds.
        complete: whether the sound ends where the tracks do. If not, what can't be sure yet is left out.
    """
    speech = np.clip(prosody.speech.astype(np.float64), 0.0, 1.0)
    voiced = (prosody.pitch > 0) * speech
    semitones = 12.0 * np.log2(np.where(prosody.pitch > 0, prosody.pitch, 100.0) / 100.0)
    loudness = np.clip(prosody.loudness.astype(np.float64), -70.0, 0.0)
    higher = _weighted(semitones, voiced, 0.05) - _weighted(semitones, voiced, 1.0)
    louder = _weighted(loudness, speech, 0.06) - _weighted(loudness, speech, 1.0)
    score = (np.clip(higher, -6.0, 6.0) / 4.0 + np.clip(louder, -12.0, 12.0) / 8.0) * (speech > 0.5)
    peaks = _peaks(score, threshold=0.4, distance=SLOT)
    if not complete:
        peaks = peaks[peaks < len(score) - round(SLOT * TRACK_RATE)]
    strengths = np.clip((score[peaks] - 0.4) / 1.2 + 0.3, 0.0, 1.0)
    times = start + (peaks + 0.5) / TRACK_RATE
    ends = start + _phrase_ends(speech, complete)
    accents = list(zip(times.tolist(), strengths.tolist(), strict=True))
    return ProsodicEvents(smooth(speech, 0.3), accents, ends.tolist())


def _phrase_ends(speech: np.ndarray, complete: bool) -> np.ndarray:
    """Seconds at which speech stops for at least `PHRASE_GAP` (or for good)."""
    spoken = np.r_[speech > 0.5, not complete]  # while nobody knows, it may go on
    stops = np.flatnonzero(spoken[:-1] & ~spoken[1:]) + 1
    starts = np.r_[np.flatnonzero(~spoken[:-1] & spoken[1:]) + 1, len(spoken) + TRACK_RATE]
    following = starts[np.searchsorted(starts, stops, side="right")]
    return stops[following - stops >= int(PHRASE_GAP * TRACK_RATE)] / TRACK_RATE


def _peaks(score: np.ndarray, threshold: float, distance: float) -> np.ndarray:
    """Samples that are the highest within +-distance seconds."""
    half = round(distance * TRACK_RATE)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(score, half, mode="edge"), 2 * half + 1)
    return np.flatnonzero((score > threshold) & (around.argmax(axis=1) == half))


def _weighted(values: np.ndarray, weights: np.ndarray, seconds: float) -> np.ndarray:
    """Local mean over a Gaussian of so many seconds, of the samples that count."""
    total = smooth(weights, seconds)
    return smooth(values * weights, seconds) / np.maximum(total, 1e-4)
