"""What a visitor asks for, done with the pipeline. Knows nothing of gradio."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from imagineid_sdk.app.live import LiveTalk
from imagineid_sdk.app.visitor import Visitor
from imagineid_sdk.audio.resampling import SAMPLE_RATE
from imagineid_sdk.errors import GenerationCancelled, OptionError

if TYPE_CHECKING:
    from imagineid_sdk import ImagineIDPipeline
    from imagineid_sdk.audio import AudioClip
    from imagineid_sdk.face.persona.identity import Identity
    from imagineid_sdk.output import ImagineIDOutput

NUM_FACES = 8
PREVIEW_SECONDS, PREVIEW_FPS = 1.2, 12.5


class Studio:
    """The model, loaded while the page is already there, and one function for each thing that a visitor can do."""

    def __init__(self, model: str | None) -> None:
        self._model, self._lock = model, Lock()
        self._loading: Future[ImagineIDPipeline] | None = None

    def load(self) -> Future[ImagineIDPipeline]:
        """Begins to load the model, beside whatever else goes on."""
        with self._lock:
            if self._loading is None:
                self._loading = Future()
                # A daemon: who stops the page at once does not wait for the model.
                Thread(target=load, args=(self._model, self._loading), name="loading", daemon=True).start()
            return self._loading

    @property
    def pipe(self) -> ImagineIDPipeline:
        """Waits for the model; raises what went wrong with it."""
        return self.load().result()

    def imagine(self, visitor: Visitor, path: str, wishes: dict[str, Any], first_seed: int) -> str:
        """Eight people whom the voice of a clip could belong to; returns what was heard, in a line."""
        pipe = self.pipe  # before anything is imported: two threads that import the same may wait for each other
        from imagineid_sdk.audio import load_audio

        visitor.clip, visitor.chosen, visitor.first_seed = load_audio(path), None, first_seed
        portrait, _ = told_apart(wishes)
        stop = unless_gone(visitor)
        visitor.faces = pipe.imagine(
            visitor.clip, num_faces=NUM_FACES, seed=first_seed, callback_on_step_end=stop, **portrait
        )
        return heard(pipe.listen(visitor.clip).to_dict())

    def preview(self, visitor: Visitor, wishes: dict[str, Any]) -> bytes:
        """The chosen person saying a second of the clip, with all wishes: an animated WebP."""
        piece = loudest_piece(self._clip(visitor), PREVIEW_SECONDS)
        going_on = unless(lambda done, total: None, visitor.gone)
        out = self.pipe(piece, identity=chosen(visitor), fps=PREVIEW_FPS, callback=going_on, **wishes)
        return animation(out.frames, PREVIEW_FPS)

    def film(
        self, visitor: Visitor, path: str | None, wishes: dict[str, Any], progress: Callable[[int, int], None]
    ) -> Iterator[dict[str, Path]]:
        """The chosen person saying the clip, or another one: files by kind, the video first."""
        pipe = self.pipe
        from imagineid_sdk.audio import load_audio

        clip = self._clip(visitor) if path is None else load_audio(path)
        going_on = unless(progress, visitor.cancelled, visitor.gone)
        out = pipe(clip, identity=chosen(visitor), callback=going_on, **wishes)
        # A folder for each film: at the address of the last one a browser goes on showing the last one.
        yield from saved(out, Path(tempfile.mkdtemp(prefix="film-", dir=visitor.folder)))

    def talk(self, visitor: Visitor, wishes: dict[str, Any]) -> LiveTalk:
        """A conversation with the chosen person, or with somebody who is imagined from the first words."""
        if visitor.talk is not None:
            visitor.talk.close()
        return LiveTalk(self.pipe, visitor.chosen, *told_apart(wishes))

    def _clip(self, visitor: Visitor) -> AudioClip:
        if visitor.clip is None:
            raise OptionError("There is no clip yet. Upload or record one, and imagine faces for it.")
        return visitor.clip


def load(model: str | None, loading: Future[ImagineIDPipeline]) -> None:
    """Load the model, and give it, or what went wrong, to whoever waits."""
    try:
        from imagineid_sdk import ImagineIDPipeline

        pipe = ImagineIDPipeline.from_pretrained(model)
        pipe.set_progress_bar_config(disable=True)
        loading.set_result(pipe)
    except BaseException as error:
        loading.set_exception(error)


def told_apart(wishes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Wishes about the person, and about how they move."""
    from imagineid_sdk.resolver import MOTION_OPTIONS

    return (
        {name: wish for name, wish in wishes.items() if name not in MOTION_OPTIONS},
        {name: wish for name, wish in wishes.items() if name in MOTION_OPTIONS},
    )


