"""The frozen speech encoder reads clips of any length."""

import numpy as np
import pytest
import torch

from imagineid_sdk.listening.speech_encoder import num_features, plan_windows


@pytest.mark.parametrize("frames", [1, 24, 499, 500, 501, 900, 901, 4000])
def test_windows_cover_a_clip_once(frames):
    covered = np.zeros(frames, int)
    for window in plan_windows(frames):
        assert window.begin <= window.keep_from < window.keep_to <= window.end
        covered[window.keep_from : window.keep_to] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize("samples", [1, 800, 16_000, 16_001, 200_000])
def test_one_feature_per_twenty_milliseconds(listener, samples):
    sound = np.random.default_rng(0).standard_normal(samples).astype(np.float32) * 0.1
    features = listener.speech_encoder.encode(sound).last
    assert features.shape == (num_features(samples), 384)
    assert torch.isfinite(features).all()


def test_a_part_is_the_part_of_the_whole(listener):
    sound = np.random.default_rng(1).standard_normal(25 * 16_000).astype(np.float32) * 0.1
    whole = listener.speech_encoder.encode(sound).last
    part = listener.speech_encoder.encode(sound, 430, 900).last
    assert torch.allclose(whole[430:900], part, atol=1e-3)
