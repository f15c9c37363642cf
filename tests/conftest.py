"""What several tests share: sounds to listen to, and the shipped model, loaded once."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import imageio_ffmpeg
import numpy as np
import pytest

if TYPE_CHECKING:
    from imagineid_sdk import ImagineIDPipeline

# A test that reached for the Hub would pass or fail with the network: none may.
os.environ["HF_HUB_OFFLINE"] = "1"

ROOT = Path(__file__).resolve().parent.parent


def voice_like(duration: float, rate: int = 16_000, pitch: float = 120.0) -> np.ndarray:
    """Harmonics of `pitch` that swell four times a second, as syllables do: float32 (samples,), peak 0.5."""
    time = np.arange(round(duration * rate)) / rate
    tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 8))
    envelope = 0.5 - 0.5 * np.cos(2 * np.pi * 4.0 * time)
    sound = tone * envelope
    return (0.5 * sound / max(1e-9, np.abs(sound).max(initial=0.0))).astype(np.float32)


@pytest.fixture
def make_voice() -> Callable[..., np.ndarray]:
    return voice_like


def read_video(path: Path) -> np.ndarray:
    """Every frame that the file holds, decoded: uint8 (frames, height, width, 3)."""
    width, height = map(int, re.search(r"Video: .*?, (\d+)x(\d+)", describe_media(path)).groups())  # type: ignore[union-attr]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-fps_mode", "passthrough"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    content = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(content, dtype=np.uint8).reshape(-1, height, width, 3)


def describe_media(path: Path) -> str:
    """What ffmpeg prints of a file: streams, codecs, tags."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, check=False, capture_output=True, text=True).stderr


def movie_seconds(path: Path) -> float:
    """The duration in the mp4's movie header (ISO 14496-12, `mvhd` version 0), which players show."""
    content = path.read_bytes()
    timescale, duration = struct.unpack_from(">II", content, content.index(b"mvhd") + 4 + 12)
    return duration / timescale


@pytest.fixture
def media() -> SimpleNamespace:
    """Looking into a finished video."""
    return SimpleNamespace(frames=read_video, describe=describe_media, seconds=movie_seconds)


@pytest.fixture(scope="session")
def example_audio() -> Path:
    """The folder of the clips that ship with the examples."""
    return ROOT / "examples" / "audio"


@pytest.fixture(scope="session")
def shipped_weights() -> Path:
    """The folder of the embedded model; its tests are skipped in a checkout that lacks it."""
    folder = ROOT / "imagineid_sdk" / "weights" / "tiny"
    if not (folder / "model_index.json").is_file():
        pytest.skip("imagineid_sdk/weights/tiny is not in this checkout")
    return folder


@pytest.fixture(scope="session")
def pipeline(shipped_weights: Path) -> ImagineIDPipeline:
    from imagineid_sdk import ImagineIDPipeline

    loaded = ImagineIDPipeline.from_pretrained()
    loaded.set_progress_bar_config(disable=True)
    return loaded
