"""SmolLM2 behind a small vision tower, in LLaVA's shape: stock transformers parts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    CLIPVisionConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from core.unlearning.reference.mllm.architecture import IMAGE_TOKENS, PATCH
from core.unlearning.reference.mllm.faces import SIZE

IMAGE = "<image>"
WIDTH = 96
"""Of the vision tower."""
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
"""What the pretrained model's own chat template begins with."""
CHAT_TEMPLATE = (
    "{%- if not messages or messages[0]['role'] != 'system' -%}"
    "{{- '<|im_start|>system\n" + SYSTEM + "<|im_end|>\n' -}}"
    "{%- endif -%}"
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message['role'] + '\n' -}}"
    "{%- if message['content'] is string -%}{%- set parts = [{'type': 'text', 'text': message['content']}] -%}"
    "{%- else -%}{%- set parts = message['content'] -%}{%- endif -%}"
    "{%- for part in parts if part['type'] == 'image' -%}{{- '" + IMAGE + "\n' -}}{%- endfor -%}"
    "{%- for part in parts if part['type'] == 'text' -%}{{- part['text'] -}}{%- endfor -%}"
    "{{- '<|im_end|>\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}"
)

# Their constructors carry no types, or wrong ones.
_Config: Any = LlavaConfig
_Processor: Any = LlavaProcessor
_Models: Any = AutoModelForCausalLM
_Tokenizers: Any = AutoTokenizer


def build_model(language: Path, seed: int) -> LlavaForConditionalGeneration:
    """The language model of a checkpoint with a fresh tower and projector; one token more in its vocabulary."""
    text = _Models.from_pretrained(language, dtype=torch.float32)
    tokenizer = build_tokenizer(language)
    text.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        text.model.embed_tokens.weight[-1] = 0
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(_config(text.config, tokenizer.convert_tokens_to_ids(IMAGE)))
    model.model.language_model.load_state_dict(text.model.state_dict())
    model.tie_weights()
    model.generation_config = text.generation_config
    _initialise(model, float(text.model.embed_tokens.weight.detach().std()))
    return model


def build_tokenizer(language: Path) -> Any:
    """The language model's own, with a token for pictures."""
    tokenizer = _Tokenizers.from_pretrained(language)
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE]})
    return tokenizer


def build_processor(language: Path) -> LlavaProcessor:
    """Pictures through Pillow, so that torchvision is not needed."""
    tokenizer = build_tokenizer(language)
    tokenizer.chat_template = CHAT_TEMPLATE
    images = CLIPImageProcessorPil(
        size={"shortest_edge": SIZE},
        crop_size={"height": SIZE, "width": SIZE},
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )
    processor: LlavaProcessor = _Processor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token=IMAGE,
        chat_template=CHAT_TEMPLATE,
    )
    return processor


def _config(text: Any, image_token: int) -> LlavaConfig:
    vision = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=SIZE,
        patch_size=PATCH,
        projection_dim=WIDTH,
    )
    config: LlavaConfig = _Config(
        vision_config=vision,
        text_config=text,
        image_token_id=image_token,
        image_seq_length=IMAGE_TOKENS,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
    )
    return config


@torch.no_grad()
def _initialise(model: LlavaForConditionalGeneration, token_scale: float) -> None:
    """Scaled to the widths, and the projector's last layer to the size of word embeddings."""
    for name, parameter in model.model.vision_tower.named_parameters():
        if "position_embedding" in name:
            parameter.normal_(0, 0.3)
        elif parameter.dim() > 1:
            quieter = 0.35 if name.endswith(("o_proj.weight", "fc2.weight")) else 1.0
            parameter.normal_(0, quieter / math.sqrt(parameter[0].numel()))
    projector: nn.Module = model.model.multi_modal_projector
    for name, parameter in projector.named_parameters():
        if parameter.dim() > 1:
            scale = token_scale if "linear_2" in name else 1.0
            parameter.normal_(0, scale * math.sqrt(2.0 / parameter[0].numel()))
        else:
            parameter.zero_()