def chosen(visitor: Visitor) -> Identity:
    if visitor.chosen is None:
        raise OptionError("Nobody is chosen yet. Choose one of the faces.")
    return visitor.chosen


def unless(progress: Callable[[int, int], None], *events: Event) -> Callable[[int, int], bool]:
    """A callback of the pipeline that tells how far it is, and cancels when one of the events is set."""

    def callback(done: int, total: int) -> bool:
        progress(done, total)
        return not any(event.is_set() for event in events)

    return callback


def unless_gone(visitor: Visitor) -> Callable[..., None]:
    """The same for the steps of a portrait, while the visitor is there."""

    def callback(*_: Any) -> None:
        if visitor.gone.is_set():
            raise GenerationCancelled("The visitor has left.")

    return callback


def saved(out: ImagineIDOutput, folder: Path) -> Iterator[dict[str, Path]]:
    """The video, and then the other files as well: the mesh takes a moment."""
    files = {"video": out.save(folder / "talk.mp4")}
    yield dict(files)
    files["person"] = out.identity.save(folder / "person.safetensors")
    files["motion"] = out.motion.save(folder / "motion.csv")
    files["mesh"] = out.save_mesh(folder / "head.glb")
    yield files


def loudest_piece(clip: AudioClip, seconds: float) -> AudioClip:
    """The part of a clip, so long, that holds the most sound: there a face moves the most."""
    length, step = round(seconds * SAMPLE_RATE), SAMPLE_RATE // 10
    if len(clip.samples) <= length:
        return clip
    power = np.cumsum(np.concatenate([[0.0], np.square(clip.samples, dtype=np.float64)]))
    starts = np.arange(0, len(clip.samples) - length + 1, step)
    start = int(starts[np.argmax(power[starts + length] - power[starts])])
    rate = clip.original_rate
    part = clip.original[round(start / SAMPLE_RATE * rate) : round((start + length) / SAMPLE_RATE * rate)]
    return replace(
        clip, samples=clip.samples[start : start + length], duration=len(part) / rate, original=part, source=None
    )


def heard(summary: dict[str, Any]) -> str:
    """What a voice told, in a line."""
    gender, age, emotion = summary["gender"], summary["age"], summary["emotion"]
    sex = ("a woman" if gender["value"] > 0.5 else "a man") if gender["heard"] else "a woman or a man"
    years = f"about {age['value']:.0f}" if age["heard"] else "grown up, of any age"
    return f"{summary['duration']:.1f} s · sounds like {sex} · {years} · {emotion['label']}"


def jpeg(frame: np.ndarray, quality: int = 85) -> str:
    """A frame as base64 of a JPEG, for the page."""
    from PIL import Image  # comes with diffusers

    buffer = io.BytesIO()
    Image.fromarray(frame[..., :3]).save(buffer, "JPEG", quality=quality)
    return base64.b64encode(buffer.getvalue()).decode()


def animation(frames: np.ndarray, fps: float) -> bytes:
    """An animated WebP that runs for ever."""
    from PIL import Image

    pictures, buffer = [Image.fromarray(frame) for frame in frames], io.BytesIO()
    pictures[0].save(
        buffer, "WEBP", save_all=True, append_images=pictures[1:], duration=round(1000 / fps), loop=0, quality=80,
        method=0,
    )  # fmt: skip
    return buffer.getvalue()
