"""Ours beside what else makes talking faces, in one process, in turns: ratios, not absolute times.

    python benchmarks/compare.py [--rounds 3] [--frames 16] [--threads 2] [--without animatediff]

    ours          the shipped model, one step, as a video is made: at 512x512 and at 256x256
    plain         the same networks with nothing optimised: float32, 512x512, frame by frame, nothing kept
    wav2lip-size  a generator with the published layer sizes of Wav2Lip (Prajwal et al. 2020), own code, random weights,
                  96x96; without face detection and pasting back
    animatediff   diffusers' AnimateDiff with a ControlNet at the true size of Stable Diffusion 1.5, random weights, 4
                  steps (the few-step setting), no guidance, 256x256, bfloat16; needs about 8 GB

Speed does not depend on what weights say, so random ones do. Every competitor makes the same number of frames from
conditions that are there already; text and audio encoders, face detectors and mp4 are nobody's part.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

Run = Callable[[], Any]
DIFFUSION_STEPS = 4


# --- ours, and the same with nothing optimised ------------------------------------------------------------------------


def some_motion(frames: int) -> Any:
    from imagineid_sdk.face.animation.motion import FaceMotion

    random = np.random.default_rng(0)
    actions = np.clip(random.normal(0, 0.15, (frames, 52)), 0, 1).astype(np.float32)
    return FaceMotion(25.0, actions, random.normal(0, 3, (frames, 3)).astype(np.float32))


def ours(frames: int) -> dict[str, Run]:
    """Our way at both sizes, and the plain way, of the same frames."""
    from imagineid_sdk import ImagineIDPipeline

    pipe = ImagineIDPipeline.from_pretrained()
    pipe.set_progress_bar_config(disable=True)
    voice = 0.1 * np.sin(2 * np.pi * 150 * np.arange(8000) / 16_000)
    person, motion = pipe.imagine(voice, num_faces=1)[0].identity, some_motion(frames)
    at_512, at_256 = (pipe.renderer(person, size=size, watermark=False) for size in (512, 256))
    return {
        "ours, 512": lambda: list(at_512.frames(motion)),
        "ours, 256": lambda: list(at_256.frames(motion)),
        "plain": lambda: plain_frames(pipe, at_512.identity, motion),
    }


@torch.no_grad()
def plain_frames(pipe: Any, identity: Any, motion: Any) -> None:
    """512x512: each frame as training sees it, with nothing kept from the one before."""
    from imagineid_sdk.face.mesh.geometry_maps import GeometryRenderer
    from imagineid_sdk.imagining.adapters.blending import warp
    from imagineid_sdk.imagining.adapters.painting import CELL
    from imagineid_sdk.imagining.adapters.spatial import motion_vector
    from imagineid_sdk.imagining.autoencoder import compose
    from imagineid_sdk.imagining.denoising import denoise_once, describe_person
    from imagineid_sdk.imagining.painted import assemble, crop_of, decode_frames, paint

    code = torch.from_numpy(identity.code)
    still = pipe.head(code, torch.zeros(1, 52), torch.zeros(1, 3))
    words = pipe.attribute_embedder(pipe.attribute_embedder.encode(identity.attribute_weights())[None])
    noise, latents = torch.randn(1, 16, 16, 16), torch.from_numpy(identity.reference).float()[None]
    portrait = pipe.portrait_decoder(latents)  # once a person, as a portrait is
    for actions, pose in zip(torch.from_numpy(motion.blendshapes), torch.from_numpy(motion.head_pose), strict=True):
        renderer = GeometryRenderer(pipe.head)
        drawn = renderer.draw(pipe.head(code, actions[None], pose[None]), renderer.reference(still))
        person = pipe.semantic_adapter(describe_person(identity)[None])
        spatial = pipe.spatial_adapter(drawn.maps, motion_vector(actions[None], pose[None]), person.style)
        blend = pipe.blending_adapter.blend_latents(warp(latents, drawn.flow), drawn.maps)
        tokens = torch.cat([words, person.tokens], dim=1)
        made = denoise_once(pipe.denoiser, noise, torch.ones(1), tokens, spatial, blend)
        picture, trunk = decode_frames(pipe.autoencoder, made)
        full, coarse = warp(portrait, drawn.flow), F.avg_pool2d(portrait, CELL)
        painted = paint(
            pipe.blending_adapter, picture, trunk, coarse, drawn.maps, drawn.flow, drawn.centers, crop_of(full)
        )
        compose(assemble(painted, portrait), torch.zeros(1, 3, 1, 1)).mul(255).byte().numpy()


# --- Wav2Lip's size ---------------------------------------------------------------------------------------------------


def layer(before: int, after: int, kernel: int, stride: Any = 1, padding: int = 0) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, kernel, stride, padding), nn.BatchNorm2d(after), nn.ReLU())


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(channels, channels, 3, 1, 1), nn.BatchNorm2d(channels)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.convolution(hidden)) + hidden)


def up(before: int, after: int, residuals: int, stride: int = 2) -> nn.Sequential:
    convolution = nn.ConvTranspose2d(before, after, 3, stride, 1 if stride == 2 else 0, 1 if stride == 2 else 0)
    first = nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())
    return nn.Sequential(first, *(Residual(after) for _ in range(residuals)))


class Wav2LipSize(nn.Module):
    """Mel ``(frames, 1, 80, 16)`` and faces ``(frames, 6, 96, 96)`` -> faces ``(frames, 3, 96, 96)``."""

    def __init__(self) -> None:
        super().__init__()
        down = [(16, 32, 2), (32, 64, 3), (64, 128, 2), (128, 256, 2), (256, 512, 1)]
        self.face = nn.ModuleList([layer(6, 16, 7, 1, 3)])
        for before, after, count in down:
            self.face.append(nn.Sequential(layer(before, after, 3, 2, 1), *(Residual(after) for _ in range(count))))
        self.face.append(nn.Sequential(layer(512, 512, 3), layer(512, 512, 1)))
        self.audio = nn.Sequential(
            layer(1, 32, 3, 1, 1), Residual(32), Residual(32), layer(32, 64, 3, (3, 1), 1), Residual(64), Residual(64),
            layer(64, 128, 3, 3, 1), Residual(128), Residual(128), layer(128, 256, 3, (3, 2), 1), Residual(256),
            layer(256, 512, 3), layer(512, 512, 1),
        )  # fmt: skip
        self.ups = nn.ModuleList(
            [layer(512, 512, 1), up(1024, 512, 1, stride=1), up(1024, 512, 2), up(768, 384, 2), up(512, 256, 2),
             up(320, 128, 2), up(160, 64, 2)]
        )  # fmt: skip
        self.last = nn.Sequential(layer(80, 32, 3, 1, 1), nn.Conv2d(32, 3, 1), nn.Sigmoid())

    def forward(self, mel: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        skips = []
        for block in self.face:
            faces = block(faces)
            skips.append(faces)
        hidden = self.audio(mel)
        for block, skip in zip(self.ups, reversed(skips), strict=True):
            hidden = torch.cat([block(hidden), skip], dim=1)
        return self.last(hidden)


def wav2lip_size(frames: int) -> Run:
    network = Wav2LipSize().eval().to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run() -> torch.Tensor:
        return network(torch.rand(frames, 1, 80, 16), torch.rand(frames, 6, 96, 96))

    return run


# --- AnimateDiff at the size of Stable Diffusion 1.5 ------------------------------------------------------------------


def unwritten(kind: Any, **config: Any) -> Any:
    """A network of this size with small random weights, in bfloat16, without the time of a proper initialisation."""
    with torch.device("meta"):
        network = kind(**config).to(torch.bfloat16)
    network = network.to_empty(device="cpu").eval()
    for tensor in [*network.parameters(), *network.buffers()]:
        tensor.data.uniform_(-0.02, 0.02)
    return network


def animatediff(frames: int) -> Run:
    from diffusers import AutoencoderKL, ControlNetModel, UNetMotionModel

    cross = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",)
    unet = unwritten(
        UNetMotionModel, cross_attention_dim=768, num_attention_heads=8, motion_max_seq_length=32
    )  # the defaults of the rest are those of Stable Diffusion 1.5
    control = unwritten(
        ControlNetModel, cross_attention_dim=768, down_block_types=cross, block_out_channels=(320, 640, 1280, 1280)
    )
    decoder = unwritten(
        AutoencoderKL, block_out_channels=(128, 256, 512, 512), layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    kind = {"dtype": torch.bfloat16}
    text, condition = torch.rand(frames, 77, 768, **kind), torch.rand(frames, 3, 256, 256, **kind)

    @torch.inference_mode()
    def run() -> torch.Tensor:
        latents = torch.randn(frames, 4, 32, 32, **kind)
        for step in range(DIFFUSION_STEPS):
            time_left = torch.tensor(999 - 250 * step)
            skips, middle = control(latents, time_left, text, condition, return_dict=False)
            # The motion model takes (batch, channels, frames, height, width).
            velocity = unet(
                latents.movedim(0, 1)[None], time_left, text, down_block_additional_residuals=skips,
                mid_block_additional_residual=middle,
            ).sample  # fmt: skip
            latents = latents - velocity[0].movedim(1, 0) / DIFFUSION_STEPS
        return torch.cat([decoder.decode(frame[None]).sample for frame in latents])

    return run


# --- in turns ---------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--without", nargs="*", default=[], choices=["plain", "wav2lip-size", "animatediff"])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    runs = ours(options.frames)
    if "wav2lip-size" not in options.without:
        runs["wav2lip-size"] = wav2lip_size(options.frames)
    if "animatediff" not in options.without:
        runs["animatediff"] = animatediff(options.frames)
    runs = {name: run for name, run in runs.items() if name not in options.without}
    runs["ours, 512"]()  # compilers and caches
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - started)
    middle = {name: statistics.median(each) / options.frames for name, each in times.items()}
    print(f"{options.frames} frames, {options.threads} threads, {options.rounds} rounds in turns\n")
    print("| | times the cost of ours at 512 | ms a frame (median) | slowest / fastest round |\n|---|---|---|---|")
    for name, seconds in middle.items():
        spread = max(times[name]) / min(times[name])
        print(f"| {name} | {seconds / middle['ours, 512']:.2f} | {1000 * seconds:.1f} | {spread:.2f} |")


if __name__ == "__main__":
    main()
