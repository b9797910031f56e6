"""Models to train: the reference model, and LLaVA-1.5's architecture with random weights in any width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    AutoProcessor,
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from core.unlearning import reference
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.registry import load_family
from core.unlearning.types import ModelSpec

PIXELS, PATCH = 336, 14
IMAGE_TOKENS = (PIXELS // PATCH) ** 2


@dataclass(frozen=True)
class Shape:
    """Widths and depths of the language model and of the vision tower."""

    name: str
    width: int
    layers: int
    mlp: int
    vision_width: int
    vision_layers: int
    vocabulary: int = 2048

    def config(self) -> LlavaConfig:
        """Pictures of 336 pixels become 576 tokens, as in LLaVA-1.5."""
        vision: Any = CLIPVisionConfig(
            hidden_size=self.vision_width,
            intermediate_size=4 * self.vision_width,
            num_hidden_layers=self.vision_layers,
            num_attention_heads=max(2, self.vision_width // 64),
            image_size=PIXELS,
            patch_size=PATCH,
        )
        text: Any = LlamaConfig(
            vocab_size=self.vocabulary,
            hidden_size=self.width,
            intermediate_size=self.mlp,
            num_hidden_layers=self.layers,
            num_attention_heads=max(2, self.width // (128 if self.width >= 1024 else 32)),
            max_position_embeddings=4096,
        )
        make: Any = LlavaConfig
        config: LlavaConfig = make(
            vision_config=vision, text_config=text, image_token_id=_image_token(), vision_feature_layer=-2
        )
        return config


NARROW = Shape("LLaVA-1.5 shape", width=128, layers=2, mlp=352, vision_width=32, vision_layers=2)
"""576 tokens a picture; the tower costs about what it costs in LLaVA-1.5, a twentieth of the language model."""
TINY = Shape("scaling", width=64, layers=2, mlp=176, vision_width=32, vision_layers=2)
LLAVA_7B = Shape(
    "LLaVA-1.5-7B", width=4096, layers=32, mlp=11008, vision_width=1024, vision_layers=24, vocabulary=32064
)


def reference_model() -> LanguageModel:
    """The bundled model in float32."""
    spec = ModelSpec("reference", "mllm", str(reference.bundled_path("mllm")))
    lm: LanguageModel = load_family("mllm").load(spec, precision="float32")
    return lm


def random_model(shape: Shape, device: str = "cpu", dtype: torch.dtype = torch.float32) -> LanguageModel:
    """Random weights, scaled to the widths; the reference model's tokenizer."""
    torch.manual_seed(0)
    previous = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            model: Any = LlavaForConditionalGeneration(shape.config())
    finally:
        torch.set_default_dtype(previous)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    tokenizer = _processor().tokenizer
    settings: Any = GenerationConfig
    model.generation_config = settings(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    return LanguageModel(model.requires_grad_(False).eval(), _llava_processor(tokenizer), source=shape.name)


def _processor() -> Any:
    load: Any = AutoProcessor
    return load.from_pretrained(reference.bundled_path("mllm"))


def _image_token() -> int:
    return int(_processor().tokenizer.convert_tokens_to_ids("<image>"))


def _llava_processor(tokenizer: Any) -> Any:
    make: Any = LlavaProcessor
    images = CLIPImageProcessorPil(size={"shortest_edge": PIXELS}, crop_size={"height": PIXELS, "width": PIXELS})
    return make(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_processor().chat_template,
    )
