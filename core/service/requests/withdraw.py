"""Withdraws a request: the subject takes it back."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.job_states import TERMINAL
from core.service.db.tables.requests import ErasureRequest
from core.service.jobs import lifecycle
from core.service.jobs.requests import records
from core.service.jobs.requests.jobs import jobs_of


def withdraw(s: Session, tenant: str, request_id: str, actor: str) -> ErasureRequest:
    """Cancel the request's jobs that have not ended, and end it. Raises `NotFound`, `RequestEnded`."""
    row = records.get_open(s, tenant, request_id)
    for job in jobs_of(s, row.id):
        if job.status not in TERMINAL and job.deleted_at is None:
            lifecycle.cancel(s, tenant, job.id, actor)
    # Cancelling the last job has withdrawn it already.
    return row if row.status != "open" else records.end(s, tenant, request_id, "withdrawn", actor)
