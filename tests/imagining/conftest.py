"""The networks at tiny sizes."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel

from imagineid_sdk.imagining.adapters.blending import BlendingAdapter
from imagineid_sdk.imagining.adapters.semantic import AttributeEmbedder, SemanticAdapter
from imagineid_sdk.imagining.adapters.spatial import SpatialAdapter
from imagineid_sdk.imagining.autoencoder import HeadAutoencoder

SKIPS = (16, 16, 16, 32)


@pytest.fixture
def small():
    torch.manual_seed(0)
    denoiser = UNet2DConditionModel(
        sample_size=16, in_channels=16, out_channels=16, layers_per_block=1, block_out_channels=(16, 32),
        down_block_types=("CrossAttnDownBlock2D",) * 2, up_block_types=("CrossAttnUpBlock2D",) * 2,
        cross_attention_dim=8, attention_head_dim=2, norm_num_groups=4,
    )  # fmt: skip
    return {
        "autoencoder": HeadAutoencoder(
            encoder_channels=(8, 8, 8, 8), encoder_blocks=(1, 1, 1, 1), decoder_channels=(16, 12, 8),
            decoder_blocks=(1, 1, 1),
        ),
        "denoiser": denoiser,
        "words": AttributeEmbedder([("hair", ["long", "short"]), ("age", ["young", "old"])], width=8),
        "semantic": SemanticAdapter(inputs=5, width=8, pseudo_words=3, hidden=16, style_width=16),
        "spatial": SpatialAdapter(width=16, skip_channels=SKIPS),
        "blending": BlendingAdapter(trunk_channels=8, width=16, painter_width=8, skip_channels=SKIPS),
    }  # fmt: skip
