"""Gain and downmix: one rule for every way in.

A clip or file is measured as a whole before its blocks are mixed; of a live sound only the past is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from imagineid_sdk.errors import AudioError

SILENT_PEAK = 1e-3
"""Peak (-60 dBFS) below which a channel counts as unused when more than two are mixed down."""

OPPOSITE_PHASE = 0.01
"""Share of the louder channel's power below which the mean of a stereo pair counts as cancelled out."""


def check_finite(block: np.ndarray, label: str) -> None:
    """Raises AudioError for a block that holds impossible samples."""
    _refuse(label, _impossible(block))


def _impossible(block: np.ndarray) -> int:
    return int(block.size - np.count_nonzero(np.isfinite(block)))


def _refuse(label: str, count: int) -> None:
    if count:
        raise AudioError(
            f"{label} holds {count} samples that are NaN or infinite. Every sample must be a finite number: repair the "
            "recording, or replace them, e.g. with numpy.nan_to_num."
        )


class Levels:
    """Peaks and powers of a sound, added up block by block. `channels` are those of the blocks that are added.

    Attributes:
        samples: sample frames so far.
        impossible: samples so far that are NaN or infinite.
    """

    def __init__(self, channels: int) -> None:
        self.channels, self.samples, self.impossible = channels, 0, 0
        self._peaks = np.zeros(channels)
        self._sum_peak = 0.0
        self._powers, self._mean_power = np.zeros(min(channels, 2)), 0.0

    @property
    def mixed_channels(self) -> int:
        """Channels of the mix: one or two stay as they are, more become one."""
        return self.channels if self.channels <= 2 else 1

    def add(self, block: np.ndarray) -> None:
        """float32 (samples, channels)."""
        if not len(block):
            return
        self.samples += len(block)
        with np.errstate(invalid="ignore"):  # NaN of a damaged file is counted below
            self._peaks = np.maximum(self._peaks, np.abs(block).max(axis=0))
        if not np.isfinite(self._peaks).all():
            self.impossible += _impossible(block)
            return
        if self.channels > 2:
            self._sum_peak = max(self._sum_peak, float(np.abs(block.sum(axis=1)).max()))
        elif self.channels == 2:
            self._powers += np.square(block, dtype=np.float64).sum(axis=0)
            self._mean_power += float(np.square(block.mean(axis=1), dtype=np.float64).sum())

    def check(self, label: str) -> None:
        """Raises AudioError for a sound that holds impossible samples."""
        _refuse(label, self.impossible)

    def mix(self, block: np.ndarray) -> np.ndarray:
        """float32 (samples, 1 or 2) in [-1, 1]: more than two channels become the mean of those that carry sound, and a
        sound that exceeds full scale is turned down as a whole."""
        if self.channels > 2:
            used = max(1, int(np.count_nonzero(self._peaks >= SILENT_PEAK)))
            block, peak = block.sum(axis=1, keepdims=True) / np.float32(used), self._sum_peak / used
        else:
            peak = float(self._peaks.max())
        return block / np.float32(peak) if peak > 1.0 else block

    def mono(self, mixed: np.ndarray) -> np.ndarray:
        """Mono float32 (samples,) of a block that `mix` returned. A stereo pair in opposite phase would cancel in the
        mean: its louder side is taken."""
        if mixed.shape[1] == 1:
            return mixed[:, 0].copy()
        if self._mean_power < OPPOSITE_PHASE * self._powers.max():
            return mixed[:, int(np.argmax(self._powers))].copy()
        return mixed.mean(axis=1, dtype=np.float32)


def mixed_live(blocks: Iterable[np.ndarray], levels: Levels, label: str) -> Iterator[np.ndarray]:
    """Blocks of a live sound, each mixed by the levels so far."""
    for block in blocks:
        levels.add(block)
        levels.check(label)
        yield levels.mix(block)
