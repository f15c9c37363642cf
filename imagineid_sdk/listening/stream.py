"""Streaming listener: identity, content and emotion of a sound that is still coming, a segment at a time.

    stream = ListeningStream(listener, LIVE)
    stream.feed(samples)
    for segment in stream.segments():      # Segment: what is certain by now, and a provisional look ahead
        ...
    for segment in stream.finish():
        ...

Segments lie on a fixed grid, so the size of the chunks changes nothing. Statistics of the clip (speaker, emotion of a
segment, usual loudness) are those of the last minute. While a sound comes in, an emotion grows with what is spoken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid_sdk.errors import check_number
from imagineid_sdk.listening import coarticulation
from imagineid_sdk.listening.content import hear_visemes
from imagineid_sdk.listening.emotion import (
    FEATURES,
    PREDICTIONS,
    STEP,
    STEP_SUMS,
    OverallEmotion,
    emotion_track,
    running_estimate,
    step_predictions,
    sum_steps,
)
from imagineid_sdk.listening.identity import hear_identity, speech_windows, unheard_identity
from imagineid_sdk.listening.profile import (
    MOUTH_BLENDSHAPES,
    SAMPLES_PER_FRAME,
    TRACK_RATE,
    ContentTrack,
    EmotionTrack,
    ProsodyTrack,
    Segment,
    SpeakerIdentity,
)
from imagineid_sdk.listening.prosodic_events import ACCENT_HISTORY
from imagineid_sdk.listening.prosody import BANDS, Measures, measure, voice_activity
from imagineid_sdk.listening.speech_encoder import num_features
from imagineid_sdk.listening.visemes import VISEMES
from imagineid_sdk.precision import pinned

if TYPE_CHECKING:
    from imagineid_sdk.listening.listener import Listener

KEPT_FRAMES = 3000
"""Frames (one minute) that are kept: the voice's usual figures are taken from them."""

_PITCH_CONTEXT = 25  # frames before a segment from which the path of the pitch is followed
_VOICE_CONTEXT = 500  # frames before a segment that say what is background there: 10 s
_UNCLEAR = 10.0  # seconds for which an unclear voice is asked for again with every segment
_SEGMENT_CONTEXT = round((ACCENT_HISTORY + 1) * TRACK_RATE)  # frames that a segment holds of what came before
_FRAME_REACH = 2  # hops that measuring a frame reaches beyond it


@dataclass(frozen=True)
class Latency:
    """Length and look-ahead of a segment, in frames of 20 ms.

    `hop` frames become final together, when `ahead` more are there. The speech encoder hears `context` of the past
    again. `context` and `hop` are multiples of 10, and on the encoder's own grid where they exceed its window.
    """

    hop: int
    ahead: int
    context: int

    @property
    def seconds(self) -> float:
        """What a segment waits for."""
        return (self.hop + self.ahead) / TRACK_RATE


LIVE = Latency(hop=10, ahead=8, context=60)
"""Every 0.2 s, with 0.16 s ahead of it: a moment is certain 0.16 to 0.36 s after it was heard."""

FILE = Latency(hop=4800, ahead=800, context=800)
"""For sound that is there already: segments are longer than the context of every stage, so windows and results are
those of a clip given whole."""


def live_latency(look_ahead: float) -> Latency:
    """The latency at which a moment is certain at most `look_ahead` seconds after it was heard.

    Raises:
        OptionError: below 0.3 or above 10.
    """
    check_number("look_ahead", look_ahead, 0.3, 10, " seconds")
    return Latency(LIVE.hop, max(0, round(look_ahead * TRACK_RATE) - LIVE.hop), LIVE.context)


