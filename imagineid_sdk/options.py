"""Options of a call: typed for editors, checked once, with errors that name the option, the value and the range."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import TypedDict

from imagineid_sdk.errors import OptionError
from imagineid_sdk.face.persona.overrides import Overrides
from imagineid_sdk.listening.profile import EMOTIONS
from imagineid_sdk.video.backdrop import Backdrop, Background
from imagineid_sdk.video.formats import MP4, PathOrFile, format_of

Adapter: TypeAlias = Literal["semantic", "spatial", "blending", "temporal"]
OutputType: TypeAlias = Literal["uint8", "np", "pt", "pil", "latent", "none"]
Colour: TypeAlias = str | tuple[int, int, int]
Together: TypeAlias = Literal["together"]
Separate: TypeAlias = Literal["separate"]
OF_CALL = ("callback",)
"""Keywords of a call and of `map` that are no options of these classes."""
SEEDS = 2**63
"""How many seeds there are."""


class PortraitKwargs(TypedDict, total=False):
    """Keywords of `PortraitOptions`."""

    reference_steps: int | None
    gender: str | float | None
    age: float | None
    hair: str | None
    hair_color: Colour | None
    eye_color: str | None
    beard: str | None
    clothes: str | None
    clothes_color: Colour | None
    glasses: str | None
    skin: Colour | None
    attributes: Literal["heard", "neutral"]
    light: str | None
    background: Background
    size: Literal[256, 512]
    adapters: tuple[Adapter, ...] | None
    watermark: bool


class VideoKwargs(PortraitKwargs, total=False):
    """Keywords of `GenerateOptions` that a video is made with."""

    seed: int | None
    fps: float
    num_inference_steps: int | None
    emotion: str | None
    emotion_intensity: float | None
    head_motion: float
    blink: float
    gaze: float
    sampling_rate: int | None


class GenerateKwargs(VideoKwargs, total=False):
    """Keywords of `GenerateOptions` but for ``speakers``, which the type of the result depends on."""

    output_type: OutputType


class RendererKwargs(PortraitKwargs, total=False):
    """Keywords of `GenerateOptions` that a renderer takes: its motion is given frame by frame."""

    num_inference_steps: int | None
    output_type: Literal["uint8", "latent"]


class PortraitOptions(BaseModel):
    """How a person is imagined.

    Attributes:
        reference_steps: denoising steps of the portrait, 1 to 200; None is 12, with sd15 25. A person who has a face
            keeps it.
        gender, age, hair, hair_color, eye_color, beard, clothes, clothes_color, glasses, skin, light: set instead of
            heard or sampled, see `Overrides`. They also edit a known person.
        attributes: "heard" takes sex and age from the voice as far as they can be heard; "neutral" infers neither: the
            seed draws them.
        background: a place ("studio", "room", "office", "park", "forest", "street", "dusk"), a colour word, "#rrggbb",
            (r, g, b) in 0..255, a picture (array or path), or "transparent"; None is a place that fits the light. With
            sd15 only a colour word.
        size: pixels of a frame's side, 512 or 256; with sd15 it is the base model's.
        adapters: those that are switched on; None is all of them. "temporal" is the motion module of sd15.
        watermark: marks the pixels, invisibly, as made by a machine, see `imagineid_sdk.video.watermark`.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, frozen=True)
    beside: ClassVar[tuple[str, ...]] = ()
    """Keywords of every call that are no fields."""

    reference_steps: int | None = Field(None, ge=1, le=200)
    gender: str | float | None = None
    age: float | None = None
    hair: str | None = None
    hair_color: Colour | None = None
    eye_color: str | None = None
    beard: str | None = None
    clothes: str | None = None
    clothes_color: Colour | None = None
    glasses: str | None = None
    skin: Colour | None = None
    attributes: Literal["heard", "neutral"] = "heard"
    light: str | None = None
    background: Any = None
    size: Literal[256, 512] = 512
    adapters: tuple[Adapter, ...] | None = None
    watermark: bool = True

    def __init__(self, **options: Any) -> None:
        try:
            super().__init__(**options)
        except ValidationError as error:
            raise OptionError(_explain(error, type(self))) from None
        self.overrides  # noqa: B018 (both are checked when they are first made)
        self.backdrop  # noqa: B018

    @cached_property
    def overrides(self) -> Overrides:
        """The part about the person."""
        return Overrides(**{name: getattr(self, name) for name in Overrides.__dataclass_fields__})

    @cached_property
    def backdrop(self) -> Backdrop | None:
        """The background, read once; None is one that fits the person's light."""
        return None if self.background is None else Backdrop.from_option(self.background)


