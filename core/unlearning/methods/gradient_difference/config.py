"""The catalogue entry and options of `gradient-difference`. Free of torch."""

from __future__ import annotations

from core.unlearning.families.language.options import RetainingOptions
from core.unlearning.methods.base import MethodInfo


class Options(RetainingOptions):
    """Options of `gradient-difference`."""


INFO = MethodInfo(
    name="gradient-difference",
    title="Gradient difference (baseline): ascent on the forgotten answers, descent on the kept",
    families=("mllm", "llm"),
    paper="Liu et al., Continual Learning and Private Unlearning (CoLLAs 2022), https://arxiv.org/abs/2203.12817; "
    "as in TOFU (COLM 2024), https://arxiv.org/abs/2401.06121",
    options=Options,
)
