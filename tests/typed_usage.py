"""What an editor knows about the results of the pipeline. mypy checks this file; nothing runs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from typing_extensions import assert_type

from imagineid_sdk import Dialogue, FaceStream, Identity, ImaginedFace, ImagineIDOutput, ImagineIDPipeline, VoiceProfile


def results(pipe: ImagineIDPipeline, person: Identity) -> None:
    assert_type(pipe("a.wav", seed=3, callback=lambda done, total: done < total), ImagineIDOutput)
    assert_type(pipe(content="a.wav", identity=person, size=256), ImagineIDOutput)
    assert_type(pipe("a.wav", speakers="separate"), Dialogue)
    assert_type(pipe(["a.wav", "b.wav"], seed=3), list[ImagineIDOutput])
    assert_type(pipe(["a.wav"], speakers="separate"), list[Dialogue])
    paths: list[str] = ["a.wav"]
    assert_type(pipe(paths), list[ImagineIDOutput])
    samples = torch.zeros(2, 48_000)
    assert_type(pipe((samples, 48_000)), ImagineIDOutput)
    assert_type(pipe("a.wav", return_dict=False), tuple[Any, ...] | list[Any])
    assert_type(pipe.map(["a.wav"], fps=30), Iterator[ImagineIDOutput])
    assert_type(pipe.map(["a.wav"], speakers="separate"), Iterator[Dialogue])
    assert_type(pipe.listen("a.wav"), VoiceProfile)
    assert_type(pipe.imagine("a.wav", num_faces=2, hair="bob"), list[ImaginedFace])
    assert_type(pipe.stream(settle=1.0, fps=25), FaceStream)
    assert_type(pipe.write_mp4("a.wav", "a.mp4", emotion="happy"), Identity)


def mistakes(pipe: ImagineIDPipeline) -> None:
    ImagineIDPipeline.from_pretrained(dtpye="float16")  # type: ignore[call-arg]
    pipe("a.wav", sed=3)  # type: ignore[call-overload]
    pipe("a.wav", size=300)  # type: ignore[call-overload]
    pipe.stream(output_type="pil")  # type: ignore[call-arg]