class GenerateOptions(PortraitOptions):
    """How a person is imagined and moved.

    Attributes:
        seed: 0 to 2**63 - 1; picks the person among those who fit the voice, and the performance. None picks a new one
            each time, and for a known person the performance of the person's own seed.
        fps: frames per second, 1 to 120; the video has ``round(duration * fps)`` frames.
        num_inference_steps: denoising steps of every frame, 1 to 100; None is what the adapters were trained for: 1,
            with sd15 4.
        emotion: "neutral", "happy", "sad", "angry", "surprised", "fearful", "disgusted" or "contemptuous", instead of
            the one heard; at intensity 0.8 unless `emotion_intensity` is given.
        emotion_intensity: 0 to 1, instead of the one heard.
        head_motion, blink, gaze: 0 none, 1 natural, 2 strongest.
        output_type: "uint8" ``(frames, height, width, 3)``, "np" float32 in [0, 1], "pt" the same as a tensor with
            channels before height, "pil" a list of pictures, "latent" ``(frames, channels, height, width)``,
            "none" makes no frames: for ``out.motion`` and ``out.save_mesh``.
        sampling_rate: of audio given as an array, 1,000 to 768,000 Hz.
        speakers: "together" takes a clip for one person's; "separate" finds out who speaks when and gives a `Dialogue`,
            with a person for each speaker.
    """

    beside: ClassVar[tuple[str, ...]] = (
        "identity", "identity_from", "emotion_from", "motion", "generator", "callback_on_step_end",
        "callback_on_step_end_tensor_inputs",
    )  # fmt: skip

    seed: int | None = Field(None, ge=0, lt=SEEDS)
    fps: float = Field(25.0, ge=1, le=120)
    num_inference_steps: int | None = Field(None, ge=1, le=100)
    emotion: str | None = None
    emotion_intensity: float | None = Field(None, ge=0, le=1)
    head_motion: float = Field(1.0, ge=0, le=2)
    blink: float = Field(1.0, ge=0, le=2)
    gaze: float = Field(1.0, ge=0, le=2)
    output_type: OutputType = "uint8"
    sampling_rate: int | None = None
    speakers: Together | Separate = "together"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if self.emotion is not None and self.emotion not in EMOTIONS:
            raise OptionError(f"emotion={self.emotion!r} is not known. Choose one of: {', '.join(EMOTIONS)}.")

    def motion_options(self) -> dict[str, Any]:
        """The part about motion, as `Animator` takes it."""
        names = ("fps", "emotion", "emotion_intensity", "head_motion", "blink", "gaze")
        return {name: getattr(self, name) for name in names}

    def with_seed(self, seed: int | None) -> GenerateOptions:
        """With another seed. Raises OptionError where counting on has left the range."""
        if seed is not None and seed >= SEEDS:
            raise OptionError(f"seed={seed} can't be used: several people count on from the seed. Give a smaller one.")
        return self if seed == self.seed else self.model_copy(update={"seed": seed})

    def check_for_stream(self) -> None:
        """Raises OptionError if these frames can't be streamed."""
        if self.output_type != "uint8":
            raise OptionError(f"output_type={self.output_type!r} can't be streamed. A stream gives uint8 frames.")
        if self.speakers != "together":
            raise OptionError("speakers='separate' needs the whole clip. Call pipe(clip, ...).save(path) instead.")

    def check_for_renderer(self) -> None:
        """Raises OptionError if a renderer does not give such frames."""
        if self.output_type not in ("uint8", "latent"):
            raise OptionError(f"output_type={self.output_type!r} can't be used. A renderer gives 'uint8' or 'latent'.")

    def check_for_file(self, target: PathOrFile) -> None:
        """Raises OptionError if these frames don't go into a video file of the target's ending; an open file gets an
        mp4."""
        kind = format_of(target) if isinstance(target, (str, os.PathLike)) else MP4
        if self.backdrop is not None and self.backdrop.picture is None and kind.clear is None:
            raise OptionError(f"background='transparent' can't be used. {kind.no_transparency()}")


def check_names(options: Iterable[str], known: Iterable[str], caller: str, beside: Sequence[str] = ()) -> None:
    """Raises OptionError for an option that nothing would take; ``beside``: keywords of the caller's own."""
    known = list(known)
    if unknown := [name for name in options if name not in known]:
        raise OptionError(unknown_option(caller, unknown[0], [*beside, *known]))


def known_options(
    caller: Literal["imagine", "renderer", "stream", "write_mp4"], options: Mapping[str, Any]
) -> dict[str, Any]:
    """The options as they are. Raises OptionError for one that this method does not have."""
    keywords, own = {
        "imagine": (
            PortraitKwargs, ("num_faces", "seed", "generator", "sampling_rate", "callback_on_step_end"),
        ),
        "renderer": (RendererKwargs, ("identity",)),
        "stream": (VideoKwargs, ("look_ahead", "settle")),
        "write_mp4": (VideoKwargs, ("callback", "sign")),
    }[caller]  # fmt: skip
    streamed = caller in ("stream", "write_mp4")
    taken = [*keywords.__annotations__, *(GenerateOptions.beside if streamed else ())]
    explained = ("output_type", "speakers") if streamed else ()  # `check_for_stream` says why it has none
    check_names([name for name in options if name not in explained], taken, f"{caller}()", own)
    return dict(options)


def check_callable(name: str, value: object) -> None:
    """Raises OptionError for a callback that can't be called."""
    if value is not None and not callable(value):
        raise OptionError(f"{name}={value!r} can't be called. Give a function, or leave it out.")


def unknown_option(caller: str, name: str, known: Sequence[str]) -> str:
    return f"{caller} has no option {name!r}. The options are: {', '.join(known)}."


def _explain(error: ValidationError, options: type[PortraitOptions]) -> str:
    """One line for each wrong option."""
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"][:1])
        if problem["type"] == "extra_forbidden":
            lines.append(unknown_option("This call", name, (*OF_CALL, *options.beside, *options.model_fields)))
        else:
            lines.append(f"{name}={problem['input']!r} can't be used: {problem['msg']}.")
    return " ".join(lines)
