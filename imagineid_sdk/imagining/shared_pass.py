"""The part of the first denoising step that all frames of a video share.

All frames start from the same noise and the same tokens. They differ by the adapters' residuals, which are added to the
skip connections and the middle block, as in ControlNet (arXiv 2302.05543). So the down blocks and the middle block run
once for a person, and a frame pays for the up blocks alone: about half of the step.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import UNet2DConditionModel
from torch import nn

from imagineid_sdk.imagining.adapters.spatial import Residuals
from imagineid_sdk.imagining.denoising import TIMESTEPS


@dataclass(frozen=True, eq=False)
class SharedPass:
    """The outputs of a denoiser's down blocks and middle block at time 1.

    Attributes:
        tokens: ``(1, tokens, width)``.
        time: the time embedding ``(1, width)``.
        skips, middle: features of the skip connections and the middle block, each ``(1, channels, size, size)``.
    """

    denoiser: UNet2DConditionModel
    tokens: torch.Tensor
    time: torch.Tensor
    skips: tuple[torch.Tensor, ...]
    middle: torch.Tensor

    def velocity(self, residuals: Residuals | None) -> torch.Tensor:
        """The denoiser's output for the residuals of some frames, ``(frames, channels, 16, 16)``; None is one frame."""
        skips, hidden = self.skips, self.middle
        if residuals is not None:
            skips = tuple(skip + added for skip, added in zip(skips, residuals[0], strict=True))
            hidden = hidden + residuals[1]
        tokens = self.tokens.expand(len(hidden), -1, -1)
        for block in self.denoiser.up_blocks:
            count = len(block.resnets)
            own, skips = skips[-count:], skips[:-count]
            hidden = block(
                hidden_states=hidden, temb=self.time, res_hidden_states_tuple=own, **_tokens_for(block, tokens)
            )  # fmt: skip
        if self.denoiser.conv_norm_out is not None:
            hidden = self.denoiser.conv_act(self.denoiser.conv_norm_out(hidden))
        return self.denoiser.conv_out(hidden)


def start_pass(denoiser: UNet2DConditionModel, noise: torch.Tensor, tokens: torch.Tensor) -> SharedPass | None:
    """Run the down blocks on ``noise`` ``(1, channels, 16, 16)`` with ``tokens`` ``(1, tokens, width)``.

    None for a denoiser that has other inputs, or that accelerate moves between devices.
    """
    if not _is_plain(denoiser):
        return None
    time = torch.ones(1, device=noise.device) * TIMESTEPS
    embedding = denoiser.time_embedding(denoiser.get_time_embed(sample=noise, timestep=time), None)
    added = denoiser.get_aug_embed(emb=embedding, encoder_hidden_states=tokens, added_cond_kwargs=None)
    embedding = embedding if added is None else embedding + added
    hidden = denoiser.conv_in(noise.contiguous(memory_format=torch.channels_last))
    skips: tuple[torch.Tensor, ...] = (hidden,)
    for block in denoiser.down_blocks:
        hidden, more = block(hidden_states=hidden, temb=embedding, **_tokens_for(block, tokens))
        skips += more
    middle = denoiser.mid_block(hidden, embedding, **_tokens_for(denoiser.mid_block, tokens))
    return SharedPass(denoiser, tokens, embedding, skips, middle)


def _tokens_for(block: nn.Module, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
    """The keyword of a block that has cross-attention."""
    return {"encoder_hidden_states": tokens} if getattr(block, "has_cross_attention", False) else {}


def _is_plain(denoiser: nn.Module) -> bool:
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
