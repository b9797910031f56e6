"""The catalogue entry and options of `retain-only`. Free of torch."""

from __future__ import annotations

from core.unlearning.families.language.options import LoraOptions, Steps, Targeted
from core.unlearning.methods.base import MethodInfo


class Options(LoraOptions, Targeted, Steps):
    """Options of `retain-only`."""


INFO = MethodInfo(
    name="retain-only",
    title="Retain-only (control): trained on what is kept alone",
    families=("mllm", "llm"),
    paper="Maini et al., TOFU (COLM 2024), https://arxiv.org/abs/2401.06121",
    options=Options,
)