class ListeningStream:
    """Hears a voice as it comes in; memory is that of the last minute (or of two segments, with `FILE`)."""

    def __init__(self, listener: Listener, latency: Latency) -> None:
        self.latency = latency
        self.who: SpeakerIdentity = unheard_identity(listener.identity_encoder.config.embedding_size)
        self._listener = listener
        self._sound = _Track(1)
        self._waiting: list[np.ndarray] = []
        self._fed = 0  # samples
        self._final = self._measured = 0  # frames
        self._recognised = 0.0  # seconds of sound from which the voice was recognised
        self._measures = {name: _Track(BANDS if name == "bands" else 1) for name in Measures.__dataclass_fields__}
        self._voiced, self._speech = _Track(1), _Track(1)
        self._visemes, self._raw = _Track(len(VISEMES)), _Track(len(MOUTH_BLENDSHAPES))
        self._mouth = _Track(len(MOUTH_BLENDSHAPES))
        self._step_sums, self._predictions = _Track(STEP_SUMS), _Track(PREDICTIONS)  # by steps of the emotion stage
        self._overall = OverallEmotion()

    def feed(self, samples: np.ndarray) -> None:
        """Takes the next samples: float32 mono, shape (samples,), 16 kHz, range [-1, 1]."""
        self._waiting.append(samples)
        self._fed += len(samples)

    def segments(self) -> Iterator[Segment]:
        """What has become certain."""
        hop, ahead = self.latency.hop, self.latency.ahead
        # One sample more than needed: only then it is certain that the sound does not end here.
        while self._fed > (self._final + hop + ahead) * SAMPLES_PER_FRAME:
            yield self._hear(self._final + hop, self._final + hop + ahead, complete=False)

    def finish(self) -> Iterator[Segment]:
        """The rest, when no more sound comes."""
        yield from self.segments()
        frames = num_features(self._fed)
        if self._fed and self._final < frames:
            yield self._hear(frames, frames, complete=True)

    @property
    def emotion(self) -> EmotionTrack:
        """The emotion of all that has become certain; its course is that of the segments, so `track` is empty here."""
        return self._overall.read()

    @property
    def step_sums(self) -> np.ndarray:
        """What the emotion stage was given of the last minute, float32 (steps, STEP_SUMS); it is trained on this."""
        return self._step_sums.rows(0, self._step_sums.end)

    # --- one segment --------------------------------------------------------------------------------------------------

    @pinned
    def _hear(self, final: int, end: int, complete: bool) -> Segment:
        begin = self._final
        self._sound.write(self._sound.end, np.concatenate([*self._waiting, np.empty(0, np.float32)]))
        self._waiting.clear()
        self._measure(end, complete)
        self._find_voice(begin, end)
        self._recognise(end)
        self._hear_content(begin, end)
        if not speech_windows(self._speech.rows(0, end)):  # it may sound like a voice, but no word was said
            self.who = unheard_identity(len(self.who.embedding))
        emotion = self._hear_emotion(begin, final, end)
        self._final = final
        first = max(self._speech.first, begin - _SEGMENT_CONTEXT)
        segment = Segment(
            first, final, ContentTrack(self._mouth.rows(first, end)),
            EmotionTrack(emotion.label, emotion.intensity, emotion.probabilities, emotion.track[first - end :]),
            self._prosody(first, end), complete,
        )  # fmt: skip
        self._forget()
        return segment

    def _measure(self, end: int, complete: bool) -> None:
        start = max(self._first_whole, self._measured - _PITCH_CONTEXT)
        offset = self._first_whole
        # Samples beyond the segment don't count, even if they are there: results would depend on the chunk size.
        last = self._sound.end if complete else end * SAMPLES_PER_FRAME
        measured = measure(self._sound.rows(offset * SAMPLES_PER_FRAME, last), start - offset, end - offset)
        for name, track in self._measures.items():
            track.write(self._measured, getattr(measured, name)[self._measured - start :])
        # What reached beyond the sound was measured against silence: again when more is there.
        self._measured = end if complete else max(0, end - _FRAME_REACH)

    def _find_voice(self, begin: int, end: int) -> None:
        first = max(self._measures["pitch"].first, begin - _VOICE_CONTEXT)
        known = Measures(**{name: track.rows(first, end) for name, track in self._measures.items()})
        self._voiced.write(begin, voice_activity(known)[begin - first :])

    def _recognise(self, end: int) -> None:
        """Who speaks: again while that is unclear at first, then whenever twice as much was heard, up to a minute."""
        heard, known = end / TRACK_RATE, self.who.gender.heard
        if heard < 2 * self._recognised and (known or heard > _UNCLEAR):
            return
        if known and self._recognised >= KEPT_FRAMES / TRACK_RATE:
            return
        first = self._voiced.first
        sound = self._sound.rows(first * SAMPLES_PER_FRAME, end * SAMPLES_PER_FRAME)
        pitch = np.where(self._voiced.rows(first, end) < 0.5, 0, self._measures["pitch"].rows(first, end))
        prosody = ProsodyTrack(
            self._voiced.rows(first, end), self._measures["loudness"].rows(first, end), pitch.astype(np.float32)
        )
        self.who = hear_identity(self._listener.identity_encoder, sound, prosody)
        self._recognised = heard

    def _hear_content(self, begin: int, end: int) -> None:
        first = max(self._first_whole, begin - self.latency.context)
        sound = self._sound.rows(first * SAMPLES_PER_FRAME, end * SAMPLES_PER_FRAME)
        features = self._listener.speech_encoder.encode(sound)
        visemes, raw = hear_visemes(self._listener.content_encoder, features.last, self.who.embedding)
        self._visemes.write(begin, visemes[begin - first :])
        self._raw.write(begin, raw[begin - first :])
        # Joined with what was heard before: the mouth moves on smoothly.
        start = max(self._visemes.first, begin - coarticulation.CONTEXT)
        visemes, voiced = self._visemes.rows(start, end), self._voiced.rows(start, end)
        loudness = self._measures["loudness"]
        usual = coarticulation.usual_loudness(self._voiced.rows(0, end), loudness.rows(self._voiced.first, end))
        moved = coarticulation.articulate(visemes, self._raw.rows(start, end), voiced, loudness.rows(start, end), usual)
        self._mouth.write(begin, moved[begin - start :])
        self._speech.write(begin, coarticulation.only_words(voiced, visemes)[begin - start :])
        middle = features.middle[begin - first :].numpy()
        summed = sum_steps(middle, self._prosody(begin, end), self._visemes.rows(begin, end))
        self._step_sums.write(begin // STEP, summed)

    def _hear_emotion(self, begin: int, final: int, end: int) -> EmotionTrack:
        """The emotion of the last minute; the course of what was final before stays as it was heard then."""
        rows, first = self.step_sums, self._step_sums.first
        speech, here = rows[:, 2 * FEATURES], begin // STEP
        predicted = step_predictions(self._listener.emotion_encoder, rows, self.who.embedding, here - first)
        if self.latency != FILE:
            before = self._predictions.rows(here - 1, here)[0] if here > first else None
            predicted = running_estimate(predicted, speech[here - first :], before)
        self._predictions.write(here, predicted)
        certain = -(-final // STEP) - here
        self._overall.add(predicted[:certain], speech[here - first :][:certain])
        return emotion_track(self._predictions.rows(0, self._predictions.end), speech, end - first * STEP)

    def _prosody(self, first: int, end: int) -> ProsodyTrack:
        """Of the words alone: no voice activity and no pitch elsewhere."""
        speech, pitch = self._speech.rows(first, end), self._measures["pitch"].rows(first, end)
        pitch = np.where((speech > 0.25) & (self._voiced.rows(first, end) >= 0.5), pitch, 0).astype(np.float32)
        return ProsodyTrack(speech, self._measures["loudness"].rows(first, end), pitch)

    # --- what is kept -------------------------------------------------------------------------------------------------

    @property
    def _first_whole(self) -> int:
        """First frame of which the sound is still there."""
        return -(-self._sound.first // SAMPLES_PER_FRAME)

    def _forget(self) -> None:
        first = max(0, self._final - KEPT_FRAMES) // 10 * 10  # the grid on which background and emotion are heard
        self._sound.forget(max(0, first - 10) * SAMPLES_PER_FRAME)
        for track in (
            *self._measures.values(), self._voiced, self._speech, self._visemes, self._raw, self._mouth
        ):  # fmt: skip
            track.forget(first)
        for track in (self._step_sums, self._predictions):
            track.forget(first // STEP)


class _Track:
    """Rows by their number from the beginning of the sound, of which the oldest are forgotten."""

    def __init__(self, columns: int) -> None:
        self.first = 0
        self._values = np.empty((0, columns) if columns > 1 else 0, np.float32)

    @property
    def end(self) -> int:
        return self.first + len(self._values)

    def write(self, begin: int, rows: np.ndarray) -> None:
        """Rows from `begin` on, in place of those that were there."""
        self._values = np.concatenate([self._values[: begin - self.first], rows])

    def rows(self, begin: int, end: int) -> np.ndarray:
        return self._values[max(0, begin - self.first) : end - self.first]

    def forget(self, before: int) -> None:
        if before > self.first:
            self._values = self._values[before - self.first :].copy()
            self.first = before
