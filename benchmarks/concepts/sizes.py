"""Sizes of patches for Stable Diffusion 1.x, from its denoiser's shapes without weights."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel

from benchmarks.bars import Bar
from core.unlearning.families.diffusion.model.adapters import KEY_VALUES, OUTPUTS
from core.unlearning.families.diffusion.model.lora_file import WEIGHTS, write
from core.unlearning.methods.closed_form.config import Options as ClosedForm
from core.unlearning.methods.forget_me_not.config import Options as ForgetMeNot

_TEXT = 768


def size_bars() -> list[Bar]:
    """Sizes at each method's default rank, and at rank 1."""
    texts, pictures = _shapes(KEY_VALUES), _shapes(OUTPUTS)
    rows = [
        Bar(f"{name}: patch on Stable Diffusion 1.x shapes, KB", _size(shapes, rank) / 1000, 1000, note=f"rank {rank}")
        for name, shapes, rank in (
            ("closed-form", texts, ClosedForm().rank or 1),
            ("forget-me-not", texts, ForgetMeNot().rank),
            ("forget-me-not, pictures only", pictures, ForgetMeNot().rank),
        )
    ]
    return [*rows, Bar("patch on Stable Diffusion 1.x shapes at rank 1, KB", _size(texts, 1) / 1000, 110)]


def _shapes(modules: Sequence[str]) -> dict[str, tuple[int, ...]]:
    make: Any = UNet2DConditionModel
    with torch.device("meta"):
        layers = dict(make(cross_attention_dim=_TEXT).named_modules())
    return {path: tuple(layer.weight.shape) for path, layer in layers.items() if path.endswith(tuple(modules))}


def _size(shapes: dict[str, tuple[int, ...]], rank: int) -> int:
    factors = {path: (torch.ones(rank, shape[1]), torch.ones(shape[0], rank)) for path, shape in shapes.items()}
    with tempfile.TemporaryDirectory() as folder:
        return write(factors, Path(folder), method="size", base_digest="0" * 64)[WEIGHTS]
