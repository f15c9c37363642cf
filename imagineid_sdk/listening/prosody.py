"""Prosody by signal processing: pitch, loudness and voice activity, 50 times a second, of a clip of any length.

Pitch is YIN (de Cheveigné & Kawahara 2002) on several candidates a frame, joined by a Viterbi path. Voice activity asks
per frequency band how far the sound stands above its own slowly moving floor: a steady hum or hiss *is* its floor,
whatever its level, and so is never speech.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagineid_sdk.audio.resampling import SAMPLE_RATE
from imagineid_sdk.listening.profile import SAMPLES_PER_FRAME, TRACK_RATE, ProsodyTrack

PITCH_MIN, PITCH_MAX = 60.0, 600.0
QUIETEST = -100.0  # dBFS of digital silence

_FRAME = 768  # samples: 48 ms, three periods of the lowest pitch
_MAX_LAG = int(SAMPLE_RATE / PITCH_MIN) + 2
_MIN_LAG = int(SAMPLE_RATE / PITCH_MAX)
_BLOCK = 2000  # frames at once: bounds memory
_CANDIDATES = 5
_UNVOICED_COST = 0.40  # aperiodicity above which a frame is better called unvoiced
_JUMP_COST = 1.2  # cost of one octave of pitch movement within 20 ms
_SWITCH_COST = 0.12  # cost of starting or stopping to voice

_BAND_EDGES = (100, 200, 300, 450, 650, 900, 1200, 1600, 2100, 2800, 3800, 5200)  # Hz
BANDS = len(_BAND_EDGES) - 1
_FLOOR_SECONDS = 3.0  # half width of the window in which the floor is sought
_FLOOR_QUANTILE = 0.15
_HANGOVER = 3  # frames: bridges the gaps inside words


def analyse_prosody(samples: np.ndarray) -> ProsodyTrack:
    """Pitch, loudness and voice activity of a clip.

    `samples`: float32 mono, shape (samples,), 16 kHz, range [-1, 1]. Tracks have ceil(samples / 320) frames, at least
    1; frame i is the moment (i + 0.5) / 50 s.
    """
    measured = measure(samples, 0, max(1, -(-len(samples) // SAMPLES_PER_FRAME)))
    speech = voice_activity(measured)
    return ProsodyTrack(speech, measured.loudness, np.where(speech < 0.5, 0, measured.pitch).astype(np.float32))


@dataclass(frozen=True, eq=False)
class Measures:
    """What is measured in each frame, before the frames around it are asked: float32.

    loudness: (frames,) dBFS; bands: (frames, bands) dB; pitch: (frames,) Hz, 0 unvoiced; periodicity: (frames,) 0..1.
    """

    loudness: np.ndarray
    bands: np.ndarray
    pitch: np.ndarray
    periodicity: np.ndarray


def measure(samples: np.ndarray, begin: int, end: int) -> Measures:
    """Frames `begin` to `end` of a sound, in blocks of bounded memory; what lies outside the samples is silence."""
    frames = end - begin
    pitch, periodicity = np.zeros(frames, np.float32), np.zeros(frames, np.float32)
    loudness = np.empty(frames, np.float32)
    bands = np.empty((frames, BANDS), np.float32)
    for first in range(0, frames, _BLOCK):
        part = slice(first, min(first + _BLOCK, frames))
        cut = _frames(samples, begin + part.start, begin + part.stop)
        energy = np.square(cut[:, _FRAME // 2 - SAMPLES_PER_FRAME : _FRAME // 2 + SAMPLES_PER_FRAME]).mean(axis=1)
        loudness[part] = np.maximum(10 * np.log10(energy + 1e-12), QUIETEST)
        bands[part] = _band_levels(cut)
        pitch[part], periodicity[part] = _pitch(cut, loudness[part])
    return Measures(loudness, bands, pitch, periodicity)


def _frames(samples: np.ndarray, begin: int, end: int) -> np.ndarray:
    """Frames (end - begin, _FRAME) centred on the middle of their hop."""
    first = begin * SAMPLES_PER_FRAME + SAMPLES_PER_FRAME // 2 - _FRAME // 2
    last = (end - 1) * SAMPLES_PER_FRAME + SAMPLES_PER_FRAME // 2 + _FRAME // 2
    piece = np.asarray(samples[max(first, 0) : last], dtype=np.float32)
    piece = np.pad(piece, (max(-first, 0), max(last - max(first, 0) - len(piece), 0)))
    return np.lib.stride_tricks.sliding_window_view(piece, _FRAME)[::SAMPLES_PER_FRAME]


def _band_levels(cut: np.ndarray) -> np.ndarray:
    """Level per band, (frames, bands) dB."""
    size = 1024
    power = np.abs(np.fft.rfft(cut * np.hanning(_FRAME).astype(np.float32), size)) ** 2
    edges = np.round(np.array(_BAND_EDGES) * size / SAMPLE_RATE).astype(int)
    level = np.add.reduceat(power, edges, axis=1)[:, :-1] / np.diff(edges)
    return 10 * np.log10(level / _FRAME + 1e-10)


def _pitch(cut: np.ndarray, loudness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pitch (Hz, 0 unvoiced) and periodicity (1 perfectly periodic) of frames (frames, _FRAME)."""
    normalised = _cumulative_difference(cut - cut.mean(axis=1, keepdims=True))
    lags, costs = _candidates(normalised)
    costs = np.where((loudness > -90)[:, None], costs, 9.0)
    hertz = SAMPLE_RATE / lags
    chosen = _viterbi(np.log2(hertz), costs)
    rows = np.arange(len(cut))
    voiced = chosen < _CANDIDATES
    index = np.minimum(chosen, _CANDIDATES - 1)
    periodicity = np.clip(1 - costs[rows, index], 0, 1)
    return np.where(voiced, hertz[rows, index], 0).astype(np.float32), np.where(voiced, periodicity, 0)


