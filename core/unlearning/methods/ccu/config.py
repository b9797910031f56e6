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
        "auto",
        description="Number format of the frozen base model. `auto`: as saved on an accelerator, float32 on a CPU.",
    )
    seed: int = Field(0, ge=0, description="Random seed for sampling.")
    tuning: Literal["lora", "full"] = Field(
        "lora",
        description="What is trained: a LoRA (`lora`), or every weight matrix that the LoRA would sit on (`full`). "
        "The patch is a LoRA either way, of full rank after `full`.",
    )
    rank: int = Field(
        32,
        ge=1,
        le=256,
        description="For `tuning: lora`: rank of the LoRA. Larger can change more, and makes a larger patch.",
    )
    lr: float | None = Field(
        None, gt=0, le=1, description="Learning rate of AdamW. null: 0.02, and 0.01 where a whole class is forgotten."
    )
    unlearn_weight: float | None = Field(
        None,
        ge=0,
        description="Weight of selective visual unlearning, the loss that moves forgotten pictures away from their "
        "class. null: 2, and 1 where a whole class is forgotten.",
    )
    hardness: float | None = Field(
        None,
        ge=0,
        le=4,
        description="How much more a forgotten picture counts the harder it was to learn: its weight is (1 - p) to "
        "this power, with p the original model's probability of its label. 0: all count alike. null: 0.5, and 0 "
        "where a whole class is forgotten.",
    )
    consistency_weight: float = Field(
        1.0,
        ge=0,
        description="Weight of cross-modal consistency, the loss that holds what the model hears. Without effect "
        "while `freeze_other` is true.",
    )
    separation_weight: float = Field(
        1.0,
        ge=0,
        description="Weight of dual-set separation, the loss that keeps the retain set together and apart from the "
        "forget set.",
    )
    task_weight: float = Field(1.0, ge=0, description="Weight of the classification loss on the retain set.")
    retention_weight: float = Field(
        3.0,
        ge=0,
        description="Weight of the loss that holds the embeddings and predictions of kept pictures: larger keeps "
        "more and forgets more slowly.",
    )
    temperature: float = Field(0.5, gt=0, description="Temperature of both contrastive losses.")
    freeze_other: bool = Field(
        True,
        description="If true, the encoder of the other modality and its half of the head are not touched. If false, "
        "they are trained too, and held by cross-modal consistency.",
    )
    epochs: int | None = Field(
        None, ge=1, description="Passes over the forget set, at most. null: 3, and 16 where a whole class is forgotten."
    )
    batch: int = Field(40, ge=2, description="Examples of the forget set in a step.")
    keep_batch: int = Field(28, ge=2, description="Examples of the retain set in a step.")
    curvature: int = Field(
        64,
        ge=0,
        description="Kept examples on which the curvature (K-FAC) is estimated. Natural gradient steps with it "
        "disturb kept pictures less. 0: plain gradient steps.",
    )
    damping: float = Field(
        0.1,
        gt=0,
        description="Damping of the curvature, in multiples of its mean: larger makes steps more like plain gradient "
        "steps.",
    )
    check_every: int = Field(1, ge=1, description="Steps between two tests of the stop criterion.")
    compared: int = Field(
        256,
        ge=8,
        description="Examples, at most, on which the stop criterion is tested: of the forget set, and as many "
        "held-out ones.",
    )
    refine: int = Field(
        2,
        ge=0,
        le=20,
        description="After the criterion is met, how many times the last stretch of training is halved to find where "
        "it is only just met.",
    )
    chance: float = Field(
        0.2,
        ge=0,
        le=1,
        description="For a class: train until its visual accuracy is at most this share of chance level (1 / "
        "classes). A model that never saw the class has an accuracy of 0.",
    )
    trained_epochs: int | None = Field(
        None,
        ge=1,
        description="How many passes over its data the model was trained for. The report then says what share of "
        "retraining the job took. null: not known.",
    )


@dataclass(frozen=True)
class CcuSettings:
    """Values whose defaults depend on whether a whole class is forgotten."""

    epochs: int
    lr: float
    unlearn_weight: float
    hardness: float


def settings_for(options: Options, *, whole_class: bool) -> CcuSettings:
    """The options' values; for null, the default of the kind of request."""
    usual = (
        CcuSettings(CLASS_PASSES, CLASS_LR, CLASS_UNLEARN_WEIGHT, CLASS_HARDNESS)
        if whole_class
        else CcuSettings(PASSES, LR, UNLEARN_WEIGHT, HARDNESS)
    )
    chosen = {each.name: getattr(options, each.name) for each in fields(CcuSettings)}
    return replace(usual, **{name: value for name, value in chosen.items() if value is not None})


INFO = MethodInfo(
    name="ccu",
    title="Cross-modal contrastive unlearning of what a classifier saw",
    families=("audiovisual",),
    paper="Xu et al., Preserving Cross-Modal Stability for Visual Unlearning in Multimodal Scenarios (2025), "
    "https://arxiv.org/abs/2509.23895; reconstructed from the abstract",
    options=Options,
)
