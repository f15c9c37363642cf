"""What happens on the page when something is pressed."""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from imagineid_sdk.app.studio import NUM_FACES, Studio, jpeg
from imagineid_sdk.app.visitor import Visitor, Visitors
from imagineid_sdk.app.wishes import given
from imagineid_sdk.errors import GenerationCancelled, ImagineIDError, OptionError

DOWNLOADS = {"video": "Video (mp4)", "person": "Person", "motion": "Motion (csv)", "mesh": "Mesh (glb)"}
PROGRESS = gr.Progress()
"""As the default of a parameter, how gradio is told to pass the bar of the visitor."""
FOLDERS = re.compile(r"'/(?:[^'/]+/)*")
"""Where a visitor's file lies on this machine is nobody's business."""


def explained(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mistakes and cancellations are told in the page; the log is for faults."""

    @functools.wraps(function)
    def wrapped(*given: Any, **named: Any) -> Any:
        try:
            yield from function(*given, **named)
        except GenerationCancelled:
            raise gr.Error("Cancelled.", title="Stopped", duration=4, print_exception=False) from None
        except ImagineIDError as error:
            reason = FOLDERS.sub("'", str(error))
            raise gr.Error(reason, title="That did not work", print_exception=False) from error

    return wrapped


@dataclass(frozen=True, eq=False)
class ClipEvents:
    """Events of the tab "From a clip". Each gives the new values of some controls, see `page._ClipTab.connect`."""

    studio: Studio
    visitors: Visitors

    @explained
    def imagine(self, request: gr.Request, path: str | None, *values: Any) -> Iterator[tuple[Any, ...]]:
        yield self._faces(request, path, values, 0)

    @explained
    def imagine_others(self, request: gr.Request, path: str | None, *values: Any) -> Iterator[tuple[Any, ...]]:
        yield self._faces(request, path, values, self._visitor(request).first_seed + NUM_FACES)

    @explained
    def choose(self, request: gr.Request, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        visitor, at = self._visitor(request), int(event._data["at"])
        if at >= len(visitor.faces):
            raise OptionError("These faces are gone. Imagine faces again.")
        visitor.chosen = visitor.faces[at].identity
        on = gr.update(interactive=True)
        yield cards(visitor, at), on, on, data_uri(jpeg(visitor.faces[at].image), "jpeg")

    @explained
    def preview(self, request: gr.Request, *values: Any) -> Iterator[Any]:
        visitor = self._visitor(request)
        if visitor.chosen is not None:
            content = base64.b64encode(self.studio.preview(visitor, given(values))).decode()
            yield data_uri(content, "webp")
        else:
            yield gr.skip()

    @explained
    def make_video(self, request: gr.Request, progress: gr.Progress = PROGRESS, *values: Any) -> Iterator[list[Any]]:
        yield from self._film(request, progress, None, values)

    @explained
    def say_new_words(
        self, request: gr.Request, progress: gr.Progress = PROGRESS, path: str | None = None, *values: Any
    ) -> Iterator[list[Any]]:
        if path is None:
            raise gr.Error("Upload or record another clip first.", title="No words yet", print_exception=False)
        yield from self._film(request, progress, path, values)

    def begin(self, request: gr.Request) -> dict[str, Any]:
        """At once, not when it is the visitor's turn: they may cancel while they wait."""
        self._visitor(request).cancelled.clear()
        return gr.update(interactive=True)

    def cancel(self, request: gr.Request) -> None:
        self._visitor(request).cancelled.set()

    def _visitor(self, request: gr.Request) -> Visitor:
        return self.visitors[str(request.session_hash)]

    def _faces(self, request: gr.Request, path: str | None, values: tuple[Any, ...], first: int) -> tuple[Any, ...]:
        """Eight people from the seed `first` on."""
        if path is None:
            raise gr.Error("Upload or record a clip first.", title="No voice yet", print_exception=False)
        visitor = self._visitor(request)
        visitor.uploads.add(Path(path))
        heard = self.studio.imagine(visitor, path, given(values), first)
        off = gr.update(interactive=False)
        return f"Heard: {heard}", cards(visitor), gr.update(interactive=True), off, off, None

    def _film(
        self, request: gr.Request, progress: gr.Progress, path: str | None, values: tuple[Any, ...]
    ) -> Iterator[list[Any]]:
        """The video and the other downloads, each as soon as it is there."""
        visitor = self._visitor(request)
        if path is not None:
            visitor.uploads.add(Path(path))

        def tell(done: int, total: int) -> None:
            progress((done, total), desc="Drawing", unit="frames")

        progress(0, desc="Listening")
        for files in self.studio.film(visitor, path, given(values), tell):
            buttons = [gr.update(value=files.get(kind), interactive=kind in files) for kind in DOWNLOADS]
            yield [files["video"], *map(as_text, buttons)]


def cards(visitor: Visitor, chosen: int | None = None) -> list[dict[str, Any]]:
    """The faces as the page shows them."""
    return [
        {
            "picture": data_uri(jpeg(face.image), "jpeg"), "seed": face.identity.seed, "chosen": at == chosen,
            "words": f"{face.identity.words()['gender']}, {face.identity.age:.0f}",
        }
        for at, face in enumerate(visitor.faces)
    ]  # fmt: skip


def data_uri(content: str, kind: str) -> str:
    return f"data:image/{kind};base64,{content}"


def as_text(update: dict[str, Any]) -> dict[str, Any]:
    """Gradio takes paths as text."""
    return update | {"value": None if update["value"] is None else str(update["value"])}
