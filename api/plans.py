"""From a job request to its plan: what `validate_only` answers and what the job carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from api.timing import estimate
from core.service.context import Services
from core.service.errors import FieldError, InvalidRequest
from core.service.jobs.create import check_request
from core.service.jobs.schema import JobCreate
from core.unlearning import memory
from core.unlearning.evaluation.measures import measures_of
from core.unlearning.evaluation.thresholds import validate_thresholds
from core.unlearning.planning import Brought, PlanError, plan


def resolve(services: Services, session: Session, create: JobCreate, images: Sequence[bytes]) -> dict[str, Any]:
    """The plan as JSON values. Raises `InvalidRequest` with a pointer to each fault, and what `check_request` does."""
    model = check_request(services, session, create, images)
    _check_thresholds(create, model.family)
    try:
        planned = plan(
            model.family, create.method, create.method_options, _brought(create, len(images)), model.defaults
        )
    except PlanError as error:
        raise as_invalid(error) from None
    level = create.evaluation.level
    need = memory.estimate(model.source, planned["options"], model.defaults)
    planned["memory"] = None if need is None else need.planned()
    return {**planned, "level": level, "estimate": estimate(session, model.id, planned["method"], level)}


def as_invalid(error: PlanError) -> InvalidRequest:
    """A planning error as a 422."""
    errors = [FieldError(fault.pointer, fault.code, fault.detail) for fault in error.faults]
    return InvalidRequest(errors[0].detail, errors=errors)


def _check_thresholds(create: JobCreate, family: str) -> None:
    measures = measures_of(family)
    for key, value in create.evaluation.thresholds.items():
        try:
            validate_thresholds({key: value}, measures)
        except ValueError:
            pointer = f"/evaluation/thresholds/{key.replace('~', '~0').replace('/', '~1')[:80]}"
            detail = "A threshold is <split>.<metric>, or the same with .drop or .rise, and a number from 0 to 1."
            raise InvalidRequest.one(pointer, "invalid_threshold", detail) from None


def _brought(create: JobCreate, n_uploaded: int) -> Brought:
    pictured = (len(create.images) + n_uploaded) if "image" in create.modalities else 0
    named = ([create.entity.name] if create.entity.name else []) + create.entity.aliases
    return Brought(
        n_images=pictured,
        n_prompts=len(create.prompts),
        names=len(named) if "text" in create.modalities else 0,
        kind=create.entity.kind,
        level=create.evaluation.level,
    )
