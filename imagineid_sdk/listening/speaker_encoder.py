"""Speaker encoder: the recurrent network of GE2E (Wan et al. 2018), frozen; independent of the words.

It was trained on thousands of real speakers. A network trained on our synthetic speakers alone would learn differences
that real voices don't have. Weights by Resemble AI (Apache-2.0), stored as bytes; see ``weights/tiny/NOTICE.md``.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from imagineid_sdk.listening.mel import FFT_SIZE, HOP, mel_filterbank
from imagineid_sdk.quantization import dequantize

BANDS = 40
BLOCK = 32
"""Entries of a row of a stored matrix that share one scale."""

_WINDOW, _STEP = 160, 80  # frames of 10 ms
_LEVEL = 10 ** (-30 / 20)  # root mean square that it was trained with
_OVER_SUBTRACTION = 2.0
"""Factor on the mean noise that is subtracted: single frames of noise exceed their mean."""
_SPECTRAL_FLOOR = 0.02
"""Share of a band's power that is always left."""


class SpeakerEncoder(nn.Module):
    """Mel power (windows, frames, 40) -> last state (windows, size) of a stack of recurrent layers, float32."""

    def __init__(self, size: int = 256, layers: int = 3) -> None:
        super().__init__()
        self.size, self.layers = size, layers
        for layer in range(layers):
            for part, columns in (("input", size if layer else BANDS), ("hidden", size)):
                self.register_buffer(f"{part}_{layer}", torch.zeros(4 * size, columns, dtype=torch.int8))
                self.register_buffer(f"{part}_range_{layer}", torch.zeros(4 * size, -(-columns // BLOCK)))
            self.register_buffer(f"bias_{layer}", torch.zeros(4 * size))

    @torch.no_grad()
    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        weights: list[torch.Tensor] = []
        for layer in range(self.layers):
            bias = self.get_buffer(f"bias_{layer}").float()
            weights += [self._matrix("input", layer), self._matrix("hidden", layer), bias, torch.zeros_like(bias)]
        start = mel.new_zeros(self.layers, len(mel), self.size)
        with torch.autocast(mel.device.type, enabled=False):
            _, state, _ = torch.lstm(mel, (start, start), weights, True, self.layers, 0.0, False, False, True)
        return state[-1]

    def _matrix(self, part: str, layer: int) -> torch.Tensor:
        return dequantize(self.get_buffer(f"{part}_{layer}"), self.get_buffer(f"{part}_range_{layer}"), BLOCK)

    def embed(self, speech: np.ndarray, noise: np.ndarray | None = None) -> torch.Tensor:
        """Embedding of a voice (size,), float32 on the CPU.

        Args:
            speech: samples that hold nothing but speech, float32 mono 16 kHz.
            noise: samples from between the speech; their spectrum is subtracted.
        """
        return self(mel_windows(speech, noise).to(self.get_buffer("bias_0").device)).mean(dim=0).cpu()


def mel_windows(speech: np.ndarray, noise: np.ndarray | None = None) -> torch.Tensor:
    """Mel power (windows, 160, 40) of speech at the level that the network knows, repeated if it is short.

    Noise is taken off by spectral subtraction (Berouti et al. 1979).
    """
    speech = np.tile(speech, -(-_WINDOW * HOP // len(speech))) if len(speech) < _WINDOW * HOP else speech
    mel, power = _mel_power(speech), _mean_square(speech)
    if noise is not None:
        mel = torch.maximum(mel - _OVER_SUBTRACTION * _mel_power(noise).mean(0), _SPECTRAL_FLOOR * mel)
        power = max(power - _mean_square(noise), power / 10)
    return (mel * (_LEVEL**2 / max(power, 1e-20))).unfold(0, _WINDOW, _STEP).transpose(1, 2).contiguous()


def _mel_power(samples: np.ndarray) -> torch.Tensor:
    """(frames, 40)."""
    window = torch.hann_window(FFT_SIZE)
    spectrum = torch.stft(torch.from_numpy(samples), FFT_SIZE, HOP, window=window, return_complex=True)
    return (mel_filterbank(BANDS) @ spectrum.abs().square()).T


def _mean_square(samples: np.ndarray) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))
