"""Tiny pipelines with random weights, shaped like Stable Diffusion 1.x, 2.x and XL."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

Shape = Literal["sd1", "sd2", "sdxl"]
LENGTH, WIDTH = 16, 16
_PARTS = ("train", "validation", "test")
_BLOCKS = {"block_out_channels": (16, 32), "layers_per_block": 1, "norm_num_groups": 8}


def tokenizer(*, pad: str = "<|endoftext|>") -> Any:
    """Letters and nothing else: every word is split into its letters."""
    letters = [*string.ascii_lowercase, "!", "."]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    vocab = {word: n for n, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocab, merges=[], pad_token=pad, model_max_length=LENGTH)


def _text_config(**more: Any) -> Any:
    return CLIPTextConfig(
        vocab_size=64,
        hidden_size=WIDTH,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=LENGTH,
        bos_token_id=0,
        eos_token_id=1,
        projection_dim=WIDTH,
        **more,
    )


def _unet(shape: Shape) -> Any:
    more: dict[str, Any] = {}
    if shape == "sdxl":
        more = {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 6 * 8 + WIDTH,
        }
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=2 * WIDTH if shape == "sdxl" else WIDTH,
        attention_head_dim=2,
        use_linear_projection=shape != "sd1",
        **_BLOCKS,
        **more,
    )


def pipeline(shape: Shape = "sd1") -> Any:
    """Seeded, frozen, in evaluation mode."""
    torch.manual_seed(0)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, **_BLOCKS
    )
    prediction = "v_prediction" if shape == "sd2" else "epsilon"
    parts: dict[str, Any] = {
        "vae": vae,
        "unet": _unet(shape),
        "scheduler": DDIMScheduler(prediction_type=prediction, clip_sample=False),
        "text_encoder": CLIPTextModel(_text_config()),
        "tokenizer": tokenizer(pad="!" if shape == "sd2" else "<|endoftext|>"),
    }
    if shape == "sdxl":
        second = {"text_encoder_2": CLIPTextModelWithProjection(_text_config()), "tokenizer_2": tokenizer(pad="!")}
        made: Any = StableDiffusionXLPipeline(**parts, **second, add_watermarker=False)
    else:
        made = StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    for part in made.components.values():
        if isinstance(part, torch.nn.Module):
            part.requires_grad_(False).eval()
    made.set_progress_bar_config(disable=True)
    return made


def saved(folder: Path, shape: Shape = "sd1") -> Path:
    """The pipeline as a folder."""
    pipeline(shape).save_pretrained(folder, safe_serialization=True)
    return folder


def retain_set(folder: Path, **names: tuple[str, ...]) -> Path:
    """What the pipeline is said to know, by kind."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"name": name, "kind": kind, "prompts": {part: [f"{part} {n} of {name}" for n in "ab"] for part in _PARTS}}
        for kind, several in names.items()
        for name in several
    ]
    (folder / "concepts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder
