"""What the methods of the pipeline do for a clip, and for many; errors say which clip they are about."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from imagineid_sdk import resolver
from imagineid_sdk.audio import AudioClip, AudioSource, load_audio
from imagineid_sdk.audio.arrays import is_array
from imagineid_sdk.audio.decoding import AudioStream, open_audio
from imagineid_sdk.audio.sources import checked_path
from imagineid_sdk.dialogue import Dialogue, check_separate, make_dialogue
from imagineid_sdk.errors import AudioError, OptionError
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.listening.listener import Listener, joined_profile
from imagineid_sdk.listening.stream import FILE, LIVE, live_latency
from imagineid_sdk.options import GenerateOptions, check_callable
from imagineid_sdk.output import ImaginedFace, ImagineIDOutput, collect
from imagineid_sdk.resolver import Callback, Factors
from imagineid_sdk.streaming import SETTLE, FaceStream, FrameSource, follow, record
from imagineid_sdk.video.formats import PathOrFile
from imagineid_sdk.video.provenance import Signing, file_tags, read_signer
from imagineid_sdk.video.recorder import check_target

if TYPE_CHECKING:
    from imagineid_sdk.pipeline import ImagineIDPipeline

MakeOutput: TypeAlias = (
    "Callable[[ImagineIDPipeline, AudioClip, GenerateOptions, Factors, Callback | None], ImagineIDOutput | Dialogue]"
)


def listener_of(pipe: ImagineIDPipeline) -> Listener:
    """The networks of listening."""
    return Listener(pipe.speech_encoder, pipe.identity_encoder, pipe.content_encoder, pipe.emotion_encoder)


def write_clip(
    pipe: ImagineIDPipeline, audio: AudioSource | AudioStream, target: PathOrFile, options: dict[str, Any],
    callback: Callback | None, sign: Signing,
) -> Identity:  # fmt: skip
    """The video of one clip of any length, written while it is made; returns the person."""
    check_target(target)
    factors, settings = resolver.read_options(pipe, options, streamed=True)
    settings.check_for_file(target)
    signer = read_signer(sign, target)
    rate = factors.rate_of(audio, settings.sampling_rate)
    with open_audio(audio, rate) as sound, pipe.progress_bar(total=float("inf")) as bar:
        listening = listener_of(pipe).open(LIVE if sound.live else FILE)
        person = resolver.make_resolver(pipe, settings, factors)  # at the rate that was given: of the other clips
        heard = settings.model_copy(update={"sampling_rate": sound.rate})
        stream = FaceStream(person, listening, heard, SETTLE)
        return record(stream, sound, target, file_tags, bar, callback, signer)


def open_stream(pipe: ImagineIDPipeline, look_ahead: float, settle: float, options: dict[str, Any]) -> FaceStream:
    """A live stream; see `ImagineIDPipeline.stream`."""
    listening = listener_of(pipe).open(live_latency(look_ahead))
    factors, settings = resolver.read_options(pipe, options, streamed=True)
    return FaceStream(resolver.make_resolver(pipe, settings, factors), listening, settings, settle)


def imagine_faces(
    pipe: ImagineIDPipeline, audio: AudioSource, sampling_rate: int | None, seeds: Sequence[int | None],
    options: dict[str, Any],
) -> list[ImaginedFace]:  # fmt: skip
    """A portrait for each seed."""
    factors, settings = resolver.read_options(pipe, options)
    voice = pipe.listen(audio, sampling_rate=sampling_rate)
    faces = []
    for seed in pipe.progress_bar(seeds):
        person = resolver.sample_person(pipe, voice, settings.with_seed(seed))
        renderer = resolver.make_renderer(pipe, person, settings, factors.callback_on_step_end)
        faces.append(ImaginedFace(renderer.portrait(), renderer.identity))
    return faces


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
    face = FrameSource(person, listener_of(pipe).open(FILE), settings, SETTLE, keep=True)
    total = max(1, round(clip.duration * settings.fps))
    with pipe.progress_bar(total=total) as bar:
        batches = follow(face.finish(clip.samples, clip.duration), total, bar, callback)
        frames = collect(batches, total, settings.output_type)
    who, emotion = person.speaker or face.listening.who, person.emotion or face.listening.emotion
    profile = joined_profile(face.segments, who, emotion, clip.duration)
    output = ImagineIDOutput(frames, settings.fps, profile, face.identity, face.motion(), clip)
    return output.attach_renderer(face.renderer)


def generate_all(
    pipe: ImagineIDPipeline, clips: Sequence[AudioSource], options: dict[str, Any], callback: Callback | None,
    return_dict: bool,
) -> list[Any]:  # fmt: skip
    """One output, or its tuple, for each clip; all clips are loaded first."""
    factors, settings = resolver.read_options(pipe, options)
    made = generate_each(pipe, load_clips(clips, factors, settings), factors, settings, callback)
    return [one if return_dict else one.to_tuple() for one in made]


def generate_each(
    pipe: ImagineIDPipeline, clips: Iterable[AudioSource], factors: Factors, settings: GenerateOptions,
    callback: Callback | None,
) -> Iterator[ImagineIDOutput | Dialogue]:  # fmt: skip
    """One output for each clip, in order, made when it is asked for. Paths and options are checked at once.

    Returns:
        Outputs, or dialogues with ``speakers="separate"``.

    Raises:
        AudioError: names the clip.
        OptionError: no clips, or one clip instead of several.
    """
    check_callable("callback", callback)
    make: MakeOutput = generate_clip
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
    if factors.identity_from is not None and factors.generator is None and settings.seed is None:
        settings = settings.with_seed(secrets.randbelow(2**31))  # one person says all clips
    seeds = factors.seeds(count or 0, settings.seed)

    def outputs() -> Iterator[ImagineIDOutput | Dialogue]:
        for at, clip in enumerate(clips):
            with naming(clip, at, count):
                loaded = load_audio(clip, factors.rate_of(clip, settings.sampling_rate))
            seed = factors.seeds(1, settings.seed)[0] if count is None else seeds[at]
            yield make(pipe, loaded, settings.with_seed(seed), factors, callback)

    return outputs()
