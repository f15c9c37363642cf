"""Full scale at its true size with random weights: shapes, memory and time of one window, without any download.

    python -m benchmarks.full_size            # bfloat16, 256x256, 16 frames, one step, on the CPU (about 5 GB)
    python -m benchmarks.full_size --device cuda --size 512 --steps 4

Builds the modules of Stable Diffusion 1.5 as diffusers' defaults have them (860 M UNet with motion module, ControlNet,
autoencoder), draws the curves of a real face of the embedded head, and runs the same code as the pipeline. What the
frames show is noise: the figures go into the tables as "random weights".
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from imagineid_sdk.face.blendshapes import ARKIT_BLENDSHAPES
from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.hub.loading import embedded_components
from imagineid_sdk.imagining.sd15.backend import WINDOW
from imagineid_sdk.imagining.sd15.curves import CurveRenderer, FaceCurves
from imagineid_sdk.imagining.sd15.denoising import DenoisingNetworks, Known, denoise_window, without_motion

TEXT = (1, 77, 768)
"""Embeddings of CLIP ViT-L/14, the text encoder of Stable Diffusion 1.5."""


@contextmanager
def on_the_device(device: str, dtype: torch.dtype) -> Iterator[None]:
    """Modules are built where they run and in the precision they run in: never twice in memory."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(before)


def build(device: str, dtype: torch.dtype) -> dict[str, Any]:
    """The networks of full scale at their true size."""
    from diffusers import AutoencoderKL, ControlNetModel, EulerDiscreteScheduler, UNetMotionModel

    blocks = ("DownEncoderBlock2D",) * 4, ("UpDecoderBlock2D",) * 4
    with on_the_device(device, dtype):
        denoiser = UNetMotionModel(sample_size=64, cross_attention_dim=TEXT[-1], num_attention_heads=8)
        controlnet = ControlNetModel(cross_attention_dim=TEXT[-1])
        autoencoder = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512), layers_per_block=2, sample_size=512,
            down_block_types=blocks[0], up_block_types=blocks[1],
        )  # fmt: skip
    scheduler = EulerDiscreteScheduler(beta_schedule="linear", timestep_spacing="trailing")
    return {
        "denoiser": denoiser.eval(), "controlnet": controlnet.eval(), "autoencoder": autoencoder.eval(),
        "scheduler": scheduler,
    }  # fmt: skip


def draw(size: int, frames: int) -> FaceCurves:
    """Curves of the mean head that opens its mouth and turns."""
    head = embedded_components({"head": ParametricHead})["head"]
    actions = torch.zeros(frames, len(ARKIT_BLENDSHAPES))
    actions[:, ARKIT_BLENDSHAPES.index("jawOpen")] = torch.linspace(0, 0.7, frames)
    pose = torch.zeros(frames, 3)
    pose[:, 0] = torch.linspace(0, 10, frames)
    posed = head(torch.zeros(head.config.num_identity_codes), actions, pose)
    renderer = CurveRenderer(head, size, size // 8)
    return renderer.draw(posed, renderer.reference(posed))


def timed(what: Callable[[], torch.Tensor], device: str) -> tuple[torch.Tensor, float]:
    start = time.perf_counter()
    result = what()
    if device != "cpu":
        torch.cuda.synchronize()
    return result, time.perf_counter() - start


@torch.no_grad()
def measure(device: str, size: int, frames: int, steps: int) -> dict[str, Any]:
    """One reference frame, one window, all of it decoded; seconds, peak memory and checks."""
    parts = build(device, torch.bfloat16)
    curves = draw(size, frames)
    pictures = curves.pictures.to(device)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(frames, 4, size // 8, size // 8, generator=generator).to(device)
    text = torch.randn(*TEXT, generator=generator).to(device)
    networks, scheduler = DenoisingNetworks(parts["denoiser"], parts["controlnet"]), parts["scheduler"]

    with without_motion(parts["denoiser"]):
        reference, reference_seconds = timed(
            lambda: denoise_window(networks, scheduler, noise[:1], text, pictures[:1], steps), device
        )
    mask = curves.mask.to(device)
    mask[0] = 0
    known = Known(reference.expand_as(noise), mask)
    latents, window_seconds = timed(
        lambda: denoise_window(networks, scheduler, noise, text, pictures, steps, known=known), device
    )
    assert latents.shape == noise.shape and torch.isfinite(latents).all()
    assert torch.equal(latents[0], reference[0])
    frame, decode_seconds = timed(
        lambda: parts["autoencoder"].decode(latents[:1].to(torch.bfloat16)).sample.float(), device
    )
    assert frame.shape == (1, 3, size, size) and torch.isfinite(frame).all()
    return {
        "weights": "random",
        "device": torch.cuda.get_device_name() if device != "cpu" else f"cpu, {torch.get_num_threads()} threads",
        "parameters in millions": {
            name: round(sum(p.numel() for p in parts[name].parameters()) / 1e6, 1)
            for name in ("denoiser", "controlnet", "autoencoder")
        },
        "frames": frames, "size": size, "steps": steps,
        "reference seconds": round(reference_seconds, 2),
        "window seconds": round(window_seconds, 2),
        "decoding seconds a frame": round(decode_seconds, 2),
        "peak memory in GB": round(_peak_bytes(device) / 1e9, 2),
    }  # fmt: skip


def _peak_bytes(device: str) -> float:
    if device != "cpu":
        return float(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, default=256, help="pixels, a multiple of 64")
    parser.add_argument("--frames", type=int, default=WINDOW)
    parser.add_argument("--steps", type=int, default=1)
    options = parser.parse_args()
    print(json.dumps(measure(options.device, options.size, options.frames, options.steps), indent=2))


if __name__ == "__main__":
    main()
