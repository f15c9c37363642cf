"""Resolves the person of a video: a known one, the speaker of another clip, or one imagined from the voice itself."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import torch
from typing_extensions import TypedDict

from imagineid_sdk.audio import AudioSource
from imagineid_sdk.audio.arrays import is_array
from imagineid_sdk.errors import OptionError
from imagineid_sdk.face.animation.live_link import load_motion
from imagineid_sdk.face.animation.motion import FaceMotion
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.face.persona.sources import known_person, voice_attributes
from imagineid_sdk.imagining.backend import Backend
from imagineid_sdk.imagining.choose import backend_of
from imagineid_sdk.listening.profile import EmotionTrack, Segment, SpeakerIdentity, VoiceProfile
from imagineid_sdk.options import GenerateKwargs, GenerateOptions, VideoKwargs, check_callable
from imagineid_sdk.precision import pinned
from imagineid_sdk.renderer import FrameRenderer
from imagineid_sdk.video.backdrop import Backdrop

if TYPE_CHECKING:
    from imagineid_sdk.pipeline import ImagineIDPipeline

Person: TypeAlias = Identity | str | os.PathLike[str]
Motion: TypeAlias = FaceMotion | str | os.PathLike[str]
Generators: TypeAlias = torch.Generator | Sequence[torch.Generator]
Callback: TypeAlias = Callable[[int, int], bool | None]
"""Called after each frame with frames done and frames in all (or known so far); returning False cancels."""

StepCallback: TypeAlias = Callable[["ImagineIDPipeline", int, float, dict[str, Any]], dict[str, Any] | None]
"""Called with the pipeline, the step's index, its timestep and ``{"latents": ...}``.

With ``tiny`` the timestep is the flow time, from 1 (noise) to 0. With ``sd15`` it is the scheduler's, below 1000."""

Renderer: TypeAlias = FrameRenderer[Any, Any, Any]

MOTION_OPTIONS = ("emotion", "emotion_intensity", "head_motion", "blink", "gaze")
"""Options that move the face."""


class FactorKwargs(TypedDict, total=False):
    """Keywords of `Factors`."""

    identity: Person | None
    identity_from: AudioSource | None
    emotion_from: AudioSource | None
    motion: Motion | None
    generator: Generators | None
    callback_on_step_end: StepCallback | None
    callback_on_step_end_tensor_inputs: Sequence[str] | None


class StreamKwargs(VideoKwargs, FactorKwargs, total=False):
    """Keywords of a stream."""


class CallKwargs(GenerateKwargs, FactorKwargs, total=False):
    """Keywords of a call but for ``speakers``, which the type of the result depends on."""

    callback: Callback | None


@dataclass(frozen=True, eq=False)
class Factors:
    """Who is shown and with which emotion, if not as heard.

    Attributes:
        identity: a person imagined earlier, or the path of a saved one, instead of a new one.
        identity_from, emotion_from: clips that give only the person, only the emotion.
        motion: a `FaceMotion` that is shown instead of one that follows the voice, or the path of a saved one, such as
            an edited ``out.motion``. Its last frame stays when the sound goes on.
        generator: draws the seed; for a list of clips one, or one for each clip.
        callback_on_step_end: called after each step of the portrait, see `StepCallback`; a dict that it returns
            replaces the latents.
        callback_on_step_end_tensor_inputs: as in diffusers; only "latents" can be asked for, and is given anyway.
    """

    identity: Person | None = None
    identity_from: AudioSource | None = None
    emotion_from: AudioSource | None = None
    motion: Motion | None = None
    generator: Generators | None = None
    callback_on_step_end: StepCallback | None = None
    callback_on_step_end_tensor_inputs: Sequence[str] | None = None

    @classmethod
    def take(cls, options: dict[str, Any]) -> Factors:
        """Take the fields out of a call's options.

        Raises:
            OptionError: a callback can't be called.
        """
        factors = cls(**{one.name: options.pop(one.name) for one in fields(cls) if one.name in options})
        check_callable("callback_on_step_end", factors.callback_on_step_end)
        tensors = factors.callback_on_step_end_tensor_inputs
        if tensors is not None and (not isinstance(tensors, (list, tuple)) or {*map(str, tensors)} - {"latents"}):
            raise OptionError(f"callback_on_step_end_tensor_inputs={tensors!r} can't be used. Give ['latents'].")
        return factors

    def rate_of(self, audio: object, sampling_rate: int | None) -> int | None:
        """The sampling rate that was given, if it is that of this sound: arrays need one, files know theirs."""
        others = self.identity_from, self.emotion_from
        return sampling_rate if is_array(audio) or not any(is_array(other) for other in others) else None

    def seeds(self, count: int, seed: int | None) -> list[int | None]:
        """Seeds of so many people: drawn with the generator, or all the one that was given.

        Raises:
            OptionError: both a seed and a generator, or another number of generators.
        """
        if self.generator is None:
            return [seed] * count
        if seed is not None:
            raise OptionError("seed= and generator= both choose the person. Give one of them.")
        one = not isinstance(self.generator, (list, tuple))
        given: list[Any] = [self.generator] * count if one else list(cast(Sequence[Any], self.generator))
        if len(given) != count or not all(isinstance(generator, torch.Generator) for generator in given):
            raise OptionError(f"generator= can't be used: give one torch.Generator, or a list of {count}.")
        return [int(torch.randint(2**31, (1,), generator=each, device=each.device)) for each in given]


