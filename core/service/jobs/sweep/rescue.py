"""Handles jobs whose worker is lost and jobs that waited too long. Each function gets the locked row of such a job."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from core.job_states import JobStatus
from core.service import audit
from core.service.context import Services
from core.service.db.engine import db_now
from core.service.db.tables.jobs import Job
from core.service.jobs import events, metrics
from core.service.jobs.columns import UNLEASED
from core.service.jobs.lifecycle import end_cancelled
from core.service.jobs.queue import queued_columns, ring_after_commit, ring_next

LOST_CODE = "worker_lost"
LOST_MESSAGE = "The worker stopped without a word, as often as the service tries again."
EXPIRED_CODE = "expired"
EXPIRED_MESSAGE = "No worker took the job before it expired."


def rescue(_: Services, s: Session, job: Job) -> None:
    """The lease has expired: queue the job again, or end it if it was cancelled or has lost too many workers."""
    for column, value in UNLEASED.items():
        setattr(job, column.key, value)
    job.lost_attempts += 1
    metrics.count_lease_expiry(s)
    job.version += 1
    if job.cancel_requested_at is not None:
        end_cancelled(s, job)
    elif job.lost_attempts >= job.max_attempts:
        _fail(s, job, LOST_CODE, LOST_MESSAGE)
    else:
        _requeue(s, job)
    ring_next(s, job.tenant_id)


def cancel(_: Services, s: Session, job: Job) -> None:
    """The job was cancelled and handed back at the same time."""
    job.version += 1
    end_cancelled(s, job)


def expire(services: Services, s: Session, job: Job) -> None:
    """The job was queued for too long. It fails, and can be read and retried for as long again."""
    job.version += 1
    job.expires_at = db_now(s) + timedelta(days=services.settings.job_expires_days)
    _fail(s, job, EXPIRED_CODE, EXPIRED_MESSAGE)


def _requeue(s: Session, job: Job) -> None:
    job.status = JobStatus.QUEUED
    for column, value in queued_columns(db_now(s)).items():
        setattr(job, column.key, value)
    events.append(s, job.id, "status", {"status": JobStatus.QUEUED, "reason": LOST_CODE, "attempt": job.attempt})
    audit.record(s, job.tenant_id, audit.SYSTEM, "job.requeued", job.id, {"attempt": job.attempt})
    ring_after_commit(s, job.id)


def _fail(s: Session, job: Job, code: str, message: str) -> None:
    error: dict[str, Any] = {"code": code, "message": message, "retryable": True, "attempt": job.attempt}
    job.status, job.finished_at, job.error = JobStatus.FAILED, db_now(s), error
    metrics.count_ended(s, job.method, JobStatus.FAILED)
    events.append(s, job.id, "status", {"status": JobStatus.FAILED, "error": error})
    audit.record(s, job.tenant_id, audit.SYSTEM, "job.failed", job.id, {"attempt": job.attempt, "code": code})
