"""The front end is Whisper's."""

import numpy as np
import pytest
import torch

from imagineid_sdk.listening.mel import MEL_BANDS, log_mel, mel_filterbank


def test_filters_have_the_shape_and_area_of_slaneys():
    filters = mel_filterbank()
    assert filters.shape == (MEL_BANDS, 201)
    # Known values of librosa.filters.mel(sr=16000, n_fft=400, n_mels=80), which Whisper ships.
    assert np.isclose(filters[0, 1].item(), 0.02486259, atol=1e-6)
    assert np.isclose(filters.max().item(), 0.02586, atol=1e-3)


def test_a_tone_lights_the_band_of_its_pitch():
    time = torch.arange(16_000) / 16_000
    low, high = (log_mel(torch.sin(2 * torch.pi * hertz * time)[None])[0].mean(dim=1).argmax() for hertz in (300, 3000))
    assert low < 10 < 45 < high


@pytest.mark.parametrize("quieter", [0.2, 0.02])
def test_level_does_not_matter(quieter):
    torch.manual_seed(0)
    sound = torch.randn(1, 16_000) * 0.1
    assert torch.allclose(log_mel(sound), log_mel(sound * quieter), atol=1e-3)


def test_one_frame_per_ten_milliseconds():
    assert log_mel(torch.zeros(2, 16_000)).shape == (2, 80, 100)
