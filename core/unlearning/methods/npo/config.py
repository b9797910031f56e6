"""The catalogue entry and options of `npo`. Free of torch."""

from __future__ import annotations

from pydantic import Field

from core.unlearning.families.language.options import RetainingOptions
from core.unlearning.methods.base import MethodInfo


class Options(RetainingOptions):
    """Options of `npo`."""

    beta: float = Field(
        0.1,
        gt=0,
        description="Inverse temperature of the preference loss: the larger, the smaller the drop in an answer's "
        "probability after which its loss fades.",
    )


INFO = MethodInfo(
    name="npo",
    title="NPO (baseline): negative preference optimisation, relative to the frozen model",
    families=("mllm", "llm"),
    paper="Zhang et al., Negative Preference Optimization (COLM 2024), equation 3, https://arxiv.org/abs/2404.05868",
    options=Options,
)
