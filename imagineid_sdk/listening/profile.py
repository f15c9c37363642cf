"""What a voice says about its owner and about the moment: plain results of listening, free of torch.

`VoiceProfile` is what `Listener.listen` returns. Everything is either a track over time, sampled 50 times a second, or
one figure for the clip. A *frame* of listening is 20 ms; frame i of a track is centred on (i + 0.5) / 50 s of the clip.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from imagineid_sdk.audio.resampling import SAMPLE_RATE

TRACK_RATE = 50
"""Frames a second of every track."""
SAMPLES_PER_FRAME = SAMPLE_RATE // TRACK_RATE
"""320 samples of sound at 16 kHz."""

MOUTH_BLENDSHAPES: tuple[str, ...] = (
    "cheekPuff", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight",
    "mouthPressLeft", "mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight",
    "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight", "tongueOut",
)  # fmt: skip
"""Jaw, mouth, tongue and cheek puff of ARKit's 52 blendshapes, in the order of `face.blendshapes.ARKIT_BLENDSHAPES`."""

EMOTIONS: tuple[str, ...] = (
    "neutral", "happy", "sad", "angry", "surprised", "fearful", "disgusted", "contemptuous",
)  # fmt: skip


@dataclass(frozen=True)
class Attribute:
    """One property of the speaker as a normal distribution.

    `value` is the mean, `spread` one standard deviation in the same unit. `heard` is False where the voice said
    little or nothing, so that value and spread are (nearly) those of the prior: whoever needs one number has to sample.
    """

    value: float
    spread: float
    heard: bool


@dataclass(frozen=True, eq=False)
class SpeakerIdentity:
    """The identity part of a `VoiceProfile`."""

    embedding: np.ndarray = field(repr=False)
    gender: Attribute
    age: Attribute


@dataclass(frozen=True, eq=False)
class ContentTrack:
    """Mouth shapes that say the words. `blendshapes`: float32, shape (frames, len(MOUTH_BLENDSHAPES)), range [0, 1]."""

    blendshapes: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class EmotionTrack:
    """How it was said.

    Learned from six actors and synthetic voices; surprise and contempt from synthetic ones alone. What is unclear is
    called neutral: the probabilities are calibrated on actors that the stage did not know.

    `label` is the strongest class of EMOTIONS, `intensity` its strength in [0, 1], `probabilities` (8,) float32 sums
    to 1, `track` (frames, 8) float32 holds the probabilities over time multiplied by the intensity, smooth.
    """

    label: str
    intensity: float
    probabilities: np.ndarray = field(repr=False)
    track: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class ProsodyTrack:
    """The sound's own movement, each (frames,) float32.

    `speech`: voice activity in [0, 1]; `loudness`: dBFS, at least -100; `pitch`: Hz, 0 where unvoiced.
    """

    speech: np.ndarray = field(repr=False)
    loudness: np.ndarray = field(repr=False)
    pitch: np.ndarray = field(repr=False)

    def part(self, first: int, last: int) -> ProsodyTrack:
        """The frames from `first` to before `last`."""
        return ProsodyTrack(self.speech[first:last], self.loudness[first:last], self.pitch[first:last])


@dataclass(frozen=True, eq=False)
class Segment:
    """A part of a heard sound, which may go on.

    `first`: number of the first entry of its tracks on the tracks of the whole sound. `final`: number up to which
    (not included) they are final; what follows is heard of the look-ahead and may still change. `complete`: whether the
    sound ends with it.
    """

    first: int
    final: int
    content: ContentTrack
    emotion: EmotionTrack
    prosody: ProsodyTrack
    complete: bool

    def part(self, begin: int, end: int) -> Segment:
        """Entries `begin` to `end` of the whole sound's tracks alone."""
        inside = slice(begin - self.first, end - self.first)
        prosody = self.prosody.part(inside.start, inside.stop)
        emotion = replace(self.emotion, track=self.emotion.track[inside])
        return Segment(begin, end, ContentTrack(self.content.blendshapes[inside]), emotion, prosody, self.complete)


@dataclass(frozen=True, eq=False)
class VoiceProfile:
    """Everything that listening heard in one clip.

    `embedding`: float32, shape (E,), unit length: near for two clips of one voice. `gender`: 0 male .. 1 female.
    `age`: years. `duration`: seconds. Build and head shape are not among them: no data set in reach pairs voices with
    bodies, so they are sampled.
    """

    embedding: np.ndarray = field(repr=False)
    gender: Attribute
    age: Attribute
    content: ContentTrack
    emotion: EmotionTrack
    prosody: ProsodyTrack
    duration: float

    @property
    def speaker(self) -> SpeakerIdentity:
        """The part about who speaks."""
        return SpeakerIdentity(self.embedding, self.gender, self.age)

    def __str__(self) -> str:
        """A summary in four lines, for a reader."""
        heard = self.to_dict()
        pitch = heard["prosody"]["median_pitch_hz"]
        word = "female" if self.gender.value > 0.5 else "male"
        return "\n".join([
            f"clip     {self.duration:.2f} s, {heard['prosody']['speech_share']:.0%} speech"
            + (f", median pitch {pitch:.0f} Hz" if pitch else ""),
            f"gender   {word} ({self.gender.value:.2f} on a scale from 0 male to 1 female){_doubt(self.gender)}",
            f"age      {self.age.value:.0f} ± {self.age.spread:.0f} years{_doubt(self.age)}",
            f"emotion  {self.emotion.label}, intensity {self.emotion.intensity:.2f}",
        ])  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """A summary of plain numbers, strings and dicts that `json.dumps` accepts; tracks are reduced to figures."""
        speech = self.prosody.speech > 0.5
        voiced = self.prosody.pitch[self.prosody.pitch > 0]
        return {
            "duration": float(self.duration),
            "gender": _attribute_dict(self.gender),
            "age": _attribute_dict(self.age),
            "emotion": {
                "label": self.emotion.label,
                "intensity": round(float(self.emotion.intensity), 4),
                "probabilities": {
                    name: round(float(p), 4) for name, p in zip(EMOTIONS, self.emotion.probabilities, strict=True)
                },
            },
            "prosody": {
                "speech_share": round(float(speech.mean()), 4),
                "median_pitch_hz": round(float(np.median(voiced)), 1) if voiced.size else None,
                "speech_loudness_dbfs": round(float(self.prosody.loudness[speech].mean()), 1) if speech.any() else None,
            },
            "embedding": [round(float(value), 5) for value in self.embedding],
            "track_rate": TRACK_RATE,
            "track_length": len(self.prosody.speech),
        }


def _attribute_dict(attribute: Attribute) -> dict[str, Any]:
    return {
        "value": round(float(attribute.value), 4),
        "spread": round(float(attribute.spread), 4),
        "heard": bool(attribute.heard),
    }


def _doubt(attribute: Attribute) -> str:
    return "" if attribute.heard else "; the voice does not tell, the seed decides"
