"""Pipelines with the shapes of Stable Diffusion 1.5 and XL and random weights: they cost as much as the real ones."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

_TOKENS = 77


@dataclass(frozen=True)
class Shape:
    """Arguments of a pipeline's parts; `second` is the second text encoder of Stable Diffusion XL."""

    unet: Mapping[str, Any]
    text: Mapping[str, Any]
    second: Mapping[str, Any] = field(default_factory=dict)
    vae: tuple[int, ...] = (128, 256, 512, 512)


def _text(width: int, layers: int, heads: int, vocabulary: int = 49408, **more: Any) -> dict[str, Any]:
    sizes = {"hidden_size": width, "intermediate_size": 4 * width, "projection_dim": width, "vocab_size": vocabulary}
    return {**sizes, "num_hidden_layers": layers, "num_attention_heads": heads, **more}


def _xl_unet(widths: tuple[int, ...], heads: tuple[int, ...], depths: tuple[int, ...], **more: Any) -> dict[str, Any]:
    return {
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "block_out_channels": widths,
        "attention_head_dim": heads,
        "transformer_layers_per_block": depths,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        **more,
    }


_XL_SIZES = {"cross_attention_dim": 2048, "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816}
_TINY_XL_SIZES = {"cross_attention_dim": 64, "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 80}
SHAPES: Mapping[str, Shape] = {
    "sd15": Shape({"cross_attention_dim": 768, "sample_size": 64}, _text(768, 12, 12)),
    "sdxl": Shape(
        _xl_unet((320, 640, 1280), (5, 10, 20), (1, 2, 10), sample_size=128, **_XL_SIZES),
        _text(768, 12, 12),
        _text(1280, 32, 20, hidden_act="gelu"),
    ),
    "tiny-sdxl": Shape(
        _xl_unet((32, 32, 32), (2, 2, 2), (1, 1, 1), sample_size=16, **_TINY_XL_SIZES),
        _text(32, 1, 2, 128),
        _text(32, 1, 2, 128),
        vae=(32, 32),
    ),
}
"""`tiny-sdxl` is for tests."""


def build(shape: str, folder: Path, *, device: str, dtype: torch.dtype) -> Path:
    """Write such a pipeline into `folder`."""
    chosen, before = SHAPES[shape], torch.get_default_dtype()
    torch.manual_seed(0)
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            parts = _parts(chosen)
    finally:
        torch.set_default_dtype(before)
    make_scheduler: Any = DDIMScheduler
    scheduler = make_scheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False)
    kind: Any = StableDiffusionXLPipeline if chosen.second else StableDiffusionPipeline
    more = {} if chosen.second else {"safety_checker": None, "feature_extractor": None}
    kind(**parts, scheduler=scheduler, tokenizer=_tokenizer(), **more).save_pretrained(folder)
    return folder


def _parts(shape: Shape) -> dict[str, Any]:
    make_unet: Any = UNet2DConditionModel
    make_vae: Any = AutoencoderKL
    count = len(shape.vae)
    parts = {
        "unet": make_unet(**shape.unet),
        "vae": make_vae(
            down_block_types=("DownEncoderBlock2D",) * count,
            up_block_types=("UpDecoderBlock2D",) * count,
            block_out_channels=shape.vae,
            layers_per_block=2,
        ),
        "text_encoder": CLIPTextModel(_config(shape.text)),
    }
    if shape.second:
        parts |= {"text_encoder_2": CLIPTextModelWithProjection(_config(shape.second)), "tokenizer_2": _tokenizer()}
    return parts


def _config(sizes: Mapping[str, Any]) -> Any:
    return CLIPTextConfig(max_position_embeddings=_TOKENS, bos_token_id=0, eos_token_id=1, **sizes)


def _tokenizer() -> Any:
    """One token for each letter; prompts are padded to the same length as with the real vocabulary."""
    letters = [*string.ascii_lowercase, *string.digits, *".,'-"]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    return CLIPTokenizer(vocab={word: n for n, word in enumerate(words)}, merges=[], model_max_length=_TOKENS)
