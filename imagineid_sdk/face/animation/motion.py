"""How the face moves: lips that say the words, the emotion, blinks, gaze, brows and the head, sampled with a seed.

What the voice says sets the words, the emotion and the moments of stress; what no voice can tell (when to blink, where
to look, how the head sways) is drawn from human statistics. Every random stream is drawn in the order of time from the
seed alone and every reaction to the voice looks at its surroundings only, so a longer clip begins with the same motion
as a shorter one, and an `Animator` can follow a voice whose end nobody knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from imagineid_sdk.errors import OptionError
from imagineid_sdk.face.animation.expression import add_expression
from imagineid_sdk.face.animation.eyes import Blinks, Gaze
from imagineid_sdk.face.animation.lips import MOUTH_COLUMNS, MOUTH_SIDES, at_rest, mouth_at, mouth_skew
from imagineid_sdk.face.animation.timing import (
    BROW,
    NOD,
    POSTURE,
    SLOT,
    SWAY,
    Bumps,
    SlotDraws,
    minimum_jerk,
    random_stream,
    resample,
    schedule,
    seamless,
)
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES, BLENDSHAPE_INDEX
from imagineid_sdk.listening.profile import EMOTIONS, TRACK_RATE, EmotionTrack, Segment, VoiceProfile
from imagineid_sdk.listening.prosodic_events import ProsodicEvents, find_prosodic_events

POSE_LIMITS = np.array([20.0, 12.0, 10.0])  # degrees that |yaw|, |pitch|, |roll| stay under
POSE_SPREAD = np.array([4.0, 2.6, 1.9])  # degrees, one standard deviation while speaking, neutral emotion
SILENT_MOTION = 0.4  # share of the head's motion that is left in silence
REACTION = 2.0  # seconds beyond the frames up to which reactions to the voice are decided, where it is known

# Emotion -> (gain of the head's motion, degrees of pitch that the head is held at), at full intensity: agitated
# emotions move the head more, sadness lowers it.
HEAD_MANNER: dict[str, tuple[float, float]] = {
    "neutral": (1.0, 0.0), "happy": (1.25, 0.5), "sad": (0.7, -3.0), "angry": (1.35, -1.5), "surprised": (1.2, 1.5),
    "fearful": (0.9, -0.5), "disgusted": (0.95, 0.5), "contemptuous": (0.9, 2.0),
}  # fmt: skip


@dataclass(frozen=True)
class FaceMotion:
    """Everything that moves, per video frame; frame k is the moment (k + 0.5) / fps.

    blendshapes: (T, 52) float32 in 0..1, in the order of `ARKIT_BLENDSHAPES`; gaze is in eyeLook...
    head_pose: (T, 3) float32, degrees: yaw (> 0 towards the right of the image), pitch (> 0 up), roll (> 0 clockwise
        in the image).
    """

    fps: float
    blendshapes: np.ndarray
    head_pose: np.ndarray

    def part(self, first: int, last: int) -> FaceMotion:
        """The frames from ``first`` to before ``last``."""
        return FaceMotion(self.fps, self.blendshapes[first:last], self.head_pose[first:last])

    @staticmethod
    def joined(parts: Sequence[FaceMotion]) -> FaceMotion:
        """Consecutive parts, at least one, as a whole."""
        return FaceMotion(
            parts[0].fps,
            np.concatenate([part.blendshapes for part in parts]),
            np.concatenate([part.head_pose for part in parts]),
        )


def animate(profile: VoiceProfile, *, num_frames: int, **options: Any) -> FaceMotion:
    """Turns what was heard in a whole clip into motion; the same arguments always give the same motion.

    Args:
        profile: what listening heard.
        num_frames: length of the result.
        options: those of `Animator`.

    Raises:
        OptionError: a value outside its range, or an unknown emotion.
    """
    if num_frames < 1:
        raise OptionError(f"num_frames is {num_frames}; expected at least 1: round(duration x fps).")
    frames = len(profile.content.blendshapes)
    whole = Segment(0, frames, profile.content, profile.emotion, profile.prosody, complete=True)
    return Animator(**options).advance(whole, num_frames)


class Animator:
    """Motion of one video, a segment of frames at a time.

    Args:
        fps: video frames a second.
        seed: chooses blinks, gaze, sway of the head and the small asymmetry of the mouth.
        emotion: one of `EMOTIONS`, shown throughout instead of the heard one.
        emotion_intensity: 0..1, instead of the heard one (with `emotion` alone: 0.8).
        head_motion: 0 (still, but breathing) .. 1 (as people move) .. 2.
        blink: 0 (never) .. 1 (17-18 a minute) .. 2 (twice as often).
        gaze: 0 (eyes stay on the viewer) .. 1 .. 2 (looks away farther and more often).

    Raises:
        OptionError: a value outside its range, or an unknown emotion.
    """

    def __init__(
        self,
        *,
        fps: float,
        seed: int,
        emotion: str | None = None,
        emotion_intensity: float | None = None,
        head_motion: float = 1.0,
        blink: float = 1.0,
        gaze: float = 1.0,
    ) -> None:
        _check(fps, emotion, emotion_intensity, head_motion, blink, gaze)
        self.fps, self.frames_made = float(fps), 0
        self._seed, self._wish = seed, (emotion, emotion_intensity)
        self._skew = mouth_skew(seed)
        self._head, self._brows = Head(seed, head_motion), Brows(seed)
        self._gaze, self._blinks = Gaze(seed, gaze), Blinks(seed, blink, self.fps)
        self._reacted = -1.0  # seconds up to which the voice was reacted to
        self._last: tuple[np.ndarray, ...] | None = None  # what the last frame showed

    def advance(self, heard: Segment, num_frames: int) -> FaceMotion:
        """The next `num_frames` frames, at least 1.

        `heard` goes from `stress.MEMORY` seconds before them (or the beginning of the sound) to as far as is known.
        """
        # The last frame of the segment before is looked at again, to join the two without a seam.
        numbers = np.arange(self.frames_made - 1, self.frames_made + num_frames)
        moments = (numbers + 0.5) / self.fps
        start = heard.first / TRACK_RATE
        stress = find_prosodic_events(heard.prosody, start, heard.complete)
        mouth, emotions, activity = self._join(
            mouth_at(heard.content.blendshapes, heard.first, numbers, self.fps),
            resample(_emotion_weights(heard.emotion, *self._wish), moments - start),
            resample(stress.activity, moments - start),
        )
        earliest = moments[0] if self.frames_made else -np.inf
        moments = moments[1:]
        self._react(stress, earliest, float(moments[-1]))
        head_pose = self._head.at(moments, activity, emotions)

        blendshapes = np.zeros((num_frames, len(ARKIT_BLENDSHAPES)), dtype=np.float32)
        blendshapes[:, MOUTH_COLUMNS] = np.clip(at_rest(mouth) * (1.0 + self._skew * MOUTH_SIDES), 0.0, 1.0)
        blendshapes = add_expression(blendshapes, emotions)
        self._brows.add_to(blendshapes, moments)
        self._gaze.add_to(blendshapes, moments, head_pose)
        known = np.inf if heard.complete else start + len(heard.content.blendshapes) / TRACK_RATE - SLOT
        self._blinks.add_to(blendshapes, moments, earliest, stress.phrase_ends, self._gaze, known)
        self.frames_made += num_frames
        # Rounded: the last bits of what was heard depend on where tensors lie in memory.
        blendshapes = np.clip(np.round(blendshapes, 4), 0.0, 1.0)
        return FaceMotion(self.fps, blendshapes.astype(np.float32), np.round(head_pose, 3).astype(np.float32))

    def _join(self, mouth: np.ndarray, emotions: np.ndarray, activity: np.ndarray) -> tuple[np.ndarray, ...]:
        last = (None, None, None) if self._last is None else self._last
        joined = tuple(
            seamless(track, before, self.fps, seconds)
            for track, before, seconds in zip((mouth, emotions, activity), last, (0.04, 0.5, 0.5), strict=True)
        )
        self._last = tuple(track[-1] for track in joined)
        return joined

    def _react(self, stress: ProsodicEvents, earliest: float, end: float) -> None:
        """Starts what stressed syllables and ends of phrases call for; what is heard late begins late."""
        until = end + REACTION
        for time, strength in stress.accents:
            if self._reacted <= time - SLOT / 2 and time < until:
                self._head.nod(time, strength, earliest)
                self._brows.rise(time, strength, earliest)
                self._reacted = time
        for time in stress.phrase_ends:
            if time < until:
                self._head.settle(time, earliest)


def _check(
    fps: float, emotion: str | None, intensity: float | None, head_motion: float, blink: float, gaze: float
) -> None:
    if not (np.isfinite(fps) and fps > 0):
        raise OptionError(f"fps is {fps}; expected a number of frames a second above 0, such as 25.")
    if emotion is not None and emotion not in EMOTIONS:
        raise OptionError(f"emotion is {emotion!r}; expected one of {', '.join(EMOTIONS)}.")
    for name, value, top in (
        ("emotion_intensity", intensity, 1),
        ("head_motion", head_motion, 2),
        ("blink", blink, 2),
        ("gaze", gaze, 2),
    ):
        if value is not None and not 0 <= value <= top:
            raise OptionError(f"{name} is {value}; expected a number from 0 to {top}.")


def _emotion_weights(heard: EmotionTrack, emotion: str | None, intensity: float | None) -> np.ndarray:
    """(T, 8) intensity of each emotion on the track's time, with the caller's wishes in place of what was heard."""
    track = heard.track
    if emotion is not None:
        track = np.zeros_like(heard.track)
        track[:, EMOTIONS.index(emotion)] = 0.8 if intensity is None else intensity
    elif intensity is not None:
        total = track.sum(axis=1, keepdims=True)
        heard_mix = track / np.where(total > 1e-6, total, 1.0)
        track = np.where(total > 1e-6, heard_mix, heard.probabilities[None]) * intensity
    return np.clip(track, 0.0, 1.0)


# --- head -----------------------------------------------------------------------------------------------------------


class Head:
    """Posture that shifts and holds, a slow sway on top, nods on stressed syllables, a settling at the end of phrases,
    and breathing. People turn their heads mostly below 2 Hz and more while they speak (Hadar et al. 1983; Munhall et
    al. 2004)."""

    def __init__(self, seed: int, head_motion: float) -> None:
        self.head_motion = head_motion
        self._sway, self._posture = Sway(seed), Posture(seed)
        self._draws = SlotDraws(random_stream(seed, NOD))
        self._nods = Bumps()
        self._breath = random_stream(seed, NOD, 1).uniform(0.0, 2.0 * np.pi)
        self._settled = -1.0

    def nod(self, time: float, strength: float, earliest: float) -> None:
        """A small nod with every other stressed syllable; none begins before `earliest` (seconds)."""
        chance, size = self._draws.at(time)
        if chance < 0.55:
            self._nods.add(max(time + 0.05, earliest + 0.26), 0.26, 0.40, -(0.8 + 1.6 * size) * strength)

    def settle(self, time: float, earliest: float) -> None:
        """Lowers the head a little after the phrase that ended at `time`."""
        if time > self._settled + 0.1:
            self._nods.add(max(time + 0.25, earliest + 0.50), 0.50, 1.20, -1.0)
            self._settled = time

    def at(self, moments: np.ndarray, activity: np.ndarray, emotions: np.ndarray) -> np.ndarray:
        """(T, 3) degrees."""
        manner = np.array([HEAD_MANNER[name] for name in EMOTIONS])
        gain = (SILENT_MOTION + (1.0 - SILENT_MOTION) * activity) * (1.0 + emotions @ (manner[:, 0] - 1.0))
        pose = (0.8 * self._posture.at(moments) + 0.6 * self._sway.at(moments)) * POSE_SPREAD * gain[:, None]
        pose[:, 2] += 0.2 * pose[:, 0]  # a turned head also tilts
        pose[:, 1] += self._nods.over(moments) * gain + emotions @ manner[:, 1]
        pose *= self.head_motion
        pose[:, 1] += 0.35 * np.sin(2.0 * np.pi * 0.25 * moments + self._breath)
        return POSE_LIMITS * np.tanh(pose / POSE_LIMITS)


class Sway:
    """Three tracks of unit variance: 1/f noise between 0.08 and 1.8 Hz as sums of sines, defined at any moment."""

    def __init__(self, seed: int, count: int = 18) -> None:
        random = random_stream(seed, SWAY)
        octaves = (np.arange(count) + random.uniform(0.0, 1.0, (3, count))) / count
        self._frequencies = 0.08 * (1.8 / 0.08) ** octaves
        amplitudes = self._frequencies**-0.5
        self._amplitudes = amplitudes * np.sqrt(2.0 / (amplitudes**2).sum(axis=1, keepdims=True))
        self._phases = random.uniform(0.0, 2.0 * np.pi, (3, count))

    def at(self, moments: np.ndarray) -> np.ndarray:
        """(T, 3)."""
        sway = np.zeros((3, len(moments)))
        waves = zip(self._amplitudes.T, self._frequencies.T, self._phases.T, strict=True)
        for amplitude, frequency, phase in waves:
            sway += amplitude[:, None] * np.sin(2.0 * np.pi * np.outer(frequency, moments) + phase[:, None])
        return sway.T


class Posture:
    """Three tracks of about unit variance: a new posture every few seconds, reached in one smooth move and held."""

    def __init__(self, seed: int) -> None:
        self._changes = schedule(random_stream(seed, POSTURE), mean=2.6, sigma=0.5, shortest=1.2)
        self._random = random_stream(seed, POSTURE, 1)
        self._starts = [0.0, next(self._changes)]
        first = self._draw()
        self._targets = [first, first, self._draw()]  # before each start, and after the last one

    def at(self, moments: np.ndarray) -> np.ndarray:
        """(T, 3); moments go forward."""
        while self._starts[-1] <= moments[-1]:
            self._starts.append(next(self._changes))
            self._targets.append(self._draw())
        past = max(0, int(np.searchsorted(self._starts, moments[0], side="right")) - 1)
        del self._starts[:past], self._targets[:past]
        starts, targets = np.array(self._starts), np.array(self._targets)
        steps = np.diff(targets, axis=0)
        lengths = 0.6 + 0.15 * np.abs(steps).max(axis=1)  # seconds: farther moves take longer
        index = np.searchsorted(starts, moments, side="right") - 1
        moved = minimum_jerk(np.clip((moments - starts[index]) / lengths[index], 0.0, 1.0))
        return targets[index] + moved[:, None] * steps[index]

    def _draw(self) -> np.ndarray:
        return np.clip(self._random.normal(0.0, 1.0, 3), -2.0, 2.0)


# --- brows ----------------------------------------------------------------------------------------------------------


class Brows:
    """Brows that rise on about half of the stressed syllables, and live a little in between."""

    def __init__(self, seed: int) -> None:
        self._draws = SlotDraws(random_stream(seed, BROW))
        self._rises = Bumps()
        self._life = Sway(seed + 1)

    def rise(self, time: float, strength: float, earliest: float) -> None:
        chance, size = self._draws.at(time)
        if chance < 0.5:
            self._rises.add(max(time, earliest + 0.22), 0.22, 0.55, (0.12 + 0.28 * size) * strength)

    def add_to(self, blendshapes: np.ndarray, moments: np.ndarray) -> None:
        raised = np.minimum(self._rises.over(moments), 0.45)
        slow = self._life.at(moments)[:, 0] * 0.03
        blendshapes[:, BLENDSHAPE_INDEX["browInnerUp"]] += raised + np.maximum(slow, 0.0)
        for side in ("Left", "Right"):
            blendshapes[:, BLENDSHAPE_INDEX["browOuterUp" + side]] += 0.8 * raised + 0.5 * np.maximum(slow, 0.0)
            blendshapes[:, BLENDSHAPE_INDEX["browDown" + side]] += np.maximum(-slow, 0.0)
