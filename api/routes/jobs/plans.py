"""From a job request to its plan and time estimate: what `validate_only` answers and what the job carries."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.job_states import JobStatus
from core.service.context import Services
from core.service.db.tables.jobs import Job
from core.service.errors import FieldError, InvalidRequest
from core.service.jobs.create import check_request
from core.service.jobs.inputs import NO_UPLOADS, Uploads
from core.service.jobs.schema import JobCreate
from core.service.models import RegisteredModel
from core.unlearning.evaluation.measures import Measures
from core.unlearning.evaluation.thresholds import validate_thresholds
from core.unlearning.families.info import FamilyInfo
from core.unlearning.families.registry import families
from core.unlearning.hardware import requirements
from core.unlearning.methods.registry import consolidating
from core.unlearning.planning import PlanError, plan
from core.unlearning.types import Brought


def resolve(services: Services, session: Session, create: JobCreate, uploads: Uploads = NO_UPLOADS) -> dict[str, Any]:
    """The plan as JSON values. Raises `InvalidRequest` with a pointer to each fault, and what `check_request` does."""
    model = check_request(services, session, create, uploads)
    family = families()[model.family]
    _check_something_to_forget(create, uploads, family)
    _check_thresholds(create, family.measures)
    try:
        brought = _brought(create, uploads, family, model.retain_set)
        planned = plan(family.name, create.method, create.method_options, brought, model.defaults)
    except PlanError as error:
        raise as_invalid(error) from None
    level = create.evaluation.level
    need = requirements.estimate(model.source, planned["options"], model.defaults)
    planned["memory"] = None if need is None else need.planned()
    return {**planned, "level": level, "estimate": estimate(session, model.id, planned["method"], level)}


def consolidation(model: RegisteredModel, given: Mapping[str, Any]) -> dict[str, Any]:
    """The plan of putting patches of a model together. Raises `InvalidRequest` with a pointer to each fault."""
    method, kind = consolidating(model.family)
    try:
        options = kind.model_validate(dict(given)).model_dump()
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        errors = [FieldError(_option(fault["loc"]), fault["type"], fault["msg"]) for fault in faults]
        raise InvalidRequest(errors[0].detail, errors=errors) from None
    level = options["level"]
    need = requirements.estimate(model.source, options, model.defaults)
    return {
        "method": method,
        "reason": "Puts the patches of earlier jobs together.",
        "options": options,
        "level": level,
        "memory": None if need is None else need.planned(),
    }


def _option(loc: tuple[int | str, ...]) -> str:
    return f"/options/{str(loc[0]).replace('~', '~0').replace('/', '~1')[:80]}" if loc else "/options"


def as_invalid(error: PlanError) -> InvalidRequest:
    """A planning error as a 422."""
    errors = [FieldError(fault.pointer, fault.code, fault.detail) for fault in error.faults]
    return InvalidRequest(errors[0].detail, errors=errors)


def _check_something_to_forget(create: JobCreate, uploads: Uploads, family: FamilyInfo) -> None:
    files = create.images or create.audio or uploads.images or uploads.audio
    named = family.knows_names and (create.entity.name or create.entity.aliases)
    asked = family.uses_prompts and create.prompts
    if not (files or named or asked):
        what = "images, sound clips or a name" if family.knows_names else "images, prompts, or both"
        raise InvalidRequest.one("/images", "nothing_to_forget", f"Give {what}.")


def _check_thresholds(create: JobCreate, measures: Measures) -> None:
    for key, value in create.evaluation.thresholds.items():
        try:
            validate_thresholds({key: value}, measures)
        except ValueError:
            pointer = f"/evaluation/thresholds/{key.replace('~', '~0').replace('/', '~1')[:80]}"
            detail = "A threshold is <split>.<metric>, or that with .drop, .rise or .gap, and a number from 0 to 1."
            raise InvalidRequest.one(pointer, "invalid_threshold", detail) from None


def _brought(create: JobCreate, uploads: Uploads, family: FamilyInfo, retain_set: str | None) -> Brought:
    kind, modalities = create.entity.kind, tuple(create.modalities or family.forgets)
    pictured = (len(create.images) + len(uploads.images)) if "image" in modalities else 0
    named = ([create.entity.name] if create.entity.name else []) + create.entity.aliases
    return Brought(
        n_images=pictured,
        n_audio=len(create.audio) + len(uploads.audio),
        n_kept_images=len(create.retain.images),
        n_prompts=len(create.prompts),
        names=len(named) if "text" in modalities or family.knows_names else 0,
        rows=(family.count_rows(retain_set, named, kind) or 0) if family.count_rows else 0,
        kind=kind,
        level=create.evaluation.level,
        modalities=modalities,
    )


_LOOK_BACK = 20


def estimate(session: Session, model: str, method: str, level: str) -> dict[str, Any]:
    """Median seconds from claim to end of the latest successes of the same kind; null before the first."""
    query = select(Job.started_at, Job.finished_at, Job.plan)
    query = query.where(Job.model == model, Job.method == method, Job.status == JobStatus.SUCCEEDED)
    rows = session.execute(query.order_by(Job.created_at.desc()).limit(_LOOK_BACK)).all()
    took = [
        (finished - started).total_seconds()
        for started, finished, plan in rows
        if started is not None and finished is not None and plan.get("level") == level
    ]
    if not took:
        return {"seconds": None, "basis": "No job like this has run here yet."}
    return {"seconds": round(median(took), 1), "basis": f"The median of {len(took)} earlier jobs like this."}
