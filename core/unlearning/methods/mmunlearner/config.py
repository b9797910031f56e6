"""The catalogue entry and options of `mmunlearner`. Free of torch."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from core.unlearning.families.language.options import (
    Keeping,
    Steps,
    Stopping,
    Targeted,
    TrainingOptions,
    WholePrecision,
)
from core.unlearning.methods.base import MethodInfo


class Options(TrainingOptions, Targeted, Steps, Stopping, Keeping):
    """Options of `mmunlearner`."""

    lr_times_width: ClassVar[float] = 0.041
    """1e-5 at width 4096, as published."""

    threshold: float = Field(
        1.0,
        gt=0,
        description="A weight is trained if its Fisher information on the forget set is at least this many times "
        "that on the retain set: larger changes fewer weights. The patch takes 8 bytes for each.",
    )
    fisher_rows: int = Field(64, ge=1, description="Rows of each set on which the Fisher information is estimated.")
    keep_text: bool = Field(
        True,
        description="If true, only what the model tells from pictures is forgotten, and what it tells by name is "
        "kept, as published. If false, both are forgotten.",
    )
    precision: WholePrecision = "auto"


INFO = MethodInfo(
    name="mmunlearner",
    title="MMUnlearner (baseline): gradient ascent on the weights that matter more to the forgotten",
    families=("mllm", "llm"),
    paper="Huo et al., MMUnlearner (ACL 2025 Findings), https://arxiv.org/abs/2502.11051",
    options=Options,
    needs_images=True,
)
