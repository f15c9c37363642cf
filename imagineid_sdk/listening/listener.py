"""`Listener`: a voice in, a `VoiceProfile` out; for sound that is still coming, one `Segment` after the other.

The stages run in the order in which they were trained: identity, content (told who speaks), emotion (told who speaks
and what is said). A whole clip is a stream that is fed at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from imagineid_sdk.audio import AudioClip
from imagineid_sdk.listening.content import ContentEncoder
from imagineid_sdk.listening.emotion import EmotionEncoder
from imagineid_sdk.listening.identity import IdentityEncoder
from imagineid_sdk.listening.profile import (
    ContentTrack,
    EmotionTrack,
    ProsodyTrack,
    Segment,
    SpeakerIdentity,
    VoiceProfile,
)
from imagineid_sdk.listening.speech_encoder import SpeechEncoder
from imagineid_sdk.listening.stream import FILE, Latency, ListeningStream


@dataclass(frozen=True, eq=False)
class Listener:
    """The four frozen networks of listening."""

    speech_encoder: SpeechEncoder
    identity_encoder: IdentityEncoder
    content_encoder: ContentEncoder
    emotion_encoder: EmotionEncoder

    def open(self, latency: Latency) -> ListeningStream:
        """For a sound that comes in pieces."""
        for network in (self.speech_encoder, self.identity_encoder, self.content_encoder, self.emotion_encoder):
            network.eval()
        return ListeningStream(self, latency)

    def listen(self, clip: AudioClip) -> VoiceProfile:
        """The profile of one voice. `clip.samples`: float32 mono, shape (samples,), 16 kHz; any length above 0.

        Tracks have ceil(samples / 320) entries. A clip without speech gives the priors, a shut mouth and no emotion.
        """
        stream = self.open(FILE)
        stream.feed(np.ascontiguousarray(clip.samples, dtype=np.float32))
        segments = list(stream.finish())
        return joined_profile(segments, stream.who, stream.emotion, clip.duration)


def joined_profile(
    segments: Sequence[Segment], who: SpeakerIdentity, emotion: EmotionTrack, duration: float
) -> VoiceProfile:
    """The profile of a sound from all of its segments, its speaker and its overall emotion."""
    parts, begin = [], 0
    for segment in segments:
        parts.append(segment.part(begin, segment.final))
        begin = segment.final
    prosody = ProsodyTrack(
        *(np.concatenate([getattr(part.prosody, name) for part in parts]) for name in ("speech", "loudness", "pitch"))
    )
    return VoiceProfile(
        embedding=who.embedding,
        gender=who.gender,
        age=who.age,
        content=ContentTrack(np.concatenate([part.content.blendshapes for part in parts])),
        emotion=replace(emotion, track=np.concatenate([part.emotion.track for part in parts])),
        prosody=prosody,
        duration=float(duration),
    )
