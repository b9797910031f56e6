"""Callbacks: written by the transaction that changes a request's status, sent once it has committed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.service.db.engine import db_now
from core.service.db.tables.jobs import Job
from core.service.db.tables.opendsr import OpendsrCallback, OpendsrRequest
from core.service.kit.ids import new_id
from core.service.opendsr import mapping

LEASE_SECONDS = 60.0
LOOK_AT = 20


@dataclass(frozen=True)
class Parcel:
    """A callback that is ours to send until its lease ends."""

    id: str
    tries: int
    tenant_id: str
    subject_request_id: str
    request_status: str
    url_index: int = field(repr=False)


def job_changed(s: Session, job_id: str) -> None:
    """Write one callback for each URL of the request that the job serves, if its status is another one now."""
    request = s.execute(select(OpendsrRequest).where(OpendsrRequest.job_id == job_id)).scalar_one_or_none()
    if request is None:
        return
    job = s.execute(select(Job.status, Job.attempt, Job.verdict).where(Job.id == job_id)).one()
    status = mapping.request_status(job.status, job.attempt, job.verdict)
    if status == request.told_status:
        return
    request.told_status, at = status, db_now(s)
    for index in range(request.callback_count):
        s.add(
            OpendsrCallback(
                id=new_id("dsr"),
                tenant_id=request.tenant_id,
                subject_request_id=request.subject_request_id,
                url_index=index,
                request_status=status,
                created_at=at,
                next_attempt_at=at,
            )
        )
    s.flush()


def due(s: Session) -> list[str]:
    """What could be sent now, the oldest first."""
    waiting = OpendsrCallback.state == "pending", OpendsrCallback.next_attempt_at <= db_now(s)
    query = select(OpendsrCallback.id).where(*waiting).order_by(OpendsrCallback.next_attempt_at).limit(LOOK_AT)
    return list(s.execute(query).scalars())


def claim(s: Session, callback_id: str) -> Parcel | None:
    """Take a callback by compare-and-set. If its sender dies, it is due again when the lease ends."""
    at = db_now(s)
    mine = OpendsrCallback.id == callback_id, OpendsrCallback.state == "pending", OpendsrCallback.next_attempt_at <= at
    values = {"next_attempt_at": at + timedelta(seconds=LEASE_SECONDS), "tries": OpendsrCallback.tries + 1}
    taken = update(OpendsrCallback).where(*mine).values(values).returning(OpendsrCallback)
    options = {"synchronize_session": False, "populate_existing": True}
    row = s.execute(taken, execution_options=options).scalar_one_or_none()
    if row is None:
        return None
    return Parcel(row.id, row.tries, row.tenant_id, row.subject_request_id, row.request_status, row.url_index)


def record(s: Session, parcel: Parcel, outcome: str, again_at: datetime | None) -> None:
    """Note a try: delivered, or due again at `again_at`, or given up where that is None."""
    values: dict[str, Any] = {"last_outcome": outcome, "next_attempt_at": None if outcome == "delivered" else again_at}
    values["state"] = "delivered" if outcome == "delivered" else "pending" if again_at is not None else "failed"
    mine = OpendsrCallback.id == parcel.id, OpendsrCallback.state == "pending", OpendsrCallback.tries == parcel.tries
    s.execute(update(OpendsrCallback).where(*mine).values(values), execution_options={"synchronize_session": False})
