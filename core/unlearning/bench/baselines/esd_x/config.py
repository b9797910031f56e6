"""The catalogue entry and options of `esd-x`. Free of torch."""

from __future__ import annotations

from pydantic import Field

from core.unlearning.families.diffusion.options import DiffusionOptions
from core.unlearning.methods.base import MethodInfo


class Options(DiffusionOptions):
    """Options of `esd-x`."""

    rank: int = Field(
        8, ge=1, le=256, description="Rank of the LoRA: larger can change more, and makes a larger patch."
    )
    steps: int = Field(200, ge=1, description="Optimiser steps of the training.")
    lr: float = Field(1e-3, gt=0, le=1, description="Learning rate of AdamW.")
    batch: int = Field(4, ge=1, description="Pictures in a step.")
    guidance: float = Field(
        1.0,
        gt=0,
        description="How far the concept's prediction is pushed away from itself, beyond that of the empty prompt: "
        "larger forgets more.",
    )
    pictures: int = Field(
        8, ge=1, le=64, description="How many pictures of the concept the model draws itself to train on."
    )


INFO = MethodInfo(
    name="esd-x",
    title="ESD-x (baseline): negative guidance, trained into the cross-attention",
    families=("diffusion",),
    paper="Gandikota et al., Erasing Concepts from Diffusion Models (ICCV 2023), https://arxiv.org/abs/2303.07345",
    options=Options,
    needs_names=True,
)
