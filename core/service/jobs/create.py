"""Creates jobs. The row, the first event, the audit entry and the idempotency row are one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.job_states import JobStatus
from core.service import audit
from core.service.access.keys import Principal
from core.service.context import Services
from core.service.db.engine import db_now
from core.service.db.tables.jobs import Job
from core.service.db.tables.requests import ErasureRequest
from core.service.errors import ExternalIdExists, InvalidRequest, NotFound, TooManyQueuedJobs
from core.service.files.images import inspect_image
from core.service.files.service import attach
from core.service.files.sounds import inspect_sound
from core.service.jobs import events, limits, origin
from core.service.jobs.inputs import NO_UPLOADS, StoredInputs, Uploads, storing_inputs
from core.service.jobs.queue import queued_columns, ring_after_commit
from core.service.jobs.requests.records import RequestEnded, get_open, open_request
from core.service.jobs.rows import of_tenant
from core.service.jobs.schema import JobCreate
from core.service.jobs.subject import subject_hash
from core.service.jobs.views import JobView, view
from core.service.kit.ids import new_id
from core.service.models import RegisteredModel
from core.service.models import get as get_model
from core.service.settings import Settings

_RETRY_AFTER_FULL_QUEUE = "30"


def check_request(services: Services, s: Session, job: JobCreate, uploads: Uploads = NO_UPLOADS) -> RegisteredModel:
    """Check a request as far as no plan is needed. Raises `InvalidRequest`, `TooLarge` and the like.

    Returns the model that the request names.
    """
    limits.check(job, len(uploads.images), len(uploads.audio), services.settings)
    for index, image in enumerate(uploads.images):
        inspect_image(image, services.settings, f"/images/{len(job.images) + index}")
    for index, clip in enumerate(uploads.audio):
        inspect_sound(clip, services.settings, f"/audio/{len(job.audio) + index}")
    try:
        return get_model(s, job.model)
    except NotFound:
        raise InvalidRequest.one("/model", "unknown_model", "No model is registered under this id.") from None


def create_job(
    services: Services,
    s: Session,
    principal: Principal,
    job: JobCreate,
    *,
    plan: Mapping[str, Any],
    inputs: StoredInputs,
    base_url: str = "",
    erasure_request: ErasureRequest | None = None,
) -> JobView:
    """Queue a job that `check_request` has accepted. `plan`: `method`, `options` and whatever else clients should see.

    `inputs`: of `storing_request`. `erasure_request`: what it serves, by default the one that it names, else a new one
    that came now under GDPR. The doorbell rings after the session's commit. Raises `ExternalIdExists`,
    `TooManyQueuedJobs`, and `InvalidRequest` for a request that is unknown, has ended or is about somebody else.
    """
    _refuse_external_id(s, principal.tenant_id, job.external_id)
    subject = None if job.entity.name is None else subject_hash(s, principal.tenant_id, job.entity.name)
    serves = erasure_request or _request_of(s, principal, job, subject)
    row = new_row(
        s,
        principal,
        services.settings,
        model=job.model,
        plan=plan,
        inputs=inputs,
        external_id=job.external_id,
        job_metadata=dict(job.metadata),
        erasure_request_id=serves.id,
        due_at=serves.due_at,
    )
    _insert(s, row)
    ids_by_list = {"/images": job.images, "/audio": job.audio, "/retain/images": job.retain.images}
    attach(s, principal.tenant_id, row.id, ids_by_list)
    details = _counts(job, inputs)
    if subject is not None:
        details["subject"] = subject
    announce(s, principal, row, details)
    return view(row, base_url=base_url)


def _request_of(s: Session, principal: Principal, job: JobCreate, subject: str | None) -> ErasureRequest:
    if job.request is None:
        return open_request(s, principal, subject=subject)
    try:
        row = get_open(s, principal.tenant_id, job.request)
    except (NotFound, RequestEnded):
        raise InvalidRequest.one("/request", "unknown_request", "There is no open request of this id.") from None
    if row.subject and subject and row.subject != subject:
        # Its patch would settle a request about somebody who is not forgotten.
        raise InvalidRequest.one("/request", "other_subject", "The request is about another name than the job.")
    return row


def storing_request(
    services: Services, job: JobCreate, uploads: Uploads = NO_UPLOADS
) -> AbstractContextManager[StoredInputs]:
    """Store the request before the transaction that calls `create_job`. Raises `Unavailable`."""
    return storing_inputs(
        services, job.model_dump(mode="json", exclude={"external_id", "metadata", "request"}), uploads
    )


def new_row(
    s: Session,
    principal: Principal,
    settings: Settings,
    *,
    plan: Mapping[str, Any],
    inputs: StoredInputs | None = None,
    **columns: Any,
) -> Job:
    """The row of a queued job. The caller adds it and then calls `announce`. Raises `TooManyQueuedJobs`."""
    queued = select(func.count()).where(Job.tenant_id == principal.tenant_id, Job.status == JobStatus.QUEUED)
    if s.execute(queued.where(Job.deleted_at.is_(None))).scalar_one() >= settings.max_queued_jobs:
        detail = f"At most {settings.max_queued_jobs} jobs may be queued."
        raise TooManyQueuedJobs(detail, headers={"Retry-After": _RETRY_AFTER_FULL_QUEUE})
    at = db_now(s)
    if inputs:
        inputs.objects.have_rows = True
    return Job(
        id=inputs.job_id if inputs else new_id("job"),
        wrapped_key=inputs.wrapped.blob if inputs else None,
        input_images=inputs.images if inputs else 0,
        input_audio=inputs.audio if inputs else 0,
        tenant_id=principal.tenant_id,
        created_by=principal.key_id,
        method=plan["method"],
        plan=dict(plan),
        gpu_memory=(plan.get("memory") or {}).get("gpu_bytes"),
        cpu_memory=(plan.get("memory") or {}).get("cpu_bytes"),
        created_at=at,
        expires_at=at + timedelta(days=settings.job_expires_days),
        event_seq=events.FIRST,
        max_attempts=settings.max_attempts,
        **{column.key: value for column, value in (queued_columns(at) | origin.columns()).items()},
        **columns,
    )


def announce(s: Session, principal: Principal, row: Job, details: Mapping[str, Any]) -> None:
    """Add the first event and the audit entry, and ring the doorbell after the commit."""
    events.begin(s, row)
    entry = {"model": row.model, "method": row.method, **details}
    audit.record(s, principal.tenant_id, principal.key_id, "job.created", row.id, entry)
    ring_after_commit(s, row.id)


def _insert(s: Session, row: Job) -> None:
    """Another transaction may have used the `external_id` since it was checked."""
    if row.external_id is None:
        s.add(row)
        s.flush()
        return
    try:
        with s.begin_nested():
            s.add(row)
    except IntegrityError:
        _refuse_external_id(s, row.tenant_id, row.external_id)
        raise


def _refuse_external_id(s: Session, tenant: str, external_id: str | None) -> None:
    if external_id is None:
        return
    same = of_tenant(tenant).where(Job.external_id == external_id).with_only_columns(Job.id)
    existing = s.execute(same).scalar_one_or_none()
    if existing is not None:
        raise ExternalIdExists(extra={"existing_job_id": existing})


def _counts(job: JobCreate, inputs: StoredInputs) -> dict[str, Any]:
    """How many inputs came with the request, for the audit log."""
    sounds = len(job.audio) + inputs.audio
    counts = {"images": len(job.images) + inputs.images, "prompts": len(job.prompts)}
    return {**counts, **({"audio": sounds} if sounds else {})}
