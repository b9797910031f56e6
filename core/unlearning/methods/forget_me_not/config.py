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
        description="Where the other defaults come from: `default`, or `published` (35 steps at 2e-6 on the "
        "attention loss alone, as a LoRA).",
    )
    modules: Literal["kv", "outputs", "attn2", "unet"] | None = Field(
        None,
        description="What the LoRA adapts. `kv`: keys and values of the cross-attention. `outputs`: the output "
        "layers of cross- and self-attention. `attn2`: all four projections of the cross-attention. `unet`: every "
        "linear layer of the transformer blocks. null: `kv`, or `outputs` for a request of pictures without a name, "
        "since other words get around a change of keys and values.",
    )
    rank: int = Field(
        8, ge=1, le=256, description="Rank of the LoRA: larger can change more, and makes a larger patch."
    )
    steps: int = Field(250, ge=1, description="Optimiser steps, at most.")
    lr: float = Field(3e-3, gt=0, le=1, description="Learning rate of AdamW.")
    batch: int = Field(4, ge=1, description="Prompts to forget in a step, and as many to keep.")
    norm: Literal["layers", "joined"] = Field(
        "layers",
        description="How the attention loss is computed. `layers`: the mean over layers of each one's root mean "
        "square. `joined`: one norm over all layers, which the largest layers dominate.",
    )
    columns: Literal["name", "name_and_end", "all"] = Field(
        "all",
        description="Whose attention the loss lowers. `name`: the name's tokens. `name_and_end`: also the first "
        "end-of-text token. `all`: everything from the name on.",
    )
    attention_weight: float = Field(1.0, gt=0, description="Weight of the attention loss.")
    anchor_weight: float = Field(
        10.0,
        ge=0,
        description="Weight of the loss towards the base model's prediction for the anchor in the place of the name: "
        "larger forgets more.",
    )
    keep_weight: float = Field(
        20.0,
        ge=0,
        description="Weight of the loss towards the base model's prediction for what is kept: larger keeps more.",
    )
    anchor: str | None = Field(
        None,
        max_length=200,
        description="What is drawn in the place of what is forgotten. null: the request's `replacement`, or else the "
        "general word for its kind; where the tokenizer does not know that word, a mixture of other concepts of the "
        "kind.",
    )
    stop_below: float | None = Field(
        0.1,
        gt=0,
        lt=1,
        description="Stop once predictions for held-out prompts go less than this share of the way from the anchor "
        "to the forgotten concept. null: take every step.",
    )
    least_steps: int = Field(
        100,
        ge=0,
        description="Steps before which training does not stop: what is kept recovers after the concept is gone.",
    )
    check_every: int = Field(10, ge=1, description="Steps between two tests of the stop criterion.")
    pictures: int = Field(
        8,
        ge=1,
        le=64,
        description="How many pictures the model draws itself to train on, where the request brings none.",
    )
    adversaries: int = Field(
        2,
        ge=0,
        le=64,
        description="For a request of pictures without a name: how many textual inversions, searches for words that "
        "bring the concept back, run beside the training so that their words are forgotten too. Every step is then "
        "taken, with a falling learning rate. More cost time. 0: none.",
    )
    adversary_weight: float = Field(
        20.0,
        gt=0,
        description="Weight of the loss towards the base model's prediction for the anchor under the adversaries' "
        "words. Half of it is added to `anchor_weight` and `keep_weight`, so that these hold out against it.",
    )
    random_words: int = Field(
        4,
        ge=0,
        le=64,
        description="With adversaries: rows in a step in which random words stand for the concept, and as many rows "
        "of other pictures, on which these words must change nothing.",
    )
    others: int = Field(
        24,
        ge=1,
        le=256,
        description="With adversaries: how many pictures of kept concepts the model draws to train on. Without them "
        "it draws as many as `pictures`.",
    )
    beyond: float = Field(
        1.0,
        ge=0,
        description="With adversaries: how far predictions go beyond the anchor, away from the concept, in multiples "
        "of the way between the two (the negative guidance of ESD). 0: to the anchor.",
    )
    gradient_checkpointing: bool = Field(
        False, description="Compute activations again in the backward pass: less memory, more time."
    )

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
