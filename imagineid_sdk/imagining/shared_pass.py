"""The first denoising step of a video, as far as it is the same for all frames.

All frames are denoised from one noise with one set of words, and what makes them differ, the adapters' residuals, joins
the denoiser behind its way down, as in ControlNet (arXiv 2302.05543). So the way down and the middle are computed once
for a person, and a frame pays for the way up alone: about half of the step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from imagineid_sdk.imagining.adapters.spatial import Residuals
from imagineid_sdk.imagining.denoising import TIMESTEPS


@dataclass(frozen=True)
class SharedPass:
    """A denoiser that has gone its way down at time 1.

    Attributes:
        denoiser: a `diffusers.UNet2DConditionModel`.
        tokens: ``(1, tokens, width)``.
        time: the time's embedding ``(1, width)``.
        skips: features of the skip connections; middle: of the middle, each ``(1, channels, size, size)``.
    """

    denoiser: Any
    tokens: torch.Tensor
    time: torch.Tensor
    skips: tuple[torch.Tensor, ...]
    middle: torch.Tensor

    def velocity(self, residuals: Residuals | None) -> torch.Tensor:
        """What the denoiser returns for noise and some frames' ``residuals``: ``(frames, channels, 16, 16)``; one
        frame without residuals."""
        skips, hidden = self.skips, self.middle
        if residuals is not None:
            skips = tuple(skip + added for skip, added in zip(skips, residuals[0], strict=True))
            hidden = hidden + residuals[1]
        tokens = self.tokens.expand(len(hidden), -1, -1)
        for block in self.denoiser.up_blocks:
            count = len(block.resnets)
            own, skips = skips[-count:], skips[:-count]
            words = {"encoder_hidden_states": tokens} if getattr(block, "has_cross_attention", False) else {}
            hidden = block(hidden_states=hidden, temb=self.time, res_hidden_states_tuple=own, **words)
        if self.denoiser.conv_norm_out is not None:
            hidden = self.denoiser.conv_act(self.denoiser.conv_norm_out(hidden))
        return self.denoiser.conv_out(hidden)


def start_pass(denoiser: Any, noise: torch.Tensor, tokens: torch.Tensor) -> SharedPass | None:
    """The way down from ``noise`` ``(1, channels, 16, 16)`` with ``tokens`` ``(1, tokens, width)``; None for a denoiser
    that has more inputs than these, or that is moved between devices as a whole."""
    if not _is_plain(denoiser):
        return None
    time = torch.ones(1, device=noise.device) * TIMESTEPS
    embedding = denoiser.time_embedding(denoiser.get_time_embed(sample=noise, timestep=time), None)
    added = denoiser.get_aug_embed(emb=embedding, encoder_hidden_states=tokens, added_cond_kwargs=None)
    embedding = embedding if added is None else embedding + added
    hidden = denoiser.conv_in(noise.contiguous(memory_format=torch.channels_last))
    skips: tuple[torch.Tensor, ...] = (hidden,)
    for block in denoiser.down_blocks:
        words = {"encoder_hidden_states": tokens} if getattr(block, "has_cross_attention", False) else {}
        hidden, more = block(hidden_states=hidden, temb=embedding, **words)
        skips += more
    middle = denoiser.mid_block
    words = {"encoder_hidden_states": tokens} if getattr(middle, "has_cross_attention", False) else {}
    return SharedPass(denoiser, tokens, embedding, skips, middle(hidden, embedding, **words))


def _is_plain(denoiser: Any) -> bool:
    from diffusers import UNet2DConditionModel

    if not isinstance(denoiser, UNet2DConditionModel) or hasattr(denoiser, "_hf_hook") or denoiser.mid_block is None:
        return False
    config = denoiser.config
    unused = (
        config.class_embed_type,
        config.num_class_embeds,
        config.encoder_hid_dim_type,
        config.time_embedding_act_fn,
    )
    return all(option is None for option in unused) and config.addition_embed_type in (None, "text")
