"""The events of a job, in order. They hold numbers and states only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.service.db.tables.jobs import EventType, Job, JobEvent
from core.service.errors import NotFound
from core.service.jobs.requests import callbacks
from core.service.jobs.rows import of_tenant
from core.service.kit.clock import now
from core.service.kit.ids import new_id
from core.service.webhooks import outbox

MAX_PAGE = 1000
FIRST = 1
"""The sequence number of a job's first event."""


def append(s: Session, job_id: str, type: EventType, data: Mapping[str, Any]) -> JobEvent:
    """Append an event with the job's next sequence number. `data` must not hold the subject's data.

    Every change of a job's status passes through here, so this also writes the webhooks and callbacks about it.
    """
    s.flush()
    increment = update(Job).where(Job.id == job_id).values(event_seq=Job.event_seq + 1).returning(Job.event_seq)
    seq = s.execute(increment, execution_options={"synchronize_session": False}).scalar_one_or_none()
    if seq is None:
        raise NotFound
    event = JobEvent(id=new_id("evt"), job_id=job_id, seq=seq, type=type, created_at=now(), data=dict(data))
    s.add(event)
    s.flush()
    if type == "status":
        outbox.job_changed(s, job_id, data["status"])
        callbacks.job_changed(s, job_id)
    return event


def begin(s: Session, job: Job) -> None:
    """Add the first event of a job that this transaction has created. No webhook is sent about it."""
    data = {"status": job.status}
    s.add(JobEvent(id=new_id("evt"), job_id=job.id, seq=FIRST, type="status", created_at=now(), data=data))


def list_events(s: Session, tenant: str, job_id: str, after: int = 0, limit: int = 100) -> list[JobEvent]:
    """Events after the sequence number `after`. Raises `NotFound`."""
    if s.execute(of_tenant(tenant).where(Job.id == job_id).with_only_columns(Job.id)).first() is None:
        raise NotFound
    query = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.seq > after)
    return list(s.execute(query.order_by(JobEvent.seq).limit(min(limit, MAX_PAGE))).scalars())
