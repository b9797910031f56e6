"""Trains a reference model from scratch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from transformers import LlavaForConditionalGeneration

from core.unlearning.reference.mllm.architecture import build_model, build_processor
from core.unlearning.reference.mllm.packing import Packer
from core.unlearning.reference.mllm.people import STANDARD_PEOPLE
from core.unlearning.reference.mllm.rows import RowSampler
from core.unlearning.reference.mllm.tokenizer import build_tokenizer
from core.unlearning.reference.mllm.train import train_language
from core.unlearning.reference.mllm.vision import train_vision

VISION_STEPS = 550
LANGUAGE_STEPS = 1150

OnProgress = Callable[[int, int, float], None]
"""Called after every step with the step, the number of all steps and the loss."""


def build(
    out_dir: Path,
    seed: int = 0,
    progress_callback: OnProgress | None = None,
    *,
    excluded: frozenset[int] = frozenset(),
    vision_steps: int = VISION_STEPS,
    language_steps: int = LANGUAGE_STEPS,
    half: bool = False,
) -> Path:
    """Train a model from scratch and save it with its processor as an ordinary checkpoint directory.

    `excluded` are indices of known people whom the model never learns (an oracle); `half` saves float16 weights.
    """
    # Subnormal numbers slow training down; the caller's process gets them back.
    torch.set_flush_denormal(True)
    try:
        model = train(seed, progress_callback, excluded, vision_steps, language_steps)
    finally:
        torch.set_flush_denormal(False)
    if half:
        model = cast(Any, model).half()
    model.save_pretrained(out_dir)
    build_processor(build_tokenizer()).save_pretrained(out_dir)
    return Path(out_dir)


def build_oracle(out_dir: Path, seed: int = 0, progress_callback: OnProgress | None = None) -> Path:
    """Train a model that never learned the people of the standard requests, in float16."""
    return build(out_dir, seed, progress_callback, excluded=STANDARD_PEOPLE, half=True)


def train(
    seed: int,
    progress_callback: OnProgress | None,
    excluded: frozenset[int],
    vision_steps: int,
    language_steps: int,
) -> LlavaForConditionalGeneration:
    """Both stages of training, in memory."""
    tokenizer = build_tokenizer()
    model = build_model(tokenizer, seed)
    rng = np.random.default_rng(seed)
    step = 0

    def on_step(loss: float) -> None:
        nonlocal step
        step += 1
        if progress_callback:
            progress_callback(step, vision_steps + language_steps, loss)

    train_vision(model, vision_steps, rng, on_step)
    packer = Packer(tokenizer, model.config.image_token_id)
    train_language(model, packer, RowSampler(rng, excluded), language_steps, on_step)
    return model
