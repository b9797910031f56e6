"""The plan of the preparation of a retain set."""

from __future__ import annotations

from typing import Any

from core.unlearning.families.registry import families
from core.unlearning.planning.faults import Fault, PlanError
from core.unlearning.planning.job_plan import memory
from core.unlearning.types import ModelSpec

PREPARE = "prepare"
"""What such a job has in the place of a method's name."""


def plan_preparation(model: ModelSpec, pictures: dict[str, int], names: int, seed: int) -> dict[str, Any]:
    """The plan as JSON values. `pictures`: how many, by the pointer of their list.

    Raises `PlanError` for a model that cannot be asked, for pictures that it does not see, and for nothing to ask.
    """
    family = families()[model.family]
    if not family.is_asked:
        raise PlanError.one(Fault("", "not_prepared", "Models of this family cannot be asked about people."))
    unseen = [pointer for pointer, count in pictures.items() if count and not family.uses_pictures]
    if unseen:
        detail = "This model sees no pictures: pass names alone."
        raise PlanError(*(Fault(p, "images_not_supported", detail) for p in unseen), code="images_not_supported")
    if not names and not any(pictures.values()):
        raise PlanError.one(Fault("", "nothing_to_ask", "Pass pictures, names, or both."))
    return {
        "method": PREPARE,
        "reason": "Asks the model about pictures and names, and keeps what it says as a retain set.",
        "options": {"seed": seed},
        "memory": memory(model, {}),
    }
