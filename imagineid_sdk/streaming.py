"""Sound in, frames out: the one path that a call, a file and a live stream share.

    16 kHz samples -> Segment (listening) -> FaceMotion (face) -> batches of frames (imagining)

`FrameSource` is that path; a call feeds it at once and collects. `FaceStream` takes chunks of any kind and gives single
frames; `record` films it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from typing_extensions import Self

from imagineid_sdk.audio.arrays import as_numpy, check_rate, samples_from_array, to_float
from imagineid_sdk.audio.clip import check_duration
from imagineid_sdk.audio.decoding import AudioStream, pcm_from_bytes
from imagineid_sdk.audio.mixing import Levels, check_finite
from imagineid_sdk.audio.resampling import SAMPLE_RATE, Resampler
from imagineid_sdk.errors import AudioError, GenerationCancelled, OptionError, check_number
from imagineid_sdk.face.animation.motion import Animator, FaceMotion, Playback
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.listening.profile import TRACK_RATE, Segment
from imagineid_sdk.listening.stream import ListeningStream
from imagineid_sdk.options import GenerateOptions, check_callable
from imagineid_sdk.resolver import Callback, PersonResolver, Renderer
from imagineid_sdk.video.formats import PathOrFile
from imagineid_sdk.video.provenance import Signing
from imagineid_sdk.video.recorder import Recorder

SETTLE, SETTLE_RANGE = 3.0, (0.3, 30.0)
"""Seconds of sound after which an unknown person is settled at the latest."""

Batch: TypeAlias = np.ndarray | torch.Tensor
Chunk: TypeAlias = np.ndarray | torch.Tensor | bytes | bytearray | memoryview


class FrameSource:
    """16 kHz sound in, batches of frames out, as soon as they are certain.

    Args:
        person: who is shown.
        listening: the sound.
        options: of the video.
        settle: seconds of sound after which an unknown person is settled at the latest.
        keep: whether to hold on to `segments` and `motions`, which a stream without end must not.

    Attributes:
        renderer: of the person; None until settled.
        segments, motions: all of them, if kept.
    """

    def __init__(
        self, person: PersonResolver, listening: ListeningStream, options: GenerateOptions, settle: float,
        keep: bool = False,
    ) -> None:  # fmt: skip
        self.listening, self.renderer = listening, person.known
        self.segments: list[Segment] = []
        self.motions: list[FaceMotion] = []
        self._person, self._options, self._settle, self._keep = person, options, settle, keep
        self._animator: Animator | Playback | None = None if person.motion is None else Playback(person.motion)
        self._waiting: list[Segment] = []  # heard before the person was settled
        self._undrawn: list[FaceMotion] = []
        self._begun = False

    def feed(self, samples: np.ndarray) -> Iterator[Batch]:
        """The next samples, float32 (samples,); they are taken at once, frames are made as they are asked for."""
        self.listening.feed(samples)
        return self._batches(self.listening.segments(), None)

    def finish(self, samples: np.ndarray, seconds: float) -> Iterator[Batch]:
        """The last samples, and all frames that are left of a sound of so many seconds."""
        self.listening.feed(samples)
        return self._batches(self.listening.finish(), seconds)

    @property
    def identity(self) -> Identity:
        """Who is shown."""
        assert self.renderer is not None
        return self.renderer.identity

    def motion(self) -> FaceMotion:
        """All motion, if kept."""
        return FaceMotion.joined(self.motions)

    def _batches(self, segments: Iterable[Segment], seconds: float | None) -> Iterator[Batch]:
        for segment in segments:
            heard = self._person.with_emotion(segment)
            if self._keep:
                self.segments.append(heard)
            self._waiting.append(heard)
            if self.renderer is None and self._may_settle(segment):
                self.renderer = self._person.imagine(self.listening.who)
            if self.renderer is None:
                continue
            while self._waiting:
                self._animate(self._waiting.pop(0), self.renderer, seconds)
            # The first frame as soon as it can be, the others as many at a time as keep the workers busy.
            if not self._begun or sum(map(len, self._undrawn)) >= self.renderer.batch_size:
                yield from self._draw(self.renderer)
        if self.renderer is not None:
            yield from self._draw(self.renderer)

    def _may_settle(self, segment: Segment) -> bool:
        late = segment.first + len(segment.content.blendshapes) >= self._settle * TRACK_RATE
        return self.listening.who.gender.heard or late or segment.complete

    def _animate(self, segment: Segment, renderer: Renderer, seconds: float | None) -> None:
        if self._animator is None:
            seed = renderer.identity.seed if self._person.seed is None else self._person.seed
            self._animator = Animator(seed=seed, **self._options.motion_options())
        # A frame is certain once its own moment, (k + 0.5) / fps, is.
        count = int(segment.final / TRACK_RATE * self._options.fps + 0.5)
        if segment.complete and seconds is not None:
            count = max(1, round(seconds * self._options.fps))
        if count > self._animator.frames_made:
            motion = self._animator.advance(segment, count - self._animator.frames_made)
            self._undrawn.append(motion)
            if self._keep:
                self.motions.append(motion)

    def _draw(self, renderer: Renderer) -> Iterator[Batch]:
        if self._undrawn:
            motion = FaceMotion.joined(self._undrawn)
            self._undrawn.clear()
            self._begun = True
            if self._options.output_type == "none":
                yield np.empty((len(motion), 0, 0, 3), np.uint8)
                return
            yield from renderer.frames(motion)


class FaceStream:
    """One video of unknown length, made while its sound comes in; from `ImagineIDPipeline.stream`.

        with pipe.stream(fps=25, seed=7) as stream:
            for chunk in microphone:
                for frame in stream.feed(chunk):
                    show(frame)
            for frame in stream.finish():
                show(frame)

    A frame comes ``look_ahead`` seconds after its sound at the latest (0.36 by default). The first frame of an unknown
    person comes when that person is settled: as soon as the voice is clearly a woman's or a man's, and ``settle``
    seconds (3) after the beginning at the latest. From then on the person stays. Memory does not grow. The size of the
    chunks changes nothing but rounding; frames are those of a clip given whole, as far as the look-ahead tells.

    Attributes:
        identity: who is shown, None until settled.
        fps: frames per second.
        frames_made: so many frames have been given out.
    """

    def __init__(
        self, person: PersonResolver, listening: ListeningStream, options: GenerateOptions, settle: float
    ) -> None:
        check_number("settle", settle, *SETTLE_RANGE, " seconds")
        self._rate = SAMPLE_RATE if options.sampling_rate is None else options.sampling_rate
        check_rate(self._rate)
        self.fps, self.frames_made = options.fps, 0
        self._face = FrameSource(person, listening, options, settle)
        self._resampler, self._levels = Resampler(self._rate), Levels(1)
        self._fed, self._over, self._left = 0, False, False
        self._sources: deque[Iterator[Batch]] = deque()
        self._ready: deque[np.ndarray] = deque()

    @property
    def identity(self) -> Identity | None:
        return None if self._face.renderer is None else self._face.renderer.identity

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over = self._left = True
        self._sources.clear()
        self._ready.clear()

    def feed(self, chunk: Chunk) -> Iterator[np.ndarray]:
        """Take the next chunk and give the frames that it completes: uint8 ``(size, size, 3)`` each, or 4 channels with
        ``background="transparent"``.

        Args:
            chunk: samples as a numpy array or torch tensor, ``(samples,)``, ``(channels, samples)`` or ``(samples,
                channels)``, float in [-1, 1] or integers at full scale; or bytes, which are 16-bit little-endian mono.
                Any length. It is taken at once, the frames are made as they are asked for.

        Raises:
            AudioError: not a piece of sound.
            OptionError: the stream was finished or left.
        """
        self._check_open()
        block = chunk_samples(chunk, self._levels.channels if self._fed else None)
        if not len(block):
            return self._frames(iter(()))
        check_finite(block, "The chunk")  # before it is counted: it must not spoil the chunks that follow
        if block.shape[1] != self._levels.channels:  # another kind of chunk: levels are heard anew
            self._levels = Levels(block.shape[1])
        self._levels.add(block)
        return self.hear(self._levels.mono(self._levels.mix(block)))

    def hear(self, mono: np.ndarray) -> Iterator[np.ndarray]:
        """The same for float32 mono (samples,) in [-1, 1]."""
        self._check_open()
        self._fed += len(mono)
        return self._frames(self._face.feed(self._resampler.feed(mono)))

    def finish(self) -> Iterator[np.ndarray]:
        """The frames that are left when no more sound comes: ``round(seconds * fps)`` in all, at least 1."""
        self._check_open()
        self._over = True
        return self._frames(self._face.finish(self._resampler.finish(), self._fed / self._rate))

    def _check_open(self) -> None:
        if self._over:
            raise OptionError("The stream is over: it was finished or its with block was left. Open a new one.")

    def _frames(self, batches: Iterator[Batch]) -> Iterator[np.ndarray]:
        """Yields frames left over from earlier calls first, and nothing after the stream was closed."""
        self._sources.append(batches)
        return self._give()

    def _give(self) -> Iterator[np.ndarray]:
        while not self._left:
            if self._ready:
                self.frames_made += 1
                yield self._ready.popleft()
            elif self._sources:
                batch = next(self._sources[0], None)
                if batch is not None:
                    self._ready.extend(np.asarray(batch))
                elif self._sources:
                    self._sources.popleft()
            else:
                return


def chunk_samples(chunk: Chunk, channels: int | None = None) -> np.ndarray:
    """A piece of sound as float32 (samples, channels); bytes are 16-bit little-endian mono.

    Args:
        channels: of the chunks before it. They tell the axes of a piece that is shorter than it has channels.

    Raises:
        AudioError: it is none.
    """
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        return pcm_from_bytes(chunk)
    if 0 in np.shape(chunk):
        return np.empty((0, 1), np.float32)
    shape = np.shape(chunk)
    if channels in shape and len(shape) == 2 and shape[0] != shape[1]:
        array = as_numpy(chunk if shape[1] == channels else chunk.T)
        return to_float(array)(array)
    array, convert = samples_from_array(chunk)
    return convert(array)


def record(
    stream: FaceStream, sound: AudioStream, target: PathOrFile, tags: Callable[[Identity], Mapping[str, str]], bar: Any,
    callback: Callback | None = None, sign: Signing = None,
) -> Identity:  # fmt: skip
    """Sound -> a video in the file `target`, or as fragmented mp4 into an open binary file, while it is made.

    `callback` is told frames written and frames that are known to come, as `bar` is.
    """
    check_callable("callback", callback)
    with Recorder(
        target, fps=stream.fps, rate=sound.rate, channels=sound.channels, source=sound.source,
        metadata=lambda: tags(settled_person(stream)), sign=sign,
    ) as recorder:  # fmt: skip

        def show(frames: Iterator[np.ndarray]) -> None:
            for frame in frames:
                recorder.show(frame)
                bar.update(1)
                known = max(recorder.shown, int(recorder.seconds * stream.fps))
                check_callback(callback, recorder.shown, known)

        for block in sound.blocks:
            recorder.hear(block)
            show(stream.hear(sound.levels.mono(block)))
        if not recorder.seconds:
            raise AudioError("The sound is empty: nothing came. Give at least a moment of it.")
        check_duration(recorder.seconds)
        show(stream.finish())
        recorder.complete()
    return settled_person(stream)


def settled_person(stream: FaceStream) -> Identity:
    assert stream.identity is not None
    return stream.identity


def follow(batches: Iterable[Batch], total: int, bar: Any, callback: Callback | None) -> Iterator[Batch]:
    """The same batches; the bar and the callback see how many of `total` frames are done."""
    done = 0
    for batch in batches:
        yield batch
        for _ in range(len(batch)):
            done += 1
            bar.update(1)
            check_callback(callback, done, total)


def check_callback(callback: Callback | None, done: int, total: int) -> None:
    """Raises GenerationCancelled if the callback returns False."""
    if callback is not None and callback(done, total) is False:
        raise GenerationCancelled(f"The callback stopped the run after {done} of {total} frames.")
