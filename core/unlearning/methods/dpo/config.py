"""The catalogue entry and options of `dpo`. Free of torch."""

from __future__ import annotations

from pydantic import Field

from core.unlearning.families.language.options import RetainingOptions
from core.unlearning.methods.base import MethodInfo


class Options(RetainingOptions):
    """Options of `dpo`."""

    beta: float = Field(
        0.1,
        gt=0,
        description="Inverse temperature of the preference loss: the larger, the closer the model stays to the "
        "frozen one.",
    )


INFO = MethodInfo(
    name="dpo",
    title="DPO (baseline): a refusal is preferred to the forgotten answer",
    families=("mllm", "llm"),
    paper="Rafailov et al., Direct Preference Optimization (NeurIPS 2023), equation 7, "
    "https://arxiv.org/abs/2305.18290; with refusals as in NPO, https://arxiv.org/abs/2404.05868",
    options=Options,
)
