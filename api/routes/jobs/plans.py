"""From a request to the plan of its job: what `validate_only` answers and what the job carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.job_states import JobStatus
from core.service.context import Services
from core.service.db.tables.jobs import Job
from core.service.errors import FieldError, InvalidRequest
from core.service.jobs.create import check_request
from core.service.jobs.inputs import NO_UPLOADS, Uploads
from core.service.jobs.schema import JobCreate, PrepareBody
from core.service.models import RegisteredModel
from core.unlearning import planning
from core.unlearning.planning import PlanError, PlanRequest
from core.unlearning.types import ModelSpec

_LATEST = 20
"""Jobs that a time estimate looks at."""


def resolve(services: Services, session: Session, create: JobCreate, uploads: Uploads = NO_UPLOADS) -> dict[str, Any]:
    """The plan as JSON values. Raises `InvalidRequest` with a pointer to each fault, and what `check_request` does."""
    model = check_request(services, session, create, uploads)
    with faults_as_422():
        planned = planning.plan(spec_of(model), _plan_request(create, uploads))
    return {**planned, "estimate": estimate(session, model.id, planned["method"], planned["level"])}


def resolve_consolidation(model: RegisteredModel, options: Mapping[str, Any]) -> dict[str, Any]:
    """The plan of a consolidation as JSON values. Raises `InvalidRequest` with a pointer to each fault."""
    with faults_as_422():
        return planning.plan_consolidation(spec_of(model), options)


def resolve_preparation(model: RegisteredModel, body: PrepareBody) -> dict[str, Any]:
    """The plan of a retain set's preparation as JSON values. Raises `InvalidRequest` with a pointer to each fault."""
    pictures = {"/images": len(body.images), "/people": len(body.people)}
    with faults_as_422():
        return planning.plan_preparation(spec_of(model), pictures, len(body.names), body.seed)


@contextmanager
def faults_as_422() -> Iterator[None]:
    """Turns a `PlanError` into an `InvalidRequest`."""
    try:
        yield
    except PlanError as error:
        faults = [FieldError(fault.pointer, fault.code, fault.detail) for fault in error.faults]
        raise InvalidRequest(faults[0].detail, code=error.code, errors=faults) from None


def spec_of(model: RegisteredModel) -> ModelSpec:
    """The model as the unlearning library takes it."""
    retain_set = Path(model.retain_set) if model.retain_set else None
    return ModelSpec(model.id, model.family, model.source, model.revision, retain_set, model.defaults)


def _plan_request(create: JobCreate, uploads: Uploads) -> PlanRequest:
    entity = create.entity
    return PlanRequest(
        method=create.method,
        options=create.method_options,
        names=tuple(name for name in (entity.name, *entity.aliases) if name),
        kind=entity.kind,
        n_images=len(create.images) + len(uploads.images),
        n_audio=len(create.audio) + len(uploads.audio),
        n_retain_images=len(create.retain.images),
        n_prompts=len(create.prompts),
        modalities=tuple(create.modalities) if create.modalities else None,
        level=create.evaluation.level,
        thresholds=create.evaluation.thresholds,
    )


def estimate(session: Session, model: str, method: str, level: str) -> dict[str, Any]:
    """Median seconds from claim to end of the latest successes of the same kind; null before the first."""
    query = select(Job.started_at, Job.finished_at, Job.plan)
    query = query.where(Job.model == model, Job.method == method, Job.status == JobStatus.SUCCEEDED)
    rows = session.execute(query.order_by(Job.created_at.desc()).limit(_LATEST)).all()
    durations = [
        (finished - started).total_seconds()
        for started, finished, plan in rows
        if started is not None and finished is not None and plan.get("level") == level
    ]
    if not durations:
        return {"seconds": None, "basis": "No job like this has run here yet."}
    return {"seconds": round(median(durations), 1), "basis": f"The median of {len(durations)} earlier jobs like this."}
