"""What a call and `write_mp4` do for a clip, and for many; errors say which clip they are about."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from imagineid_sdk import resolver
from imagineid_sdk.audio import AudioClip, AudioSource, load_audio
from imagineid_sdk.audio.arrays import is_array
from imagineid_sdk.audio.decoding import AudioStream, open_audio
from imagineid_sdk.audio.sources import checked_path
from imagineid_sdk.dialogue import check_separate, make_dialogue
from imagineid_sdk.errors import AudioError, OptionError
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.listening.listener import joined_profile
from imagineid_sdk.listening.stream import FILE, LIVE
from imagineid_sdk.options import GenerateOptions, check_callable
from imagineid_sdk.output import ImagineIDOutput, collect
from imagineid_sdk.resolver import Factors
from imagineid_sdk.streaming import SETTLE, Callback, FaceStream, FrameSource, follow, record
from imagineid_sdk.video.provenance import Signing, file_tags, read_signer
from imagineid_sdk.video.recorder import PathOrFile

if TYPE_CHECKING:
    from imagineid_sdk.pipeline import ImagineIDPipeline


def write_clip(
    pipe: ImagineIDPipeline, audio: AudioSource | AudioStream, target: PathOrFile, settings: GenerateOptions,
    factors: Factors, callback: Callback | None, sign: Signing,
) -> Identity:  # fmt: skip
    """The video of one clip of any length, written while it is made; returns the person."""
    signer = read_signer(sign, target)
    rate = factors.rate_of(audio, settings.sampling_rate)
    with open_audio(audio, rate) as sound, pipe.progress_bar(total=float("inf")) as bar:
        listening = pipe._listener().open(LIVE if sound.live else FILE)
        person = resolver.make_resolver(pipe, settings, factors)  # at the rate that was given: of the other clips
        heard = settings.model_copy(update={"sampling_rate": sound.rate})
        stream = FaceStream(person, listening, heard, SETTLE)
        return record(stream, sound, target, file_tags, bar, callback, signer)


@contextmanager
def naming(clip: AudioSource, at: int, count: int | None) -> Iterator[None]:
    """An AudioError of the block says which of several clips it is about."""
    try:
        yield
    except AudioError as error:
        if count == 1:
            raise
        name = f" ({os.fspath(clip)!r})" if isinstance(clip, (str, os.PathLike)) else ""
        raise type(error)(f"Clip {at + 1}{f' of {count}' if count else ''}{name}: {error}") from error


def load_clips(clips: Sequence[AudioSource], factors: Factors, settings: GenerateOptions) -> list[AudioClip]:
    """All clips, before any work is spent on the first; an error names the one that failed."""
    loaded = []
    for at, clip in enumerate(clips):
        with naming(clip, at, len(clips)):
            loaded.append(load_audio(clip, factors.rate_of(clip, settings.sampling_rate)))
    return loaded


def generate_clip(
    pipe: ImagineIDPipeline, clip: AudioClip, settings: GenerateOptions, factors: Factors, callback: Callback | None
) -> ImagineIDOutput:
    """Everything that a call gives for one clip."""
    person = resolver.make_resolver(pipe, settings, factors)
    face = FrameSource(person, pipe._listener().open(FILE), settings, SETTLE, keep=True)
    total = max(1, round(clip.duration * settings.fps))
    with pipe.progress_bar(total=total) as bar:
        batches = follow(face.finish(clip.samples, clip.duration), total, bar, callback)
        frames = collect(batches, total, settings.output_type)
    who, mood = person.speaker or face.listening.who, person.mood or face.listening.mood
    profile = joined_profile(face.segments, who, mood, clip.duration)
    return ImagineIDOutput(frames, settings.fps, profile, face.identity, face.motion(), clip).of(face.renderer)


def generate_each(
    pipe: ImagineIDPipeline, clips: Iterable[AudioSource], factors: Factors, settings: GenerateOptions,
    callback: Callback | None,
) -> Iterator[ImagineIDOutput]:  # fmt: skip
    """One output (of several speakers a `Dialogue`) for each clip, in order, made when it is asked for. Paths and
    options are checked at once.

    Raises:
        AudioError: names the clip.
        OptionError: no clips, or one clip instead of several.
    """
    check_callable("callback", callback)
    make: Callable[..., Any] = generate_clip
    if settings.speakers == "separate":
        check_separate(factors)
        make = make_dialogue
    one = isinstance(clips, (str, bytes, os.PathLike, dict)) or hasattr(clips, "read") or is_array(clips)
    if one or not isinstance(clips, Iterable):
        raise OptionError(f"clips={type(clips).__name__} is one clip. Give a list, or call pipe(clip).")
    count = len(clips) if isinstance(clips, Sequence) else None
    if count == 0:
        raise OptionError("No clips were given. Give a list of at least one.")
    if isinstance(clips, Sequence):
        for at, clip in enumerate(clips):
            if isinstance(clip, (str, os.PathLike)):
                with naming(clip, at, count):
                    checked_path(clip)
    if count is None and isinstance(factors.generator, (list, tuple)):
        raise OptionError("generator= is a list, and nobody knows how many clips there are. Give one torch.Generator.")
    seeds = factors.seeds(count or 0, settings.seed)

    def outputs() -> Iterator[ImagineIDOutput]:
        for at, clip in enumerate(clips):
            with naming(clip, at, count):
                loaded = load_audio(clip, factors.rate_of(clip, settings.sampling_rate))
            seed = factors.seeds(1, settings.seed)[0] if count is None else seeds[at]
            yield make(pipe, loaded, settings.with_seed(seed), factors, callback)

    return outputs()
