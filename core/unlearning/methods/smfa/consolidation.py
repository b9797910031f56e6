"""Options of putting patches together. Free of torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from core.unlearning.methods.base import MethodOptions

WEIGHTS = (5.0, 10.0, 15.0)
"""The weights of what is kept that are tried when the weight is "auto". Above, less and less is forgotten."""


class Options(MethodOptions):
    """Of `POST /v1/models/{id}/consolidate`."""

    keep_weight: Annotated[float, Field(gt=0, le=1e6)] | Literal["auto"] = Field(
        "auto",
        description="Weight of what is kept against what is forgotten; larger keeps more and forgets less. auto: the "
        "smallest that keeps as much as any, on the retain set's validation part.",
    )
    level: Literal["quick", "standard", "thorough"] = Field("standard", description="Of the evaluation.")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Precision of the frozen base model; the patch is always float32."
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of everything that is drawn.")
