"""The catalogue entry and options of `kl-minimisation`. Free of torch."""

from __future__ import annotations

from core.unlearning.families.language.options import RetainingOptions
from core.unlearning.methods.base import MethodInfo


class Options(RetainingOptions):
    """Options of `kl-minimisation`."""


INFO = MethodInfo(
    name="kl-minimisation",
    title="KL minimisation (baseline): ascent on the forgotten answers, KL to the frozen model on the kept",
    families=("mllm", "llm"),
    paper="Maini et al., TOFU: A Task of Fictitious Unlearning for LLMs (COLM 2024), https://arxiv.org/abs/2401.06121",
    options=Options,
)
