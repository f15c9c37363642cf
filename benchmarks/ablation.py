"""What each adapter does: the same person, words and motion with one of them switched off at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from benchmarks.judges import skin_flicker
from benchmarks.measures import Video, between, correlation, embeddings
from benchmarks.renders import BACKGROUND, SIZE
from benchmarks.sheets import frames_of, save_sheet
from benchmarks.speech import Speech
from benchmarks.tables import Columns, Row, rows_of
from benchmarks.videos import BLINKING, Bench, sharpness_of
from imagineid_sdk.face.animation.expression import lip_gap
from imagineid_sdk.imagining.adapters.blending import warp
from imagineid_sdk.imagining.pixels import to_images, to_pixels
from imagineid_sdk.imagining.tiny import ADAPTERS
from imagineid_sdk.video.backdrop import Backdrop


@dataclass(frozen=True)
class Variant:
    """One setting of the adapters. distance: of its faces to the reference picture."""

    label: str
    video: Video
    distance: float
    errors: np.ndarray


def ablate(bench: Bench, speech: Speech) -> list[Row]:
    """A row for each variant; with a sheet."""
    look: dict[str, Any] = {"background": (BACKGROUND,) * 3, "size": SIZE}
    whole = bench.pipe(speech.clip, seed=bench.seed, **look)
    settings: list[tuple[str, tuple[str, ...]]] = [("all on", ADAPTERS)]
    settings += [(f"without {name}", tuple(other for other in ADAPTERS if other != name)) for name in ADAPTERS]
    settings.append(("none", ()))
    # The reference face stays, so that only what an adapter does to the frames is seen ...
    results = [
        (label, bench.pipe(speech.clip, identity=whole.identity, adapters=adapters, **look))
        for label, adapters in settings
    ]
    # ... but for these: what it does to the reference itself, and what is left when nothing is denoised.
    for name in ("semantic", "spatial"):
        adapters = tuple(other for other in ADAPTERS if other != name)
        face_made_without = bench.pipe.imagine(speech.clip, num_faces=1, seed=bench.seed, adapters=adapters)[0].identity
        out = bench.pipe(speech.clip, identity=face_made_without, **look)
        results.append((f"reference made without {name}", out))
    frames = np.concatenate(list(_only_warped(bench.pipe, whole.identity, whole.motion)))
    results.append(("no diffusion: portrait warped", replace_frames(whole, frames)))
    variants = _judge(bench, results, whole)
    if bench.sheets:
        lines = [frames_of(variant.video.frames) for variant in variants]
        save_sheet(bench.sheets / "ablation.png", lines, [variant.label for variant in variants])
    return rows_of(variants, [variant.label for variant in variants], COLUMNS, first="adapters")[: len(variants)]


def replace_frames(out: Any, frames: np.ndarray) -> Any:
    return replace(out, frames=frames)


def _judge(bench: Bench, results: Sequence[tuple[str, Any]], whole: Any) -> list[Variant]:
    rest = bench.film("rest", whole)
    home = embeddings(bench.judges, rest)
    variants = []
    for label, out in results:
        video = bench.film(label, out)
        distance = between(embeddings(bench.judges, video), home)
        variants.append(Variant(label, video, distance, bench.landmark_errors(video)))
    return variants


def _blinks_follow(variant: Variant) -> float:
    opening = np.array([np.nan if face is None else face.eye_opening for face in variant.video.faces])
    return correlation(-opening, variant.video.actions[:, BLINKING])


COLUMNS: Columns = (
    ("face found", lambda variant: variant.video.found.mean(), "{:.0%}"),
    ("landmark error: all / contour / brows / eyes / nose / lips (px)", lambda variant: variant.errors, "{:.1f}"),
    ("lips follow, r", lambda v: correlation(v.video.lip_opening, lip_gap(v.video.actions)), "{:.2f}"),
    ("lids follow, r", _blinks_follow, "{:.2f}"),
    ("distance to the person with all on (dlib)", lambda variant: variant.distance, "{:.2f}"),
    ("skin flicker", lambda variant: skin_flicker(variant.video.frames, variant.video.faces), "{:.2f}"),
    ("sharpness face / eyes / mouth", lambda variant: sharpness_of(variant.video), "{:.3f}"),
)


@torch.no_grad()
def _only_warped(pipe: Any, person: Any, motion: Any) -> Iterator[np.ndarray]:
    """The portrait's pixels moved by the mesh, and nothing else: what the diffusion adds to a frame is missing."""
    backdrop = Backdrop.from_option((BACKGROUND,) * 3)
    performance = pipe.renderer(person, background="transparent", size=SIZE, watermark=False)
    straight = performance.portrait()[None].astype(np.float32)
    straight[..., :3] *= straight[..., 3:] / 255
    portrait = to_images(straight)
    for drawn, _ in performance.draw(motion):
        yield backdrop.composite(to_pixels(warp(portrait, drawn.flow)))
