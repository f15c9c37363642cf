"""Videos of the pipeline under the judges: lips, person, motion and picture of each clip of speech."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.judges import PhoneRecogniser, Phones, background_flicker, skin_flicker
from benchmarks.landmarks import GROUP_NAMES
from benchmarks.measures import (
    SHUT,
    Judges,
    Video,
    asked_shut,
    between,
    blink_seconds,
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
    turning_spectrum,
    within,
)
from benchmarks.renders import SIZE, Calibration
from benchmarks.speech import RATE, Speech
from benchmarks.tables import Columns, Row, mean_over, write
from imagineid_sdk.face.animation.expression import lip_gap
from imagineid_sdk.face.blendshapes import BLENDSHAPE_INDEX

SILENCE = 1.0  # seconds appended to each clip, so that silence is always judged
BLINKING = BLENDSHAPE_INDEX["eyeBlinkLeft"]


@dataclass(frozen=True)
class Bench:
    """What every part of the benchmark works with. sheets: folder for pictures, None for none; steps: of
    a frame of the videos, None for as many as the pipeline takes; size: of the videos that are made of whole clips."""

    pipe: Any
    judges: Judges
    recogniser: PhoneRecogniser
    calibration: Calibration | None
    sheets: Path | None
    seed: int
    steps: int | None = None
    size: int = SIZE

    def film(self, name: str, out: Any) -> Video:
        """A result of the pipeline with the faces that the judge finds in it."""
        faces = [self.judges.mesh.find(frame) for frame in out.frames]
        landmarks = asked_landmarks(self.pipe, out.identity, out.motion, out.frames.shape[2])
        return Video(name, out.frames, out.fps, out.motion.blendshapes, out.motion.head_pose, faces, landmarks)

    def landmark_errors(self, video: Video) -> np.ndarray:
        """(6,) pixels of 256: all landmarks, then each group; nan without calibration."""
        if self.calibration is None:
            return np.full(1 + len(GROUP_NAMES), np.nan)
        return self.calibration.landmarks.summary(video.shown, video.frames.shape[2])


def asked_landmarks(pipe: Any, identity: Any, motion: Any, width: int) -> np.ndarray:
    """(T, 112, 2) pixels: where the mesh wants the landmarks."""
    given = (torch.from_numpy(array) for array in (identity.code, motion.blendshapes, motion.head_pose))
    return (pipe.head.landmarks(pipe.head(*given)) * width).cpu().numpy()


@dataclass(frozen=True)
class Generated:
    """One clip of speech with a second of silence, and the video made of it.

    speech_end: seconds; vectors: (n, 128) embeddings of frames; judged: sex (0 male .. 1 female) and age in years;
    landmark_errors: (6,) pixels.
    """

    speech: Speech
    speech_end: float
    phones: Phones
    video: Video
    identity: Any
    vectors: np.ndarray
    judged: tuple[float, float]
    landmark_errors: np.ndarray

    @property
    def name(self) -> str:
        return self.speech.name


def generate(bench: Bench, speech: Speech, seed: int) -> Generated:
    """Runs the pipeline on a clip and a second of silence."""
    spoken = speech.then_silence(SILENCE)
    out = bench.pipe(spoken.clip, seed=seed, num_inference_steps=bench.steps, size=bench.size)
    video = bench.film(speech.name, out)
    return Generated(
        speech=spoken,
        speech_end=speech.seconds,
        phones=bench.recogniser.hear(spoken.samples, RATE),
        video=video,
        identity=out.identity,
        vectors=embeddings(bench.judges, video),
        judged=judged_person(bench.judges, video),
        landmark_errors=bench.landmark_errors(video),
    )


def silence_shut(made: Generated) -> float:
    """Share of silent frames with shut lips."""
    silent = silent_frames(made.speech.samples, made.video.moments) & made.video.found
    return float(np.mean(made.video.lip_opening[silent] < SHUT)) if silent.any() else float("nan")


def silence_movement(made: Generated) -> float:
    """How much the lips move in silence, against how much they move in speech (standard deviations)."""
    silent = silent_frames(made.speech.samples, made.video.moments) & made.video.found
    spoken = (made.video.moments < made.speech_end) & ~silent & made.video.found
    opening = made.video.lip_opening
    return float(opening[silent].std() / max(opening[spoken].std(), 1e-6)) if silent.sum() > 2 else float("nan")


def blinks_a_minute(made: Generated, shut: np.ndarray) -> float:
    return starts(shut) / (len(made.video.frames) / made.video.fps / 60)


def poses_seen(made: Generated) -> np.ndarray:
    """(n, 3) degrees."""
    return np.array([face.pose for face in made.video.faces if face is not None]).reshape(-1, 3)


def sharpness_of(video: Video) -> np.ndarray:
    """(3,) of face, eyes and mouth, at the size of the renders."""
    chosen, scale = np.flatnonzero(video.found)[::5], SIZE / video.frames.shape[2]
    frames = [cv2.resize(video.frames[k], (SIZE, SIZE), interpolation=cv2.INTER_AREA) for k in chosen]
    faces = [video.faces[k] for k in chosen]
    return detail(frames, [face and replace(face, points=face.points * scale) for face in faces])


def _with_phones(made: Generated) -> float:
    return correlation(made.video.lip_opening, made.phones.openness(made.video.moments))


def _range(values: np.ndarray) -> np.ndarray:
    return np.ptp(values, axis=0) if len(values) else np.full(values.shape[1], np.nan)


def _blinking(made: Generated) -> np.ndarray:
    return made.video.actions[:, BLINKING] > 0.8


LIPS: Columns = (
    ("face found", lambda made: made.video.found.mean(), "{:.1%}"),
    ("r with motion", lambda made: correlation(made.video.lip_opening, lip_gap(made.video.actions)), "{:.2f}"),
    ("r with phones", _with_phones, "{:.2f}"),
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
    ("lip movement in silence", silence_movement, "{:.0%}"),
)
PERSON: Columns = (
    ("largest distance within the video", lambda made: within(made.vectors), "{:.2f}"),
    ("first against last frames", lambda made: between(made.vectors[:2], made.vectors[-2:]), "{:.2f}"),
    ("sex known (1 female)", lambda made: {"man": 0.0, "woman": 1.0}.get(made.speech.sex, np.nan), "{:.1f}"),
    ("sex imagined", lambda made: made.identity.gender, "{:.2f}"),
    ("sex judged", lambda made: made.judged[0], "{:.2f}"),
    ("age imagined", lambda made: made.identity.age, "{:.0f}"),
    ("age judged", lambda made: made.judged[1], "{:.0f}"),
)
MOTION: Columns = (
    ("blinks a minute, drawn", lambda made: blinks_a_minute(made, _blinking(made)), "{:.0f}"),
    ("seen", lambda made: blinks_a_minute(made, blinks_seen(made.video)), "{:.0f}"),
    ("shut for (ms)", lambda made: 1000 * blink_seconds(blinks_seen(made.video), made.video.fps), "{:.0f}"),
    ("yaw / pitch / roll spread, drawn (deg)", lambda made: made.video.pose.std(axis=0), "{:.1f}"),
    ("spread seen", lambda made: poses_seen(made).std(axis=0), "{:.1f}"),
    ("range seen", lambda made: _range(poses_seen(made)), "{:.0f}"),
    (
        "turning below 1 Hz / to 3 Hz / above, drawn",
        lambda made: turning_spectrum(made.video.pose, made.video.fps),
        "{:.0%}",
    ),
    (
        "brows raised, spread (of full)",
        lambda made: made.video.actions[:, BLENDSHAPE_INDEX["browInnerUp"]].std(),
        "{:.2f}",
    ),
)  # fmt: skip


def picture_columns(calibration: Calibration | None) -> Columns:
    """Stillness and sharpness, the latter also as a share of the renders' where they were given; the geometry."""
    columns: Columns = (
        ("background flicker (grey levels)", lambda made: background_flicker(made.video.frames), "{:.0f}"),
        ("skin flicker", lambda made: skin_flicker(made.video.frames, made.video.faces), "{:.2f}"),
        ("sharpness face / eyes / mouth", lambda made: sharpness_of(made.video), "{:.3f}"),
    )
    if calibration is None:
        return columns
    sharp = calibration.sharpness
    return (
        *columns,
        ("of the renders'", lambda made: sharpness_of(made.video) / sharp, "{:.0%}"),
        (
            f"landmark error, px of 256: all / {' / '.join(GROUP_NAMES)}",
            lambda made: made.landmark_errors,
            "{:.1f}",
        ),
    )


def language_rows(clips: list[Generated]) -> list[Row]:
    """Means of the lips over the clips of each language."""
    rows = []
    for language in sorted({made.speech.language for made in clips}):
        same = [made for made in clips if made.speech.language == language]
        values = [mean_over([np.atleast_1d(show(made)).astype(float) for made in same]) for _, show, _ in LIPS]
        cells = {title: write(value, form) for value, (title, _, form) in zip(values, LIPS, strict=True)}
        rows.append({"language": language, "clips": str(len(same)), **cells})
    return rows
