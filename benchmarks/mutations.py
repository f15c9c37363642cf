"""Files that nobody meant to make: seeds of every kind that is read here, and ways to spoil them."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import soundfile

RATE = 16_000
SUBTYPES = {
    "WAV": ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM"),
    "W64": ("GSM610",), "OGG": ("VORBIS", "OPUS"), "CAF": ("PCM_16", "ALAC_16"), "RAW": ("PCM_16",),
}  # fmt: skip
"""Encodings that are tried of libsndfile's formats; of the others the default."""
SOUND_ENCODERS = {
    "m4a": ["-c:a", "aac"], "mp4": ["-c:a", "aac", "-movflags", "+faststart"], "mov": ["-c:a", "pcm_s16le"],
    "3gp": ["-c:a", "libopencore_amrnb", "-ar", "8000"], "amr": ["-c:a", "libopencore_amrnb", "-ar", "8000"],
    "mkv": ["-c:a", "libopus"], "webm": ["-c:a", "libvorbis"], "mka": ["-c:a", "flac"], "avi": ["-c:a", "mp2"],
    "wma": ["-c:a", "wmav2"], "flv": ["-c:a", "aac"], "mpg": ["-c:a", "mp2", "-ar", "44100"], "ts": ["-c:a", "aac"],
    "aac": ["-c:a", "aac"], "ac3": ["-c:a", "ac3", "-ar", "48000"], "eac3": ["-c:a", "eac3", "-ar", "48000"],
    "tta": ["-c:a", "tta"], "wv": ["-c:a", "wavpack"], "dts": ["-c:a", "dca", "-strict", "-2", "-ar", "48000"],
    "mp3": ["-c:a", "libmp3lame"], "m4b": ["-c:a", "alac", "-f", "ipod"], "oga": ["-c:a", "flac"],
}  # fmt: skip
"""Containers and codecs that the bundled ffmpeg writes."""


def sound(seconds: float = 0.4) -> np.ndarray:
    """A buzz that swells: float32 (samples,)."""
    time = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 8))
    return (0.25 * tone * (1 - np.cos(2 * np.pi * 4 * time))).astype(np.float32)


def sound_files(folder: Path) -> dict[str, bytes]:
    """The same short sound in every container and codec that can be written here, by name."""
    files, stereo = {}, np.stack([sound(), sound()[::-1]], axis=1)
    for form in soundfile.available_formats():
        for subtype in SUBTYPES.get(form, (soundfile.default_subtype(form),)):
            path = folder / f"{subtype}.{form.lower()}"
            for samples in (sound(), stereo):
                try:
                    soundfile.write(path, samples, RATE, format=form, subtype=subtype)
                except (soundfile.LibsndfileError, ValueError, TypeError):  # not at this rate or with two channels
                    continue
                files[f"{len(samples.shape)}-{path.name}"] = path.read_bytes()
    soundfile.write(folder / "seed.wav", stereo, RATE)
    for ending, arguments in SOUND_ENCODERS.items():
        path = folder / f"ffmpeg.{ending}"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(folder / "seed.wav")]
        done = subprocess.run([*command, "-ac", "1", *arguments, str(path)], capture_output=True, check=False)
        if done.returncode == 0 and path.stat().st_size:
            files[path.name] = path.read_bytes()
    files["playlist.m3u8"] = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
    files["concat.txt"] = b"ffconcat version 1.0\nfile /etc/passwd\n"
    files["words.txt"] = b"no sound in here, only words " * 40
    return files


# --- ways to spoil bytes ----------------------------------------------------------------------------------------------


def flip_bits(content: bytearray, draw: np.random.Generator) -> bytearray:
    for at in draw.integers(0, len(content), min(len(content), 1 + int(draw.exponential(12)))):
        content[at] ^= 1 << int(draw.integers(8))
    return content


def spoil_header(content: bytearray, draw: np.random.Generator) -> bytearray:
    """Numbers of the header become absurd ones."""
    for at in draw.integers(0, max(1, min(len(content) - 4, 96)), 1 + int(draw.integers(3))):
        odd = draw.choice([0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0])
        content[at : at + 4] = struct.pack(str(draw.choice(["<I", ">I"])), int(odd))
    return content


def cut_off(content: bytearray, draw: np.random.Generator) -> bytearray:
    return content[: int(draw.integers(0, len(content)))]


def cut_beginning(content: bytearray, draw: np.random.Generator) -> bytearray:
    return content[int(draw.integers(0, len(content))) :]


