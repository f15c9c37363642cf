"""What is measured on one video: lips, lids, brows, head, person, detail, from what the judges see in its frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.features import ImageFeatures
from benchmarks.judges import (
    EYES_BOX,
    FOREHEAD_CHIN,
    LIPS_BOX,
    AgeGenderJudge,
    EmotionJudge,
    Face,
    FaceEmbedder,
    FaceMesh,
    Phones,
    box_region,
    face_region,
    sharpness,
)
from benchmarks.landmarks import Shown
from imagineid_sdk.face.animation.expression import lip_gap

# Points of MediaPipe's mesh.
BROWS = (70, 63, 105, 66, 107, 300, 293, 334, 296, 336)
EYELID_CORNERS = (33, 133, 263, 362)
MOUTH_CORNERS = (61, 291)
MOUTH_MIDDLE = (0, 17)  # of the outer lips

SHUT = 0.04  # lip opening below which lips count as shut; on true renders 90 % of shut and 5 % of open mouths are below
BLINK = 0.8  # share of the usual eye opening below which the lids count as shut; on true renders 94 % against 0.3 %
LAGS = np.arange(-10, 11) / 50  # seconds
ASKED_SHUT = 0.02  # lip gap of the motion below which it asks for shut lips
RATE = 16_000  # Hz, of the samples in which silence is looked for
TURN_BANDS = (0.0, 1.0, 3.0, np.inf)  # Hz: how fast the head turns; people's nods and shakes lie below 3 Hz


@dataclass(frozen=True)
class Judges:
    mesh: FaceMesh
    embedder: FaceEmbedder
    age_gender: AgeGenderJudge
    emotion: EmotionJudge
    features: ImageFeatures

    @classmethod
    def load(cls) -> Judges:
        return cls(FaceMesh(), FaceEmbedder(), AgeGenderJudge(), EmotionJudge(), ImageFeatures())


@dataclass(frozen=True)
class Video:
    """A video and what it should show. frames: (T, H, W, 3) uint8; actions: (T, 52); pose: (T, 3) degrees; landmarks:
    (T, 112, 2) of the mesh, pixels."""

    name: str
    frames: np.ndarray
    fps: float
    actions: np.ndarray
    pose: np.ndarray
    faces: list[Face | None]
    landmarks: np.ndarray

    @property
    def shown(self) -> list[Shown]:
        """The frames in which a face was found, with the landmarks asked for."""
        pairs = zip(self.faces, self.landmarks, strict=True)
        return [Shown(face, landmarks) for face, landmarks in pairs if face is not None]

    @property
    def moments(self) -> np.ndarray:
        return (np.arange(len(self.frames)) + 0.5) / self.fps

    @property
    def found(self) -> np.ndarray:
        return np.array([face is not None for face in self.faces])

    @property
    def lip_opening(self) -> np.ndarray:
        """(T,), nan where no face was found."""
        return np.array([np.nan if face is None else face.lip_opening for face in self.faces])


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's r over the samples where both are numbers; nan where one does not vary."""
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < 3 or first[both].std() < 1e-9 or second[both].std() < 1e-9:
        return float("nan")
    return float(np.corrcoef(first[both], second[both])[0, 1])


def rank_correlation(first: list[float], second: list[float]) -> float:
    """Spearman's, but for ties."""
    return correlation(np.argsort(np.argsort(first)).astype(float), np.argsort(np.argsort(second)).astype(float))


def lag_scan(video: Video, phones: Phones) -> tuple[float, float]:
    """(best correlation of lip opening with the phones, the delay of the lips behind the sound in seconds)."""
    fits = np.array([correlation(video.lip_opening, phones.openness(video.moments - lag)) for lag in LAGS])
    if not np.isfinite(fits).any():
        return float("nan"), float("nan")
    best = int(np.nanargmax(fits))
    return float(fits[best]), float(LAGS[best])


def shuffled_control(video: Video, phones: Phones, speech_end: float, count: int = 24) -> float:
    """Mean correlation with the phones of other moments of the same speech: near 0 if the lips follow the words."""
    spoken = video.moments < speech_end
    opening = video.lip_opening[spoken]
    wanted = phones.openness(video.moments[spoken])
    shifts = np.linspace(0.15, 0.85, count) * len(wanted)
    return float(np.nanmean([correlation(opening, np.roll(wanted, int(shift))) for shift in shifts]))


def share_shut(video: Video, times: np.ndarray, reach: float = 0.08) -> float:
    """Share of the given moments with shut lips within +-reach seconds."""
    opening = np.where(video.found, video.lip_opening, np.inf)  # a lost face is no shut mouth
    lowest = [opening[near].min() for near in _near(video.moments, times, reach)]
    return float(np.mean(np.array(lowest) < SHUT)) if lowest else float("nan")


def asked_shut(video: Video, times: np.ndarray, reach: float = 0.08) -> float:
    """Share of moments at which the motion itself asks for shut lips: where it doesn't, no picture can be right."""
    gap = lip_gap(video.actions)
    lowest = [gap[near].min() for near in _near(video.moments, times, reach)]
    return float(np.mean(np.array(lowest) < ASKED_SHUT)) if lowest else float("nan")


