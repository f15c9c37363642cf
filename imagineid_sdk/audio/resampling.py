"""Any sampling rate -> 16 kHz, in pieces."""

from __future__ import annotations

import math

import numpy as np

SAMPLE_RATE = 16_000
"""Hz. The one rate that listening hears: speech carries little above 8 kHz, and the speech encoders expect it."""

FILTER_REACH = 18
"""Samples at 16 kHz (or at the sound's own rate, where that is lower) that resampling looks at on either side."""


class Resampler:
    """Brings mono sound that comes in pieces from `rate` to 16 kHz; equal to resampling the whole, but for rounding.

    Pieces are cut where samples of both rates coincide, so a rate that has little in common with 16,000 Hz waits
    longer: 10 ms at 44,100 Hz.
    """

    def __init__(self, rate: int) -> None:
        common = math.gcd(rate, SAMPLE_RATE)
        self._rate, self._in, self._out = rate, rate // common, SAMPLE_RATE // common
        reach = math.ceil(FILTER_REACH * max(1.0, rate / SAMPLE_RATE))
        self._context = -(-reach // self._in) * self._in
        self._buffer = np.empty(0, np.float32)
        self._begin = 0  # samples at the beginning of the buffer that were given out already

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """float32 (samples,) in, those that are certain by now out, in [-1, 1]."""
        if self._rate == SAMPLE_RATE:
            return samples
        self._buffer = np.concatenate([self._buffer, samples])
        return self._give(max(0, len(self._buffer) - self._context) // self._in * self._in)

    def finish(self) -> np.ndarray:
        """The rest."""
        return np.empty(0, np.float32) if self._rate == SAMPLE_RATE else self._give(len(self._buffer))

    def _give(self, end: int) -> np.ndarray:
        first, last = self._begin * self._out // self._in, end * self._out // self._in
        if last <= first:
            return np.empty(0, np.float32)
        import resampy  # late: it brings numba, which 16 kHz sound never needs

        resampled = resampy.resample(self._buffer, self._rate, SAMPLE_RATE, filter="kaiser_fast")
        kept = max(0, end - self._context) // self._in * self._in
        self._buffer, self._begin = self._buffer[kept:], end - kept
        # The filter rings a little over a full-scale peak.
        return np.clip(resampled[first:last], -1.0, 1.0).astype(np.float32, copy=False)
