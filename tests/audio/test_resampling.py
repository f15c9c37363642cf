"""Resampling in pieces is resampling the whole."""

from __future__ import annotations

import numpy as np
import pytest
import resampy

from imagineid_sdk.audio.resampling import Resampler


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_resampling_in_pieces_is_resampling_the_whole(make_voice, rate):
    voice, resampler = make_voice(0.5, rate), Resampler(rate)
    pieces = [resampler.feed(voice[start : start + 441]) for start in range(0, len(voice), 441)]
    joined = np.concatenate([*pieces, resampler.finish()])
    whole = resampy.resample(voice, rate, 16_000, filter="kaiser_fast")
    assert len(joined) == len(whole)
    assert np.abs(joined - whole).max() < 1e-4