def silent_frames(samples: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Frames more than 160 ms after and 80 ms before any sound within 35 dB of the loud passages, by energy alone."""
    hop = RATE // 50
    power = np.array([np.mean(samples[start : start + hop] ** 2) for start in range(0, len(samples), hop)])
    level = 10 * np.log10(power + 1e-10)
    loud = np.flatnonzero(level > max(np.quantile(level, 0.95) - 35, -65))
    sounding = np.zeros(len(level) + 12, bool)
    for offset in range(-4, 9):
        sounding[np.clip(loud + offset, 0, len(level) - 1)] = True
    return ~sounding[np.minimum((moments * 50).astype(int), len(level) - 1)]


def blinks_seen(video: Video) -> np.ndarray:
    """(T,) bool: lids shut, against their usual opening in this video."""
    opening = np.array([np.nan if face is None else face.eye_opening for face in video.faces])
    return opening < BLINK * np.nanmedian(opening) if video.found.any() else np.zeros(len(opening), bool)


def blink_seconds(shut: np.ndarray, fps: float) -> float:
    """Median length of the runs of shut lids; nan without any."""
    edges = np.flatnonzero(np.diff(np.r_[0, shut.astype(int), 0]))
    return float(np.median(edges[1::2] - edges[::2]) / fps) if len(edges) else float("nan")


def turning_spectrum(pose: np.ndarray, fps: float) -> np.ndarray:
    """(3,) shares of the power of the head's angular speed below 1 Hz, at 1-3 Hz and above; pose: (T, 3) degrees."""
    if len(pose) < 8:
        return np.full(3, np.nan)
    speed = np.diff(pose, axis=0)
    power = np.abs(np.fft.rfft((speed - speed.mean(axis=0)) * np.hanning(len(speed))[:, None], axis=0)) ** 2
    hertz = np.fft.rfftfreq(len(speed), 1 / fps)
    bands = np.array(
        [power[(hertz >= a) & (hertz < b)].sum() for a, b in zip(TURN_BANDS, TURN_BANDS[1:], strict=False)]
    )
    return bands / max(bands.sum(), 1e-12)


def expression_seen(face: Face) -> np.ndarray:
    """(3,) in % of the eye distance: brows above the eyes, mouth corners above its middle, opening of the lids."""
    down = face.points[FOREHEAD_CHIN[1], :2] - face.points[FOREHEAD_CHIN[0], :2]
    up = -down / np.linalg.norm(down)

    def above(upper: tuple[int, ...], lower: tuple[int, ...]) -> float:
        return float((face.points[list(upper), :2].mean(0) - face.points[list(lower), :2].mean(0)) @ up)

    heights = np.array([above(BROWS, EYELID_CORNERS), above(MOUTH_CORNERS, MOUTH_MIDDLE)]) / face.eye_distance
    return 100 * np.r_[heights, face.eye_opening]


def starts(events: np.ndarray) -> int:
    return int((events[1:] & ~events[:-1]).sum() + events[0])


def detail(frames: list[np.ndarray], faces: list[Face | None]) -> np.ndarray:
    """Sharpness of (face, eyes, mouth), the median over frames."""
    rows = []
    for frame, face in zip(frames, faces, strict=True):
        if face is None:
            continue
        shape = frame.shape[:2]
        eyes = np.mean([sharpness(frame, box_region(face, box, shape, grow=0.1)) for box in EYES_BOX])
        rows.append(
            (sharpness(frame, face_region(face, shape)), eyes, sharpness(frame, box_region(face, LIPS_BOX, shape)))
        )
    return np.median(np.array(rows), axis=0) if rows else np.full(3, np.nan)


def embeddings(judges: Judges, video: Video, count: int = 6) -> np.ndarray:
    """(n, 128) of frames spread over the video."""
    return np.array([judges.embedder.embed(picture, face) for picture, face in _spread(video, count)]).reshape(-1, 128)


def within(vectors: np.ndarray) -> float:
    """Largest distance between two frames of one video."""
    if not len(vectors):
        return float("nan")
    return float(np.linalg.norm(vectors[:, None] - vectors[None], axis=2).max())


def between(first: np.ndarray, second: np.ndarray) -> float:
    """Mean distance between the frames of two videos."""
    if not len(first) or not len(second):
        return float("nan")
    return float(np.linalg.norm(first[:, None] - second[None], axis=2).mean())


def judged_person(judges: Judges, video: Video, count: int = 5) -> tuple[float, float]:
    """(0 male .. 1 female, years), means over some frames."""
    answers = [judges.age_gender.judge(picture, face) for picture, face in _spread(video, count)]
    gender, age = np.mean(answers, axis=0) if answers else (np.nan, np.nan)
    return float(gender), float(age)


def _spread(video: Video, count: int) -> list[tuple[np.ndarray, Face]]:
    """Some frames in which a face was found, spread over the video."""
    found = [(picture, face) for picture, face in zip(video.frames, video.faces, strict=True) if face is not None]
    return [found[k] for k in np.linspace(0, len(found) - 1, min(count, len(found))).astype(int)]


def _near(moments: np.ndarray, times: np.ndarray, reach: float) -> list[np.ndarray]:
    masks = [np.abs(moments - time) <= reach for time in times]
    return [mask for mask in masks if mask.any()]