def _cumulative_difference(cut: np.ndarray) -> np.ndarray:
    """YIN's normalised difference function, (frames, _MAX_LAG + 1): 0 where the lag is a period, about 1 elsewhere."""
    width = _FRAME - _MAX_LAG  # the integration window, the same for every lag
    size = 2048
    spectrum = np.fft.rfft(cut, size)
    head = np.fft.rfft(cut[:, :width], size)
    cross = np.fft.irfft(spectrum * head.conj(), size)[:, : _MAX_LAG + 1]
    energy = np.concatenate([np.zeros((len(cut), 1)), np.cumsum(cut.astype(np.float64) ** 2, axis=1)], axis=1)
    moving = energy[:, width : width + _MAX_LAG + 1] - energy[:, : _MAX_LAG + 1]
    difference = np.maximum(moving[:, :1] + moving - 2 * cross, 0)
    lag = np.arange(1, _MAX_LAG + 1)
    running = np.cumsum(difference[:, 1:], axis=1)
    result = np.ones((len(cut), _MAX_LAG + 1))
    result[:, 1:] = difference[:, 1:] * lag / np.maximum(running, 1e-9)
    return result


def _candidates(normalised: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The deepest dips: lags (frames, candidates) refined by a parabola, and their aperiodicity."""
    inner = normalised[:, _MIN_LAG:_MAX_LAG]
    left = normalised[:, _MIN_LAG - 1 : _MAX_LAG - 1]
    right = normalised[:, _MIN_LAG + 1 : _MAX_LAG + 1]
    # Twice the period is a dip as deep as the period itself: let shorter lags win by a little.
    bias = 0.025 * np.log2(np.arange(_MIN_LAG, _MAX_LAG) / _MIN_LAG)
    dip = np.where((inner <= left) & (inner < right), inner + bias, 9.0)
    index = np.argpartition(dip, _CANDIDATES, axis=1)[:, :_CANDIDATES]
    rows = np.arange(len(inner))[:, None]
    a, b, c = left[rows, index], inner[rows, index], right[rows, index]
    shift = np.clip(0.5 * (a - c) / np.maximum(a - 2 * b + c, 1e-9), -1, 1)
    return _MIN_LAG + index + shift, dip[rows, index]


def _viterbi(octaves: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """The cheapest path through the candidates and the unvoiced state (the last index)."""
    frames, count = costs.shape
    local = np.concatenate([costs, np.full((frames, 1), _UNVOICED_COST)], axis=1)
    jump = np.full((frames, count + 1, count + 1), _SWITCH_COST)
    jump[:, count, count] = 0
    jump[1:, :count, :count] = np.minimum(_JUMP_COST * np.abs(octaves[:-1, :, None] - octaves[1:, None, :]), 0.8)
    back = np.zeros((frames, count + 1), np.int64)
    total = local[0]
    for i in range(1, frames):
        step = total[:, None] + jump[i]
        back[i] = step.argmin(axis=0)
        total = step.min(axis=0) + local[i]
    path = np.empty(frames, np.int64)
    path[-1] = total.argmin()
    for i in range(frames - 1, 0, -1):
        path[i - 1] = back[i, path[i]]
    return path


def voice_activity(measured: Measures) -> np.ndarray:
    """Speech in [0, 1] per frame, float32, from frames that follow each other."""
    bands, periodicity, loudness = measured.bands, measured.periodicity, measured.loudness
    above = np.clip(bands - _floor(bands), 0, 30)
    # The mean over bands asks for a broad rise; the strongest bands let vowels of a thin voice through.
    strongest = np.sort(above, axis=1)[:, -4:].mean(axis=1)
    rise = 0.5 * above.mean(axis=1) + 0.5 * strongest
    evidence = rise + 4.0 * (periodicity - 0.5) - 8.5
    # Far below the clip's own loud moments nothing is speech any more (breath, room, pre-echo of codecs).
    loudest = _loudest(loudness)
    evidence = np.minimum(evidence, (loudness - np.maximum(loudest - 38, -92)) * 0.6)
    speech = 1 / (1 + np.exp(-np.clip(evidence, -30, 30) * 0.8))
    return _bridge(speech).astype(np.float32)


def _floor(bands: np.ndarray) -> np.ndarray:
    """Slowly moving background level per band: a low quantile around every moment, in 0.1 s steps."""
    step = TRACK_RATE // 10
    padded = np.pad(bands, ((0, -len(bands) % step), (0, 0)), mode="edge")
    coarse = padded.reshape(-1, step, bands.shape[1]).mean(axis=1)
    reach = int(_FLOOR_SECONDS * TRACK_RATE / step)
    # A clip (or its edge) without any pause would be its own floor: speech without pause is recognised by its
    # movement, so the floor is lowered where the level moves much and kept where it stands still.
    around = np.pad(coarse, ((reach, reach), (0, 0)), mode="reflect" if len(coarse) > reach else "edge")
    windows = np.lib.stride_tricks.sliding_window_view(around, 2 * reach + 1, axis=0)
    low, high = np.empty_like(coarse), np.empty_like(coarse)
    for first in range(0, len(coarse), _BLOCK):  # sorting copies every window
        part = slice(first, first + _BLOCK)
        low[part], high[part] = np.quantile(windows[part], [_FLOOR_QUANTILE, 0.9], axis=-1)
    movement = high - low
    floor = low - np.clip(movement - 6, 0, 6)
    return np.repeat(floor, step, axis=0)[: len(bands)]


def _loudest(loudness: np.ndarray) -> np.ndarray:
    """Loudness of the loud moments within 5 s on either side."""
    step, reach = TRACK_RATE // 5, 25
    padded = np.pad(loudness, (0, -len(loudness) % step), mode="edge").reshape(-1, step).max(axis=1)
    around = np.pad(padded, reach, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(around, 2 * reach + 1)
    return np.repeat(windows.max(axis=-1), step)[: len(loudness)]


def _bridge(speech: np.ndarray) -> np.ndarray:
    """Closes gaps of a few frames and drops blips: grow, shrink, then a short average."""
    size = 2 * _HANGOVER + 1
    grown = np.lib.stride_tricks.sliding_window_view(np.pad(speech, _HANGOVER, mode="edge"), size).max(axis=-1)
    closed = np.lib.stride_tricks.sliding_window_view(np.pad(grown, _HANGOVER, mode="edge"), size).min(axis=-1)
    return np.convolve(np.pad(closed, 1, mode="edge"), np.array([0.25, 0.5, 0.25]), mode="valid")
