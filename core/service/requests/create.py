"""Creates a request with a job for each of its models, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.service import audit
from core.service.access.keys import Principal
from core.service.context import Services
from core.service.db.tables.requests import ErasureRequest
from core.service.errors import Conflict
from core.service.jobs.create import create_job
from core.service.jobs.inputs import StoredInputs
from core.service.jobs.requests.records import open_request
from core.service.jobs.schema import JobCreate
from core.service.jobs.subject import subject_hash
from core.service.requests.schema import RequestCreate


class RequestExternalIdExists(Conflict):
    """Another request of the tenant has this external id."""

    code = "external_id_exists"
    default_detail = "Another request has this external_id."


def as_jobs(body: RequestCreate) -> list[JobCreate]:
    """The job of each model."""
    common = body.model_dump(mode="json", exclude={"models", "regulation", "received_at", "external_id"})
    return [JobCreate.model_validate({**common, "model": model}) for model in dict.fromkeys(body.models)]


def create_request(
    services: Services,
    s: Session,
    principal: Principal,
    body: RequestCreate,
    jobs: Sequence[tuple[JobCreate, Mapping[str, Any], StoredInputs]],
) -> ErasureRequest:
    """Store the request and queue its jobs, each with its plan and stored inputs.

    Raises `RequestExternalIdExists`, and what `open_request` and `create_job` do.
    """
    name = body.entity.name
    subject = None if name is None else subject_hash(s, principal.tenant_id, name)
    try:
        with s.begin_nested():
            row = open_request(
                s,
                principal,
                subject=subject,
                regulation=body.regulation,
                received=body.received_at,
                external_id=body.external_id,
            )
    except IntegrityError:
        same = (ErasureRequest.tenant_id == principal.tenant_id, ErasureRequest.external_id == body.external_id)
        existing = s.execute(select(ErasureRequest.id).where(*same)).scalar_one()
        raise RequestExternalIdExists(extra={"existing_request_id": existing}) from None
    details = {"regulation": body.regulation, "models": len(jobs)}
    audit.record(s, principal.tenant_id, principal.key_id, "request.received", row.id, details)
    for job, plan, inputs in jobs:
        create_job(services, s, principal, job, plan=plan, inputs=inputs, erasure_request=row)
    return row
