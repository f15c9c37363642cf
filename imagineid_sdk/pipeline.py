"""The pipeline: audio -> listening -> face -> imagining -> video. It wires the rooms and stays thin.

pipe = ImagineIDPipeline.from_pretrained()
out = pipe("speech.wav", seed=7)
out.save("talk.mp4")
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import IO, Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from diffusers.utils import is_accelerate_available

from .audio import AudioClip, load_audio
from .audio_stream import open_sound
from .components import COMPONENTS, IMAGINING, LISTENING_AND_FACE, embedded_components
from .compositions import is_composition
from .download import HubOptions
from .errors import OptionError
from .face.head import ParametricHead
from .face.identity import Identity
from .face.motion import animate
from .face.people import Heard, PeoplePrior
from .hub import align, check_folder, embedded_model, fetch_model, resolve, typed_load_errors
from .imagining.full.imaginer import FullImaginer
from .imagining.full.loading import load_composition
from .imagining.imaginer import Imaginer
from .imagining.lanes import Lanes
from .listening.content import ContentEncoder
from .listening.emotion import EmotionEncoder
from .listening.identity import AGE_PRIOR, GENDER_PRIOR, IdentityEncoder
from .listening.identity import Identity as VoiceIdentity
from .listening.listener import Listener
from .listening.profile import VoiceProfile
from .listening.speech_encoder import SpeechEncoder
from .listening.stream import FILE, LIVE, live
from .options import GenerateOptions
from .output import ImaginedFace, ImagineIDOutput, provenance
from .performance import Performance
from .streaming import Cast, FaceStream, film, followed


class ImagineIDPipeline(DiffusionPipeline):
    """From one audio clip, and no photo of anyone, a talking face.

    A `diffusers.DiffusionPipeline`: ``from_pretrained``, ``save_pretrained``, ``push_to_hub``, ``to`` and
    ``set_progress_bar_config`` behave as there.
    """

    model_cpu_offload_seq = "speech_encoder->words->text_encoder->spatial_adapter->denoiser->autoencoder"
    _optional_components = ["words", "semantic_adapter", "blending_adapter", "text_encoder", "tokenizer", "scheduler"]

    def __init__(
        self,
        speech_encoder: SpeechEncoder,
        identity_encoder: IdentityEncoder,
        content_encoder: ContentEncoder,
        emotion_encoder: EmotionEncoder,
        head: ParametricHead,
        people: PeoplePrior,
        autoencoder: Any,
        denoiser: Any,
        spatial_adapter: Any,
        words: Any = None,
        semantic_adapter: Any = None,
        blending_adapter: Any = None,
        text_encoder: Any = None,
        tokenizer: Any = None,
        scheduler: Any = None,
    ) -> None:
        """``words``, ``semantic_adapter`` and ``blending_adapter`` are our own base's, ``text_encoder``, ``tokenizer``
        and ``scheduler`` Stable Diffusion's; a pipeline has the ones or the others."""
        super().__init__()
        self._lanes: Lanes | None = None
        self.register_modules(
            speech_encoder=speech_encoder, identity_encoder=identity_encoder, content_encoder=content_encoder,
            emotion_encoder=emotion_encoder, head=head, people=people, autoencoder=autoencoder, denoiser=denoiser,
            spatial_adapter=spatial_adapter, words=words, semantic_adapter=semantic_adapter,
            blending_adapter=blending_adapter, text_encoder=text_encoder, tokenizer=tokenizer, scheduler=scheduler,
        )  # fmt: skip
        for module in (autoencoder, denoiser, spatial_adapter, blending_adapter):
            if module is not None:
                module.to(memory_format=torch.channels_last)
        align(self.components.values())

    @classmethod
    def from_pretrained(cls, model: str | os.PathLike[str] | None = None, **options: Any) -> ImagineIDPipeline:
        """Load a model: none for the embedded ``tiny`` (offline), a folder, a Hub repository ``owner/name``, the
        composition ``sd15`` of public checkpoints, or a composition of your own (a json file).

        ``options`` are the fields of `HubOptions`; ``dtype``, which is that of the imagining half (listening and the
        head stay in float32); for a composition, another source for any role, such as ``denoiser="owner/name"``; for
        the others those of `diffusers.DiffusionPipeline.from_pretrained`.

        Raises:
            HubError: the Hub can't deliver it.
            MissingExtraError: it needs packages that are not installed.
            ModelError: there is no such model, or it is something else.
            WeightsError: its files are damaged, incomplete, or pickles.
        """
        hub = HubOptions.take(options)
        from .face import rasterizer

        rasterizer.load()
        if is_composition(model):
            dtype = options.pop("dtype", None)
            return cls(**embedded_components(LISTENING_AND_FACE), **load_composition(str(model), hub, dtype, options))
        folder = resolve(model)
        if folder == embedded_model() and not options:
            return cls(**embedded_components(COMPONENTS))
        if folder is None:
            folder = fetch_model(str(model), hub)
        else:
            check_folder(folder, hub.variant)
        if isinstance(options.get("dtype"), torch.dtype):
            options["dtype"] = {name: options["dtype"] for name in IMAGINING} | {"default": torch.float32}
        # Without accelerate diffusers would warn about each of a dozen small networks.
        options.setdefault("low_cpu_mem_usage", is_accelerate_available())
        with typed_load_errors(folder if model is None else model):
            return super().from_pretrained(str(folder), variant=hub.variant, use_safetensors=True, **options)

    # --- the public calls ---------------------------------------------------------------------------------------------

    def listen(self, audio: Any, *, sampling_rate: int | None = None) -> VoiceProfile:
        """What the voice says about its owner and the moment: no pixels, a fraction of the clip's length.

        Sex, age and mood come with how sure they are; ``heard`` is False where the voice said too little. Moods were
        learned from six actors who speak German (EmoDB) and from synthetic voices, identity and words from synthetic
        voices behind frozen networks that have heard real people; MODEL_CARD.md says on whom each was judged.
        """
        clip = audio if isinstance(audio, AudioClip) else load_audio(audio, sampling_rate)
        with torch.no_grad():
            return self._listener().listen(clip)

    @torch.no_grad()
    def imagine(self, audio: Any, *, num_faces: int = 8, seed: int = 0, **wishes: Any) -> list[ImaginedFace]:
        """Several people whom the voice could belong to; face ``i`` has the seed ``seed + i``.

        ``wishes`` and ``background`` as in a call.
        """
        options = GenerateOptions(seed=seed, **wishes)
        if num_faces < 1:
            raise OptionError(f"num_faces={num_faces} is out of range. Ask for 1 or more.")
        heard, faces = self._heard_in(self.listen(audio), options), []
        for index in self.progress_bar(range(num_faces)):
            identity = self.people.cast(self.head, heard, options.wishes(), seed + index)
            scene = self.performance(identity, options)
            faces.append(ImaginedFace(scene.portrait(), scene.identity))
        return faces

    @torch.no_grad()
    def __call__(
        self,
        audio: Any = None,
        *,
        content: Any = None,
        identity_from: Any = None,
        emotion_from: Any = None,
        identity: Identity | str | os.PathLike[str] | None = None,
        callback: Callable[[int, int], bool | None] | None = None,
        return_dict: bool = True,
        **options: Any,
    ) -> ImagineIDOutput | tuple:
        """Imagine the person behind a voice saying what is heard.

        Args:
            audio: a path, bytes, a file object, an array ``(samples,)`` at ``sampling_rate``, or an `AudioClip`.
            content, identity_from, emotion_from: clips that give only the words (and the sound of the video), only
                the person, only the emotion; each defaults to ``audio``.
            identity: a person imagined earlier, or the path of a saved one, instead of a new one.
            callback: called as ``callback(frames_done, frames)`` after each frame; returning False cancels.
            return_dict: False gives the tuple of the output's fields.
            **options: the fields of `GenerateOptions`.

        Raises:
            AudioError: the sound can't be used.
            OptionError: an option is unknown or out of range.
            GenerationCancelled: the callback returned False.
        """
        settings = GenerateOptions(**options)
        spoken = content if content is not None else audio
        if spoken is None:
            raise OptionError("No sound was given. Call pipe('speech.wav') or pipe(content='speech.wav').")
        clip = spoken if isinstance(spoken, AudioClip) else load_audio(spoken, settings.sampling_rate)
        profile = self._combine(self.listen(clip), identity_from, emotion_from, settings)
        scene = self.performance(self._person(identity, profile, settings), settings)
        total = max(1, round(clip.duration * settings.fps))
        motion = animate(profile, num_frames=total, seed=scene.identity.seed, **settings.manner())
        with self.progress_bar(total=total) as bar:
            frames = settings.collect(followed(scene.frames(motion), total, bar, callback), total)
        output = ImagineIDOutput(frames, settings.fps, profile, scene.identity, motion, clip)
        return output if return_dict else output.to_tuple()

    def stream(
        self, *, identity: Identity | str | os.PathLike[str] | None = None, look_ahead: float = LIVE.seconds,
        settle: float = 3.0, **options: Any,
    ) -> FaceStream:  # fmt: skip
        """A face for sound that is still coming, of unknown length, in constant memory; see `FaceStream`.

        Args:
            identity: as in a call.
            look_ahead: seconds of sound that a frame waits for at most, 0.3 to 10; more hears better.
            settle: seconds of sound after which the person is settled at the latest, 0.3 to 30.
            **options: the fields of `GenerateOptions`; ``sampling_rate`` is that of the chunks, 16,000 by default.

        Raises:
            OptionError: an option is unknown or out of range.
        """
        settings = GenerateOptions(**options)
        return FaceStream(self._cast_for(identity, settings), self._listener(), settings, live(look_ahead), settle)

    def write_mp4(
        self,
        audio: Any,
        target: str | os.PathLike[str] | IO[bytes],
        *,
        identity: Identity | str | os.PathLike[str] | None = None,
        callback: Callable[[int, int], bool | None] | None = None,
        **options: Any,
    ) -> Identity:
        """What ``pipe(audio).save(target)`` writes, for clips of any length: sound and frames only pass through.

        Up to 112 seconds the voice is heard as in a call; of longer clips these settle the person, and the usual mood,
        loudness and pitch are those of the last minute. A binary file such as ``sys.stdout.buffer`` instead of a path
        gets fragmented mp4 while it is made, heard as by ``stream``.

        Returns the person. ``callback(frames_done, frames_known)`` and all else as in a call.
        """
        settings, pace = GenerateOptions(**options), FILE if isinstance(target, (str, os.PathLike)) else LIVE
        with open_sound(audio, settings.sampling_rate) as sound:
            settings = settings.model_copy(update={"sampling_rate": sound.rate})
            stream = FaceStream(self._cast_for(identity, settings), self._listener(), settings, pace, settle=3.0)
            with self.progress_bar(total=float("inf")) as bar:  # nobody knows
                return film(stream, sound, target, provenance, bar, callback)

    def performance(self, identity: Identity, settings: GenerateOptions | None = None) -> Performance:
        """A person in front of the camera: ``frames(motion)`` shows any `FaceMotion`, such as an edited ``out.motion``.

        The face is imagined first if ``identity`` has none; ``performance.identity`` has it.
        """
        settings = settings or GenerateOptions()
        imaginer = self._imaginer(settings)
        if self._lanes is None or not self._lanes.fit(imaginer.lanes):
            self._lanes = Lanes(imaginer.lanes)
        return Performance(self.head, imaginer, identity, settings, self._lanes)

    # --- the steps between --------------------------------------------------------------------------------------------

    def _combine(
        self, profile: VoiceProfile, identity_from: Any, emotion_from: Any, settings: GenerateOptions
    ) -> VoiceProfile:
        """The profile with the factors of other clips put in their place."""
        if identity_from is not None:
            who = self.listen(identity_from, sampling_rate=settings.sampling_rate)
            profile = replace(
                profile, embedding=who.embedding, gender=who.gender, age=who.age,
            )  # fmt: skip
        if emotion_from is not None:
            mood = self.listen(emotion_from, sampling_rate=settings.sampling_rate).emotion
            # The other clip has its own length: its overall mood counts, not its course.
            course = np.tile(mood.probabilities * mood.intensity, (len(profile.content.actions), 1))
            profile = replace(profile, emotion=replace(mood, track=course.astype(np.float32)))
        return profile

    def _listener(self) -> Listener:
        return Listener(self.speech_encoder, self.identity_encoder, self.content_encoder, self.emotion_encoder)

    def _cast_for(self, identity: Any, settings: GenerateOptions) -> Cast:
        """How a stream gets its person: at once where one was given, else once the voice is known."""
        known = None if identity is None else self.performance(self._person(identity, None, settings), settings)
        return Cast(known, lambda voice: self.performance(self._person(None, voice, settings), settings))

    def _person(self, identity: Any, voice: VoiceProfile | VoiceIdentity | None, settings: GenerateOptions) -> Identity:
        """Whom the frames show; their face may still have to be imagined."""
        if identity is None:
            assert voice is not None
            seed = settings.seed if settings.seed is not None else secrets.randbelow(2**31)
            return self.people.cast(self.head, self._heard_in(voice, settings), settings.wishes(), seed)
        given = identity if isinstance(identity, Identity) else Identity.load(identity)
        edited = self.people.edit(given, settings.wishes())
        return edited if edited is given else edited.without_face()

    def _heard_in(self, profile: VoiceProfile | VoiceIdentity, settings: GenerateOptions) -> Heard:
        """What casting needs of a voice, rounded: the last bits depend on where tensors lie in memory."""
        if settings.attributes == "neutral":
            profile = replace(profile, gender=GENDER_PRIOR, age=AGE_PRIOR)
        own_way = self.identity_encoder.own_way(profile.embedding).astype(np.float64)
        return Heard(
            gender=round(profile.gender.value, 3), age=round(profile.age.value, 2),
            age_spread=round(profile.age.spread, 2), voice=np.round(own_way, 4),
        )  # fmt: skip

    def _imaginer(self, settings: GenerateOptions) -> Imaginer | FullImaginer:
        if self.scheduler is None:
            return Imaginer(
                self.autoencoder, self.denoiser, self.words, self.semantic_adapter, self.spatial_adapter,
                self.blending_adapter, settings.adapters,
            ).for_many_frames()  # fmt: skip
        return FullImaginer(
            self.autoencoder, self.denoiser, self.spatial_adapter, self.text_encoder, self.tokenizer, self.scheduler,
            settings.adapters, self._execution_device, settings.background,
        )  # fmt: skip
