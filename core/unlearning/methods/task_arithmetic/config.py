"""The catalogue entry and options of `task-arithmetic`. Free of torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from core.unlearning.families.language.options import LoraOptions, Steps, Targeted
from core.unlearning.methods.base import MethodInfo

SCALES = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
"""What is tried where the scale is "auto"."""


class Options(LoraOptions, Targeted, Steps):
    """Options of `task-arithmetic`."""

    scale: Annotated[float, Field(gt=0)] | Literal["auto"] = Field(
        "auto",
        description="How many times the task vector is subtracted: larger forgets more. `auto`: chosen on held-out "
        "questions.",
    )
    utility_floor: float = Field(
        0.95,
        ge=0,
        le=1,
        description="For `scale: auto`: the least share of right answers on the retain set that must still be right, "
        "on held-out questions.",
    )


INFO = MethodInfo(
    name="task-arithmetic",
    title="Task arithmetic (baseline): what learning more of the forgotten would add is subtracted",
    families=("mllm", "llm"),
    paper="Ilharco et al., Editing Models with Task Arithmetic (ICLR 2023), https://arxiv.org/abs/2212.04089",
    options=Options,
)
