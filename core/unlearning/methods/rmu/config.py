"""The catalogue entry and options of `rmu`. Free of torch."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from core.unlearning.families.language.options import Keeping, LoraOptions, Steps, Stopping
from core.unlearning.methods.base import MethodInfo


class Options(LoraOptions, Steps, Stopping, Keeping):
    """Options of `rmu`."""

    lr_times_width: ClassVar[float] = 0.512

    steps: int = Field(120, ge=1, description="Optimiser steps, at most.")

    layer: int | None = Field(
        None,
        ge=0,
        description="Layer of the language model whose output is steered, counted from 0. null: at 7/32 of the "
        "depth, as published.",
    )
    steering: float = Field(
        2.0,
        gt=0,
        description="Length of the random target vector, as a multiple of the mean length of the hidden states of "
        "the forget set.",
    )
    retain_weight: float = Field(
        100.0,
        ge=0,
        description="Weight of the loss that holds the hidden states of the retain set: larger keeps more and "
        "forgets less.",
    )


INFO = MethodInfo(
    name="rmu",
    title="RMU (baseline): what is to be forgotten is steered to a random vector",
    families=("mllm", "llm"),
    paper="Li et al., The WMDP Benchmark (ICML 2024), https://arxiv.org/abs/2403.03218; the vector's length "
    "as in Adaptive RMU (AAAI 2025), https://arxiv.org/abs/2408.06223",
    options=Options,
)
