"""Tiny random twins of the public checkpoints that the sd15 recipe names, in the layout of the real repositories:
the same files, class names and quirks, a few hundred kilobytes in all."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, ControlNetModel, EulerDiscreteScheduler, MotionAdapter, UNet2DConditionModel
from safetensors.torch import load_file, save_file

from imagineid_sdk.hub.recipes import Recipe
from tests.hub.loopback import LoopbackHub, folder_files

WIDTH = 32  # of the text encoder
BLOCKS = {"block_out_channels": (32, 64), "layers_per_block": 1, "cross_attention_dim": WIDTH, "attention_head_dim": 8}
DOWN = ("CrossAttnDownBlock2D", "DownBlock2D")


def publish_twins(hub: LoopbackHub, folder: Path) -> None:
    """Put a twin of every repository of the sd15 recipe on the Hub, pickles and other ballast included."""
    torch.manual_seed(0)
    base, sources = folder / "base", Recipe.load("sd15")
    make_base(base)
    ballast = {"safety_checker/model.safetensors": b"1.2 GB", "unet/diffusion_pytorch_model.bin": b"pickle"}
    hub.publish(sources.denoiser.repo, folder_files(base) | ballast)
    make_controlnet(folder / "controlnet" / "diffusion_sd15")
    hub.publish(sources.spatial_adapter.repo, folder_files(folder / "controlnet"))
    make_motion_module(folder / "motion" / sources.motion_module.files[0])
    hub.publish(sources.motion_module.repo, folder_files(folder / "motion"))
    make_autoencoder(folder / "vae")
    hub.publish(sources.autoencoder.repo, folder_files(folder / "vae"))


def make_base(folder: Path) -> None:
    """A Stable Diffusion repository without its autoencoder; latents of 8x8."""
    UNet2DConditionModel(
        sample_size=8, down_block_types=DOWN, up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), **BLOCKS
    ).save_pretrained(folder / "unet")
    # As in Stable Diffusion's own repositories: another noise schedule than the motion module's.
    EulerDiscreteScheduler(beta_schedule="scaled_linear", steps_offset=1).save_pretrained(folder / "scheduler")
    make_text_encoder(folder)


def make_text_encoder(folder: Path) -> None:
    from transformers import CLIPTextConfig, CLIPTextModel

    vocabulary = byte_pair_vocabulary()
    tokenizer = folder / "tokenizer"
    tokenizer.mkdir(parents=True)
    (tokenizer / "vocab.json").write_text(json.dumps(vocabulary))
    (tokenizer / "merges.txt").write_text("#version: 0.2\na n\n")
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    special["pad_token"] = "<|endoftext|>"
    (tokenizer / "special_tokens_map.json").write_text(json.dumps(special))
    (tokenizer / "tokenizer_config.json").write_text(json.dumps(special | {"tokenizer_class": "CLIPTokenizer"}))
    config = CLIPTextConfig(
        vocab_size=len(vocabulary), hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        eos_token_id=vocabulary["<|endoftext|>"], bos_token_id=vocabulary["<|startoftext|>"],
    )  # fmt: skip
    encoder = CLIPTextModel(config)
    encoder.save_pretrained(folder / "text_encoder")
    path = folder / "text_encoder" / "model.safetensors"
    # Public repositories prefix the names, whatever the installed transformers writes.
    tensors = {f"text_model.{name.removeprefix('text_model.')}": value for name, value in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})


def byte_pair_vocabulary() -> dict[str, int]:
    """Letters, digits and marks, alone and at the end of a word, as CLIP's vocabulary has them."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789,.-"
    words = [*letters, *(f"{letter}</w>" for letter in letters), "an", "<|startoftext|>", "<|endoftext|>"]
    return {word: index for index, word in enumerate(words)}


def make_controlnet(folder: Path) -> None:
    """Only the fp16 file is needed; its last layers are not zero, or it would say nothing."""
    network = ControlNetModel(down_block_types=DOWN, conditioning_embedding_out_channels=(16, 16, 16, 16), **BLOCKS)
    with torch.no_grad():
        for layer in (*network.controlnet_down_blocks, network.controlnet_mid_block):
            layer.weight.normal_(std=0.1)
        network.controlnet_cond_embedding.conv_out.weight.normal_(std=0.1)
    network.half().save_pretrained(folder, variant="fp16")


def make_motion_module(path: Path) -> None:
    """One file without a config, as distilled modules are published."""
    path.parent.mkdir(parents=True)
    adapter = MotionAdapter(block_out_channels=(32, 64), motion_layers_per_block=1, motion_norm_num_groups=32)
    with torch.no_grad():
        for name, weight in adapter.named_parameters():
            if name.endswith("proj_out.weight"):
                weight.normal_(std=0.2)
    save_file({name: value.half().contiguous() for name, value in adapter.state_dict().items()}, path)


def make_autoencoder(folder: Path) -> None:
    """8 times smaller latents, as in Stable Diffusion."""
    AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), norm_num_groups=4, sample_size=64, layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    ).save_pretrained(folder)  # fmt: skip
