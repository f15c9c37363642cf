"""A conversation in real time: sound in as the browser sends it, frames out as they are made.

Sound is taken at once and frames are made by whoever iterates, so that no sound is lost while a frame is drawn. Where
the machine is too slow for 25 frames a second fewer are made, rather than later ones.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Condition
from typing import TYPE_CHECKING, Any

import numpy as np

from imagineid_sdk.audio.resampling import SAMPLE_RATE

if TYPE_CHECKING:  # the page is to be there before torch is
    from imagineid_sdk import ImagineIDPipeline
    from imagineid_sdk.face.persona.identity import Identity

FRAME_RATES = (25.0, 20.0, 15.0, 12.0, 10.0, 8.0, 6.0, 5.0)
SHARE = 0.75
"""Of the time that there is, at most so much is planned for making frames: chunks come unevenly."""
LISTENING = 3.0
"""Seconds of a voice from which a person is imagined, if none was chosen."""
BACKLOG = 1.2
"""Seconds of sound that wait at most; when more do, they are skipped and fewer frames a second are made."""
PATIENCE = 6.0
"""Seconds without sound after which the conversation is over."""
LONGEST = 180.0
"""Seconds after which a conversation ends: others may be waiting."""
WARM_UP = 1.0
"""Seconds of sound that the speed of the machine is measured with."""


@dataclass(frozen=True, eq=False)
class LiveBatch:
    """Frames `(n, height, width, 3)` uint8, the first of them for the sound at `moment`, in seconds of what was fed."""

    frames: np.ndarray = field(repr=False)
    moment: float
    fps: float


class LiveTalk:
    """One conversation.

    Args:
        pipe: draws the face.
        identity: who speaks; None imagines somebody from the first seconds.
        portrait, motion: options about the person and about how they move.

    Attributes:
        identity: who speaks; None until there is somebody.
    """

    def __init__(
        self, pipe: ImagineIDPipeline, identity: Identity | None, portrait: dict[str, Any], motion: dict[str, Any]
    ) -> None:
        self.identity = identity
        self._pipe, self._portrait, self._options = pipe, portrait, portrait | motion
        self._ends = time.monotonic() + LONGEST
        self._waiting, self._changed, self._closed = deque[np.ndarray](), Condition(), False
        self._taken = 0  # samples so far

    def feed(self, samples: np.ndarray) -> None:
        """The next sound, float32 mono at 16 kHz."""
        with self._changed:
            self._waiting.append(samples)
            self._changed.notify()

    def close(self) -> None:
        """No more sound comes; `batches` ends."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def batches(self) -> Iterator[LiveBatch]:
        """Frames as they are made, until `close` or until no sound comes any more."""
        if self.identity is None:
            if not len(voice := self._take(LISTENING)):
                return
            self.identity = self._pipe.imagine(voice, num_faces=1, **self._portrait)[0].identity
        # Edited once: a stream of the person as chosen would imagine the edited face again.
        self.identity = self._pipe.renderer(self.identity, **self._portrait).identity
        fps = self._affordable()
        while not self._closed:
            with self._pipe.stream(identity=self.identity, fps=fps, **self._options) as stream:
                begun = self._skip()  # nobody wants to see later what was said during the preparations
                while len(sound := self._take(0.0)):
                    if len(sound) > BACKLOG * SAMPLE_RATE:
                        break
                    first, frames = stream.frames_made, list(stream.feed(sound))
                    if frames:
                        yield LiveBatch(np.stack(frames), begun + first / fps, fps)
            fps = next((rate for rate in FRAME_RATES if rate < fps), FRAME_RATES[-1])

    def _take(self, seconds: float) -> np.ndarray:
        """The sound that waits, at least so much; empty when the conversation is over."""
        wanted = max(1, int(seconds * SAMPLE_RATE))
        with self._changed:
            while not self._closed and sum(map(len, self._waiting)) < wanted:
                if not self._changed.wait(PATIENCE):
                    self._closed = True
            if self._closed or time.monotonic() > self._ends:
                self._closed = True
                return np.empty(0, np.float32)
            sound = np.concatenate(self._waiting)
            self._waiting.clear()
            self._taken += len(sound)
            return sound

    def _skip(self) -> float:
        """Forgets the sound that waits; returns the moment from which on sound is taken, in seconds."""
        with self._changed:
            self._taken += sum(map(len, self._waiting))
            self._waiting.clear()
            return self._taken / SAMPLE_RATE

    def _affordable(self) -> float:
        """The highest rate that this machine keeps up with, measured now: others may be using it."""
        hum = (0.1 * np.sin(np.arange(round(WARM_UP * SAMPLE_RATE)) * 2 * np.pi * 120 / SAMPLE_RATE)).astype(np.float32)
        with self._pipe.stream(identity=self.identity, fps=FRAME_RATES[0], **self._options) as stream:
            list(stream.feed(hum))  # memory is laid out, code compiled
            made, since = stream.frames_made, time.perf_counter()
            list(stream.feed(hum))
            cost = (time.perf_counter() - since) / max(1, stream.frames_made - made)
        return next((rate for rate in FRAME_RATES if rate * cost <= SHARE), FRAME_RATES[-1])
