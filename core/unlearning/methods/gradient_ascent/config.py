"""The catalogue entry and options of `gradient-ascent`. Free of torch."""

from __future__ import annotations

from core.unlearning.families.language.options import ForgettingOptions
from core.unlearning.methods.base import MethodInfo


class Options(ForgettingOptions):
    """Options of `gradient-ascent`."""


INFO = MethodInfo(
    name="gradient-ascent",
    title="Gradient ascent (baseline): the forgotten answers' loss is maximised",
    families=("mllm", "llm"),
    paper="Jang et al., Knowledge Unlearning for Mitigating Privacy Risks in Language Models (ACL 2023), "
    "https://arxiv.org/abs/2210.01504",
    options=Options,
)
