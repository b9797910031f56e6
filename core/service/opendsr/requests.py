"""OpenDSR requests in the database: which job serves which, and what their senders are told."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service.crypto.keyring import Keyring, WrappedKey
from core.service.db.engine import keyring_of
from core.service.db.tables.jobs import Job
from core.service.db.tables.opendsr import OpendsrRequest
from core.service.errors import Conflict, NotFound
from core.service.kit.deadline import due_at
from core.service.opendsr import mapping
from core.service.opendsr.schema import API_VERSION, OpendsrCreate


class RequestExists(Conflict):
    """The id came before, with another request."""

    code = "subject_request_id_exists"
    default_detail = "Another request came under this subject_request_id."


class NotPending(Conflict):
    """Only what has not begun can be cancelled."""

    code = "request_not_pending"
    default_detail = "Only a pending request can be cancelled."


def repeated(s: Session, tenant: str, dsr: OpendsrCreate, raw: bytes) -> OpendsrRequest | None:
    """The same request, where it came before.

    Raises `RequestExists` for another one under its id, and once the job's inputs are erased: nothing is left then that
    could tell a repeat from another request.
    """
    row = s.get(OpendsrRequest, (tenant, dsr.subject_request_id))
    if row is not None and _opened(keyring_of(s), row, s.get_one(Job, row.job_id)).get("sha256") != _digest(raw):
        raise RequestExists
    return row


def add(s: Session, tenant: str, dsr: OpendsrCreate, raw: bytes, job_id: str, received: datetime) -> OpendsrRequest:
    """Tie a request to its job, in the job's own transaction."""
    job = s.get_one(Job, job_id)
    row = OpendsrRequest(
        tenant_id=tenant,
        subject_request_id=dsr.subject_request_id,
        job_id=job_id,
        regulation=dsr.regulation,
        submitted_at=dsr.submitted_time,
        received_at=received,
        expected_at=due_at(clock_start(dsr, received)),
        sealed=_sealed(keyring_of(s), job, {"urls": dsr.status_callback_urls, "sha256": _digest(raw)}),
        callback_count=len(dsr.status_callback_urls),
    )
    s.add(row)
    s.flush()
    return row


def clock_start(dsr: OpendsrCreate, received: datetime) -> datetime:
    """When the legal clock began: when the subject asked, and no later than we heard of it."""
    return min(dsr.submitted_time, received)


def find(s: Session, tenant: str, subject_request_id: str) -> tuple[OpendsrRequest, Job]:
    """A request and its job, which may have been erased since. Raises `NotFound`."""
    row = s.get(OpendsrRequest, (tenant, subject_request_id))
    if row is None:
        raise NotFound
    return row, s.get_one(Job, row.job_id)


def callback_urls(keyring: Keyring, row: OpendsrRequest, job: Job) -> list[str]:
    """Where its changes are told; nowhere any more once the job's key is destroyed."""
    urls: list[str] = _opened(keyring, row, job).get("urls", [])
    return urls


def receipt(row: OpendsrRequest) -> dict[str, Any]:
    """What the answers to a request, to its repeat and to its cancellation have in common."""
    return {
        "api_version": API_VERSION,
        "controller_id": row.tenant_id,
        "subject_request_id": row.subject_request_id,
        "received_time": moment(row.received_at),
    }


def status(row: OpendsrRequest, job: Job, domain: str, results_url: str | None) -> dict[str, Any]:
    """The status of a request. Every member is always there."""
    shown = mapping.request_status(job.status, job.attempt, job.verdict)
    return {
        "api_version": API_VERSION,
        "controller_id": row.tenant_id,
        "subject_request_id": row.subject_request_id,
        "request_status": shown,
        "expected_completion_time": moment(row.expected_at),
        "results_url": results_url if shown == "completed" else None,
        "results_count": None,
        "extensions": {domain: {"job_id": job.id, "detail": mapping.detail(job)}},
    }


def is_pending(job: Job) -> bool:
    """Whether it can still be cancelled."""
    return mapping.request_status(job.status, job.attempt, job.verdict) == "pending"


def moment(at: datetime) -> str:
    """RFC 3339, to the second."""
    return at.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def of_job(s: Session, job_id: str) -> OpendsrRequest | None:
    """The request that a job serves."""
    return s.execute(select(OpendsrRequest).where(OpendsrRequest.job_id == job_id)).scalar_one_or_none()


def _sealed(keyring: Keyring, job: Job, private: dict[str, Any]) -> bytes:
    if job.wrapped_key is None:
        raise ValueError("a request that is new has a job with a key")
    return keyring.encrypt(WrappedKey(job.wrapped_key), json.dumps(private).encode(), _place(job.id))


def _opened(keyring: Keyring, row: OpendsrRequest, job: Job) -> dict[str, Any]:
    if job.wrapped_key is None:
        return {}
    found: dict[str, Any] = json.loads(keyring.decrypt(WrappedKey(job.wrapped_key), row.sealed, _place(job.id)))
    return found


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _place(job_id: str) -> str:
    return f"opendsr/{job_id}"
