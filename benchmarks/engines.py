"""The same networks of a frame in other engines than the one that is used: is any of them worth an extra?

    pip install openvino nncf
    python benchmarks/engines.py [--rounds 5] [--without torch.compile]

    eager bf16      what a video is made with (eager fp32 where the processor doesn't multiply bfloat16)
    eager fp32      the same in full precision, and the truth that the others are compared with
    torch.compile   inductor, bfloat16; needs a C++ compiler
    OpenVINO        fp32, and int8 (NNCF, quantised after training on other frames, the rest in fp32); its bfloat16
                    rounds where the warp fetches pixels as well, and fails

Every engine makes the same frames from geometry that is drawn already, as many side by side as there are threads, in
turns with the others; figures are the fastest round. Set-up is everything before the first frame can be made.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

FRAMES, SEED = 96, 0
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Maps, flow and motion of some frames."""


class FrameNetworks(nn.Module):
    """Maps, flow and motion -> pictures ``(frames, 4, 256, 256)``: what of a frame is a network's work."""

    def __init__(self, backend: Any, scene: Any) -> None:
        super().__init__()
        self.backend, self.scene = backend, scene
        own = scene.networks
        networks = (own.autoencoder, own.denoiser, own.spatial_adapter, own.blending_adapter)
        self.networks = nn.ModuleList(networks).requires_grad_(False)

    def forward(self, maps: torch.Tensor, flow: torch.Tensor, motion: torch.Tensor) -> torch.Tensor:
        from imagineid_sdk.face.mesh.geometry_maps import GeometryMaps

        return self.backend.imagine(self.scene, GeometryMaps(maps, flow), motion)[0]


@dataclass(frozen=True)
class Engine:
    """``run`` makes the frames of all batches, in order; ``setup`` seconds it took until it could."""

    setup: float
    run: Callable[[list[Batch]], list[np.ndarray]]


@contextmanager
def computing(bfloat16: bool) -> Iterator[None]:
    """Frames are made in bfloat16 where that pays, or never."""
    from imagineid_sdk.imagining import networks

    usual = networks.bfloat16_pays
    networks.bfloat16_pays = usual if bfloat16 else lambda device: False
    try:
        yield
    finally:
        networks.bfloat16_pays = usual


def networks_and_batches(bfloat16: bool) -> tuple[FrameNetworks, list[Batch]]:
    """The networks of one person and a moving head's geometry, in batches as a video has them."""
    from imagineid_sdk import ImagineIDPipeline
    from imagineid_sdk.face.animation.motion import FaceMotion

    with computing(bfloat16):
        pipe = ImagineIDPipeline.from_pretrained()
        pipe.set_progress_bar_config(disable=True)
        random = np.random.default_rng(SEED)
        voice = 0.1 * np.sin(2 * np.pi * 150 * np.arange(8000) / 16_000)
        performance = pipe.renderer(pipe.imagine(voice, num_faces=1)[0].identity)
        actions = np.clip(random.normal(0, 0.15, (2 * FRAMES, 52)), 0, 1).astype(np.float32)
        motion = FaceMotion(25.0, actions, random.normal(0, 3, (2 * FRAMES, 3)).astype(np.float32))
        with torch.no_grad():
            batches = [(drawn.maps, drawn.flow, vector) for drawn, vector in performance.draw(motion)]
    return FrameNetworks(performance._backend, performance._scene), batches


def in_torch(bfloat16: bool, compiled: bool = False) -> Engine:
    from imagineid_sdk.imagining.workers import Workers, count_workers

    started = time.perf_counter()
    networks, batches = networks_and_batches(bfloat16)
    workers = Workers(count_workers())
    if compiled:
        networks.compile(dynamic=False)

    def run(wanted: list[Batch]) -> list[np.ndarray]:
        with computing(bfloat16):
            return list(workers.work(lambda batch: networks(*batch).numpy(), wanted))

    run(batches[:4])
    return Engine(time.perf_counter() - started, run)


def in_openvino(precision: str) -> Engine:
    import openvino

    started = time.perf_counter()
    networks, batches = networks_and_batches(bfloat16=False)
    with computing(bfloat16=False), torch.no_grad():
        model = openvino.convert_model(networks, example_input=batches[0])
    shapes = [openvino.PartialShape(list(part.shape)) for part in batches[0]]
    model.reshape(dict(zip(model.inputs, shapes, strict=True)))
    if precision == "int8":
        import nncf

        examples = [tuple(part.numpy() for part in batch) for batch in batches[len(batches) // 2 :]]
        model = nncf.quantize(model, nncf.Dataset(examples), subset_size=len(examples))
    threads = torch.get_num_threads()
    settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    requests = openvino.AsyncInferQueue(compiled, threads)

    def run(wanted: list[Batch]) -> list[np.ndarray]:
        made: list[Any] = [None] * len(wanted)
        requests.set_callback(lambda request, place: made.__setitem__(place, request.get_output_tensor().data.copy()))
        for place, batch in enumerate(wanted):
            requests.start_async([part.numpy() for part in batch], place)
        requests.wait_all()
        return made

    run(batches[:2])
    return Engine(time.perf_counter() - started, run)


ENGINES: dict[str, Callable[[], Engine]] = {
    "eager bf16": partial(in_torch, True),
    "eager fp32": partial(in_torch, False),
    "torch.compile": partial(in_torch, True, compiled=True),
    "OpenVINO fp32": partial(in_openvino, "fp32"),
    "OpenVINO int8": partial(in_openvino, "int8"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without", nargs="*", default=[], choices=list(ENGINES))
    options = parser.parse_args()
    engines = {name: make() for name, make in ENGINES.items() if name not in options.without}
    _, batches = networks_and_batches(bfloat16=False)
    batches = batches[: len(batches) // 2]
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    pictures: dict[str, np.ndarray] = {}
    for _ in range(options.rounds):
        for name, engine in engines.items():
            started = time.perf_counter()
            made = engine.run(batches)
            seconds[name].append(time.perf_counter() - started)
            pictures[name] = np.concatenate(made)
    print_engines(engines, seconds, pictures)


def print_engines(engines: dict[str, Engine], seconds: dict[str, list[float]], pictures: dict[str, np.ndarray]) -> None:
    usual = min(seconds["eager bf16"])
    print("| engine | ms a frame | against eager bf16 | set-up, s | off eager fp32, grey levels: mean / largest |")
    print("|---|---|---|---|---|")
    for name, engine in engines.items():
        fastest = min(seconds[name])
        off = np.abs(pictures[name] - pictures["eager fp32"]) * 127.5
        print(
            f"| {name} | {1000 * fastest / len(off):.1f} | {fastest / usual:.2f} | {engine.setup:.1f} | "
            f"{off.mean():.2f} / {off.max():.0f} |"
        )


if __name__ == "__main__":
    main()
