"""The catalogue entry and options of `manu`. Free of torch."""

from __future__ import annotations

from pydantic import Field

from core.unlearning.families.language.options import LanguageModelOptions, WholePrecision
from core.unlearning.methods.base import MethodInfo


class Options(LanguageModelOptions):
    """Options of `manu`."""

    share: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="Share of each layer's neurons that is pruned, once for questions with pictures and once for "
        "those without.",
    )
    active_above: float = Field(
        0.1, ge=0, description="A neuron counts as active if the absolute value of its activation is above this."
    )
    precision: WholePrecision = "auto"


INFO = MethodInfo(
    name="manu",
    title="MANU (baseline): neurons that matter more to the forgotten than to the kept are pruned",
    families=("mllm", "llm"),
    paper="Liu et al., Modality-Aware Neuron Pruning (ACL 2025), https://arxiv.org/abs/2502.15910",
    options=Options,
)
