"""The catalogue entry and options of `forget-me-not`. Free of torch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from core.unlearning.families.diffusion.options import DiffusionOptions
from core.unlearning.methods.base import MethodInfo

_PUBLISHED: dict[str, Any] = {
    "modules": "attn2",
    "steps": 35,
    "lr": 2e-6,
    "batch": 1,
    "norm": "joined",
    "columns": "name_and_end",
    "anchor_weight": 0.0,
    "keep_weight": 0.0,
    "adversaries": 0,
    "stop_below": None,
}
_PRESETS: dict[str, dict[str, Any]] = {"default": {}, "published": _PUBLISHED}


class Options(DiffusionOptions):
    """Options of `forget-me-not`. `preset` chooses the defaults of all the others."""

    preset: Literal["default", "published"] = Field(
        "default",
        description="Where the other defaults come from: `default`, or `published` (35 steps at 2e-6 on the attention "
        "loss alone, as a LoRA).",
    )
    modules: Literal["kv", "outputs", "attn2", "unet"] | None = Field(
        None,
        description="What the LoRA adapts: keys and values of the cross-attention, the outputs of it and of the "
        "self-attention, all four projections of the cross-attention, or every linear layer of the transformer blocks. "
        "null: keys and values, or for a request of pictures without a name the outputs, which no other words get by.",
    )
    rank: int = Field(8, ge=1, le=256, description="Rank of the LoRA.")
    steps: int = Field(250, ge=1, description="Optimiser steps at most.")
    lr: float = Field(3e-3, gt=0, le=1, description="Learning rate of AdamW.")
    batch: int = Field(4, ge=1, description="Prompts to forget in a step, and as many to keep.")
    norm: Literal["layers", "joined"] = Field(
        "layers",
        description="The attention loss: the mean of each layer's root mean square, or one norm over all layers, "
        "which the largest dominate.",
    )
    columns: Literal["name", "name_and_end", "all"] = Field(
        "all",
        description="Whose attention is lost: the name's sub-words, the first end-of-text token too, or everything "
        "from the name on.",
    )
    attention_weight: float = Field(1.0, gt=0, description="Weight of the attention loss.")
    anchor_weight: float = Field(
        10.0, ge=0, description="Weight of predicting what the base does for the anchor in the name's place."
    )
    keep_weight: float = Field(20.0, ge=0, description="Weight of predicting what the base does for what is kept.")
    anchor: str | None = Field(
        None, max_length=200, description="As in `closed-form`: what is drawn in the entity's place."
    )
    stop_below: float | None = Field(
        0.1,
        gt=0,
        lt=1,
        description="Stop once held-out prompts have less than this part of the way from anchor to entity left; "
        "null: take every step.",
    )
    least_steps: int = Field(
        100,
        ge=0,
        description="Steps before which it does not stop: what is kept recovers after what is forgotten is gone.",
    )
    check_every: int = Field(10, ge=1, description="Steps between two looks at the held-out prompts.")
    pictures: int = Field(8, ge=1, le=64, description="Drawn by the model itself, where the request brings none.")
    adversaries: int = Field(
        2,
        ge=0,
        le=64,
        description="For a request of pictures without a name: how many searches for words that bring back what they "
        "show go on beside the training, to be forgotten too. Every step is then taken, with less and less of the "
        "learning rate.",
    )
    adversary_weight: float = Field(
        20.0,
        gt=0,
        description="Weight of predicting what the base does for the anchor under the adversaries' words. Half of "
        "it is added to the anchor's and to that of what is kept, so that these hold out against it.",
    )
    random_words: int = Field(
        4,
        ge=0,
        le=64,
        description="Against adversaries: rows of a step in which words at random stand for what the pictures show, "
        "weighted as theirs. With as many rows of other pictures, on which these words are to change nothing.",
    )
    others: int = Field(
        24,
        ge=1,
        le=256,
        description="Against adversaries: pictures that the model draws of what is kept, all over it. Without them, as "
        "many as `pictures`.",
    )
    beyond: float = Field(
        1.0,
        ge=0,
        description="Against adversaries: how far beyond the anchor predictions are to go, by the way from what is to "
        "be forgotten to the anchor (the negative guidance of ESD).",
    )
    gradient_checkpointing: bool = Field(False, description="Less memory, more time.")

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        """What is not given comes from the preset."""
        if not isinstance(given, dict):
            return given
        return {**_PRESETS.get(str(given.get("preset", "default")), {}), **given}


INFO = MethodInfo(
    name="forget-me-not",
    title="Forget-Me-Not: attention re-steering",
    families=("diffusion",),
    paper="Zhang et al., Forget-Me-Not (CVPR Workshops 2024), https://arxiv.org/abs/2303.17591",
    options=Options,
)
