"""The pipeline: audio -> listening -> face -> imagining -> video. It wires the rooms and stays thin.

pipe = ImagineIDPipeline.from_pretrained()
out = pipe("speech.wav", seed=7)
out.save("talk.mp4")
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from diffusers.utils import BaseOutput, is_accelerate_available

from . import __version__
from .audio import AudioClip, load_audio
from .components import COMPONENTS, IMAGINING, LISTENING_AND_FACE, embedded_components
from .compositions import is_composition
from .download import HubOptions
from .errors import GenerationCancelled, OptionError
from .face.actions import ARKIT_ACTIONS
from .face.head import ParametricHead
from .face.identity import Identity
from .face.motion import FaceMotion, animate
from .face.people import Heard, PeoplePrior
from .hub import check_folder, embedded_model, fetch_model, resolve, typed_load_errors
from .imagining.full.imaginer import FullImaginer
from .imagining.full.loading import load_composition
from .imagining.imaginer import Imaginer
from .imagining.spatial import motion_vector
from .listening.content import ContentEncoder
from .listening.emotion import EmotionEncoder
from .listening.identity import IdentityEncoder
from .listening.listener import Listener
from .listening.profile import VoiceProfile
from .listening.speech_encoder import SpeechEncoder
from .options import GenerateOptions
from .video import write_mp4


@dataclass
class ImagineIDOutput(BaseOutput):
    """What a call returns.

    Attributes:
        frames: ``(frames, height, width, 3)`` uint8; other forms with ``output_type``.
        fps: frames per second.
        profile: what was heard (`VoiceProfile`).
        identity: who was imagined (`Identity`); keep it with ``identity.save(path)``.
        motion: how the face moves (`FaceMotion`): 52 ARKit actions and the head pose of every frame.
        audio: the caller's sound (`AudioClip`).
    """

    frames: Any
    fps: float
    profile: VoiceProfile
    identity: Identity
    motion: FaceMotion
    audio: AudioClip

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write frames and sound as an mp4 (H.264, AAC): complete or not at all."""
        if not isinstance(self.frames, np.ndarray) or self.frames.dtype != np.uint8 or self.frames.shape[-1] != 3:
            raise OptionError("Only frames with output_type='uint8' and an opaque background can be saved as mp4.")
        return write_mp4(path, self.frames, fps=self.fps, audio=self.audio, metadata=provenance(self.identity))


