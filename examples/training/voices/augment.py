"""What microphones, rooms, codecs and surroundings do to a voice. All on float32 mono at 16 kHz."""

from __future__ import annotations

import numpy as np
from scipy import signal

RATE = 16_000


def degrade(samples: np.ndarray, rng: np.random.Generator, *, strength: float = 1.0) -> np.ndarray:
    """A random chain of room, equaliser, codec, noise and level; `strength` scales how often each happens."""
    sound = samples.astype(np.float32)
    if rng.uniform() < 0.35 * strength:
        sound = reverberate(sound, rng)
    if rng.uniform() < 0.7 * strength:
        sound = equalise(sound, rng)
    if rng.uniform() < 0.2 * strength:
        sound = telephone(sound, rng)
    if rng.uniform() < 0.5 * strength:
        level = np.sqrt(np.mean(sound**2)) + 1e-6
        ratio = rng.uniform(5, 35)
        sound = sound + background(len(sound), rng) * level * 10 ** (-ratio / 20)
    if rng.uniform() < 0.1 * strength:
        top = np.quantile(np.abs(sound), rng.uniform(0.97, 0.999)) + 1e-6
        sound = np.clip(sound, -top, top)
    wanted = 10 ** (rng.uniform(-32, -1) / 20)
    return (sound * (wanted / (np.abs(sound).max() + 1e-6))).astype(np.float32)


def reverberate(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A small to middle room: exponentially dying noise after the direct sound."""
    length = int(RATE * rng.uniform(0.08, 0.45))
    tail = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    tail *= rng.uniform(0.15, 0.8) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return signal.fftconvolve(sound, tail)[: len(sound)].astype(np.float32)


def equalise(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A smooth random frequency response of up to about 10 dB, as different microphones have."""
    frequency = np.array([0, 100, 250, 500, 1000, 2000, 4000, 6000, 8000])
    gain = rng.normal(0, 3, len(frequency)) + rng.normal(0, 1.5) * np.log2(np.maximum(frequency, 100) / 1000)
    gain[0] -= rng.uniform(0, 20)
    taps = signal.firwin2(129, frequency / 8000, 10 ** (gain / 20))
    return signal.fftconvolve(sound, taps, mode="same").astype(np.float32)


def telephone(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Narrow band with 8-bit mu-law steps, or a dull wide band."""
    top = rng.choice([3400, 3800, 5500])
    steep = int(rng.choice([4, 10]))
    sections = signal.butter(steep, [rng.uniform(60, 320), top], btype="band", fs=RATE, output="sos")
    narrow = signal.sosfilt(sections, sound)
    if top < 4000:
        peak = np.abs(narrow).max() + 1e-6
        squeezed = np.sign(narrow) * np.log1p(255 * np.abs(narrow) / peak) / np.log(256)
        squeezed = np.round(squeezed * 127) / 127
        narrow = np.sign(squeezed) * (256 ** np.abs(squeezed) - 1) / 255 * peak
    return narrow.astype(np.float32)


def background(length: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of unit power: white to brown hiss, mains hum, or chords of slowly changing tones (music)."""
    kind = rng.integers(4)
    time = np.arange(length) / RATE
    if kind <= 1:
        spectrum = np.fft.rfft(rng.standard_normal(length))
        frequency = np.maximum(np.fft.rfftfreq(length, 1 / RATE), 30)
        sound = np.fft.irfft(spectrum * frequency ** -rng.uniform(0, 1.2), length)
    elif kind == 2:
        base = rng.choice([50, 60, 100, 120, rng.uniform(40, 300)])
        sound = sum(
            np.sin(2 * np.pi * base * k * time + rng.uniform(0, 6)) * k ** -rng.uniform(0.3, 1.5) for k in range(1, 12)
        )
        sound = sound + 0.1 * rng.standard_normal(length)
    else:
        sound = np.zeros(length)
        step = int(RATE * rng.uniform(0.25, 0.9))
        for begin in range(0, length, step):
            part = time[begin : begin + step]
            fade = np.minimum(1, np.minimum(np.arange(len(part)), np.arange(len(part))[::-1]) / 400)
            for note in rng.choice(37, rng.integers(1, 4)):
                pitch = 110 * 2 ** (note / 12)
                tone = sum(np.sin(2 * np.pi * pitch * k * part) / k**1.5 for k in range(1, 5))
                sound[begin : begin + step] += fade * tone
    return (sound / (np.sqrt(np.mean(np.square(sound))) + 1e-9)).astype(np.float32)
