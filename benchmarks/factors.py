"""Disentanglement: how much the video moves when only another factor's input changes; and emotions on the face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from benchmarks.judges import FER_WORD, EmotionJudge
from benchmarks.leakage import difference
from benchmarks.measures import Video, between, correlation, embeddings, expression_seen
from benchmarks.renders import SIZE
from benchmarks.sheets import frames_of, save_sheet
from benchmarks.speech import Speech
from benchmarks.tables import Row, write
from benchmarks.videos import Bench
from imagineid_sdk.face.animation.expression import lip_gap
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES
from imagineid_sdk.listening.profile import EMOTIONS

EMOTION_PEOPLE = 4
"""Some resting faces look sad to the judge: emotions are judged on as many people."""
UPPER_FACE = [k for k, name in enumerate(ARKIT_BLENDSHAPES) if name.startswith(("brow", "cheekSquint", "noseSneer"))]
"""Actions that show emotion and that words, blinks and gaze leave alone; the brows also mark stress."""


# --- the whole pipeline ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Swap:
    """One video with the identity of one clip, the words of another and the emotion of a third."""

    label: str
    video: Video
    vectors: np.ndarray
    emotions: np.ndarray  # (7,) mean answer of the emotion judge


def swap_factors(bench: Bench, clips: Sequence[Speech]) -> tuple[list[Swap], list[Speech]]:
    """Identity of A, words of B, emotion of C; then one of them replaced at a time.

    Most real clips are calm, so that another clip's emotion may change next to nothing: the last video has an emotion
    that was set, as the yardstick of what the outputs of emotion can do.
    """
    people = sorted(clips, key=lambda clip: (clip.sex != "man", clip.sex != "woman"))
    person, other = people[0], next(clip for clip in clips if clip.sex != people[0].sex or clip is clips[-1])
    words, other_words = clips[0], clips[1 % len(clips)]
    heard = {clip.name: bench.pipe.listen(clip.clip).emotion for clip in clips}
    # The two clips that sound most different in emotion, or there would be nothing to see.
    emotion, other_emotion = max(combinations(clips, 2), key=lambda pair: _emotion_distance(heard, pair))
    length = min(words.seconds, other_words.seconds)
    as_heard: dict[str, Any] = {"emotion_from": emotion.clip}
    recipes = [
        ("A, B, C", person, words, as_heard), ("other person", other, words, as_heard),
        ("other words", person, other_words, as_heard),
        ("other emotion", person, words, {"emotion_from": other_emotion.clip}),
        ("emotion set to happy", person, words, {"emotion": "happy", "emotion_intensity": 1.0}),
    ]  # fmt: skip
    swaps = []
    for label, who, what, how in recipes:
        spoken = what.first(length).clip
        out = bench.pipe(content=spoken, identity_from=who.clip, seed=bench.seed, size=SIZE, **how)
        video = bench.film(label, out)
        swaps.append(Swap(label, video, embeddings(bench.judges, video), emotions_seen(bench, video)))
    if bench.sheets:
        save_sheet(bench.sheets / "factors.png", [frames_of(s.video.frames) for s in swaps], [s.label for s in swaps])
    return swaps, [person, words, emotion, other, other_words, other_emotion]


SHOWN: dict[str, Callable[[Swap, Swap], float]] = {
    "face (dlib)": lambda a, b: between(a.vectors, b.vectors),
    "lips asked": lambda a, b: difference(lip_gap(a.video.actions), lip_gap(b.video.actions)),
    "lips seen": lambda a, b: difference(_opening(a), _opening(b)),
    "brows and cheeks asked": lambda a, b: difference(
        a.video.actions[:, UPPER_FACE].mean(0)[None], b.video.actions[:, UPPER_FACE].mean(0)[None]
    ),
    "emotion judged (FER)": lambda a, b: float(np.abs(a.emotions - b.emotions).sum() / 2),
}
OWN_FACTOR = {"face (dlib)": 1, "lips asked": 2, "lips seen": 2, "brows and cheeks asked": 4, "emotion judged (FER)": 4}
"""Which video of `swap_factors` replaces the factor that an output belongs to."""


def swap_rows(swaps: Sequence[Swap]) -> list[Row]:
    """How much the video changes with each factor; in brackets, against the change by the factor it belongs to."""
    base, *others = swaps
    own = {name: distance(base, swaps[OWN_FACTOR[name]]) for name, distance in SHOWN.items()}
    rows = []
    for other in others:
        cells = {}
        for name, distance in SHOWN.items():
            value = distance(base, other)
            cells[name] = f"{value:.3f} ({value / max(own[name], 1e-6):.0%})"
        rows.append({"changed": other.label} | cells)
    return rows


def emotions_seen(bench: Bench, video: Video, count: int = 6) -> np.ndarray:
    """(7,) mean answer of the emotion judge over some frames."""
    found = np.flatnonzero(video.found)
    if not len(found):
        return np.full(len(EmotionJudge.LABELS), np.nan)
    answers = []
    for k in found[np.linspace(0, len(found) - 1, min(count, len(found))).astype(int)]:
        face = video.faces[k]
        assert face is not None
        answers.append(bench.judges.emotion.judge(video.frames[k], face))
    return np.mean(answers, axis=0)


# --- emotions on the face -------------------------------------------------------------------------------------------


def emotion_rows(bench: Bench, speech: Speech, intensities: Sequence[float]) -> list[Row]:
    """Some people say one thing in every emotion; with a sheet of the first: a row for each emotion, two frames of each
    intensity."""
    calm = [
        bench.pipe(speech.clip, seed=bench.seed + k, emotion="neutral", emotion_intensity=1.0, blink=0, size=SIZE)
        for k in range(EMOTION_PEOPLE)
    ]
    base = [bench.film("neutral", one) for one in calm]
    emotions = np.nanmean([emotions_seen(bench, video) for video in base], axis=0)
    usual = [_expression(video) for video in base]
    shut_and_open = (int(lip_gap(base[0].actions).argmin()), int(lip_gap(base[0].actions).argmax()))
    rows = [_emotion_row(bench, base, "neutral", 1.0, emotions, usual)]
    lines = [[base[0].frames[k] for k in shut_and_open] * len(intensities)]
    for emotion in EMOTIONS[1:]:
        line = []
        for intensity in intensities:
            wish = {"emotion": emotion, "emotion_intensity": intensity, "blink": 0}
            videos = [
                bench.film(
                    emotion, bench.pipe(speech.clip, identity=one.identity, seed=bench.seed + k, size=SIZE, **wish)
                )
                for k, one in enumerate(calm)
            ]
            rows.append(_emotion_row(bench, videos, emotion, intensity, emotions, usual))
            line += [videos[0].frames[k] for k in shut_and_open]
        lines.append(line)
    if bench.sheets:
        save_sheet(bench.sheets / "emotions.png", lines, EMOTIONS)
    return rows


def _emotion_row(
    bench: Bench, videos: list[Video], emotion: str, intensity: float, calm: np.ndarray, usual: list[np.ndarray]
) -> Row:
    """Means over people. calm: what the judge says of the same people without emotion; usual: how each then looks."""
    emotions = np.nanmean([emotions_seen(bench, video) for video in videos], axis=0)
    word = FER_WORD.get(emotion)
    asked = [emotions[EmotionJudge.LABELS.index(word)], calm[EmotionJudge.LABELS.index(word)]] if word else [np.nan] * 2
    seen = np.nanmean([_expression(video) - at_rest for video, at_rest in zip(videos, usual, strict=True)], axis=0)
    follows = np.mean([correlation(video.lip_opening, lip_gap(video.actions)) for video in videos])
    return {
        "emotion": emotion, "intensity": f"{intensity:.1f}",
        "P(asked), FER / of the same people, calm": write(asked, "{:.2f}"),
        "FER says": EmotionJudge.LABELS[int(np.nanargmax(emotions))] if np.isfinite(emotions).any() else "-",
        "brows / mouth corners / lids raised (% of eye distance)": write(seen, "{:+.1f}"),
        "lips follow, r": write(float(follows), "{:.2f}"),
    }  # fmt: skip


def _expression(video: Video) -> np.ndarray:
    faces = [expression_seen(face) for face in video.faces if face is not None]
    return np.median(faces, axis=0) if faces else np.full(3, np.nan)


def _opening(swap: Swap) -> np.ndarray:
    """(T,) lip opening seen, from this mouth's usual one: mouths at rest differ between people."""
    return swap.video.lip_opening - np.nanmedian(swap.video.lip_opening)


def _emotion_distance(heard: dict[str, Any], pair: tuple[Speech, Speech]) -> float:
    first, second = (heard[clip.name] for clip in pair)
    return float(np.abs(first.probabilities * first.intensity - second.probabilities * second.intensity).sum())
