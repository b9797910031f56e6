"""Options that every method for diffusion models has. Free of torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.unlearning.options import MethodOptions


class DiffusionOptions(MethodOptions):
    """How the frozen base model is held, and where chance begins."""

    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="Number format of the frozen base model. `auto`: as saved on an accelerator, float32 on a CPU.",
    )
    seed: int = Field(0, ge=0, description="Random seed for sampling.")
