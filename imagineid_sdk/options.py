"""Options of a call: checked once, with errors that name the option, the value and the range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import OptionError
from .face.people import Wishes
from .imagining.backdrop import Backdrop
from .listening.profile import EMOTIONS

ADAPTERS: tuple[Literal["semantic", "spatial", "blending", "temporal"], ...] = (
    "semantic", "spatial", "blending", "temporal",
)  # fmt: skip


class GenerateOptions(BaseModel):
    """How a face is imagined and moved.

    Attributes:
        seed: picks the person among those who fit the voice; None picks a new one each time.
        fps: frames per second; the video has ``round(duration * fps)`` frames.
        num_inference_steps: denoising steps of every frame; None is what the model was trained for: 1, at full scale
            4.
        reference_steps: denoising steps of the one reference frame; None is 10, at full scale 25.
        gender, age, hair, hair_color, eye_color, beard, clothes, clothes_color, glasses, skin: set instead of heard or
            sampled, see `Wishes`.
        attributes: "heard" takes sex and age from the voice as far as they can be heard; "neutral" infers neither: the
            seed draws them.
        emotion: a word of ``EMOTIONS`` instead of the one heard; emotion_intensity: 0..1 instead of the one heard.
        head_motion, blink, gaze: 0 none, 1 human, 2 lively.
        background: a colour word, "#rrggbb", (r, g, b) in 0..255, a picture (array or path), or "transparent"; at
            full scale only a colour word.
        output_type: "uint8" ``(frames, height, width, 3)``, "np" float32 in [0, 1], "pt" the same as a tensor with
            channels before height, "pil" a list of pictures, "latent" ``(frames, channels, height, width)``.
        adapters: which adapters are on; to see what each one does. "temporal" is the motion module of full scale.
        sampling_rate: of audio given as an array, Hz.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, frozen=True)

    seed: int | None = Field(None, ge=0, lt=2**63)
    fps: float = Field(25.0, ge=1, le=120)
    num_inference_steps: int | None = Field(None, ge=1, le=100)
    reference_steps: int | None = Field(None, ge=1, le=200)
    gender: str | float | None = None
    age: float | None = None
    hair: str | None = None
    hair_color: str | tuple[int, int, int] | None = None
    eye_color: str | None = None
    beard: str | None = None
    clothes: str | None = None
    clothes_color: str | tuple[int, int, int] | None = None
    glasses: str | None = None
    skin: str | tuple[int, int, int] | None = None
    attributes: Literal["heard", "neutral"] = "heard"
    emotion: str | None = None
    emotion_intensity: float | None = Field(None, ge=0, le=1)
    head_motion: float = Field(1.0, ge=0, le=2)
    blink: float = Field(1.0, ge=0, le=2)
    gaze: float = Field(1.0, ge=0, le=2)
    background: Any = None
    output_type: Literal["uint8", "np", "pt", "pil", "latent"] = "uint8"
    adapters: tuple[Literal["semantic", "spatial", "blending", "temporal"], ...] = ADAPTERS
    sampling_rate: int | None = None

    def __init__(self, **options: Any) -> None:
        try:
            super().__init__(**options)
        except ValidationError as error:
            raise OptionError(_explain(error)) from None
        self.wishes()
        self.backdrop()
        if self.emotion is not None and self.emotion not in EMOTIONS:
            raise OptionError(f"emotion={self.emotion!r} is not known. Choose one of: {', '.join(EMOTIONS)}.")

    def wishes(self) -> Wishes:
        """The part about the person."""
        return Wishes(**{name: getattr(self, name) for name in Wishes.__dataclass_fields__})

    def manner(self) -> dict[str, Any]:
        """The part about motion, as `Animator` takes it."""
        names = ("fps", "emotion", "emotion_intensity", "head_motion", "blink", "gaze")
        return {name: getattr(self, name) for name in names}

    def backdrop(self) -> Backdrop:
        return Backdrop.from_option(self.background)

    def collect(self, batches: Iterator[Any], total: int) -> Any:
        """Batches of frames -> the form that ``output_type`` names, without holding them twice."""
        if self.output_type == "latent":
            import torch

            return torch.cat(list(batches))
        frames: np.ndarray | None = None
        done = 0
        for batch in batches:
            if frames is None:
                frames = np.empty((total, *batch.shape[1:]), np.uint8)
            frames[done : done + len(batch)] = batch
            done += len(batch)
        assert frames is not None and done == total
        return _convert(frames, self.output_type)


def _convert(frames: np.ndarray, output_type: str) -> Any:
    if output_type == "np":
        return frames.astype(np.float32) / 255
    if output_type == "pt":
        import torch

        return torch.from_numpy(frames).movedim(-1, 1).float() / 255
    if output_type == "pil":
        from PIL import Image  # comes with diffusers

        return [Image.fromarray(frame) for frame in frames]
    return frames


def _explain(error: ValidationError) -> str:
    """One line for each wrong option."""
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"][:1])
        if problem["type"] == "extra_forbidden":
            known = ", ".join(GenerateOptions.model_fields)
            lines.append(f"There is no option {name!r}. The options are: {known}.")
        else:
            lines.append(f"{name}={problem['input']!r} can't be used: {problem['msg']}.")
    return " ".join(lines)