@dataclass(frozen=True, eq=False)
class PersonResolver:
    """The person of a video: known already, or to be imagined once the voice is known.

    Attributes:
        known: the person, if there is one already.
        imagine: makes one of what was heard of the speaker.
        speaker: of another clip, if that gave the person.
        seed: of the performance; None is the person's own.
        emotion: the overall emotion of another clip, instead of the one heard.
        motion: what is shown, instead of a motion that follows the voice.
    """

    known: Renderer | None
    imagine: Callable[[SpeakerIdentity], Renderer]
    speaker: SpeakerIdentity | None = None
    seed: int | None = None
    emotion: EmotionTrack | None = None
    motion: FaceMotion | None = None

    def with_emotion(self, segment: Segment) -> Segment:
        """The segment with the emotion that is to be shown."""
        if self.emotion is None:
            return segment
        course = np.tile(self.emotion.probabilities * self.emotion.intensity, (len(segment.content.blendshapes), 1))
        return replace(segment, emotion=replace(self.emotion, track=course.astype(np.float32)))


def read_options(
    pipe: ImagineIDPipeline, options: dict[str, Any], streamed: bool = False
) -> tuple[Factors, GenerateOptions]:
    """The options of a call, told apart and checked, before any work is spent."""
    pipe.workers = pipe.workers.in_this_process()
    factors, settings = checked_together(Factors.take(options), GenerateOptions(**options))
    make_backend(pipe, settings)
    if streamed:
        settings.check_for_stream()
        settings = settings.with_seed(*factors.seeds(1, settings.seed))
    return factors, settings


def checked_together(factors: Factors, settings: GenerateOptions) -> tuple[Factors, GenerateOptions]:
    """Both, with the motion that was given read and at the rate of the video. If no rate was asked for, the video takes
    that of the motion.

    Raises:
        OptionError: options contradict each other, or the motion can't be shown.
    """
    if factors.identity is not None and factors.identity_from is not None:
        raise OptionError("identity= and identity_from= both say who is shown. Give one of them.")
    if factors.emotion_from is not None and settings.emotion is not None:
        raise OptionError("emotion= and emotion_from= both say which emotion is shown. Give one of them.")
    if factors.identity is not None and settings.attributes == "neutral":
        raise OptionError("attributes='neutral' is about a voice; with identity= nothing is taken from it.")
    if (motion := factors.motion) is None:
        return factors, settings
    defaults = GenerateOptions.model_fields
    unused = [name for name in MOTION_OPTIONS if getattr(settings, name) != defaults[name].default]
    unused += ["emotion_from"] if factors.emotion_from is not None else []
    if unused:
        raise OptionError(f"motion= says all that moves, so {unused[0]}= would do nothing. Give one of them.")
    if isinstance(motion, (str, os.PathLike)):
        motion = load_motion(motion, fallback=settings.fps if "fps" in settings.model_fields_set else None)
    motion = FaceMotion.taken(motion)
    if "fps" not in settings.model_fields_set:
        settings = settings.model_copy(update={"fps": motion.fps})
    return replace(factors, motion=motion.at_rate(settings.fps)), settings


def make_resolver(pipe: ImagineIDPipeline, settings: GenerateOptions, factors: Factors) -> PersonResolver:
    """Makes the resolver of a call; listens to the other clips and renders a known person."""

    def listen(audio: AudioSource) -> VoiceProfile:
        return pipe.listen(audio, sampling_rate=settings.sampling_rate if is_array(audio) else None)

    def imagine(voice: SpeakerIdentity) -> Renderer:
        return make_renderer(pipe, sample_person(pipe, voice, settings), settings, factors.callback_on_step_end)

    known, speaker = None, None
    if factors.identity is not None:
        known = make_renderer(
            pipe, recall_person(pipe, factors.identity, settings), settings, factors.callback_on_step_end
        )
    if factors.identity_from is not None:
        speaker = listen(factors.identity_from).speaker
        known = imagine(speaker)
    emotion = None if factors.emotion_from is None else listen(factors.emotion_from).emotion
    return PersonResolver(known, imagine, speaker, settings.seed, emotion, cast(FaceMotion | None, factors.motion))


@pinned
def sample_person(
    pipe: ImagineIDPipeline, voice: SpeakerIdentity | VoiceProfile, settings: GenerateOptions
) -> Identity:
    """A person whom the voice could belong to, without a face yet."""
    heard = voice_attributes(pipe.identity_encoder, voice, settings.attributes == "neutral")
    seed = secrets.randbelow(2**31) if settings.seed is None else settings.seed
    return pipe.population.sample(pipe.head, heard, settings.overrides, seed)


@pinned
def recall_person(pipe: ImagineIDPipeline, identity: Person, settings: GenerateOptions) -> Identity:
    """A known person, edited as the options say."""
    return known_person(identity, pipe.population, pipe.head, settings.overrides, pipe.fingerprint)


def make_backend(pipe: ImagineIDPipeline, settings: GenerateOptions) -> Backend[Any, Any, Any]:
    size = settings.size if "size" in settings.model_fields_set else None
    return backend_of(pipe.components, settings.adapters, pipe._execution_device, settings.background, size)


@pinned
def make_renderer(
    pipe: ImagineIDPipeline, identity: Identity, settings: GenerateOptions, on_step_end: StepCallback | None = None
) -> Renderer:
    """The renderer of a person; the portrait is sampled first if there is none."""
    backend = make_backend(pipe, settings)
    pipe.workers = pipe.workers.sized(backend.workers)

    def on_step(step: int, time: float, latents: torch.Tensor) -> torch.Tensor:
        assert on_step_end is not None
        returned: Any = on_step_end(pipe, step, time, {"latents": latents}) or {}
        changed = returned.get("latents", latents) if isinstance(returned, dict) else None
        if not isinstance(changed, torch.Tensor) or changed.shape != latents.shape:
            raise OptionError(
                f"callback_on_step_end can't be used: it returned {type(returned).__name__}. Return None, or a dict "
                f"whose 'latents' are a tensor of shape {tuple(latents.shape)}."
            )
        return changed

    return FrameRenderer(
        pipe.head, backend, pipe.workers, identity,
        settings.backdrop or Backdrop.fitting(identity.light, identity.seed), size=settings.size,
        steps=settings.num_inference_steps, portrait_steps=settings.reference_steps,
        latents=settings.output_type == "latent", on_step=None if on_step_end is None else on_step,
        model=pipe.fingerprint, watermark=settings.watermark,
    )  # fmt: skip


def open_renderer(pipe: ImagineIDPipeline, identity: Person, options: dict[str, Any]) -> Renderer:
    """The renderer of a known person; see `ImagineIDPipeline.renderer`."""
    _, settings = read_options(pipe, {"identity": identity, **options})
    settings.check_for_renderer()
    return make_renderer(pipe, recall_person(pipe, identity, settings), settings)


def spoken(audio: AudioSource | list[AudioSource] | None, content: AudioSource | None) -> list[AudioSource]:
    """The clips whose words are said."""
    if audio is not None and content is not None:
        raise OptionError("audio and content= both say what is spoken. Give one of them.")
    if content is not None:
        return [content]
    clips = audio if isinstance(audio, list) else [] if audio is None else [audio]
    if not clips:
        raise OptionError("No sound was given. Call pipe('speech.wav') or pipe(content='speech.wav').")
    return clips


def seeds_of_faces(num_faces: int, seed: int, generator: Generators | None) -> list[int | None]:
    """Seeds of several people for one voice: counted from one, or drawn.

    Raises:
        OptionError: a number or a seed that can't be used, or both a seed and a generator.
    """
    if isinstance(num_faces, bool) or not isinstance(num_faces, int) or num_faces < 1:
        raise OptionError(f"num_faces={num_faces!r} can't be used. Ask for 1 or more.")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise OptionError(f"seed={seed!r} can't be used. Give a whole number: face i has the seed seed + i.")
    GenerateOptions(seed=seed)
    if generator is not None:
        return Factors(generator=generator).seeds(num_faces, seed or None)
    return list(range(seed, seed + num_faces))
