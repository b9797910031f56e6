"""The rows of requests: how one begins, what changes with its jobs, and how people end it.

A request is settled by itself once each of its models has a patch that passed. It is withdrawn by itself where its last
job is cancelled or deleted before that. Everything else a person decides, with a reason.
"""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.job_states import JobStatus
from core.service import audit, idempotency
from core.service.access.keys import Principal
from core.service.crypto.keyring import DecryptionError, WrappedKey
from core.service.db.engine import db_now, keyring_of
from core.service.db.tables.jobs import Job
from core.service.db.tables.requests import ErasureRequest, RequestState
from core.service.errors import Conflict, InvalidRequest, NotFound
from core.service.jobs.requests import callbacks
from core.service.jobs.requests.jobs import is_met, jobs_of
from core.service.kit.deadline import Regulation, due_at
from core.service.kit.ids import new_id


class RequestEnded(Conflict):
    """The request is settled, rejected or withdrawn."""

    code = "request_ended"
    default_detail = "The request has ended."


class RequestExtended(Conflict):
    """The period was extended before, or is over."""

    code = "request_not_extendable"
    default_detail = "The period can be extended once, and only before it is over."


def open_request(
    s: Session,
    principal: Principal,
    *,
    subject: str | None,
    regulation: Regulation = "gdpr",
    received: datetime | None = None,
    external_id: str | None = None,
) -> ErasureRequest:
    """A new request. `subject`: keyed hash of the name. Raises `InvalidRequest` where it comes from the future."""
    at = db_now(s)
    if received is not None and received > at:
        raise InvalidRequest.one("/received_at", "in_the_future", "received_at must not lie in the future.")
    row = ErasureRequest(
        id=new_id("req"),
        tenant_id=principal.tenant_id,
        created_by=principal.key_id,
        regulation=regulation,
        external_id=external_id,
        subject=subject,
        created_at=at,
        received_at=received or at,
        due_at=due_at(received or at, regulation),
    )
    s.add(row)
    s.flush()
    return row


def get_request(s: Session, tenant: str, request_id: str, *, lock: bool = False) -> ErasureRequest:
    """One request. Raises `NotFound`."""
    query = select(ErasureRequest).where(ErasureRequest.tenant_id == tenant, ErasureRequest.id == request_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    row = s.execute(query).scalar_one_or_none()
    if row is None:
        raise NotFound
    return row


def get_open(s: Session, tenant: str, request_id: str) -> ErasureRequest:
    """An open request, locked with its jobs. Raises `NotFound`, `RequestEnded`."""
    # Jobs first, as everything that happens to a job does: no two transactions wait for each other.
    same = (Job.tenant_id == tenant, Job.erasure_request_id == request_id)
    s.execute(select(Job.id).where(*same).order_by(Job.id).with_for_update())
    row = get_request(s, tenant, request_id, lock=True)
    if row.status != "open":
        raise RequestEnded(f"The request is {row.status}.")
    return row


def job_changed(s: Session, request_id: str | None) -> None:
    """Settle or withdraw an open request by itself, after a change of one of its jobs."""
    row = None if request_id is None else s.get(ErasureRequest, request_id, with_for_update=True)
    if row is None or row.status != "open":
        return
    s.flush()
    jobs = jobs_of(s, row.id)
    if is_met(jobs):
        _end(s, row, "settled", audit.SYSTEM)
    elif all(job.deleted_at is not None or job.status == JobStatus.CANCELLED for job in jobs):
        _end(s, row, "withdrawn", audit.SYSTEM)


def extend(s: Session, tenant: str, request_id: str, reason: str, months: int, actor: str) -> ErasureRequest:
    """Extend the period, once and before it is over. Raises `NotFound`, `RequestEnded`, `RequestExtended`."""
    row = get_open(s, tenant, request_id)
    at = db_now(s)
    if row.extended_at is not None or row.due_at <= at:
        raise RequestExtended
    regulation: Regulation = "ccpa" if row.regulation == "ccpa" else "gdpr"
    row.due_at = due_at(row.received_at, regulation, extension_months=months)
    row.extended_at, row.due_warned_at = at, None
    for job in jobs_of(s, row.id):
        if job.parent_id is None and job.deleted_at is None:
            job.due_at = row.due_at
            job.version += 1
    _add_reason(s, row, "extended", reason)
    _record(s, row, "request.extended", actor)
    return row


def end(
    s: Session, tenant: str, request_id: str, status: RequestState, actor: str, reason: str | None = None
) -> ErasureRequest:
    """Settle, reject or withdraw a request, whatever its jobs say. Raises `NotFound`, `RequestEnded`."""
    row = get_open(s, tenant, request_id)
    if reason is not None:
        _add_reason(s, row, status, reason)
    _end(s, row, status, actor)
    return row


def reasons(s: Session, row: ErasureRequest) -> dict[str, str]:
    """What people gave as reasons, by what they did; nothing where the master key of that time is not at hand."""
    if row.wrapped_key is None or row.sealed is None:
        return {}
    try:
        found: dict[str, str] = json.loads(keyring_of(s).decrypt(WrappedKey(row.wrapped_key), row.sealed, _aad(row)))
    except DecryptionError:
        return {}
    return found


def forget_texts(s: Session, request_id: str | None) -> None:
    """Erase the sender's free text from a request all of whose jobs are deleted."""
    row = None if request_id is None else s.get(ErasureRequest, request_id, with_for_update=True)
    if row is None or any(job.deleted_at is None for job in jobs_of(s, row.id)):
        return
    row.external_id = row.wrapped_key = row.sealed = None
    idempotency.redact(s, row.id)
    row.version += 1


def _end(s: Session, row: ErasureRequest, status: RequestState, actor: str) -> None:
    row.status, row.ended_at, row.ended_by = status, db_now(s), actor
    _record(s, row, f"request.{status}", actor)
    callbacks.request_changed(s, row.id)


def _record(s: Session, row: ErasureRequest, action: str, actor: str) -> None:
    row.version += 1
    s.flush()
    audit.record(s, row.tenant_id, actor, action, row.id, {"due_at": row.due_at.isoformat()})


def _add_reason(s: Session, row: ErasureRequest, what: str, reason: str) -> None:
    keyring, given = keyring_of(s), {**reasons(s, row), what: reason}
    row.wrapped_key = row.wrapped_key or keyring.new_data_key().blob
    row.sealed = keyring.encrypt(WrappedKey(row.wrapped_key), json.dumps(given).encode(), _aad(row))


def _aad(row: ErasureRequest) -> str:
    return f"requests/{row.id}"