def swap_chunks(content: bytearray, draw: np.random.Generator) -> bytearray:
    a, b, c, d = sorted(draw.integers(0, len(content), 4))
    return content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def repeat_chunk(content: bytearray, draw: np.random.Generator) -> bytearray:
    a, b = sorted(draw.integers(0, len(content), 2))
    return content[:b] + content[a:b] * int(draw.integers(1, 6)) + content[b:]


def drop_chunk(content: bytearray, draw: np.random.Generator) -> bytearray:
    a, b = sorted(draw.integers(0, len(content), 2))
    return content[:a] + content[b:]


def blank_chunk(content: bytearray, draw: np.random.Generator) -> bytearray:
    a, b = sorted(draw.integers(0, len(content), 2))
    content[a:b] = bytes([int(draw.choice([0, 0xFF]))]) * (b - a)
    return content


def noise_chunk(content: bytearray, draw: np.random.Generator) -> bytearray:
    a, b = sorted(draw.integers(0, len(content), 2))
    content[a:b] = draw.bytes(int(b - a))
    return content


def nothing_but_noise(content: bytearray, draw: np.random.Generator) -> bytearray:
    return bytearray(draw.bytes(int(draw.integers(0, 4000))))


SPOILS: tuple[Callable[[bytearray, np.random.Generator], bytearray], ...] = (
    flip_bits, flip_bits, spoil_header, spoil_header, cut_off, cut_beginning, swap_chunks, repeat_chunk, drop_chunk,
    blank_chunk, noise_chunk, nothing_but_noise,
)  # fmt: skip


def spoiled(content: bytes, draw: np.random.Generator) -> bytes:
    """One to three ways to spoil it, one after the other."""
    changed = bytearray(content)
    for _ in range(1 + int(draw.integers(3))):
        if len(changed) > 8:
            changed = SPOILS[int(draw.integers(len(SPOILS)))](changed, draw)
    return bytes(changed)


def joined(contents: list[bytes], draw: np.random.Generator) -> bytes:
    """Two files, the second behind the first."""
    first, second = (contents[int(at)] for at in draw.integers(0, len(contents), 2))
    return first + second


# --- ways to spoil json and options -----------------------------------------------------------------------------------

ODD_VALUES = (
    None, True, False, 0, 1, -1, 7, 2**31, 2**63, -(2**63), 10**400, 0.5, -0.0, 1e308, 1e-320, float("nan"),
    float("inf"), float("-inf"), "", " ", "happy", "none", "short", "#20c040", "#xyzxyz", "\0", "\ud800", "a" * 5000,
    "../../etc/passwd", "/dev/zero", "file:///etc/passwd", "-i", [], [1], [0.1, 0.2, 0.3], [1e999, 0, 0], [[1], [2]],
    {}, {"a": 1}, "transparent", "bfloat16", "heard", "neutral", "pt",
)  # fmt: skip


def odd_value(draw: np.random.Generator) -> object:
    return ODD_VALUES[int(draw.integers(len(ODD_VALUES)))]


def odd_json(value: object, draw: np.random.Generator) -> object:
    """The same with some place in it changed, removed or added."""
    if isinstance(value, dict) and value and draw.random() < 0.9:
        name = str(draw.choice(sorted(value)))
        chance = draw.random()
        if chance < 0.15:
            return {key: kept for key, kept in value.items() if key != name}
        if chance < 0.25:
            return value | {f"{name}_too": odd_value(draw)}
        return value | {name: odd_json(value[name], draw)}
    if isinstance(value, (list, tuple)) and value and draw.random() < 0.6:
        at = int(draw.integers(len(value)))
        return [*value[:at], odd_json(value[at], draw), *value[at + 1 :]]
    return odd_value(draw)


def odd_text(text: str, draw: np.random.Generator) -> bytes:
    """json that was changed in its meaning, or in its bytes."""
    if draw.random() < 0.3:
        return spoiled(text.encode(), draw)
    return json.dumps(odd_json(json.loads(text), draw)).encode()


def odd_array(array: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Another shape, another type, or values that nothing should have."""
    chance = int(draw.integers(6))
    if chance == 0:
        return array.reshape(-1)[: int(draw.integers(0, array.size + 1))].copy()
    if chance == 1:
        return np.stack([array, array])
    if chance == 2:
        return array.astype(str(draw.choice(["int8", "uint8", "int64", "bool", "float64", "float16"])))
    changed = array.astype(array.dtype, copy=True)
    places = draw.integers(0, max(1, changed.size), 3)
    if changed.size:
        odd = [np.nan, np.inf, -np.inf, 0, 1e4, -6e4] if changed.dtype.kind == "f" else [0, 1, 127]
        changed.reshape(-1)[places] = draw.choice(odd)
    return changed if chance < 5 else np.zeros_like(array)
