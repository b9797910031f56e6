"""The catalogue entry and options of `concept-ablation`. Free of torch."""

from __future__ import annotations

from pydantic import Field

from core.unlearning.families.diffusion.options import DiffusionOptions
from core.unlearning.methods.base import MethodInfo


class Options(DiffusionOptions):
    """Options of `concept-ablation`."""

    anchor: str | None = Field(
        None, max_length=200, description="What is drawn in the place of what is forgotten, as in `closed-form`."
    )
    rank: int = Field(
        8, ge=1, le=256, description="Rank of the LoRA: larger can change more, and makes a larger patch."
    )
    steps: int = Field(200, ge=1, description="Optimiser steps of the training.")
    lr: float = Field(1e-3, gt=0, le=1, description="Learning rate of AdamW.")
    batch: int = Field(4, ge=1, description="Pictures in a step.")
    pictures: int = Field(
        8, ge=1, le=64, description="How many pictures of the anchor the model draws itself to train on."
    )


INFO = MethodInfo(
    name="concept-ablation",
    title="Concept ablation (baseline): the concept's prompts draw its anchor",
    families=("diffusion",),
    paper="Kumari et al., Ablating Concepts in Text-to-Image Diffusion Models (ICCV 2023), "
    "https://arxiv.org/abs/2303.13516",
    options=Options,
    needs_names=True,
)
