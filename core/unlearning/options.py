"""What the options of every method, and of every consolidation, have in common. Free of torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from core.unlearning.types import Level


class MethodOptions(BaseModel):
    """Base of each method's `Options`: its JSON Schema is what `GET /v1/methods` publishes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ConsolidationOptions(MethodOptions):
    """Options of `POST /v1/models/{id}/consolidate`; a method adds its own to them."""

    level: Level = Field("standard", description="How much the evaluation measures: `quick` least, `thorough` most.")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="Number format of the frozen base model; the patch is always float32. `auto`: bfloat16 on an "
        "accelerator that has it, as saved on another, float32 on a CPU.",
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Random seed for sampling.")
