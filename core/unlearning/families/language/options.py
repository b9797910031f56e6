"""Options that the methods for language models share. Free of torch."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.unlearning.options import MethodOptions

Targets = Annotated[
    Literal["early_mlp", "language_model"],
    Field(
        description="Which linear layers to adapt. `early_mlp`: the MLPs in the first three quarters of the language "
        "model, where it looks up whom a question is about. `language_model`: all of the language model's."
    ),
]
Schedule = Annotated[
    Literal["linear", "constant"],
    Field(
        description="Learning rate after a short warm-up. `constant`: the peak rate. `linear`: it falls to 5 % of the "
        "peak in the last third of the steps."
    ),
]
WholePrecision = Annotated[
    Literal["auto", "float32", "bfloat16", "float16"],
    Field(
        description="Number format of the frozen base model. `auto`: bfloat16 on an accelerator that has it, as saved "
        "on another, float32 on a CPU."
    ),
]
"""Where the weights themselves are read, and so must not be packed."""


class LanguageModelOptions(MethodOptions):
    """How the frozen base model is held, how much of it runs at once, and where chance begins."""

    micro_batch: int = Field(
        64,
        ge=1,
        description="Training rows in one forward pass. Fewer need less memory and more time; lowered by itself when "
        "memory runs out.",
    )
    precision: Literal["auto", "float32", "bfloat16", "float16", "4bit"] = Field(
        "auto",
        description="Number format of the frozen base model; adapters are always float32. `auto`: bfloat16 on an "
        "accelerator that has it, as saved on another, float32 on a CPU. `4bit`: NF4, which needs the extra "
        "`four-bit`.",
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Random seed for sampling.")


class TrainingOptions(LanguageModelOptions):
    """Of a method that trains."""

    lr_times_width: ClassVar[float] = 0.128
    """Adam's steps are as large in every weight, so their effect grows with the width (Yang et al., 2021, muP)."""

    lr: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Peak learning rate of AdamW. null: a constant of the method divided by the hidden size of the "
        "language model.",
    )
    schedule: Schedule = "constant"


class LoraOptions(TrainingOptions):
    """Of a method that trains LoRA adapters."""

    rank: int = Field(
        16, ge=1, le=256, description="Rank of the LoRA: larger can change more, and makes a larger patch."
    )
    alpha: float = Field(16.0, gt=0, description="Scale of the LoRA: its update is multiplied by alpha / rank.")
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of the LoRA's inputs that is set to zero at random during training."
    )


class Targeted(MethodOptions):
    """Which linear layers are changed."""

    targets: Targets = "language_model"
    target_modules: str | None = Field(
        None,
        description="Regular expression for the full names of the linear layers to adapt; it replaces `targets`. "
        "null: use `targets`.",
    )


class Steps(MethodOptions):
    """For how long, in which batches."""

    steps: int = Field(60, ge=1, description="Optimiser steps, at most.")
    batch: int = Field(16, ge=1, description="Rows of the forget set in a step. A row is one question with its answer.")


class Stopping(MethodOptions):
    """When to stop before the last step."""

    stop_below: float | None = Field(
        0.01,
        gt=0,
        lt=1,
        description="Stop once the model answers no held-out question about the subject and the mean probability of "
        "the true answers is at most this. null: take every step.",
    )


class Keeping(MethodOptions):
    """What is kept beside what is to be forgotten."""

    retain_batch: int = Field(16, ge=1, description="Rows of the retain set in a step.")
    retain_weight: float = Field(
        1.0, ge=0, description="Weight of the loss on the retain set: larger keeps more and forgets less."
    )


class ForgettingOptions(LoraOptions, Targeted, Steps, Stopping):
    """Of a method that trains one LoRA to forget."""

    steps: int = Field(120, ge=1, description="Optimiser steps, at most.")


class RetainingOptions(ForgettingOptions, Keeping):
    """Of one that also has a loss on what is kept."""
