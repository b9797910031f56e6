"""The catalogue entry and options of `undial`. Free of torch."""

from __future__ import annotations

from pydantic import Field

from core.unlearning.families.language.options import RetainingOptions
from core.unlearning.methods.base import MethodInfo


class Options(RetainingOptions):
    """Options of `undial`."""

    beta: float = Field(
        10.0,
        gt=0,
        description="How much is subtracted from the logit of each token of a forgotten answer to make the teacher's "
        "distribution: larger forgets more.",
    )
    retain_weight: float = Field(
        0.0, ge=0, description="Weight of the loss on the retain set: larger keeps more. The paper has no such loss."
    )


INFO = MethodInfo(
    name="undial",
    title="UNDIAL (baseline): self-distillation from adjusted logits",
    families=("mllm", "llm"),
    paper="Dong et al., UNDIAL (NAACL 2025), https://arxiv.org/abs/2402.10052",
    options=Options,
)
