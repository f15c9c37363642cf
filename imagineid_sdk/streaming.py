"""A face for sound that is still coming: sound in as it comes, frames out as soon as they are certain.

    with pipe.stream(fps=25, seed=7) as stream:
        for chunk in microphone:
            for frame in stream.feed(chunk):
                show(frame)
        for frame in stream.finish():
            show(frame)

listening/stream.py hears a segment at a time, face/motion.py goes on moving from where it was, performance.py draws.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from imagineid_sdk.audio.clip import MINIMUM_DURATION, SAMPLE_RATE, check_rate
from imagineid_sdk.audio.stream import Resampler, SoundBlocks, pcm_from_chunk
from imagineid_sdk.errors import AudioError, GenerationCancelled, OptionError
from imagineid_sdk.face.animation.motion import Animator, FaceMotion
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.imagining.frames import FrameRenderer
from imagineid_sdk.listening.identity import SpeakerIdentity
from imagineid_sdk.listening.listener import Listener
from imagineid_sdk.listening.profile import TRACK_RATE, Segment
from imagineid_sdk.listening.stream import Latency, ListeningStream
from imagineid_sdk.options import GenerateOptions
from imagineid_sdk.video.encoding import Recording


@dataclass(frozen=True)
class Cast:
    """Who is shown: somebody who is known already, or whoever a voice is imagined to belong to."""

    known: FrameRenderer | None
    imagine: Callable[[SpeakerIdentity], FrameRenderer]


class FaceStream:
    """One video of unknown length, made while its sound comes in; from `ImagineIDPipeline.stream`.

    A frame comes ``look_ahead`` seconds after its sound at the latest (0.36 by default), the first of an unknown
    person once that person is settled: as soon as the voice is clearly a woman's or a man's, and ``settle`` seconds
    (3) after the beginning at the latest. From then on the person stays; one that was given is there from the
    beginning. Memory does not grow. The size of the chunks changes nothing but rounding; frames are those of a clip
    given whole, as far as the look-ahead tells.

    Attributes:
        identity: who is shown, None until settled.
        fps: frames per second.
        frames_made: so many frames have been given out.
    """

    def __init__(
        self, cast: Cast, listener: Listener, options: GenerateOptions, pace: Latency, settle: float = 0.0
    ) -> None:
        if options.output_type != "uint8":
            raise OptionError(f"output_type={options.output_type!r} can't be streamed. A stream gives uint8 frames.")
        if not pace.seconds >= 0.3:
            raise OptionError(f"look_ahead={pace.seconds:g} is out of range. Give 0.3 to 10 seconds.")
        if not 0 <= settle <= 30:
            raise OptionError(f"settle={settle!r} is out of range. Give up to 30 seconds.")
        self.fps, self._options, self._cast, self._settle = options.fps, options, cast, settle
        self._rate = SAMPLE_RATE if options.sampling_rate is None else options.sampling_rate
        check_rate(self._rate, None)
        self._resampler, self._fed, self._over = Resampler(self._rate), 0, False
        self._listening = ListeningStream(listener, pace)
        self._waiting: list[Segment] = []
        self._coming: Iterator[np.ndarray] = iter(())
        self._performance: FrameRenderer | None = None
        self._animator: Animator | None = None
        self._motions: list[FaceMotion] = []
        self._shown = 0

    @property
    def identity(self) -> Identity | None:
        return None if self._performance is None else self._performance.identity

    @property
    def frames_made(self) -> int:
        return self._shown

    def __enter__(self) -> FaceStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._waiting.clear()
        self._motions.clear()
        self._coming = iter(())

    def feed(self, chunk: Any) -> Iterator[np.ndarray]:
        """Takes the next piece of sound and gives the frames that it completes, each ``(256, 256, 3)`` uint8.

        Args:
            chunk: samples as a numpy array or torch tensor, ``(samples,)``, ``(channels, samples)`` or ``(samples,
                channels)``, float in [-1, 1] or integers at full scale; or bytes, which are 16-bit little-endian mono.
                Any length. It is taken at once, the frames are made as they are asked for.

        Raises:
            AudioError: not a piece of sound.
            OptionError: the stream was finished or left.
        """
        if self._over:
            raise OptionError("The stream is over: it was finished or its with block was left. Open a new one.")
        mono = pcm_from_chunk(chunk)
        self._fed += len(mono)
        self._listening.feed(self._resampler.feed(mono))
        return self._frames(self._listening.segments())

    def finish(self) -> Iterator[np.ndarray]:
        """The frames that are left when no more sound comes: ``round(seconds * fps)`` in all."""
        if self._over:
            raise OptionError("The stream is over: it was finished or its with block was left. Open a new one.")
        self._over = True
        self._listening.feed(self._resampler.finish())
        return self._frames(self._listening.finish())

    def _frames(self, segments: Iterator[Segment]) -> Iterator[np.ndarray]:
        # Frames that nobody asked for the last time come first; "yield from" would lose them with their asker.
        for frame in self._coming:  # noqa: UP028
            yield frame
        for segment in segments:
            self._waiting.append(segment)
            if self._performance is None and self._may_settle(segment):
                self._performance = self._cast.known or self._cast.imagine(self._listening.who)
                self._animator = Animator(seed=self._performance.identity.seed, **self._options.manner())
            if self._performance is None:
                continue
            while self._waiting:
                self._move(self._waiting.pop(0))
            # The first frame as soon as it can be, the others as many together as keep the lanes busy.
            if not self._shown or self._undrawn >= self._performance.batch_size:
                self._coming = self._draw(self._performance)
                for frame in self._coming:  # noqa: UP028
                    yield frame
        if self._performance is not None and self._undrawn:
            self._coming = self._draw(self._performance)
            for frame in self._coming:  # noqa: UP028
                yield frame

    def _may_settle(self, segment: Segment) -> bool:
        clear = self._listening.who.gender.heard
        late = segment.first + len(segment.content.blendshapes) >= self._settle * TRACK_RATE
        return self._cast.known is not None or clear or late or segment.complete

    def _move(self, segment: Segment) -> None:
        assert self._animator is not None
        # A frame is certain once its own moment, (k + 0.5) / fps, is.
        count = int(segment.final / TRACK_RATE * self.fps + 0.5)
        if segment.complete:
            count = max(1, round(self._fed / self._rate * self.fps))
        if count > self._animator.frames_made:
            self._motions.append(self._animator.advance(segment, count - self._animator.frames_made))

    @property
    def _undrawn(self) -> int:
        return sum(len(motion.blendshapes) for motion in self._motions)

    def _draw(self, performance: FrameRenderer) -> Iterator[np.ndarray]:
        if not self._motions:
            return
        motion = FaceMotion.joined(self._motions)
        self._motions.clear()
        for batch in performance.frames(motion):
            for frame in batch:
                self._shown += 1
                yield frame


def film(
    stream: FaceStream,
    sound: SoundBlocks,
    target: str | os.PathLike[str] | IO[bytes],
    tags: Callable[[Identity], Mapping[str, str]],
    bar: Any,
    callback: Callable[[int, int], bool | None] | None = None,
) -> Identity:
    """Sound -> a video in the file `target`, or as fragmented mp4 into an open binary file, while it is made.

    `callback` is told frames written and frames that are known to come, as `bar` is; returning False cancels.
    """
    with Recording(target, fps=stream.fps, rate=sound.rate, channels=sound.channels, source=sound.source) as recording:

        def show(frames: Iterator[np.ndarray]) -> None:
            for frame in frames:
                if not recording.begun:
                    assert stream.identity is not None
                    recording.begin(frame.shape, tags(stream.identity))
                recording.show(frame)
                bar.update(1)
                known = max(recording.shown, int(recording.seconds * stream.fps))
                if callback is not None and callback(recording.shown, known) is False:
                    raise GenerationCancelled(f"The callback stopped the run after {recording.shown} frames.")

        for block in sound.blocks:
            recording.hear(block)
            show(stream.feed(block))
        show(stream.finish())
        if not recording.begun or recording.seconds < MINIMUM_DURATION:
            raise AudioError(
                f"The sound is empty or too short: {recording.seconds:.3f} s. Give at least {MINIMUM_DURATION} s; a "
                "face that speaks needs a second or more."
            )
        recording.complete()
    assert stream.identity is not None
    return stream.identity


def followed(
    batches: Iterator[Any], total: int, bar: Any, callback: Callable[[int, int], bool | None] | None
) -> Iterator[Any]:
    """The same batches of frames; the bar and the callback see how many of `total` are done."""
    done = 0
    for batch in batches:
        yield batch
        for _ in range(len(batch)):
            done += 1
            bar.update(1)
            if callback is not None and callback(done, total) is False:
                raise GenerationCancelled(f"The callback stopped the run after {done} of {total} frames.")
