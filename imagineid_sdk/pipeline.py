"""The pipeline: audio -> listening -> face -> imagining -> video. It wires the rooms and stays thin.

pipe = ImagineIDPipeline.from_pretrained()
out = pipe("speech.wav", seed=7)
out.save("talk.mp4")
"""

from __future__ import annotations

import os
from typing import Any, Literal, overload

import diffusers
import torch
from diffusers import DiffusionPipeline
from typing_extensions import Self, Unpack

from imagineid_sdk.audio import AudioSource, load_audio
from imagineid_sdk.audio.decoding import AudioStream, open_audio
from imagineid_sdk.errors import OptionError
from imagineid_sdk.face.mesh import rasterizer
from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.face.persona.population import PopulationPrior
from imagineid_sdk.face.persona.resolve import model_fingerprint
from imagineid_sdk.hub.loading import LoadOptions, align, embedded_components, typed_load_errors
from imagineid_sdk.hub.recipes import is_recipe
from imagineid_sdk.hub.sources import embedded_model
from imagineid_sdk.imagining.sd15.loading import load_recipe
from imagineid_sdk.imagining.workers import Workers
from imagineid_sdk.listening.content import ContentEncoder
from imagineid_sdk.listening.emotion import EmotionEncoder
from imagineid_sdk.listening.identity import IdentityEncoder
from imagineid_sdk.listening.listener import Listener, joined_profile
from imagineid_sdk.listening.profile import VoiceProfile
from imagineid_sdk.listening.speech_encoder import SpeechEncoder
from imagineid_sdk.listening.stream import FILE, LIVE, live_latency
from imagineid_sdk.models import COMPONENTS, IMAGINING, LISTENING_AND_FACE
from imagineid_sdk.options import GenerateKwargs, GenerateOptions, PortraitKwargs, PortraitOptions
from imagineid_sdk.output import ImaginedFace, ImagineIDOutput, collect, provenance
from imagineid_sdk.precision import read_dtype
from imagineid_sdk.resolver import (
    CallKwargs,
    Factors,
    Generators,
    Person,
    Renderer,
    StepCallback,
    StreamKwargs,
    checked,
    make_renderer,
    make_resolver,
    recall_person,
    sample_person,
)
from imagineid_sdk.streaming import Callback, FaceStream, TalkingFace, follow, record
from imagineid_sdk.video import watermark
from imagineid_sdk.video.provenance import Signing, read_signer
from imagineid_sdk.video.recorder import PathOrFile


