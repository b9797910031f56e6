"""The jobs that serve a request, and whether they have met it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service.db.tables.jobs import Job


def jobs_of(s: Session, request_id: str) -> list[Job]:
    """The request's jobs, deleted ones included, oldest first."""
    query = select(Job).where(Job.erasure_request_id == request_id).order_by(Job.created_at, Job.id)
    return list(s.execute(query.execution_options(populate_existing=True)).scalars())


def is_met(jobs: Sequence[Job]) -> bool:
    """Whether each model that jobs are about has a job that passed."""
    wanted = {job.model for job in jobs}
    return bool(wanted) and wanted == {job.model for job in jobs if job.verdict == "passed"}
