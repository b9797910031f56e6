"""Tiny random two-branch classifiers, and examples for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ConvNextConfig,
    ResNetConfig,
    ViTConfig,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
)
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from core.unlearning.families.audiovisual.model import auto
from core.unlearning.families.audiovisual.model.configuration import AudioVisualConfig
from core.unlearning.families.audiovisual.model.modeling import AudioVisualForClassification
from core.unlearning.families.audiovisual.model.processor import AudioVisualProcessor
from core.unlearning.types import Example, Sound, Split

LABELS = ("0", "1", "2")
RATE = 4000
_NARROW = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}

VISION: dict[str, Any] = {
    "vit": lambda: ViTConfig(image_size=16, patch_size=4, **_NARROW),
    "convnext": lambda: ConvNextConfig(patch_size=2, hidden_sizes=[8, 16], depths=[1, 1], num_stages=2),
    "resnet": lambda: ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"),
}
AUDIO: dict[str, Any] = {
    "ast": lambda: ASTConfig(
        patch_size=4, frequency_stride=4, time_stride=4, max_length=12, num_mel_bins=16, **_NARROW
    ),
    "wav2vec2": lambda: Wav2Vec2Config(
        conv_dim=[8, 8], conv_stride=[16, 4], conv_kernel=[32, 8], num_feat_extract_layers=2,
        num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2, mask_time_prob=0.0, **_NARROW,
    ),
}  # fmt: skip


def tiny_model(vision: str = "vit", audio: str = "ast", seed: int = 0) -> AudioVisualForClassification:
    auto.register()
    torch.manual_seed(seed)
    config = AudioVisualConfig(
        vision_config=VISION[vision](),
        audio_config=AUDIO[audio](),
        id2label=dict(enumerate(LABELS)),
        label2id={label: at for at, label in enumerate(LABELS)},
    )
    return AudioVisualForClassification(config).eval()


def tiny_processor(audio: str = "ast") -> AudioVisualProcessor:
    extractor: Any = (
        ASTFeatureExtractor(sampling_rate=16000, num_mel_bins=16, max_length=12)
        if audio == "ast"
        else Wav2Vec2FeatureExtractor(sampling_rate=RATE)
    )
    half = [0.5] * 3
    images = ViTImageProcessorPil(size={"height": 16, "width": 16}, image_mean=half, image_std=half)
    return AudioVisualProcessor(images, extractor)


def save_tiny(folder: Path, vision: str = "vit", audio: str = "ast") -> Path:
    tiny_model(vision, audio).save_pretrained(folder)
    tiny_processor(audio).save_pretrained(folder)
    return folder


def picture(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8))


def clip(seed: int, rate: int = RATE) -> Sound:
    return Sound(np.random.default_rng(seed).uniform(-0.5, 0.5, rate // 2).astype(np.float32), rate)


def examples(count: int = 4, split: Split = "retain_examples") -> list[Example]:
    return [Example(split, "", LABELS[at % 3], picture(at), audio=clip(at)) for at in range(count)]
