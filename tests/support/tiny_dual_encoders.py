"""Tiny random CLIP and SigLIP models as classifiers whose classes are two names."""

from __future__ import annotations

from typing import Any

import torch
from transformers import CLIPConfig, CLIPModel, CLIPProcessor, SiglipConfig, SiglipModel, SiglipProcessor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from core.unlearning.families.audiovisual.model.dual_encoder import DualEncoder
from tests.support.tiny_pipelines import tokenizer

CLASSES = ("bob", "pat")


_TINY = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


_TEXT = {**_TINY, "vocab_size": 64, "max_position_embeddings": 16, "bos_token_id": 0, "eos_token_id": 1}


_VISION = {**_TINY, "image_size": 16, "patch_size": 8}


# Their constructors carry no types.
_Clip: Any = CLIPConfig


_Siglip: Any = SiglipConfig


def images() -> Any:
    made: Any = CLIPImageProcessorPil
    return made(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})


def clip() -> DualEncoder:
    torch.manual_seed(0)
    model = CLIPModel(_Clip(text_config=_TEXT, vision_config=_VISION, projection_dim=8)).eval()
    return DualEncoder(model, CLIPProcessor(images(), tokenizer()), classes=CLASSES)


def siglip() -> DualEncoder:
    torch.manual_seed(0)
    model: Any = SiglipModel(_Siglip(text_config=_TEXT, vision_config=_VISION)).eval()
    torch.nn.init.constant_(model.logit_bias, -3.0)
    words = tokenizer()
    words.model_input_names = ["input_ids"]
    return DualEncoder(model, SiglipProcessor(images(), words), classes=CLASSES)
