"""The catalogue entry and options of `idk`. Free of torch."""

from __future__ import annotations

from typing import ClassVar

from core.unlearning.families.language.options import RetainingOptions
from core.unlearning.methods.base import MethodInfo


class Options(RetainingOptions):
    """Options of `idk`."""

    lr_times_width: ClassVar[float] = 0.512


INFO = MethodInfo(
    name="idk",
    title="IDK tuning (baseline): refusals are learned in the place of the forgotten answers",
    families=("mllm", "llm"),
    paper="Maini et al., TOFU (COLM 2024; preference optimisation), https://arxiv.org/abs/2401.06121",
    options=Options,
)
