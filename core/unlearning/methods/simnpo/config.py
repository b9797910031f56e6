"""The catalogue entry and options of `simnpo`. Free of torch."""

from __future__ import annotations

from pydantic import Field

from core.unlearning.families.mllm.options import RetainingOptions
from core.unlearning.methods.base import MethodInfo


class Options(RetainingOptions):
    """Options of `simnpo`."""

    beta: float = Field(2.5, gt=0, description="Inverse temperature of the mean loss of an answer.")
    gamma: float = Field(0.0, ge=0, description="Margin: how unlikely an answer must be to count as forgotten.")


INFO = MethodInfo(
    name="simnpo",
    title="SimNPO (baseline): negative preference optimisation without a reference",
    families=("mllm",),
    paper="Fan et al., Simplicity Prevails: Rethinking Negative Preference Optimization (NeurIPS 2025), "
    "https://arxiv.org/abs/2410.07163",
    options=Options,
)