class ImagineIDPipeline(DiffusionPipeline):
    """From one audio clip, and no photo of anyone, a talking face.

    A `diffusers.DiffusionPipeline`: ``from_pretrained``, ``save_pretrained``, ``push_to_hub``, ``from_pipe``, ``to``
    and ``set_progress_bar_config`` behave as there.
    """

    model_cpu_offload_seq = "speech_encoder->attribute_embedder->text_encoder->spatial_adapter->denoiser->autoencoder"
    _optional_components = [
        "attribute_embedder", "semantic_adapter", "blending_adapter", "text_encoder", "tokenizer", "scheduler",
    ]  # fmt: skip
    _callback_tensor_inputs = ["latents"]

    def __init__(
        self, speech_encoder: SpeechEncoder, identity_encoder: IdentityEncoder, content_encoder: ContentEncoder,
        emotion_encoder: EmotionEncoder, head: ParametricHead, population: PopulationPrior, autoencoder: Any,
        denoiser: Any, spatial_adapter: Any, attribute_embedder: Any = None, semantic_adapter: Any = None,
        blending_adapter: Any = None, text_encoder: Any = None, tokenizer: Any = None, scheduler: Any = None,
    ) -> None:  # fmt: skip
        """``attribute_embedder``, ``semantic_adapter`` and ``blending_adapter`` belong to ``tiny``, ``text_encoder``,
        ``tokenizer`` and ``scheduler`` to Stable Diffusion; a pipeline has the ones or the others."""
        super().__init__()
        self.register_modules(
            speech_encoder=speech_encoder, identity_encoder=identity_encoder, content_encoder=content_encoder,
            emotion_encoder=emotion_encoder, head=head, population=population, autoencoder=autoencoder,
            denoiser=denoiser, spatial_adapter=spatial_adapter, attribute_embedder=attribute_embedder,
            semantic_adapter=semantic_adapter, blending_adapter=blending_adapter, text_encoder=text_encoder,
            tokenizer=tokenizer, scheduler=scheduler,
        )  # fmt: skip
        for module in (autoencoder, denoiser, spatial_adapter, blending_adapter):
            if module is not None:
                module.to(memory_format=torch.channels_last)
        align(self.components.values())
        self._workers, self._fingerprint = Workers(1), model_fingerprint(denoiser, autoencoder)

    @classmethod
    def from_pretrained(cls, model: str | os.PathLike[str] | None = None, **options: Any) -> Self:
        """Load a model: none for the embedded ``tiny`` (offline), a folder, a Hub repository ``owner/name``, the recipe
        ``sd15`` of public checkpoints, or a recipe of your own (a json file).

        Args:
            model: which one.
            **options: the fields of `LoadOptions`, such as ``dtype``; for a recipe, another source for any role, such
                as ``denoiser="owner/name"``; for other models, components to use instead of the stored ones and
                options of `diffusers.DiffusionPipeline.from_pretrained`. Unknown ones are refused before anything is
                loaded.

        Raises:
            OptionError: an option is unknown or can't be used.
            HubError: the Hub can't deliver the model.
            MissingExtraError: it needs packages that are not installed.
            ModelError: there is no such model, or it is something else.
            WeightsError: its files are damaged, incomplete, or pickles.
        """
        chosen = LoadOptions.take(options)
        rasterizer.load()
        watermark.load()
        if is_recipe(model):
            return cls(**embedded_components(LISTENING_AND_FACE), **load_recipe(str(model), chosen, options))
        folder = chosen.folder(model, options)
        if folder == embedded_model() and not options:
            pipeline = cls(**embedded_components(COMPONENTS))
            return pipeline if chosen.dtype is None else pipeline.to(chosen.dtype)
        with typed_load_errors(folder if model is None else model):
            return super().from_pretrained(str(folder), **chosen.for_diffusers(options))

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """As in diffusers; a dtype is that of the networks that imagine, the others stay in float32."""
        given = [*(arg for arg in args if isinstance(arg, torch.dtype)), kwargs.pop("dtype", None)]
        if (dtype := read_dtype(next((one for one in given if one is not None), None))) is not None:
            for name in IMAGINING:
                if isinstance(module := getattr(self, name, None), torch.nn.Module):
                    module.to(dtype)
        super().to(*(arg for arg in args if not isinstance(arg, torch.dtype)), **kwargs)
        return self

    # --- the public calls ---------------------------------------------------------------------------------------------

    def listen(self, audio: AudioSource, *, sampling_rate: int | None = None) -> VoiceProfile:
        """What the voice says about its owner and the moment: no pixels, a fraction of the clip's length.

        Raises:
            AudioError: the sound can't be used.
        """
        return self._listener().listen(load_audio(audio, sampling_rate))

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
            **options: the fields of `PortraitOptions`.

        Raises:
            AudioError: the sound can't be used.
            OptionError: an option is unknown or out of range.
        """
        settings = checked(PortraitOptions(**options).for_video(seed), self, Factors())
        if isinstance(num_faces, bool) or not isinstance(num_faces, int) or num_faces < 1:
            raise OptionError(f"num_faces={num_faces!r} can't be used. Ask for 1 or more.")
        drawn = Factors(generator=generator).seeds(num_faces, None)
        voice, faces = self.listen(audio, sampling_rate=sampling_rate), []
        for index in self.progress_bar(range(num_faces)):
            person = sample_person(self, voice, settings.with_seed(drawn[index] if generator else seed + index))
            renderer = make_renderer(self, person, settings, callback_on_step_end)
            faces.append(ImaginedFace(renderer.portrait(), renderer.identity))
        return faces

    @overload
    def __call__(
        self, audio: list[AudioSource], *, callback: Callback | None = None, return_dict: Literal[True] = True,
        **options: Unpack[CallKwargs],
    ) -> list[ImagineIDOutput]: ...  # fmt: skip
    @overload
    def __call__(
        self, audio: AudioSource | None = None, *, content: AudioSource | None = None, callback: Callback | None = None,
        return_dict: Literal[True] = True, **options: Unpack[CallKwargs],
    ) -> ImagineIDOutput: ...  # fmt: skip
    @overload
    def __call__(
        self, audio: Any = None, *, content: AudioSource | None = None, callback: Callback | None = None,
        return_dict: bool, **options: Unpack[CallKwargs],
    ) -> tuple[Any, ...] | list[Any]: ...  # fmt: skip

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
            **options: the fields of `Factors` (who is shown, and in which mood) and `GenerateOptions`.

        Raises:
            AudioError: the sound can't be used.
            OptionError: an option is unknown or out of range.
            IdentityFileError: ``identity`` can't be used.
            GenerationCancelled: the callback returned False.
        """
        factors, settings = self._read(options)
        spoken: Any = audio if content is None else content
        if spoken is None or isinstance(spoken, list) and not spoken:
            raise OptionError("No sound was given. Call pipe('speech.wav') or pipe(content='speech.wav').")
        clips = [load_audio(one, settings.sampling_rate) for one in (spoken if isinstance(spoken, list) else [spoken])]
        outputs = []
        for clip, seed in zip(clips, factors.seeds(len(clips), settings.seed), strict=True):
            person = make_resolver(self, settings.with_seed(seed), factors)
            face = TalkingFace(person, self._listener().open(FILE), settings, settle=3.0, keep=True)
            total = max(1, round(clip.duration * settings.fps))
            with self.progress_bar(total=total) as bar:
                batches = follow(face.finish(clip.samples, clip.duration), total, bar, callback)
                frames = collect(batches, total, settings.output_type)
            profile = joined_profile(face.segments, person.speaker or face.listening.who, clip.duration)
            output = ImagineIDOutput(frames, settings.fps, profile, face.identity, face.motion(), clip)
            outputs.append(output if return_dict else output.to_tuple())
        return outputs if isinstance(spoken, list) else outputs[0]

    def stream(
        self, *, look_ahead: float = LIVE.seconds, settle: float = 3.0, **options: Unpack[StreamKwargs]
    ) -> FaceStream:
        """A face for sound that is still coming, of unknown length, in constant memory; see `FaceStream`.

        Args:
            look_ahead: seconds of sound that a frame waits for at most, 0.3 to 10; more hears better.
            settle: seconds of sound after which the person is settled at the latest, 0.3 to 30.
            **options: as in a call; ``sampling_rate`` is that of the chunks, 16,000 by default.

        Raises:
            OptionError: an option is unknown or out of range.
        """
        listening = self._listener().open(live_latency(look_ahead))
        factors, settings = self._read({**options}, streamed=True)
        return FaceStream(make_resolver(self, settings, factors), listening, settings, settle)

    def write_mp4(
        self, audio: AudioSource | AudioStream, target: PathOrFile, *, callback: Callback | None = None,
        sign: Signing = None, **options: Unpack[StreamKwargs],
    ) -> Identity:  # fmt: skip
        """What ``pipe(audio).save(target)`` writes, for clips of any length: sound and frames only pass through.

        Up to 112 seconds the voice is heard as a whole; of longer clips these settle the person, and the usual mood,
        loudness and pitch are those of the last minute.

        Args:
            target: path of an mp4, or an open binary file such as ``sys.stdout.buffer`` or ``io.BytesIO``, which gets
                fragmented mp4 while it is made.
            callback: called as ``callback(frames_done, frames_known)``.
            sign: as in `ImagineIDOutput.save`; only for a path.
            **options: as in a call.

        Returns the person.
        """
        factors, settings = self._read({**options}, streamed=True)
        settings.for_mp4()
        signer = read_signer(sign, target)
        with open_audio(audio, settings.sampling_rate) as sound, self.progress_bar(total=float("inf")) as bar:
            settings = settings.model_copy(update={"sampling_rate": sound.rate})
            listening = self._listener().open(LIVE if sound.live else FILE)
            stream = FaceStream(make_resolver(self, settings, factors), listening, settings, settle=3.0)
            return record(stream, sound, target, provenance, bar, callback, signer)

    def renderer(self, identity: Person, **options: Unpack[GenerateKwargs]) -> Renderer:
        """A person in front of the camera: ``frames(motion)`` shows any `FaceMotion`, such as an edited ``out.motion``.

        The face is imagined first if ``identity`` has none; ``renderer.identity`` has it.
        """
        _, settings = self._read({"identity": identity, **options})
        return make_renderer(self, recall_person(self, identity, settings), settings)

    # --- what the steps share -----------------------------------------------------------------------------------------

    @property
    def fingerprint(self) -> str:
        """Tells models apart whose faces differ."""
        return self._fingerprint

    def workers(self, count: int) -> Workers:
        """So many threads, the same for all videos of a pipeline."""
        if not self._workers.fit(count):
            self._workers = Workers(count)
        return self._workers

    def _read(self, options: dict[str, Any], streamed: bool = False) -> tuple[Factors, GenerateOptions]:
        """The options of a call, told apart and checked."""
        factors = Factors.take(options)
        settings = checked(GenerateOptions(**options), self, factors)
        return factors, settings.for_stream().with_seed(*factors.seeds(1, settings.seed)) if streamed else settings

    def _listener(self) -> Listener:
        return Listener(self.speech_encoder, self.identity_encoder, self.content_encoder, self.emotion_encoder)


diffusers.ImagineIDPipeline = ImagineIDPipeline  # where DiffusionPipeline.from_pretrained(folder) looks for the class
