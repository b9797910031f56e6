"""The catalogue entry and options of `simnpo`. Free of torch."""

from __future__ import annotations

from pydantic import Field

from core.unlearning.families.language.options import RetainingOptions
from core.unlearning.methods.base import MethodInfo


class Options(RetainingOptions):
    """Options of `simnpo`."""

    beta: float = Field(
        2.5,
        gt=0,
        description="Inverse temperature of the preference loss, on an answer's mean loss per token: the larger, the "
        "sooner the loss of an unlikely answer fades.",
    )
    gamma: float = Field(
        0.0,
        ge=0,
        description="Margin of the preference loss: the larger, the more unlikely an answer must become before its "
        "loss fades.",
    )


INFO = MethodInfo(
    name="simnpo",
    title="SimNPO (baseline): negative preference optimisation without a reference",
    families=("mllm", "llm"),
    paper="Fan et al., Simplicity Prevails: Rethinking Negative Preference Optimization (NeurIPS 2025), "
    "https://arxiv.org/abs/2410.07163",
    options=Options,
)
