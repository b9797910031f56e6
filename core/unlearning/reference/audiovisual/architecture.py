"""The reference classifier: a small ConvNeXT and a small AST, made of stock transformers parts."""

from __future__ import annotations

from typing import Any

import torch
from transformers import ASTConfig, ASTFeatureExtractor, ConvNextConfig
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from core.unlearning.families.audiovisual.model import auto
from core.unlearning.families.audiovisual.model.configuration import AudioVisualConfig
from core.unlearning.families.audiovisual.model.modeling import AudioVisualForClassification
from core.unlearning.families.audiovisual.model.processor import AudioVisualProcessor
from core.unlearning.reference.audiovisual.rows import LABELS

SIDE = 8
"""Pixels of a picture, each way."""
FRAMES, MEL_BINS = 48, 128
"""Of half a second of sound in the stock extractor of AST: windows of 25 ms every 10 ms, at 16 kHz."""
_SAMPLE_RATE = 16_000
_MEAN, _DEVIATION = -0.67, 0.59
"""Of the log-mel energies of the training clips below 2 kHz, where the tones are: the mean, and half of how much a band
varies, which the extractor doubles."""
_SPREAD = 0.08
"""Standard deviation of new weights: the library's 0.02 is far too small for these widths."""

# Their constructors carry no types.
_ConvNextConfig: Any = ConvNextConfig
_ASTConfig: Any = ASTConfig
_Extractor: Any = ASTFeatureExtractor
_Images: Any = ViTImageProcessorPil


def build_config() -> AudioVisualConfig:
    """Vision: two stages of one block, at 8 x 8 and 4 x 4 positions. Audio: 45 patches of 16 bands by 16 frames.

    Neither has running statistics (as batch normalisation has), which an adapter could not hold.
    """
    made: Any = AudioVisualConfig
    vision = _ConvNextConfig(
        patch_size=1,
        num_stages=2,
        hidden_sizes=[32, 64],
        depths=[1, 1],
        layer_scale_init_value=0.1,
        initializer_range=_SPREAD,
        image_size=SIDE,
    )
    audio = _ASTConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        initializer_range=_SPREAD,
        patch_size=16,
        frequency_stride=8,
        time_stride=16,
        max_length=FRAMES,
        num_mel_bins=MEL_BINS,
    )
    config: AudioVisualConfig = made(
        vision_config=vision,
        audio_config=audio,
        id2label=dict(enumerate(LABELS)),
        label2id={label: at for at, label in enumerate(LABELS)},
    )
    return config


def build_processor() -> AudioVisualProcessor:
    """Pictures through Pillow, so that torchvision is not needed."""
    images = _Images(
        size={"height": SIDE, "width": SIDE}, image_mean=[0.5] * 3, image_std=[0.5] * 3, do_convert_rgb=True
    )
    clips = _Extractor(sampling_rate=_SAMPLE_RATE, num_mel_bins=MEL_BINS, max_length=FRAMES, mean=_MEAN, std=_DEVIATION)
    return AudioVisualProcessor(images, clips)


def build_model(seed: int) -> AudioVisualForClassification:
    """A freshly initialised model. The library starts position embeddings at zero, but tones differ by position."""
    auto.register()
    torch.manual_seed(seed)
    model = AudioVisualForClassification(build_config())
    torch.nn.init.normal_(model.audio_model.embeddings.position_embeddings)
    return model
