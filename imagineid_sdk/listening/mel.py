"""The front end of all listening: Whisper's 80-band log-mel spectrogram, in plain torch.

Constants and formulas are those of Whisper (Radford et al. 2022, `whisper/audio.py`, MIT), so that its published
encoder weights can be used; the filterbank is Slaney's (Auditory Toolbox, 1998) with area normalisation.
"""

from __future__ import annotations

import functools
import math

import torch

from imagineid_sdk.audio.resampling import SAMPLE_RATE

FFT_SIZE = 400
HOP = 160
MEL_BANDS = 80

_DYNAMIC_RANGE = 8.0  # log10 units kept below the loudest cell of a window, as Whisper does
_REFERENCE_PEAK = 1.5  # log10 power of the loudest cell of a normally recorded voice
_MAX_GAIN = 6.0  # log10 power: at most 60 dB of automatic gain


def mel_filterbank(bands: int = MEL_BANDS) -> torch.Tensor:
    """Slaney mel filters, float32, shape (bands, 201): triangles of equal area from 0 to 8000 Hz."""
    return _mel_filterbank(bands).clone()


@functools.cache
def _mel_filterbank(bands: int) -> torch.Tensor:
    frequencies = torch.linspace(0, SAMPLE_RATE / 2, FFT_SIZE // 2 + 1, dtype=torch.float64)
    top = _hz_to_mel(SAMPLE_RATE / 2)
    edges = torch.tensor([_mel_to_hz(top * i / (bands + 1)) for i in range(bands + 2)], dtype=torch.float64)
    width = edges.diff()
    slopes = edges[:, None] - frequencies[None, :]
    rising = -slopes[:-2] / width[:-1, None]
    falling = slopes[2:] / width[1:, None]
    triangles = torch.clamp(torch.minimum(rising, falling), min=0)
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]).float()


def _hz_to_mel(hz: float) -> float:
    # Linear below 1 kHz, logarithmic above.
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * math.log(hz / 1000) / math.log(6.4)


def _mel_to_hz(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000 * math.exp((mel - 15) * math.log(6.4) / 27)


def mel_power(samples: torch.Tensor) -> torch.Tensor:
    """Mel power. `samples`: float32 (batch, samples), 16 kHz -> (batch, 80, samples // 160), frame j at j x 10 ms."""
    window = torch.hann_window(FFT_SIZE, device=samples.device, dtype=samples.dtype)
    spectrum = torch.stft(samples, FFT_SIZE, HOP, window=window, center=True, pad_mode="reflect", return_complex=True)
    power = spectrum[..., :-1].abs().square()
    return _mel_filterbank(MEL_BANDS).to(power) @ power


def log_mel(samples: torch.Tensor, *, level: bool = True) -> torch.Tensor:
    """Whisper's log-mel: float32 (batch, samples) at 16 kHz -> (batch, 80, samples // 160), about [-1, 1.5].

    With `level` each row is first brought to the loudness of a normal recording (at most 60 dB up), so that a whisper
    into a distant microphone and a shout give the networks the same picture.
    """
    logarithm = torch.log10(torch.clamp(mel_power(samples), min=1e-10))
    peak = logarithm.amax(dim=(-2, -1), keepdim=True)
    floored = torch.maximum(logarithm, peak - _DYNAMIC_RANGE)
    if level:
        floored = floored + torch.clamp(_REFERENCE_PEAK - peak, max=_MAX_GAIN)
    return (floored + 4.0) / 4.0
