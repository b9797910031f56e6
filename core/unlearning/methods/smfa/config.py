"""SMFA's catalogue entry and options. Free of torch."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainSerializer, model_validator

from core.unlearning.families.mllm.options import LoraOptions, Schedule, Targeted, Targets
from core.unlearning.methods.base import MethodInfo
from core.unlearning.methods.smfa import consolidation

K_GRID = (0.0, 0.5, 1.0, 2.5, 5.0, 10.0, float("inf"))
"""The values of k that are tried when k is "auto". Infinity is the unsculpted forgetting adapter."""


def _json_k(k: float) -> float | str:
    """JSON has no infinity; "inf" is read back as one."""
    return "inf" if math.isinf(k) else k


KValue = Annotated[float, Field(ge=0.0), PlainSerializer(_json_k, when_used="json")]

_PAPER: dict[str, Any] = {
    "rank": 16,
    "alpha": 16.0,
    "dropout": 0.05,
    "lr": 1e-4,
    "steps": None,
    "epochs": 5,
    "batch": 2,
    "anchor_batch": 0,
    "anchor_steps": None,
    "few": 64,
    "stop_below": None,
    "views": "separate",
    "targets": "language_model",
    "combine": "average",
    "forget_target": "refusal",
    "anchor_weight": 1.0,
    "k_image": 5.0,
    "k_text": 10.0,
    "schedule": "constant",
    "self_anchor": False,
    "imagined": 0,
    "focus": 0.0,
}


_QUICK: dict[str, Any] = {"steps": 45, "anchor_steps": 8, "imagined": 12}
_ERASURE: dict[str, Any] = {"steps": 120, "imagined": 128}
"""Of mode `erasure`, where the preset says nothing else."""
_PRESETS: dict[str, dict[str, Any]] = {"default": {}, "quick": _QUICK, "paper": _PAPER}


class Options(LoraOptions, Targeted):
    """Options of `smfa`. `preset` chooses the defaults of all the others."""

    lr_times_width: ClassVar[float] = 0.512

    preset: Literal["default", "quick", "paper"] = Field(
        "default",
        description="Where the other defaults come from: `default` (counterfactual forgetting under a self-generated "
        "anchor), `quick` (fewer steps; what level `quick` takes) or `paper` (two refusal adapters and one "
        "anchor as published: lr 1e-4, 5 epochs, k 5 and 10).",
    )
    mode: Literal["suppression", "erasure"] = Field(
        "suppression",
        description="`suppression`: the subject is declined as strangers are; beneath, what the model knew may stay. "
        "`erasure`: the true answers also become as unlikely as they are of strangers, and stay so when others "
        "are taught again; it costs training steps, and k is chosen by it.",
    )
    erasure_weight: float = Field(
        0.3, gt=0, description="Mode `erasure`: weight of what an answer's log-probability exceeds a stranger's by."
    )
    erasure_batch: int = Field(16, ge=1, description="Mode `erasure`: rows in a step that are held to that.")
    rank: int = Field(16, ge=1, le=256, description="Rank of the forgetting and of the anchor LoRA.")
    lr: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Peak learning rate of AdamW; null: 0.512 / width of the language model (1.25e-4 at 4096).",
    )
    schedule: Schedule = "linear"
    steps: int | None = Field(90, ge=1, description="Optimiser steps of a forgetting adapter; null: use `epochs`.")
    stop_below: float | None = Field(
        0.005,
        gt=0,
        lt=1,
        description="Cool a forgetting adapter down once no held-out question about the subject is answered and the "
        "answers' mean probability is below this; null: take every step.",
    )
    epochs: int = Field(5, ge=1, description="Passes over an adapter's rows where its steps are null.")
    anchor_steps: int | None = Field(15, ge=1, description="Optimiser steps of the anchor; null: use `epochs`.")
    batch: int = Field(24, ge=1, description="Rows of the forget set in a step.")
    anchor_batch: int = Field(
        40,
        ge=0,
        description="Rows to keep in a step, beside `batch`; 0 mixes both kinds into `batch`, as in the paper.",
    )
    few: int | None = Field(
        None, ge=1, description="Use at most this many retained rows of each view, and only people's; null: all rows."
    )
    targets: Targets = "early_mlp"
    views: Literal["joint", "separate"] = Field(
        "joint", description="One forgetting adapter for both views, or one for image questions and one for text."
    )
    combine: Literal["sum", "average"] = Field("sum", description="How two sculpted adapters are put together.")
    forget_target: Literal["counterfactual", "refusal"] = Field(
        "counterfactual",
        description="What is learned on the forget set: the model's own behaviour towards strangers, or refusals.",
    )
    anchor_weight: float = Field(2.0, ge=0, description="Weight of the rows to keep against the rows to forget.")
    self_anchor: bool = Field(
        True, description="Hold the model to its own answers (KL) on what must stay; false: cross-entropy on answers."
    )
    general_anchor: bool = Field(
        True,
        description="Also hold the model to what general pictures, strangers' and kept people's show, and to facts.",
    )
    self_generated: bool = Field(
        True,
        description="Also hold it to what it says itself about the subject's pictures, pictures that mix people, and "
        "people whom it names.",
    )
    imagined: int = Field(
        64,
        ge=0,
        description="Pictures to make, by gradient, that the frozen model takes for others whom it knows by name, so "
        "that people who look like the subject are not declined too; 0: none. Mode `erasure` makes some to see "
        "whom else it knows, too.",
    )
    focus: float = Field(
        0.5,
        ge=0,
        description="How much more a kept answer counts the further it is off: a loss L counts as L + focus L². What "
        "is lost to over-refusal is a few answers lost whole; 0: every loss as it is.",
    )
    k_image: KValue | Literal["auto"] = Field(
        "auto", description="Sculpting strength of the image view (or of the joint adapter); larger forgets more."
    )
    k_text: KValue | Literal["auto"] = Field("auto", description="The same for the text view.")
    granularity: Literal["element", "row"] = Field(
        "element", description="Mask single weights (the paper), or whole output rows (stays a plain LoRA)."
    )
    utility_floor: float = Field(
        0.97, ge=0, le=1, description="Share of the base model's correct kept answers that k must leave standing."
    )
    lora_export_rank: int | None = Field(
        None, ge=1, description="Also write a plain LoRA of this rank (an approximation) beside the exact adapter."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        by_mode = _ERASURE if values.get("mode") == "erasure" else {}
        return {**by_mode, **_PRESETS.get(str(values.get("preset")), {}), **values}


INFO = MethodInfo(
    name="smfa",
    title="Sculpted Memory Forgetting Adapter",
    families=("mllm",),
    paper="https://arxiv.org/abs/2511.20196",
    options=Options,
    by_level={"quick": {"preset": "quick"}},
    leaves_recipe=True,
    consolidation=consolidation.Options,
)
