"""Disentanglement of listening: how much each of its outputs moves when only another factor of the sound changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from benchmarks.speech import OTHER_MANNER, OTHER_PERSON, Change, Speech, changed
from benchmarks.tables import Row, write
from imagineid_sdk.audio import AudioClip
from imagineid_sdk.listening.profile import VoiceProfile

Listen = Callable[[AudioClip], VoiceProfile]
HEARD: dict[str, Callable[[VoiceProfile, VoiceProfile], float]] = {
    "voice embedding": lambda a, b: 1 - float(a.embedding @ b.embedding),
    "sex": lambda a, b: abs(a.gender.value - b.gender.value),
    "age": lambda a, b: abs(a.age.value - b.age.value),
    "mouth actions": lambda a, b: difference(a.content.blendshapes, b.content.blendshapes),
    "emotion": lambda a, b: float(np.abs(a.emotion.probabilities - b.emotion.probabilities).sum() / 2),
}
"""Distances of two profiles in each output."""
CHANGES = {"the person (pitch, formants)": OTHER_PERSON, "the manner (melody, brightness)": OTHER_MANNER}


def listening_leakage(listen: Listen, clips: Sequence[Speech], second_takes: dict[str, Speech]) -> list[Row]:
    """Outputs of listening when only the person, the words or the manner of a clip changes, as shares of how much they
    differ between clips of different people saying different things.

    Person and manner are changed by vocoder, which keeps the words and their moments; ``second_takes`` (by voice) keep
    the person and change the words.
    """
    plain = [listen(clip.clip) for clip in clips]
    apart = list(combinations(plain, 2))
    usual = {name: float(np.mean([distance(a, b) for a, b in apart])) for name, distance in HEARD.items()}
    cases: dict[str, list[tuple[VoiceProfile, VoiceProfile]]] = {}
    for clip, profile in zip(clips, plain, strict=True):
        for title, pairs in _one_change(listen, clip, profile, second_takes.get(clip.voice)).items():
            cases.setdefault(title, []).extend(pairs)
    rows = []
    for title, pairs in cases.items():
        shares = {name: np.mean([f(a, b) for a, b in pairs]) / max(usual[name], 1e-9) for name, f in HEARD.items()}
        cells = {name: write(share, "{:.0%}") for name, share in shares.items()}
        rows.append({"changed": title, "cases": str(len(pairs))} | cells)
    whole = {name: f"{value:.2f}" for name, value in usual.items()}
    return [*rows, {"changed": "100 % is", "cases": str(len(apart))} | whole]


def _one_change(
    listen: Listen, clip: Speech, profile: VoiceProfile, second_take: Speech | None
) -> dict[str, list[tuple[VoiceProfile, VoiceProfile]]]:
    """Profiles before and after each single change of a clip."""
    spoken = listen(changed(clip, Change()).clip)
    cases = {"nothing (vocoder alone)": [(profile, spoken)]}
    for title, changes in CHANGES.items():
        cases[title] = [(spoken, listen(changed(clip, change).clip)) for change in changes]
    if second_take is not None:
        cases["the words"] = [(profile, listen(second_take.first(clip.seconds).clip))]
    return cases


def difference(first: np.ndarray, second: np.ndarray) -> float:
    """Root mean square difference over the frames that both have."""
    count = min(len(first), len(second))
    return float(np.sqrt(np.nanmean((first[:count] - second[:count]) ** 2)))
