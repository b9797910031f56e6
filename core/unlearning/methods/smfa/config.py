"""SMFA's catalogue entry and options. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainSerializer, model_validator

from core.unlearning.families.language.options import LoraOptions, Schedule, Targeted, Targets
from core.unlearning.methods.base import MethodInfo
from core.unlearning.methods.smfa import consolidation_options

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
        description="Where the other defaults come from. `default`: behave as towards strangers, and keep what the "
        "model says itself. `quick`: the same in fewer steps, which level `quick` takes. `paper`: as published, with "
        "one refusal adapter for pictures, one for text and one anchor (lr 1e-4, 5 epochs, k 5 and 10).",
    )
    mode: Literal["suppression", "erasure"] = Field(
        "suppression",
        description="`suppression`: the subject is treated as strangers are; what the model knew may stay beneath. "
        "`erasure`: the true answers also become as unlikely as they are of strangers, and hardly come back when "
        "other facts about the subject are taught again; this takes more training steps, and k is chosen by it too.",
    )
    erasure_weight: float = Field(
        0.3,
        gt=0,
        description="Mode `erasure`: weight of the loss on answers that are still likelier than they are of strangers.",
    )
    erasure_batch: int = Field(16, ge=1, description="Mode `erasure`: rows of that loss in a step.")
    rank: int = Field(
        16,
        ge=1,
        le=256,
        description="Rank of the forgetting and of the anchor LoRA: larger can change more, and makes a larger patch.",
    )
    lr: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Peak learning rate of AdamW. null: 0.512 divided by the hidden size of the language model "
        "(1.25e-4 at 4096).",
    )
    schedule: Schedule = "linear"
    steps: int | None = Field(
        90, ge=1, description="Optimiser steps of a forgetting adapter, at most. null: use `epochs`."
    )
    stop_below: float | None = Field(
        0.005,
        gt=0,
        lt=1,
        description="Let the learning rate of a forgetting adapter fall and end its training once the model answers "
        "no held-out question about the subject and the mean probability of the true answers is at most this. null: "
        "take every step.",
    )
    epochs: int = Field(5, ge=1, description="Passes over an adapter's rows where its number of steps is null.")
    anchor_steps: int | None = Field(15, ge=1, description="Optimiser steps of the anchor. null: use `epochs`.")
    batch: int = Field(
        24,
        ge=1,
        description="Rows of the forget set in a step, fewer where answers are long. A row is one question "
        "with its answer.",
    )
    anchor_batch: int = Field(
        40,
        ge=0,
        description="Rows to keep in a step, beside `batch`. 0: both kinds are drawn together, `batch` in all, as in "
        "the paper.",
    )
    few: int | None = Field(
        None,
        ge=1,
        description="Use at most this many rows of the retain set for each view, about people only. null: all rows.",
    )
    targets: Targets = "early_mlp"
    views: Literal["joint", "separate"] = Field(
        "joint",
        description="`joint`: one forgetting adapter for all questions. `separate`: one for questions with pictures, "
        "one for those without.",
    )
    combine: Literal["sum", "average"] = Field(
        "sum", description="How the two sculpted adapters of `views: separate` are put together."
    )
    forget_target: Literal["counterfactual", "refusal"] = Field(
        "counterfactual",
        description="What is learned on the forget set. `counterfactual`: the model's own behaviour towards "
        "strangers. `refusal`: refusals from a fixed pool.",
    )
    anchor_weight: float = Field(
        2.0,
        ge=0,
        description="Weight of the rows to keep against the rows to forget: larger keeps more and forgets less.",
    )
    self_anchor: bool = Field(
        True,
        description="If true, what must stay is held to the frozen model's distribution (KL divergence). If false, "
        "to the answers (cross-entropy).",
    )
    general_anchor: bool = Field(
        True,
        description="Also keep general pictures and facts, and what the pictures of strangers and of kept people show.",
    )
    self_generated: bool = Field(
        True,
        description="Also keep what the model itself says about the subject's pictures, about pictures that mix two "
        "people, and about people whom it names.",
    )
    imagined: int = Field(
        64,
        ge=0,
        description="How many pictures are made, by gradient, that the frozen model takes for other people it knows, "
        "so that people who look like the subject are not declined too. More cost time. 0: none. Mode `erasure` also "
        "uses them to find people whom the model knows.",
    )
    focus: float = Field(
        0.5,
        ge=0,
        description="How much more a kept answer counts the larger its loss is: a loss L counts as L + focus L². "
        "Over-refusal loses a few answers completely, and those count most then. 0: every loss as it is.",
    )
    k_image: KValue | Literal["auto"] = Field(
        "auto",
        description="Sculpting strength k for questions with pictures, or of the joint adapter. 0 removes every "
        "conflict with the anchor, a larger k fewer, infinity none: larger forgets more and keeps less. `auto`: "
        "chosen on held-out questions.",
    )
    k_text: KValue | Literal["auto"] = Field(
        "auto", description="The same for questions without pictures, with `views: separate`."
    )
    granularity: Literal["element", "row"] = Field(
        "element",
        description="What sculpting removes: single weights, as in the paper, or whole output rows, which leaves a "
        "plain LoRA.",
    )
    utility_floor: float = Field(
        0.97,
        ge=0,
        le=1,
        description="The least share of right answers on what is kept that must still be right, on held-out "
        "questions, for a k to be chosen.",
    )
    lora_export_rank: int | None = Field(
        None,
        ge=1,
        description="Also write a plain LoRA of this rank, an approximation, beside the exact adapter. null: do not.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        by_mode = _ERASURE if values.get("mode") == "erasure" else {}
        return {**by_mode, **_PRESETS.get(str(values.get("preset")), {}), **values}


_LIMITS = {
    "suppression": "Mode suppression was asked for: the subject is treated as strangers are, and beneath the refusal "
    "the patched model may still hold what it knew. That somebody was learned can be told from it, and brief training "
    "on some facts brings others back. Mode erasure goes further.",
    "erasure": "Mode erasure was asked for: the answers that were found were also made as unlikely as they are of "
    "strangers. That is measured on the facts, pictures and wordings of this job; what the request did not bring, and "
    "what stronger probes or longer training would find, is not promised.",
}
"""By mode."""


def _limits(options: Mapping[str, Any]) -> tuple[str, ...]:
    mode = options.get("mode")
    return (_LIMITS[mode],) if mode in _LIMITS else ()


INFO = MethodInfo(
    name="smfa",
    title="Sculpted Memory Forgetting Adapter",
    families=("mllm", "llm"),
    paper="https://arxiv.org/abs/2511.20196",
    options=Options,
    by_level={"quick": {"preset": "quick"}},
    limits=_limits,
    consolidation=consolidation_options.Options,
)
