"""The reference model: a LLaVA of 1.3 million parameters, made of stock transformers parts."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from transformers import (
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from core.unlearning.reference.mllm.faces import SIZE
from core.unlearning.reference.mllm.tokenizer import CHAT_TEMPLATE, IMAGE, MAX_LENGTH

PATCH = 12
IMAGE_TOKENS = (SIZE // PATCH) ** 2
_VISION_WIDTH, _TEXT_WIDTH = 96, 128

# Their constructors carry no types, or wrong ones.
_LlavaConfig: Any = LlavaConfig
_LlavaProcessor: Any = LlavaProcessor
_GenerationConfig: Any = GenerationConfig


def build_config(tokenizer: PreTrainedTokenizerFast) -> LlavaConfig:
    """Vision: 3 layers of width 96 on 16 patches. Language: 4 layers of width 128, tied embeddings."""
    vision = CLIPVisionConfig(
        hidden_size=_VISION_WIDTH,
        intermediate_size=2 * _VISION_WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=SIZE,
        patch_size=PATCH,
        projection_dim=_VISION_WIDTH,
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=_TEXT_WIDTH,
        intermediate_size=352,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=MAX_LENGTH,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    config: LlavaConfig = _LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        image_seq_length=IMAGE_TOKENS,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
    )
    return config


def build_processor(tokenizer: PreTrainedTokenizerFast) -> LlavaProcessor:
    """Pictures through Pillow, so that torchvision is not needed."""
    images = CLIPImageProcessorPil(
        size={"shortest_edge": SIZE},
        crop_size={"height": SIZE, "width": SIZE},
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )
    processor: LlavaProcessor = _LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )
    return processor


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> LlavaForConditionalGeneration:
    """A freshly initialised model with weights scaled to its widths: the library's 0.02 is far too small for them."""
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(build_config(tokenizer))
    model.generation_config = _GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        max_new_tokens=32,
        do_sample=False,
    )
    _initialise(model)
    return model


@torch.no_grad()
def _initialise(model: nn.Module) -> None:
    for name, parameter in model.named_parameters():
        if parameter.dim() < 2:
            continue
        if "position_embedding" in name:
            parameter.normal_(0, 0.3)
        elif "embed_tokens" in name:
            parameter.normal_(0, 0.1)
        else:
            quieter = 0.35 if name.endswith(("o_proj.weight", "down_proj.weight")) else 1.0
            parameter.normal_(0, quieter / math.sqrt(parameter[0].numel()))
