"""The pipeline: audio -> listening -> face -> imagining -> video. It wires the stages and stays thin."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, Literal, overload

import diffusers
import torch
from torch import nn
from typing_extensions import Self, Unpack

from imagineid_sdk import models, resolver
from imagineid_sdk.audio import AudioSource, AudioStream, SourceT, load_audio
from imagineid_sdk.clips import generate_all, generate_each, imagine_faces, listener_of, open_stream, write_clip
from imagineid_sdk.dialogue import Dialogue
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.face.persona.sources import model_fingerprint
from imagineid_sdk.hub.loading import LoadKwargs, LoadOptions, exchange_components, lay_out, load_components
from imagineid_sdk.hub.plausible import typed_load_errors
from imagineid_sdk.hub.saving import saved_as_a_whole
from imagineid_sdk.imagining.workers import Workers
from imagineid_sdk.listening.profile import VoiceProfile
from imagineid_sdk.listening.stream import LIVE
from imagineid_sdk.options import PortraitKwargs, RendererKwargs, Separate, Together, known_options
from imagineid_sdk.output import ImaginedFace, ImagineIDOutput
from imagineid_sdk.precision import cast, read_dtype
from imagineid_sdk.resolver import Callback, CallKwargs, Generators, Person, Renderer, StepCallback, StreamKwargs
from imagineid_sdk.streaming import SETTLE, FaceStream
from imagineid_sdk.video.formats import PathOrFile
from imagineid_sdk.video.provenance import Signing


class ImagineIDPipeline(diffusers.DiffusionPipeline):
    """From one audio clip, and no photo of anyone, a talking face.

    ``save_pretrained``, ``push_to_hub``, ``from_pipe``, ``to`` and ``set_progress_bar_config`` behave as in diffusers.

    Args:
        speech_encoder, identity_encoder, content_encoder, emotion_encoder: listening.
        head, population: the mesh, and the prior that people are sampled from.
        autoencoder, denoiser, spatial_adapter: those of `models.COMPONENTS`, or of Stable Diffusion in diffusers.
        portrait_decoder, attribute_embedder, semantic_adapter, blending_adapter: of ``tiny`` alone.
        text_encoder, tokenizer, scheduler: of Stable Diffusion alone.
    """

    model_cpu_offload_seq = "speech_encoder->attribute_embedder->text_encoder->spatial_adapter->denoiser->autoencoder"
    _optional_components = [*models.OPTIONAL]
    _callback_tensor_inputs = ["latents"]

    def __init__(
        self, speech_encoder: models.SpeechEncoder, identity_encoder: models.IdentityEncoder,
        content_encoder: models.ContentEncoder, emotion_encoder: models.EmotionEncoder, head: models.ParametricHead,
        population: models.PopulationPrior, autoencoder: nn.Module, denoiser: nn.Module, spatial_adapter: nn.Module,
        portrait_decoder: nn.Module | None = None, attribute_embedder: nn.Module | None = None,
        semantic_adapter: nn.Module | None = None, blending_adapter: nn.Module | None = None,
        text_encoder: nn.Module | None = None, tokenizer: Any = None, scheduler: Any = None,
    ) -> None:  # fmt: skip
        components = {name: given for name, given in locals().items() if name not in ("self", "__class__")}
        super().__init__()
        self.register_modules(**components)
        lay_out(components)
        self.workers, self.fingerprint = Workers(1), model_fingerprint(denoiser, autoencoder)

    @classmethod
    def from_pretrained(cls, model: str | os.PathLike[str] | None = None, **options: Unpack[LoadKwargs]) -> Self:
        """Load a model.

        Args:
            model: None is the embedded ``tiny`` (offline); a folder, a Hub repository ``owner/name``, the recipe
                ``sd15`` of public checkpoints, or a recipe of your own (a json file).
            **options: the fields of `LoadOptions`, such as ``dtype``. For a recipe: another source for a role, such as
                ``denoiser="owner/name"``. For other models: components that replace the stored ones, and options of
                `diffusers.DiffusionPipeline.from_pretrained`. Unknown ones are refused before anything is loaded.

        Raises:
            OptionError: an option is unknown or can't be used.
            HubError: the Hub can't deliver the model.
            MissingExtraError: it needs packages that are not installed.
            ModelError: there is no such model, or it is something else.
            WeightsError: its files are damaged, incomplete, or pickles.
        """
        chosen, others = LoadOptions.split(options)
        components = load_components(model, chosen, others)
        if isinstance(components, dict):
            return cls(**components).to(chosen.dtype)
        with typed_load_errors(components if model is None else model):
            return super().from_pretrained(str(components), **chosen.for_diffusers(others))

    @classmethod
    def from_pipe(cls, pipeline: diffusers.DiffusionPipeline, **components: Any) -> Self:
        """A pipeline of the same networks, some exchanged; none is copied, so ``dtype`` casts those of both."""
        exchanged, dtype = exchange_components(pipeline.components, components)
        return cls(**exchanged).to(dtype)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """As in diffusers; a dtype is that of the networks that imagine, the others stay in float32."""
        given = next((arg for arg in args if isinstance(arg, torch.dtype)), kwargs.pop("dtype", None))
        cast([getattr(self, name, None) for name in models.IMAGINING], read_dtype(given))
        super().to(*(arg for arg in args if arg is not None and not isinstance(arg, torch.dtype)), **kwargs)
        return self

    def save_pretrained(self, save_directory: str | os.PathLike[str], **options: Any) -> None:
        """As in diffusers, complete or not at all; of an older model there each file is replaced as a whole. Raises
        ModelError if it can't be written, OptionError for pickles."""
        with saved_as_a_whole(save_directory, options) as partial:
            super().save_pretrained(partial, **options)

    def listen(self, audio: AudioSource, *, sampling_rate: int | None = None) -> VoiceProfile:
        """Who speaks, what is said, and how; no pixels.

        Args:
            audio, sampling_rate: as for `load_audio`.

        Returns:
            The profile; sex and age say how sure they are, and ``heard`` is False where the voice says too little.

        Raises:
            AudioError: the sound can't be used.
        """
        self.workers = self.workers.in_this_process()
        return listener_of(self).listen(load_audio(audio, sampling_rate))

    def imagine(
        self, audio: AudioSource, *, num_faces: int = 8, seed: int = 0, generator: Generators | None = None,
        sampling_rate: int | None = None, callback_on_step_end: StepCallback | None = None,
        **options: Unpack[PortraitKwargs],
    ) -> list[ImaginedFace]:  # fmt: skip
        """Several people whom the voice could belong to.

        Args:
            audio, sampling_rate: as for `load_audio`.
            num_faces: how many; face ``i`` has the seed ``seed + i``.
            generator: draws the seeds instead; one, or one for each face.
            callback_on_step_end: as in a call.
            **options: the fields of `PortraitOptions`; errors are those of a call.
        """
        chosen = known_options("imagine", options) | {"callback_on_step_end": callback_on_step_end}
        seeds = resolver.seeds_of_faces(num_faces, seed, generator)
        return imagine_faces(self, audio, sampling_rate, seeds, chosen)

    @overload
    def __call__(
        self, audio: list[SourceT], *, speakers: Together = ..., return_dict: Literal[True] = ...,
        **options: Unpack[CallKwargs]) -> list[ImagineIDOutput]: ...  # fmt: skip
    @overload
    def __call__(
        self, audio: list[SourceT], *, speakers: Separate, return_dict: Literal[True] = ...,
        **options: Unpack[CallKwargs]) -> list[Dialogue]: ...  # fmt: skip
    @overload
    def __call__(
        self, audio: AudioSource | None = ..., *, content: AudioSource | None = ..., speakers: Together = ...,
        return_dict: Literal[True] = ..., **options: Unpack[CallKwargs]) -> ImagineIDOutput: ...  # fmt: skip
    @overload
    def __call__(
        self, audio: AudioSource | None = ..., *, content: AudioSource | None = ..., speakers: Separate,
        return_dict: Literal[True] = ..., **options: Unpack[CallKwargs]) -> Dialogue: ...  # fmt: skip
    @overload
    def __call__(self, audio: Any = ..., *, return_dict: bool, **options: Any) -> tuple[Any, ...] | list[Any]: ...
    def __call__(
        self, audio: Any = None, *, content: AudioSource | None = None, callback: Callback | None = None,
        return_dict: bool = True, **options: Any,
    ) -> Any:  # fmt: skip
        """Imagine the person behind a voice saying what is heard.

        Args:
            audio: any sound that `load_audio` takes, or a list of them: one output each, in order.
            content: a clip that gives only the words (and the sound of the video), instead of ``audio``.
            callback: called as ``callback(frames_done, frames)`` after each frame; returning False cancels.
            return_dict: False gives the tuple of the output's fields.
            **options: fields of `resolver.Factors` (who is shown, which emotion) and `options.GenerateOptions`.

        Returns:
            An output, with ``speakers="separate"`` a `Dialogue`; a list of them for a list of clips.

        Raises:
            AudioError: the sound can't be used.
            OptionError: an option is unknown or out of range.
            IdentityFileError: ``identity`` can't be used.
            GenerationCancelled: the callback returned False.
        """
        outputs = generate_all(self, resolver.spoken(audio, content), options, callback, return_dict)
        return outputs if isinstance(audio, list) and content is None else outputs[0]

    @overload
    def map(self, clips: Iterable[AudioSource], *, speakers: Together = ...,
            **options: Unpack[CallKwargs]) -> Iterator[ImagineIDOutput]: ...  # fmt: skip
    @overload
    def map(self, clips: Iterable[AudioSource], *, speakers: Separate,
            **options: Unpack[CallKwargs]) -> Iterator[Dialogue]: ...  # fmt: skip
    def map(self, clips: Iterable[AudioSource], *, callback: Callback | None = None, **options: Any) -> Any:
        """One output for each of many clips, in order, each made when it is asked for: ``for out in pipe.map(clips)``.

        Args:
            clips: sounds that `load_audio` takes. Paths are checked at once.
            callback, **options: as in a call.

        Raises:
            AudioError: a sound can't be used; the message names the clip.
            OptionError: as for a call, at once.
        """
        return generate_each(self, clips, *resolver.read_options(self, options), callback)

    def stream(
        self, *, look_ahead: float = LIVE.seconds, settle: float = SETTLE, **options: Unpack[StreamKwargs]
    ) -> FaceStream:
        """A face for sound that is still coming, of unknown length, in constant memory; see `FaceStream`.

        Args:
            look_ahead: seconds of sound that a frame waits for at most, 0.3 to 10; more hears better.
            settle: seconds of sound after which the person is settled at the latest, 0.3 to 30.
            **options: as in a call; ``sampling_rate`` is that of the chunks, 16,000 by default.

        Raises:
            OptionError: an option is unknown or out of range.
        """
        return open_stream(self, look_ahead, settle, known_options("stream", options))

    def write_mp4(
        self, audio: AudioSource | AudioStream, target: PathOrFile, *, callback: Callback | None = None,
        sign: Signing = None, **options: Unpack[StreamKwargs],
    ) -> Identity:  # fmt: skip
        """What ``pipe(audio).save(target)`` writes, for clips of any length: sound and frames only pass through;
        returns the person.

        Up to 112 seconds the voice is heard as a whole. In longer clips the first 112 seconds decide the person; usual
        emotion, loudness and pitch are those of the last minute.

        Args:
            target: path of an mp4, or another video that ``out.save`` knows; or an open binary file such as
                ``sys.stdout.buffer`` or ``io.BytesIO``, which gets fragmented mp4 while it is made.
            callback: called as ``callback(frames_done, frames_known)``.
            sign: as in `ImagineIDOutput.save`; only for a path.
            **options: as in a call.

        Raises:
            VideoError: the file can't be written. Other errors are those of a call. None leaves a file behind.
        """
        return write_clip(self, audio, target, known_options("write_mp4", options), callback, sign)

    def renderer(self, identity: Person, **options: Unpack[RendererKwargs]) -> Renderer:
        """A person in front of the camera: ``frames(motion)`` shows any `FaceMotion`, such as an edited ``out.motion``.
        The face is imagined first if ``identity`` has none; ``renderer.identity`` has it. ``options`` are the keywords
        of `RendererKwargs`, and errors those of a call."""
        return resolver.open_renderer(self, identity, known_options("renderer", options))


diffusers.ImagineIDPipeline = ImagineIDPipeline  # where DiffusionPipeline.from_pretrained(folder) looks for the class
