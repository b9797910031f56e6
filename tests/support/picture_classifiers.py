"""Small classifiers with random weights, for what looks at pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import ResNetConfig, ResNetForImageClassification
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

_PROCESSOR: Any = ViTImageProcessorPil


def classifiers(folder: Path, names: Mapping[str, Sequence[str]]) -> Path:
    """One a kind, as folders of stock checkpoints."""
    torch.manual_seed(0)
    for kind, labels in names.items():
        label_of: Any = dict(enumerate(labels))
        config: Any = ResNetConfig(
            embedding_size=8, hidden_sizes=[8], depths=[1], layer_type="basic", id2label=label_of,
            label2id={label: n for n, label in label_of.items()},
        )  # fmt: skip
        ResNetForImageClassification(config).save_pretrained(folder / kind)
        _PROCESSOR(size={"height": 32, "width": 32}).save_pretrained(folder / kind)
    return folder
