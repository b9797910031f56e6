"""The catalogue entry and options of `mmunlearner`. Free of torch."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from core.unlearning.families.mllm.options import Keeping, Steps, Stopping, Targeted, TrainingOptions, WholePrecision
from core.unlearning.methods.base import MethodInfo


class Options(TrainingOptions, Targeted, Steps, Stopping, Keeping):
    """Options of `mmunlearner`."""

    lr_times_width: ClassVar[float] = 0.041
    """1e-5 at width 4096, as published."""

    threshold: float = Field(
        1.0,
        gt=0,
        description="Weights change whose Fisher information about what is to be forgotten is at least this many times "
        "that about what is kept. The patch takes 8 bytes for each.",
    )
    fisher_rows: int = Field(64, ge=1, description="Rows of each kind by which the information is estimated.")
    keep_text: bool = Field(
        True,
        description="Keep what the model tells of the subject by name, as published: only pictures are forgotten. "
        "false: forget both.",
    )
    precision: WholePrecision = "auto"


INFO = MethodInfo(
    name="mmunlearner",
    title="MMUnlearner (baseline): gradient ascent on the weights that matter more to the forgotten",
    families=("mllm",),
    paper="Huo et al., MMUnlearner (ACL 2025 Findings), https://arxiv.org/abs/2502.11051",
    options=Options,
    needs_images=True,
)
