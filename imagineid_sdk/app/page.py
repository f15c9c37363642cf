"""The page itself: what is where; `events` says what happens when something is pressed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from imagineid_sdk.app.events import DOWNLOADS, ClipEvents, explained
from imagineid_sdk.app.studio import Studio, jpeg
from imagineid_sdk.app.visitor import Visitors
from imagineid_sdk.app.wishes import WISHES, Wish, given

HERE = Path(__file__).parent
STYLE = (HERE / "style.css").read_text()
INTRODUCTION = """
<h1>ImagineID</h1>
<p>A voice comes in, the face of nobody goes out. No photo is used, nothing is passed on, and what you upload is deleted
when you close the page.</p>
"""
FACES = """
{{#if value}}<div class="grid">{{#each value}}
<button type="button" class="face{{#if this.chosen}} chosen{{/if}}" data-at="{{@index}}"
  aria-pressed="{{#if this.chosen}}true{{else}}false{{/if}}">
<img src="{{this.picture}}" alt="{{this.words}}"><span>{{this.words}}<small>seed {{this.seed}}</small></span>
</button>{{/each}}</div>{{else}}<p class="empty">Eight people whom the voice could belong to will be here.</p>{{/if}}
"""
FACES_PRESSED = """
element.addEventListener("click", (event) => {
  const face = event.target.closest(".face");
  if (face) trigger("select", { at: Number(face.dataset.at) });
});
"""
PREVIEW = """
{{#if value}}<img src="{{value}}" alt="the chosen person, saying a second of the clip">
{{else}}<p class="empty">Choose a face. It will say a second of your clip here, and change with every wish.</p>{{/if}}
"""
LIVE = """
<canvas width="256" height="256"></canvas><div class="level"><span></span></div>
<button type="button">Start the microphone</button>
<p class="note">Start the microphone and speak.</p>
"""
DELETE_CACHE = (600, 3600)
"""Every 600 s gradio deletes its own files that are older than 3600 s."""


def theme() -> gr.themes.Base:
    """Fonts of the system: none is fetched."""
    sans = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif")
    chosen = gr.themes.Soft(
        primary_hue="indigo", neutral_hue="slate", radius_size="lg", font=sans, font_mono=("ui-monospace", "monospace")
    )
    quiet = {
        f"block_{part}_{what}": value
        for part in ("title", "label")
        for what, value in (
            ("background_fill", "none"), ("background_fill_dark", "none"), ("text_color", "*body_text_color_subdued"),
            ("text_color_dark", "*body_text_color_subdued"), ("text_weight", "500"),
        )
    }  # fmt: skip
    return chosen.set(**quiet)


def make_page(studio: Studio, folder: Path, at_once: int) -> gr.Blocks:
    """The page. `folder` is for visitors' files; so many visitors are served at once."""
    visitors = Visitors(folder)
    queued: dict[str, Any] = {"concurrency_id": "drawing", "concurrency_limit": at_once}

    with gr.Blocks(title="ImagineID", analytics_enabled=False, delete_cache=DELETE_CACHE) as page:
        gr.HTML(INTRODUCTION, elem_id="introduction")
        with gr.Tabs(elem_id="ways"):
            with gr.Tab("From a clip"):
                clip_tab = _ClipTab()
            with gr.Tab("Live"):
                live_tab = _LiveTab(visitors)
        clip_tab.connect(ClipEvents(studio, visitors), queued)
        live_tab.connect(studio, visitors, queued, clip_tab.wishes)

        def forget(request: gr.Request) -> None:
            visitors.forget(str(request.session_hash))

        page.unload(forget)
    return page


class _ClipTab:
    """Clip, faces, wishes, video, and the same face with new words."""

    def __init__(self) -> None:
        with gr.Row(elem_classes="step"):
            with gr.Column(scale=4, min_width=300):
                gr.Markdown("### 1 · A voice")
                self.clip = sound("Clip", "clip")
                self.imagine = gr.Button("Imagine eight faces", variant="primary", elem_id="imagine")
                self.heard = gr.HTML(elem_id="heard")
            with gr.Column(scale=7, min_width=300):
                gr.Markdown("### 2 · A face")
                self.faces = gr.HTML(
                    None, html_template=FACES, js_on_load=FACES_PRESSED, elem_id="faces", label="Faces"
                )
                self.others = gr.Button("Eight others", size="sm", interactive=False, elem_id="others")
        with gr.Row(elem_classes="step"):
            with gr.Column(scale=7, min_width=300):
                gr.Markdown("### 3 · Your wishes")
                with gr.Row(elem_id="looks"):
                    self.preview = gr.HTML(None, html_template=PREVIEW, elem_id="preview", min_width=260)
                    with gr.Column(min_width=280):
                        self.wishes = []
                        for first in range(0, len(WISHES), 2):
                            with gr.Row(elem_classes="pair"):
                                self.wishes += [make_control(wish) for wish in WISHES[first : first + 2]]
            with gr.Column(scale=4, min_width=300):
                gr.Markdown("### 4 · The video")
                self.video = gr.Video(
                    label="Video", interactive=False, autoplay=True, buttons=["download"], elem_id="video"
                )
                with gr.Row():
                    self.film = gr.Button("Make the video", variant="primary", interactive=False, elem_id="film")
                    self.cancel = gr.Button("Cancel", interactive=False, elem_id="cancel")
                with gr.Row(elem_id="downloads"):
                    self.downloads = [
                        gr.DownloadButton(
                            label, size="sm", interactive=False, elem_id=f"download-{kind}", min_width=120
                        )
                        for kind, label in DOWNLOADS.items()
                    ]
                with gr.Accordion("Same face, new words", open=False, elem_id="again"):
                    self.words = sound("Another clip", "words")
                    self.say = gr.Button("Say this instead", interactive=False, elem_id="say")

    def connect(self, events: ClipEvents, queued: dict[str, Any]) -> None:
        shown = [self.heard, self.faces, self.others, self.film, self.say, self.preview]
        for button, imagine in ((self.imagine, events.imagine), (self.others, events.imagine_others)):
            button.click(imagine, [self.clip, *self.wishes], shown, show_progress_on=self.faces, **queued)
        chosen = [self.faces, self.film, self.say, self.preview]
        self.faces.select(events.choose, None, chosen, show_progress="hidden").then(
            events.preview, self.wishes, self.preview, show_progress_on=self.preview, show_progress="minimal", **queued
        )
        for control in self.wishes:
            event = control.release if isinstance(control, gr.Slider) else control.input
            event(
                events.preview, self.wishes, self.preview, trigger_mode="always_last", show_progress="minimal", **queued
            )
        files = [self.video, *self.downloads]
        for button, make, sounds in (
            (self.film, events.make_video, []), (self.say, events.say_new_words, [self.words])
        ):  # fmt: skip
            begun = button.click(events.begin, None, self.cancel, queue=False)
            done = begun.then(make, [*sounds, *self.wishes], files, show_progress_on=self.video, **queued)
            done.then(lambda: gr.update(interactive=False), None, self.cancel, queue=False)
        self.cancel.click(events.cancel, None, None, queue=False)


class _LiveTab:
    """The microphone, and the face that speaks along."""

    def __init__(self, visitors: Visitors) -> None:
        async def hear(message: dict[str, Any]) -> None:
            """The next sound of a conversation, or its end. Nothing of it is written anywhere."""
            if (conversation := visitors.talks.get(message["talk"])) is None:
                return
            if message.get("over"):
                conversation.close()
            else:
                conversation.feed(pcm(message["sound"]))

        with gr.Row(elem_classes="step"):
            with gr.Column(scale=4, min_width=300):
                gr.Markdown(
                    "### Speak, and the face speaks with you\n"
                    "It is the face that you chose, with your wishes. If you chose none, somebody is imagined from "
                    "your first three seconds. Your voice is not played back, so nothing echoes, and not kept."
                )
            with gr.Column(scale=7, min_width=300):
                self.stage = gr.HTML(
                    None, html_template=LIVE, js_on_load=(HERE / "live.js").read_text(), elem_id="stage",
                    server_functions=[hear],
                )  # fmt: skip

    def connect(self, studio: Studio, visitors: Visitors, queued: dict[str, Any], wishes: list[Any]) -> None:
        @explained
        def talk(request: gr.Request, *values: Any) -> Iterator[str]:
            visitor = visitors[str(request.session_hash)]
            with visitors.talking(visitor, studio.talk(visitor, given(values))) as (name, conversation):
                yield json.dumps({"talk": name, "text": "Getting ready …" if visitor.chosen else "Listening to you …"})
                for batch in conversation.batches():
                    frames = [jpeg(frame) for frame in batch.frames]
                    yield json.dumps({"talk": name, "moment": batch.moment, "fps": batch.fps, "frames": frames})
                yield json.dumps({"talk": name, "over": True, "text": "Start the microphone and speak."})

        self.stage.start(talk, wishes, self.stage, show_progress="hidden", **queued)


def sound(label: str, name: str) -> gr.Audio:
    """Upload or microphone. Without gradio's button to share, which would pass the voice on."""
    return gr.Audio(sources=["upload", "microphone"], type="filepath", buttons=["download"], label=label, elem_id=name)


def make_control(wish: Wish) -> Any:
    """The control of a wish."""
    if wish.choices:
        return gr.Dropdown(
            [(wish.default, ""), *((str(one), one) for one in wish.choices)], value="", label=wish.label, min_width=110,
            elem_id=f"wish-{wish.name}", filterable=False,
        )  # fmt: skip
    return gr.Slider(
        *wish.range, value=wish.value, step=wish.step, label=wish.label, min_width=110, elem_id=f"wish-{wish.name}"
    )


def pcm(content: str) -> np.ndarray:
    """Base64 of 16-bit samples as float32."""
    return np.frombuffer(base64.b64decode(content), "<i2").astype(np.float32) / np.float32(32768)
