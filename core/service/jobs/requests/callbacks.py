"""OpenDSR's callbacks: written by the transaction that changes a request's status, and sent after it has committed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.service.db.engine import db_now
from core.service.db.tables.jobs import Job
from core.service.db.tables.opendsr import OpendsrCallback, OpendsrRequest
from core.service.db.tables.requests import ErasureRequest
from core.service.jobs.requests.jobs import jobs_of
from core.service.jobs.requests.opendsr_status import opendsr_status
from core.service.kit.ids import new_id

LEASE_SECONDS = 60.0
BATCH = 20


@dataclass(frozen=True)
class ClaimedCallback:
    """A callback that this process may send until its lease ends."""

    id: str
    tries: int
    tenant_id: str
    subject_request_id: str
    request_status: str
    url_index: int = field(repr=False)


def job_changed(s: Session, job_id: str) -> None:
    """As `request_changed`, for the request that the job serves."""
    request_changed(s, s.execute(select(Job.erasure_request_id).where(Job.id == job_id)).scalar_one())


def request_changed(s: Session, request_id: str | None) -> None:
    """Write a callback for each URL of the request, if OpenDSR's status of it has changed."""
    if request_id is None:
        return
    query = select(OpendsrRequest, ErasureRequest.status).join(Job, Job.id == OpendsrRequest.job_id)
    query = query.join(ErasureRequest, ErasureRequest.id == Job.erasure_request_id)
    found = s.execute(query.where(ErasureRequest.id == request_id)).one_or_none()
    if found is None:
        return
    request, state = found
    status = opendsr_status(state, jobs_of(s, request_id))
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
    """The ids of callbacks that are due, the oldest first."""
    waiting = OpendsrCallback.state == "pending", OpendsrCallback.next_attempt_at <= db_now(s)
    query = select(OpendsrCallback.id).where(*waiting).order_by(OpendsrCallback.next_attempt_at).limit(BATCH)
    return list(s.execute(query).scalars())


def claim(s: Session, callback_id: str) -> ClaimedCallback | None:
    """Claim a callback by compare-and-set. If the sender is lost, it is due again when the lease ends."""
    at = db_now(s)
    claimable = (
        OpendsrCallback.id == callback_id,
        OpendsrCallback.state == "pending",
        OpendsrCallback.next_attempt_at <= at,
    )
    values = {"next_attempt_at": at + timedelta(seconds=LEASE_SECONDS), "tries": OpendsrCallback.tries + 1}
    query = update(OpendsrCallback).where(*claimable).values(values).returning(OpendsrCallback)
    options = {"synchronize_session": False, "populate_existing": True}
    row = s.execute(query, execution_options=options).scalar_one_or_none()
    if row is None:
        return None
    return ClaimedCallback(row.id, row.tries, row.tenant_id, row.subject_request_id, row.request_status, row.url_index)


def record(s: Session, callback: ClaimedCallback, outcome: str, retry_at: datetime | None) -> None:
    """Store the outcome of an attempt: delivered, or due again at `retry_at`, or failed if that is None."""
    values: dict[str, Any] = {"last_outcome": outcome, "next_attempt_at": None if outcome == "delivered" else retry_at}
    values["state"] = "delivered" if outcome == "delivered" else "pending" if retry_at is not None else "failed"
    claimed = (
        OpendsrCallback.id == callback.id,
        OpendsrCallback.state == "pending",
        OpendsrCallback.tries == callback.tries,
    )
    s.execute(update(OpendsrCallback).where(*claimed).values(values), execution_options={"synchronize_session": False})
