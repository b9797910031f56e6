"""Options of consolidating SMFA patches. Free of torch."""

from __future__ import annotations

from pydantic import Field

from core.unlearning.options import ConsolidationOptions


class Options(ConsolidationOptions):
    """Options of consolidating `smfa` patches."""

    keep_weight: float = Field(
        2.0,
        gt=0,
        le=1e6,
        description="Weight of what is kept against what is forgotten: larger keeps more and forgets less.",
    )
    strength: float = Field(
        0.9,
        ge=0,
        le=2,
        description="How strong the consolidated patch is on each subject's questions, as a share of the effect of "
        "that job's own patch: larger forgets more. 0: as least squares leaves it.",
    )
