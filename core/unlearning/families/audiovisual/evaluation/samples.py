"""What a report shows of single examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.unlearning.families.audiovisual.evaluation.results import ClassifierEvaluation


def samples(
    before: ClassifierEvaluation,  # noqa: ARG001 - as in every family
    after: ClassifierEvaluation,  # noqa: ARG001
    *,
    names: Sequence[str],  # noqa: ARG001
    redact: bool,  # noqa: ARG001
) -> list[dict[str, Any]]:
    """None: a single prediction says little, and pictures and sounds of the subject have no place in a report."""
    return []
