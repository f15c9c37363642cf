"""`Listener`: one clip of a voice in, a `VoiceProfile` out.

The stages run in the order in which they were trained: identity, content (told who speaks), emotion (told who speaks
and what is said). Clips are read block by block: memory grows with length by the tracks of the result and by the sums
of the emotion stage, 32 kB a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imagineid_sdk.listening import articulation, content
from imagineid_sdk.listening.content import ContentEncoder, hear_visemes
from imagineid_sdk.listening.emotion import MOMENTS, STEP, EmotionEncoder, hear_emotion, moments
from imagineid_sdk.listening.identity import IdentityEncoder, hear_identity, speech_windows, unheard_identity
from imagineid_sdk.listening.profile import (
    MOUTH_ACTIONS,
    ContentTrack,
    ProsodyTrack,
    VoiceProfile,
)
from imagineid_sdk.listening.prosody import analyse_prosody
from imagineid_sdk.listening.speech_encoder import SpeechEncoder, num_features
from imagineid_sdk.listening.visemes import VISEMES

if TYPE_CHECKING:
    from imagineid_sdk.audio import AudioClip

_BLOCK = 2400  # features at once: 48 s, six windows of the speech encoder
_SILENCE = VISEMES.index("SIL")


class Listener:
    """Hears who speaks, what the mouth does and in which mood, with four frozen networks."""

    def __init__(
        self,
        speech_encoder: SpeechEncoder,
        identity_encoder: IdentityEncoder,
        content_encoder: ContentEncoder,
        emotion_encoder: EmotionEncoder,
    ):
        self.speech_encoder = speech_encoder.eval()
        self.identity_encoder = identity_encoder.eval()
        self.content_encoder = content_encoder.eval()
        self.emotion_encoder = emotion_encoder.eval()

    def listen(self, clip: AudioClip) -> VoiceProfile:
        """The profile of one voice. `clip.samples`: float32 mono, shape (samples,), 16 kHz; any length above 0.

        Tracks have ceil(samples / 320) entries. A clip without speech gives the priors, a shut mouth and no emotion.
        """
        samples = np.ascontiguousarray(clip.samples, dtype=np.float32)
        prosody = analyse_prosody(samples)
        who = hear_identity(self.identity_encoder, samples, prosody)
        visemes, mouth, rows = self.hear_content(samples, prosody, who.embedding)
        prosody = words_alone(prosody, visemes)
        if not speech_windows(prosody.speech):  # it sounded like a voice, but no word was said
            who = unheard_identity(len(who.embedding))
        mood = hear_emotion(self.emotion_encoder, rows, who.embedding, len(mouth))
        return VoiceProfile(
            embedding=who.embedding,
            gender=who.gender,
            age=who.age,
            content=ContentTrack(mouth),
            emotion=mood,
            prosody=prosody,
            duration=float(clip.duration),
        )

    def hear_content(
        self, samples: np.ndarray, prosody: ProsodyTrack, embedding: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Viseme probabilities (frames, 16), mouth actions (frames, actions), and the sums of the emotion stage."""
        frames = num_features(len(samples))
        visemes = np.empty((frames, len(VISEMES)), np.float32)
        mouth = np.empty((frames, len(MOUTH_ACTIONS)), np.float32)
        rows = np.empty((-(-frames // STEP), MOMENTS), np.float32)
        usual = usual_loudness(prosody.speech, prosody.loudness)
        margin = content.CONTEXT + articulation.CONTEXT
        for begin in range(0, frames, _BLOCK):
            end = min(begin + _BLOCK, frames)
            first, last = max(0, begin - margin), min(frames, end + margin)
            features = self.speech_encoder.hear(samples, first, last)
            heard, raw = hear_visemes(self.content_encoder, features.words, embedding)
            part = slice(first, last)
            moved = articulation.articulate(heard, raw, prosody.speech[part], prosody.loudness[part], usual)
            inside = slice(begin - first, end - first)
            visemes[begin:end], mouth[begin:end] = heard[inside], moved[inside]
            words = words_alone(prosody.part(first, last), heard).part(begin - first, end - first)
            summed = moments(features.manner[inside].numpy(), words, heard[inside])
            rows[begin // STEP : begin // STEP + len(summed)] = summed
        return visemes, mouth, rows


def usual_loudness(speech: np.ndarray, loudness: np.ndarray) -> float:
    """How loud a voice is in the middle, dBFS, from tracks of voice activity and loudness (frames,)."""
    active = speech > 0.5
    return float(np.median(loudness[active])) if active.any() else 0.0


def only_words(speech: np.ndarray, visemes: np.ndarray) -> np.ndarray:
    """Voice activity (frames,) where the sound stands out AND the words are there: music and knocks are no speech."""
    gate = articulation.speaking_gate(visemes[:, _SILENCE], speech)
    return np.minimum(speech, gate).astype(np.float32)


def words_alone(prosody: ProsodyTrack, visemes: np.ndarray) -> ProsodyTrack:
    """Prosody of the words that were said: no pitch, no voice activity elsewhere."""
    speech = only_words(prosody.speech, visemes)
    return ProsodyTrack(speech, prosody.loudness, np.where(speech > 0.25, prosody.pitch, 0).astype(np.float32))
