"""Several speakers in one clip: who speaks when, and a person for each of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from imagineid_sdk.audio import AudioClip
from imagineid_sdk.audio.resampling import SAMPLE_RATE
from imagineid_sdk.errors import OptionError
from imagineid_sdk.listening.diarisation import SpeakerTurns, find_turns
from imagineid_sdk.listening.profile import TRACK_RATE
from imagineid_sdk.options import GenerateOptions
from imagineid_sdk.resolver import Callback, Factors
from imagineid_sdk.video.formats import format_of
from imagineid_sdk.video.provenance import Signing, file_tags
from imagineid_sdk.video.recorder import write_mp4
from imagineid_sdk.video.watermark import Watermark

if TYPE_CHECKING:
    from imagineid_sdk.output import ImagineIDOutput
    from imagineid_sdk.pipeline import ImagineIDPipeline


@dataclass(frozen=True, eq=False)
class Dialogue(Sequence["ImagineIDOutput"]):
    """The people of a clip: a sequence of outputs, one for each speaker, the first to speak first.

    Each output is as long as the clip and holds its speaker's words alone: the sounds of all add up to the clip, and a
    person is still while others speak.

    Attributes:
        turns: who speaks when.
        audio: the clip, whole.
        marked: whether the video of everybody gets the invisible watermark.
    """

    outputs: tuple[ImagineIDOutput, ...]
    turns: SpeakerTurns
    audio: AudioClip
    marked: bool = field(default=True, repr=False)

    def __len__(self) -> int:
        return len(self.outputs)

    @overload
    def __getitem__(self, at: int) -> ImagineIDOutput: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[ImagineIDOutput]: ...
    def __getitem__(self, at: Any) -> Any:
        return self.outputs[at]

    def to_tuple(self) -> tuple[Any, ...]:
        """The tuples of the outputs."""
        return tuple(one.to_tuple() for one in self.outputs)

    def save(self, path: str | os.PathLike[str], *, sign: Signing = None) -> Path:
        """Write one video with everybody side by side and the clip's own sound. Kinds and errors are those of
        `ImagineIDOutput.save`, without folders."""
        kind, frames = format_of(path), [one._savable() for one in self.outputs]
        if frames[0].shape[-1] == 4 and kind.clear is None:
            raise OptionError(f"The frames are transparent. {kind.no_transparency()}")
        mark = Watermark(np.concatenate([part[0] for part in frames], axis=1)) if self.marked else None

        def rows() -> Iterator[np.ndarray]:
            for together in zip(*frames, strict=True):
                row = np.concatenate(together, axis=1)[None]
                if mark is not None:  # the marks of the single videos are tied to their own frames
                    mark.add(row)
                yield row[0]

        tags = file_tags(self.outputs[0].identity)
        write_mp4(path, rows(), fps=self.outputs[0].fps, audio=self.audio, metadata=tags, sign=sign)
        return Path(path)

    def save_each(self, path: str | os.PathLike[str], *, sign: Signing = None) -> list[Path]:
        """Write a file for each speaker: of "talk.mp4" talk-1.mp4, talk-2.mp4, ... Takes what ``out.save`` takes, and
        motion (.csv, .json) and mesh (.glb)."""
        from imagineid_sdk.export import save_as

        return [save_as(one, name, sign) for one, name in zip(self.outputs, numbered(path, len(self)), strict=True)]


def numbered(path: str | os.PathLike[str], count: int) -> list[Path]:
    """Names for so many speakers: of "talk.csv" talk-1.csv, talk-2.csv, ..."""
    whole = Path(path)
    return [whole.with_name(f"{whole.stem}-{number}{whole.suffix}") for number in range(1, count + 1)]


def make_dialogue(
    pipe: ImagineIDPipeline, clip: AudioClip, settings: GenerateOptions, factors: Factors, callback: Callback | None
) -> Dialogue:
    """A person for each speaker of a clip. With a seed, the speakers have consecutive seeds that begin with it."""
    from imagineid_sdk.clips import generate_clip

    turns = find_turns(pipe.identity_encoder.eval(), clip.samples)
    shares = parts_of(turns)

    def counted(before: int) -> Callback | None:
        """Frames of all speakers together."""
        if callback is None:
            return None
        return lambda done, total: callback(before * total + done, len(shares) * total)

    outputs = []
    for number, share in enumerate(shares):
        seed = None if settings.seed is None else settings.seed + number
        outputs.append(
            generate_clip(pipe, spoken_part(clip, share), settings.with_seed(seed), factors, counted(number))
        )
    return Dialogue(tuple(outputs), turns, clip, settings.watermark)


def check_separate(factors: Factors) -> None:
    """Raises OptionError for what can't be asked of several people at once."""
    for name in ("identity", "identity_from", "motion"):
        if getattr(factors, name) is not None:
            raise OptionError(
                f"{name}= is about one person, and speakers='separate' makes one for each speaker. Leave one of them "
                "out."
            )


def parts_of(turns: SpeakerTurns) -> np.ndarray:
    """Gain of each speaker's part, 0 or 1, float32 ``(speakers, frames)``. A turn lasts until somebody else begins, so
    pauses belong to somebody, and the gains add up to 1."""
    speaking = turns.speaking
    frames = np.arange(speaking.shape[1])
    anybody = speaking.any(axis=0)
    last = np.maximum.accumulate(np.where(anybody, frames, 0))
    first = int(np.argmax(anybody))
    owner = np.where(frames < first, speaking[:, first].argmax(), speaking.argmax(axis=0)[last])
    return (owner == np.arange(len(speaking))[:, None]).astype(np.float32)


def spoken_part(clip: AudioClip, share: np.ndarray) -> AudioClip:
    """The clip with all but one speaker's part silent; it fades within 20 ms."""

    def at(rate: int, length: int) -> np.ndarray:
        moments = np.arange(length) / rate * TRACK_RATE - 0.5
        return np.interp(moments, np.arange(len(share)), share).astype(np.float32)

    samples = clip.samples * at(SAMPLE_RATE, len(clip.samples))
    original = clip.original * at(clip.original_rate, len(clip.original))[:, None]
    return replace(clip, samples=samples, original=original)
