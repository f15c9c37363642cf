"""Recordings of acted emotions under several conditions, and how often their emotion is heard right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.speech import RATE, Speech, read_speech
from benchmarks.tables import Row, write
from examples.training.voices.acted import EMOTION_OF_LETTER
from examples.training.voices.step_sums import sums_of
from imagineid_sdk.listening.emotion import EmotionEncoder, hear_emotion
from imagineid_sdk.listening.listener import Listener
from imagineid_sdk.listening.profile import EMOTIONS, EmotionTrack

ACTED = [name for name in EMOTIONS if name in set(EMOTION_OF_LETTER.values())]
_BINS = np.linspace(0, 1, 11)


# --- recordings -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recording:
    """One recording under one condition. rows, embedding: what the emotion stage is given."""

    actor: str
    sentence: str
    emotion: str
    speech: Speech
    rows: np.ndarray
    embedding: np.ndarray

    def heard(self, stage: EmotionEncoder) -> EmotionTrack:
        return hear_emotion(stage, self.rows, self.embedding, -(-len(self.speech.samples) // 320))


def on_the_telephone(speech: Speech) -> Speech:
    """300 to 3400 Hz in 8-bit mu-law."""
    spectrum = np.fft.rfft(speech.samples)
    hertz = np.fft.rfftfreq(len(speech.samples), 1 / RATE)
    narrow = np.fft.irfft(np.where((hertz > 300) & (hertz < 3400), spectrum, 0), len(speech.samples))
    peak = np.abs(narrow).max() + 1e-9
    squeezed = np.round(127 * np.sign(narrow) * np.log1p(255 * np.abs(narrow) / peak) / np.log(256)) / 127
    sound = np.sign(squeezed) * (256 ** np.abs(squeezed) - 1) / 255 * peak
    return replace(speech, samples=sound.astype(np.float32))


CONDITIONS: dict[str, Callable[[Speech], Speech]] = {
    "as recorded": lambda speech: speech,
    "noise, 20 dB": lambda speech: speech.in_noise(20),
    "noise, 10 dB": lambda speech: speech.in_noise(10),
    "telephone": on_the_telephone,
}


def read_recordings(folder: Path, earlier: Listener, cache: Path | None) -> dict[str, list[Recording]]:
    """All recordings of acted emotions by condition."""
    clips = [read_speech(path) for path in sorted(folder.glob("*.flac")) if path.stem[5] in EMOTION_OF_LETTER]
    return {
        name: [make_recording(change(clip), name, earlier, cache) for clip in clips]
        for name, change in CONDITIONS.items()
    }


def make_recording(speech: Speech, condition: str, earlier: Listener, cache: Path | None) -> Recording:
    """What the emotion stage is given of a recording; kept in the cache."""
    kept = cache / f"{speech.name}-{condition.replace(' ', '')}.npz" if cache else None
    if kept and kept.exists():
        known = np.load(kept)
        rows, embedding = known["rows"], known["embedding"]
    else:
        rows, embedding, _, _ = sums_of(earlier, speech.samples)
        if kept:
            np.savez(kept, rows=rows, embedding=embedding)
    actor, sentence, letter = speech.name[:2], speech.name[2:5], speech.name[5]
    return Recording(actor, sentence, EMOTION_OF_LETTER[letter], speech, rows, embedding)


# --- how often right --------------------------------------------------------------------------------------------------

Answer = tuple[Recording, EmotionTrack]


def recall(answers: Sequence[Answer]) -> dict[str, float]:
    """Share of the recordings of each emotion that are heard as such; nan where there are none."""
    return {
        name: float(np.mean([track.label == name for r, track in answers if r.emotion == name] or [np.nan]))
        for name in ACTED
    }


def calibration_error(answers: Sequence[Answer]) -> float:
    """Expected calibration error of the strongest emotion, ten bins."""
    sure = np.array([track.probabilities.max() for _, track in answers])
    right = np.array([track.label == r.emotion for r, track in answers], float)
    place = np.digitize(sure, _BINS[1:-1])
    return float(sum(abs((right - sure)[place == k].sum()) for k in range(10)) / len(sure))


def confusion_rows(answers: Sequence[Answer]) -> list[Row]:
    rows = []
    for name in ACTED:
        said = [track.label for r, track in answers if r.emotion == name]
        cells = {other: f"{np.mean([label == other for label in said]):.2f}" for other in EMOTIONS} if said else {}
        rows.append({"acted": name, "recordings": str(len(said))} | (cells or dict.fromkeys(EMOTIONS, "-")))
    return rows


def condition_rows(answers: dict[str, list[Answer]]) -> list[Row]:
    rows = []
    for name, some in answers.items():
        found = recall(some)
        intensity = {
            title: float(np.mean([track.intensity for r, track in some if (r.emotion == "neutral") == calm]))
            for title, calm in (("neutral", True), ("emotions", False))
        }
        rows.append({
            "condition": name, "UAR": write(np.nanmean(list(found.values())), "{:.2f}"),
            "neutral as neutral": write(found["neutral"], "{:.2f}"),
            "ECE": f"{calibration_error(some):.3f}",
            "intensity, neutral / emotions": write(list(intensity.values()), "{:.2f}"),
        })  # fmt: skip
    return rows


def actor_rows(answers: Sequence[Answer]) -> list[Row]:
    rows = []
    for actor in sorted({r.actor for r, _ in answers}):
        some = [answer for answer in answers if answer[0].actor == actor]
        found = recall(some)
        rows.append(
            {"actor": actor, "recordings": str(len(some)), "UAR": write(np.nanmean(list(found.values())), "{:.2f}")}
            | {name: write(found[name], "{:.2f}") for name in ACTED}
        )
    return rows
