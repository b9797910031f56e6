"""The queue, which is the database, and the doorbell that tells workers of a queued job."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.job_states import JobStatus
from core.service.db.tables.jobs import Job

RING_AGAIN_SECONDS = 5.0
MAX_RING_SECONDS = 60.0


def ring_after_commit(s: Session, job_id: str) -> None:
    """Call the doorbell for this job once the session has committed."""
    s.info["rings"].append(job_id)


def ring_next(s: Session, tenant: str) -> None:
    """Ring for the tenant's oldest queued job: it may have waited for the end of another."""
    query = select(Job.id).where(Job.tenant_id == tenant, Job.status == JobStatus.QUEUED, Job.deleted_at.is_(None))
    job_id = s.execute(query.order_by(Job.created_at, Job.id).limit(1)).scalar_one_or_none()
    if job_id is not None:
        ring_after_commit(s, job_id)


def queued_columns(at: datetime) -> dict[Any, Any]:
    """The columns of a job that is queued now."""
    return {Job.queued_at: at, Job.ring_at: next_ring(0, at), Job.rings: 0}


def next_ring(rings: int, at: datetime) -> datetime:
    """When to ring again for a job that no worker has claimed after `rings` rings."""
    return at + timedelta(seconds=min(RING_AGAIN_SECONDS * 2 ** min(rings, 10), MAX_RING_SECONDS))
