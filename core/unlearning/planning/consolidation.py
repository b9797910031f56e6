"""The plan of a job that consolidates the patches of earlier jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from core.unlearning.methods.registry import consolidating
from core.unlearning.planning.faults import invalid_options
from core.unlearning.planning.job_plan import memory
from core.unlearning.types import ModelSpec


def plan_consolidation(model: ModelSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    """The plan as JSON values. Raises `PlanError` with pointers into the request."""
    method, options_of_method = consolidating(model.family)
    try:
        checked = options_of_method.model_validate(dict(options)).model_dump()
    except ValidationError as error:
        raise invalid_options(error, "options") from None
    return {
        "method": method,
        "reason": "Puts the patches of earlier jobs together.",
        "options": checked,
        "level": checked["level"],
        "memory": memory(model, checked),
    }
