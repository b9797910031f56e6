"""What clients can do with an existing job: cancel, retry, delete, sculpt again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy.orm import Session

from core.job_states import TERMINAL, JobStatus
from core.service import audit
from core.service.access.keys import Principal
from core.service.context import Services
from core.service.db.engine import db_now
from core.service.db.tables.jobs import Job
from core.service.errors import (
    InputErased,
    JobAlreadyTerminal,
    JobNotFailed,
    JobNotSucceeded,
    JobRunning,
    SculptNotPossible,
)
from core.service.jobs import checkpoints, events, metrics, origin
from core.service.jobs.artifacts import of_jobs
from core.service.jobs.columns import FRESH_PROGRESS
from core.service.jobs.create import announce, new_row
from core.service.jobs.erase import erase_job
from core.service.jobs.queue import queued_columns, ring_after_commit
from core.service.jobs.requests import records as requests
from core.service.jobs.rows import get_row
from core.service.jobs.schema import SculptBody
from core.service.jobs.views import JobView, refreshed_view


def cancel(s: Session, tenant: str, job_id: str, actor: str = audit.SYSTEM, base_url: str = "") -> JobView:
    """Stop a job. A queued one ends at once; a running one stays `running` until its worker has stopped.

    Raises `NotFound`, and `JobAlreadyTerminal` for one that succeeded or failed.
    """
    job = get_row(s, tenant, job_id, lock=True)
    if job.status in (JobStatus.SUCCEEDED, JobStatus.FAILED):
        raise JobAlreadyTerminal(f"The job has {job.status}.")
    if job.cancel_requested_at is None and job.status != JobStatus.CANCELLED:
        job.cancel_requested_at = db_now(s)
        job.version += 1
        audit.record(s, tenant, actor, "job.cancel_requested", job_id)
        if job.status == JobStatus.QUEUED:
            end_cancelled(s, job)
    return refreshed_view(s, job, base_url)


def end_cancelled(s: Session, job: Job) -> None:
    """End a job as cancelled. It must be locked, and no worker must run it."""
    job.status, job.finished_at = JobStatus.CANCELLED, db_now(s)
    metrics.count_ended(s, job.method, JobStatus.CANCELLED)
    requests.job_changed(s, job.erasure_request_id)
    events.append(s, job.id, "status", {"status": JobStatus.CANCELLED, "attempt": job.attempt})
    audit.record(s, job.tenant_id, audit.SYSTEM, "job.cancelled", job.id, {"attempt": job.attempt})


def retry(s: Session, tenant: str, job_id: str, actor: str = audit.SYSTEM, base_url: str = "") -> JobView:
    """Queue a failed job again. Raises `NotFound`, `JobNotFailed`, and `InputErased` once its inputs are erased."""
    job = get_row(s, tenant, job_id, lock=True)
    if job.status != JobStatus.FAILED:
        raise JobNotFailed
    if job.inputs_erased_at is not None:
        raise InputErased
    at = db_now(s)
    job.expires_at = at + (job.expires_at - job.created_at)
    job.status = JobStatus.QUEUED
    job.finished_at = job.error = job.cancel_requested_at = job.cleaned_at = None
    for column, value in (FRESH_PROGRESS | queued_columns(at) | origin.columns()).items():
        setattr(job, column.key, value)
    job.lost_attempts = 0
    checkpoints.drop(s, job_id)
    job.version += 1
    events.append(s, job.id, "status", {"status": JobStatus.QUEUED, "reason": "retried"})
    audit.record(s, tenant, actor, "job.retried", job_id)
    ring_after_commit(s, job_id)
    return refreshed_view(s, job, base_url)


def delete(services: Services, s: Session, tenant: str, job_id: str, actor: str = audit.SYSTEM) -> None:
    """Erase a job's inputs and artefacts; a tombstone stays. A queued job is cancelled first. Of one that has expired,
    erase the patch and the certificate, too.

    Raises `NotFound`, and `JobRunning` for one that must be cancelled first.
    """
    job = get_row(s, tenant, job_id, lock=True, expired=True)
    if job.status == JobStatus.RUNNING:
        raise JobRunning
    if job.status not in TERMINAL:
        end_cancelled(s, job)
    erase_job(services, s, job)
    audit.record(s, tenant, actor, "job.deleted", job_id, {"artifacts": job.erased_artifacts})
    requests.job_changed(s, job.erasure_request_id)


def create_sculpt_job(
    services: Services,
    s: Session,
    principal: Principal,
    parent_id: str,
    body: SculptBody,
    leaving_recipes: Collection[str],
    base_url: str = "",
) -> JobView:
    """Queue a job that sculpts the recipe of a succeeded job again. It does not read the subject's data.

    `leaving_recipes`: the methods whose patches bring a recipe.
    Raises `NotFound`, `JobNotSucceeded`, `SculptNotPossible`, `TooManyQueuedJobs`.
    """
    parent = get_row(s, principal.tenant_id, parent_id)
    if parent.status != JobStatus.SUCCEEDED:
        raise JobNotSucceeded(f"The job is {parent.status}; there is no recipe to sculpt.")
    if parent.method not in leaving_recipes or not of_jobs(s, [parent_id])[parent_id]:
        raise SculptNotPossible
    if "jobs" in (parent.sculpt or {}):
        raise SculptNotPossible("The job put others together; consolidate them again with other options.")
    sculpt: dict[str, Any] = body.model_dump(exclude_none=True)
    row = new_row(
        s,
        principal,
        services.settings,
        model=parent.model,
        plan={**parent.plan, "sculpt": sculpt},
        parent_id=parent_id,
        erasure_request_id=parent.erasure_request_id,
        sculpt=sculpt,
        job_metadata={},
    )
    s.add(row)
    s.flush()
    announce(s, principal, row, {"parent": parent_id})
    return refreshed_view(s, row, base_url)
