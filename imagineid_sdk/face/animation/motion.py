"""Face motion: lips, emotion, blinks, gaze, brows and head pose, from a heard voice and a seed.

The voice sets the words, the emotion and the accents. Blinks, gaze and the sway of the head are sampled from human
statistics. Random numbers are drawn in the order of time, and reactions to the voice depend on its surroundings alone.
So a longer clip begins with the same motion as a shorter one, and an `Animator` can follow a stream.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagineid_sdk.errors import OptionError, check_number
from imagineid_sdk.face.animation.brows import Brows
from imagineid_sdk.face.animation.expression import add_expression
from imagineid_sdk.face.animation.eyes import Blinks, Gaze
from imagineid_sdk.face.animation.head_pose import HeadMotion
from imagineid_sdk.face.animation.lips import MOUTH_COLUMNS, MOUTH_SIDES, at_rest, mouth_at, mouth_skew
from imagineid_sdk.face.animation.timing import resample, seamless
from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES
from imagineid_sdk.listening.profile import EMOTIONS, TRACK_RATE, EmotionTrack, Segment, VoiceProfile
from imagineid_sdk.listening.prosodic_events import SLOT, ProsodicEvents, find_prosodic_events

REACTION = 2.0  # seconds beyond the frames up to which reactions to the voice are decided, where it is known

MOST_TURNED = 90.0
"""Degrees that a head turns by at most."""


@dataclass(frozen=True, eq=False)
class FaceMotion:
    """Everything that moves, per video frame; frame k is the moment (k + 0.5) / fps.

    blendshapes: (T, 52) float32 in 0..1, in the order of `ARKIT_BLENDSHAPES`; gaze is in eyeLook...
    head_pose: (T, 3) float32, degrees: yaw (> 0 towards the right of the image), pitch (> 0 up), roll (> 0 clockwise
        in the image).
    """

    fps: float
    blendshapes: np.ndarray = field(repr=False)
    head_pose: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        """How many frames."""
        return len(self.blendshapes)

    @property
    def actions(self) -> np.ndarray:
        """``blendshapes`` under its first name."""
        return self.blendshapes

    @staticmethod
    def still() -> FaceMotion:
        """One frame of a face at rest."""
        return FaceMotion(1.0, np.zeros((1, len(ARKIT_BLENDSHAPES)), np.float32), np.zeros((1, 3), np.float32))

    def part(self, first: int, last: int) -> FaceMotion:
        """The frames from ``first`` to before ``last``."""
        return FaceMotion(self.fps, self.blendshapes[first:last], self.head_pose[first:last])

    def at_rate(self, fps: float) -> FaceMotion:
        """The same motion at another rate."""
        if fps == self.fps:
            return self
        frames = max(1, round(len(self) / self.fps * fps))
        before, moments = (np.arange(len(self)) + 0.5) / self.fps, (np.arange(frames) + 0.5) / fps

        def moved(track: np.ndarray) -> np.ndarray:
            columns = [np.interp(moments, before, column) for column in track.T]
            return np.stack(columns, axis=1).astype(np.float32)

        return FaceMotion(float(fps), moved(self.blendshapes), moved(self.head_pose))

    def checked(self, label: str = "The motion") -> FaceMotion:
        """The same as float32; raises OptionError if it can't be shown."""
        try:
            blendshapes, head_pose = (np.asarray(one, np.float32) for one in (self.blendshapes, self.head_pose))
        except (TypeError, ValueError) as error:
            raise OptionError(f"{label} can't be used: {error}. Give arrays of numbers.") from error
        frames = len(blendshapes) if blendshapes.ndim else 0
        if not frames or blendshapes.shape != (frames, len(ARKIT_BLENDSHAPES)) or head_pose.shape != (frames, 3):
            raise OptionError(
                f"{label} can't be used: blendshapes has shape {blendshapes.shape} and head_pose {head_pose.shape}; "
                f"expected (frames, {len(ARKIT_BLENDSHAPES)}) and (frames, 3)."
            )
        wrong = np.argwhere(~((blendshapes >= 0) & (blendshapes <= 1)))
        if len(wrong):
            frame, column = wrong[0].tolist()
            raise OptionError(
                f"{label} can't be used: {ARKIT_BLENDSHAPES[column]} is {blendshapes[frame, column]:g} in frame "
                f"{frame}. Give 0 to 1."
            )
        if not (np.abs(head_pose) <= MOST_TURNED).all():
            raise OptionError(
                f"{label} can't be used: the head turns by more than {MOST_TURNED:g} degrees. The head's angles are "
                "degrees in head_pose and radians in files."
            )
        check_number(f"{label}: fps", self.fps, 1, 120)
        return FaceMotion(float(self.fps), blendshapes, head_pose)

    @staticmethod
    def taken(value: object) -> FaceMotion:
        """A motion that somebody gave, checked.

        Raises:
            OptionError: it is something else, or can't be shown.
        """
        if not isinstance(value, FaceMotion):
            raise OptionError(
                f"motion={type(value).__name__} is no motion. Give out.motion, FaceMotion.load(path), or the path of a "
                "file that motion.save() wrote."
            )
        return value.checked()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a csv or json file, by the ending, with the columns of the app Live Link Face, at the video's rate;
        see `live_link`. It can be edited and shown again: ``pipe(clip, motion=path)``. A csv of less than a second does
        not tell its rate: give ``fps=`` as well.

        Raises:
            OptionError: another ending, or the file can't be written.
        """
        from imagineid_sdk.face.animation.live_link import save_motion

        return save_motion(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str], fps: float | None = None) -> FaceMotion:
        """Read what ``save`` or the app Live Link Face wrote; ``fps`` is read from the file unless it is given.

        Raises:
            OptionError: the file can't be used, or does not tell its rate.
        """
        from imagineid_sdk.face.animation.live_link import load_motion

        return load_motion(path, fps)

    @staticmethod
    def joined(parts: Sequence[FaceMotion]) -> FaceMotion:
        """Consecutive parts, at least one, as a whole."""
        return FaceMotion(
            parts[0].fps,
            np.concatenate([part.blendshapes for part in parts]),
            np.concatenate([part.head_pose for part in parts]),
        )


class Playback:
    """A motion that is there already, in the place of an `Animator`; its last frame stays when the sound goes on."""

    def __init__(self, motion: FaceMotion) -> None:
        self.frames_made, self._motion = 0, motion

    def advance(self, heard: Segment, num_frames: int) -> FaceMotion:
        """The next `num_frames` frames, whatever is heard."""
        frames = np.arange(self.frames_made, self.frames_made + num_frames).clip(max=len(self._motion) - 1)
        self.frames_made += num_frames
        return FaceMotion(self._motion.fps, self._motion.blendshapes[frames], self._motion.head_pose[frames])


def animate(profile: VoiceProfile, *, num_frames: int, **options: Any) -> FaceMotion:
    """The motion of a whole clip; the same arguments always give the same motion.

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
        self._head, self._brows = HeadMotion(seed, head_motion), Brows(seed)
        self._gaze, self._blinks = Gaze(seed, gaze), Blinks(seed, blink, self.fps)
        self._reacted = -1.0  # seconds up to which the voice was reacted to
        self._last: tuple[np.ndarray, ...] | None = None  # what the last frame showed

    def advance(self, heard: Segment, num_frames: int) -> FaceMotion:
        """The next `num_frames` frames, at least 1.

        `heard` goes from `prosodic_events.ACCENT_HISTORY` seconds before them, or the beginning of the sound, to as far
        as is known.
        """
        # The last frame of the segment before is looked at again, to join the two without a seam.
        numbers = np.arange(self.frames_made - 1, self.frames_made + num_frames)
        moments = (numbers + 0.5) / self.fps
        start = heard.first / TRACK_RATE
        events = find_prosodic_events(heard.prosody, start, heard.complete)
        mouth, emotions, activity = self._join(
            mouth_at(heard.content.blendshapes, heard.first, numbers, self.fps),
            resample(_emotion_weights(heard.emotion, *self._wish), moments - start),
            resample(events.activity, moments - start),
        )
        earliest = moments[0] if self.frames_made else -np.inf
        moments = moments[1:]
        self._react(events, earliest, float(moments[-1]))
        head_pose = self._head.at(moments, activity, emotions)

        blendshapes = np.zeros((num_frames, len(ARKIT_BLENDSHAPES)), dtype=np.float32)
        blendshapes[:, MOUTH_COLUMNS] = np.clip(at_rest(mouth) * (1.0 + self._skew * MOUTH_SIDES), 0.0, 1.0)
        blendshapes = add_expression(blendshapes, emotions)
        self._brows.add_to(blendshapes, moments)
        self._gaze.add_to(blendshapes, moments, head_pose)
        known = np.inf if heard.complete else start + len(heard.content.blendshapes) / TRACK_RATE - SLOT
        self._blinks.add_to(blendshapes, moments, earliest, events.phrase_ends, self._gaze, known)
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

    def _react(self, events: ProsodicEvents, earliest: float, end: float) -> None:
        """Starts nods and brow rises on accents, and lowers the head at phrase ends; late ones begin late."""
        until = end + REACTION
        for time, strength in events.accents:
            if self._reacted <= time - SLOT / 2 and time < until:
                self._head.nod(time, strength, earliest)
                self._brows.rise(time, strength, earliest)
                self._reacted = time
        for time in events.phrase_ends:
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
    """(T, 8) intensity of each emotion on the track's time, with the caller's emotion instead of the heard one."""
    track = heard.track
    if emotion is not None:
        track = np.zeros_like(heard.track)
        track[:, EMOTIONS.index(emotion)] = 0.8 if intensity is None else intensity
    elif intensity is not None:
        total = track.sum(axis=1, keepdims=True)
        heard_mix = track / np.where(total > 1e-6, total, 1.0)
        track = np.where(total > 1e-6, heard_mix, heard.probabilities[None]) * intensity
    return np.clip(track, 0.0, 1.0)
