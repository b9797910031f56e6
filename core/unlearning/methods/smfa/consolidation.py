"""Options of putting patches together. Free of torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.unlearning.options import MethodOptions


class Options(MethodOptions):
    """Of `POST /v1/models/{id}/consolidate`."""

    keep_weight: float = Field(
        2.0, gt=0, le=1e6, description="Weight of what is kept against what is forgotten; larger keeps more."
    )
    strength: float = Field(
        0.9,
        ge=0,
        le=2,
        description="How strongly the whole acts on each subject's questions, measured against that job's own patch: "
        "larger forgets more; 0: as it comes.",
    )
    level: Literal["quick", "standard", "thorough"] = Field("standard", description="Of the evaluation.")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Precision of the frozen base model; the patch is always float32."
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of everything that is drawn.")