@dataclass(frozen=True)
class ImaginedFace:
    """One candidate of ``imagine``: the picture ``(256, 256, 3)`` uint8 and the person."""

    image: np.ndarray
    identity: Identity


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
        self.register_modules(
            speech_encoder=speech_encoder, identity_encoder=identity_encoder, content_encoder=content_encoder,
            emotion_encoder=emotion_encoder, head=head, people=people, autoencoder=autoencoder, denoiser=denoiser,
            spatial_adapter=spatial_adapter, words=words, semantic_adapter=semantic_adapter,
            blending_adapter=blending_adapter, text_encoder=text_encoder, tokenizer=tokenizer, scheduler=scheduler,
        )  # fmt: skip
        for module in (autoencoder, denoiser, spatial_adapter, blending_adapter):
            if module is not None:
                module.to(memory_format=torch.channels_last)

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
        """What the voice says about its owner and the moment: no pixels, a fraction of the clip's length."""
        clip = audio if isinstance(audio, AudioClip) else load_audio(audio, sampling_rate)
        encoders = (self.speech_encoder, self.identity_encoder, self.content_encoder, self.emotion_encoder)
        with torch.no_grad():
            return Listener(*encoders).listen(clip)

    @torch.no_grad()
    def imagine(self, audio: Any, *, num_faces: int = 8, seed: int = 0, **wishes: Any) -> list[ImaginedFace]:
        """Several people whom the voice could belong to; face ``i`` has the seed ``seed + i``.

        ``wishes`` and ``background`` as in a call.
        """
        options = GenerateOptions(seed=seed, **wishes)
        if num_faces < 1:
            raise OptionError(f"num_faces={num_faces} is out of range. Ask for 1 or more.")
        heard, faces = heard_in(self.listen(audio)), []
        for index in self.progress_bar(range(num_faces)):
            identity = self.people.cast(self.head, heard, options.wishes(), seed + index)
            identity = self._with_face(identity, options)
            _, picture = self._imaginer(options).decode_reference(_latents(identity))
            faces.append(ImaginedFace(options.backdrop().lay_behind(picture.float())[0], identity))
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
            callback: called as ``callback(frames_done, frames)`` after each batch; returning False cancels.
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
        person = self._person(identity, profile, settings)
        motion = animate(
            profile, fps=settings.fps, num_frames=max(1, round(clip.duration * settings.fps)), seed=person.seed,
            emotion=settings.emotion, emotion_intensity=settings.emotion_intensity, head_motion=settings.head_motion,
            blink=settings.blink, gaze=settings.gaze,
        )  # fmt: skip
        frames = settings.collect(self._frames(person, motion, settings, callback), len(motion.actions))
        output = ImagineIDOutput(frames, settings.fps, profile, person, motion, clip)
        return output if return_dict else output.to_tuple()

    # --- the steps between --------------------------------------------------------------------------------------------

    def _combine(
        self, profile: VoiceProfile, identity_from: Any, emotion_from: Any, settings: GenerateOptions
    ) -> VoiceProfile:
        """The profile with the factors of other clips put in their place."""
        if identity_from is not None:
            who = self.listen(identity_from, sampling_rate=settings.sampling_rate)
            profile = replace(
                profile, embedding=who.embedding, gender=who.gender, age=who.age, build=who.build,
                head_shape=who.head_shape, head_shape_spread=who.head_shape_spread,
            )  # fmt: skip
        if emotion_from is not None:
            mood = self.listen(emotion_from, sampling_rate=settings.sampling_rate).emotion
            # The other clip has its own length: its overall mood counts, not its course.
            course = np.tile(mood.probabilities * mood.intensity, (len(profile.content.actions), 1))
            profile = replace(profile, emotion=replace(mood, track=course.astype(np.float32)))
        return profile

    def _person(self, identity: Any, profile: VoiceProfile, settings: GenerateOptions) -> Identity:
        """Whom the frames show, face included."""
        if identity is None:
            seed = settings.seed if settings.seed is not None else secrets.randbelow(2**31)
            return self._with_face(self.people.cast(self.head, heard_in(profile), settings.wishes(), seed), settings)
        given = identity if isinstance(identity, Identity) else Identity.load(identity)
        edited = self.people.edit(given, settings.wishes())
        return self._with_face(edited if edited is given else edited.without_face(), settings)

    def _with_face(self, identity: Identity, settings: GenerateOptions) -> Identity:
        imaginer = self._imaginer(settings)
        if identity.reference is not None and identity.reference.shape == imaginer.latent_shape:
            return identity  # else there is no face yet, or it is one of the other scale
        geometry, motion = next(iter(self._geometry(imaginer, identity, still_motion())))
        latents = imaginer.imagine_reference(identity, geometry, motion, settings.reference_steps)
        return replace(identity, reference=latents[0].half().cpu().numpy())

    def _imaginer(self, settings: GenerateOptions) -> Imaginer | FullImaginer:
        if self.scheduler is None:
            return Imaginer(
                self.autoencoder, self.denoiser, self.words, self.semantic_adapter, self.spatial_adapter,
                self.blending_adapter, settings.adapters,
            )  # fmt: skip
        return FullImaginer(
            self.autoencoder, self.denoiser, self.spatial_adapter, self.text_encoder, self.tokenizer, self.scheduler,
            settings.adapters, self._execution_device, settings.background,
        )  # fmt: skip

    def _geometry(
        self, imaginer: Imaginer | FullImaginer, identity: Identity, motion: FaceMotion
    ) -> Iterator[tuple[Any, torch.Tensor]]:
        """Geometry as the imaginer's renderer draws it, and motion vectors, of as many frames as it takes at once."""
        renderer: Any = imaginer.renderer(self.head)
        code = torch.from_numpy(identity.code)
        actions, pose = torch.from_numpy(motion.actions), torch.from_numpy(motion.head_pose)
        still = still_motion()
        reference = renderer.reference(
            self.head(code, *(torch.from_numpy(t) for t in (still.actions, still.head_pose)))
        )
        for first in range(0, len(actions), imaginer.batch):
            part = slice(first, first + imaginer.batch)
            yield (
                renderer.draw(self.head(code, actions[part], pose[part]), reference),
                motion_vector(actions[part], pose[part]),
            )

    def _frames(
        self,
        person: Identity,
        motion: FaceMotion,
        settings: GenerateOptions,
        callback: Callable[[int, int], bool | None] | None,
    ) -> Iterator[Any]:
        imaginer, backdrop, total, done = self._imaginer(settings), settings.backdrop(), len(motion.actions), 0
        reference: Any = imaginer.decode_reference(_latents(person))[0]
        geometry = self._geometry(imaginer, person, motion)
        with self.progress_bar(total=total) as bar:
            for pictures, latents in imaginer.imagine_frames(person, reference, geometry, settings.num_inference_steps):
                yield latents.cpu() if settings.output_type == "latent" else backdrop.lay_behind(pictures)
                done += len(pictures)
                bar.update(len(pictures))
                if callback is not None and callback(done, total) is False:
                    raise GenerationCancelled(f"The callback stopped the run after {done} of {total} frames.")


def heard_in(profile: VoiceProfile) -> Heard:
    """What casting needs of a profile, rounded: the last bits depend on where tensors lie in memory."""
    return Heard(
        gender=round(profile.gender.value, 3), age=round(profile.age.value, 2), age_spread=round(profile.age.spread, 2),
        build=round(profile.build.value, 3), build_spread=round(profile.build.spread, 3),
        voice=np.round(profile.embedding.astype(np.float64), 4),
    )  # fmt: skip


def still_motion() -> FaceMotion:
    """One frame at rest: the pose of every reference."""
    return FaceMotion(1.0, np.zeros((1, len(ARKIT_ACTIONS)), np.float32), np.zeros((1, 3), np.float32))


def provenance(identity: Identity) -> dict[str, str]:
    """Tags that say what the video is."""
    return {
        "title": "Synthetic talking face",
        "comment": f"Synthetic: this face was imagined from audio by imagineid-sdk {__version__}, seed {identity.seed}."
        " No such person exists.",
    }


def _latents(identity: Identity) -> torch.Tensor:
    assert identity.reference is not None
    return torch.from_numpy(identity.reference).float()[None]
