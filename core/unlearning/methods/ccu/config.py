"""The catalogue entry and options of `ccu`. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

from pydantic import Field

from core.unlearning.methods.base import MethodInfo
from core.unlearning.options import MethodOptions

PASSES, CLASS_PASSES = 3, 16
"""Over what is forgotten, where the request does not say. More is to be unlearned of a class than of pictures."""
UNLEARN_WEIGHT, CLASS_UNLEARN_WEIGHT = 2.0, 1.0
LR, CLASS_LR = 2e-2, 1e-2
"""Where the request does not say: in few steps each has to do more."""
HARDNESS, CLASS_HARDNESS = 0.5, 0.0
"""Where the request does not say: a class leaves as a whole, easy pictures and hard ones."""


class Options(MethodOptions):
    """Options of `ccu`."""

    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Of the frozen base model."
    )
    seed: int = Field(0, ge=0, description="Of everything that is drawn.")
    tuning: Literal["lora", "full"] = Field(
        "lora",
        description="What is trained: a LoRA, or every weight matrix that the LoRA would sit on. The patch is a LoRA "
        "either way, of full rank after `full`.",
    )
    rank: int = Field(32, ge=1, le=256, description="Rank of the LoRA, for `lora`.")
    lr: float | None = Field(
        None, gt=0, le=1, description="Learning rate of AdamW; null: 0.02, and 0.01 where a whole class leaves."
    )
    unlearn_weight: float | None = Field(
        None,
        ge=0,
        description="Weight of selective visual unlearning: what is forgotten leaves its class; null: 2, and 1 where a "
        "whole class leaves.",
    )
    hardness: float | None = Field(
        None,
        ge=0,
        le=4,
        description="Power of 1 - p by which the pictures to forget count, p being what the original gave their label: "
        "those that were hardest to learn leave first; 0: all alike. null: 0.5, and 0 where a whole class leaves.",
    )
    consistency_weight: float = Field(
        1.0, ge=0, description="Weight of cross-modal consistency; without effect while `freeze_other` holds it at 0."
    )
    separation_weight: float = Field(
        1.0, ge=0, description="Weight of dual-set separation: what is kept stays together and apart from the rest."
    )
    task_weight: float = Field(1.0, ge=0, description="Weight of the classification loss on what is kept.")
    retention_weight: float = Field(
        3.0, ge=0, description="Weight of keeping what the model sees in kept pictures: embeddings and predictions."
    )
    temperature: float = Field(0.5, gt=0, description="Of both contrastive losses.")
    freeze_other: bool = Field(
        True,
        description="Leave the other modality's encoder and half of the head as they are, exactly. Otherwise they are "
        "trained too, and held by cross-modal consistency.",
    )
    epochs: int | None = Field(
        None, ge=1, description="Passes over what is forgotten, at most; null: 3, and 16 where a whole class leaves."
    )
    batch: int = Field(40, ge=2, description="Examples to forget in a step.")
    keep_batch: int = Field(28, ge=2, description="Examples to keep in a step.")
    curvature: int = Field(
        64,
        ge=0,
        description="Kept examples whose curvature (K-FAC) shapes the steps, so that they spare what is kept; 0: plain "
        "steps.",
    )
    damping: float = Field(
        0.1, gt=0, description="Of the curvature, in parts of its mean; the more, the less it shapes."
    )
    check_every: int = Field(1, ge=1, description="Steps between two looks at the stop criterion.")
    compared: int = Field(
        256,
        ge=8,
        description="Examples at most that the criterion looks at, of what is forgotten and of held-out ones.",
    )
    refine: int = Field(
        2, ge=0, le=20, description="Halvings of the last stretch, so that the criterion is met without overshooting."
    )
    chance: float = Field(
        0.2,
        ge=0,
        le=1,
        description="For a class: its visual accuracy is to fall to this part of chance level (1 / classes). A model "
        "that never saw the class has 0.",
    )
    trained_epochs: int | None = Field(
        None,
        ge=1,
        description="Passes over its data with which the model was trained; the report then says what share of "
        "retraining the job took.",
    )


@dataclass(frozen=True)
class Course:
    """What the options leave to the kind of request."""

    epochs: int
    lr: float
    unlearn_weight: float
    hardness: float


def course(options: Options, *, whole_class: bool) -> Course:
    """The options' own values where they have any."""
    usual = (
        Course(CLASS_PASSES, CLASS_LR, CLASS_UNLEARN_WEIGHT, CLASS_HARDNESS)
        if whole_class
        else Course(PASSES, LR, UNLEARN_WEIGHT, HARDNESS)
    )
    chosen = {each.name: getattr(options, each.name) for each in fields(Course)}
    return replace(usual, **{name: value for name, value in chosen.items() if value is not None})


INFO = MethodInfo(
    name="ccu",
    title="Cross-modal contrastive unlearning of what a classifier saw",
    families=("audiovisual",),
    paper="Xu et al., Preserving Cross-Modal Stability for Visual Unlearning in Multimodal Scenarios (2025), "
    "https://arxiv.org/abs/2509.23895; reconstructed from the abstract",
    options=Options,
)
