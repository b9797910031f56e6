"""OpenDSR requests in the database: which job serves which, and their status for the sender."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

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
    """Another request has this id already."""

    code = "subject_request_id_exists"
    default_detail = "Another request came under this subject_request_id."


class NotPending(Conflict):
    """The request is in progress or has ended, so that it cannot be cancelled."""

    code = "request_not_pending"
    default_detail = "Only a pending request can be cancelled."


def find_repeat(s: Session, tenant: str, dsr: OpendsrCreate, raw: bytes) -> OpendsrRequest | None:
    """The stored request, if this one repeats it; None if its id is new.

    Raises `RequestExists` if another request has the id, and once the job's inputs are erased, since a repeat cannot be
    told from another request then.
    """
    row = s.get(OpendsrRequest, (tenant, dsr.subject_request_id))
    if row is not None and _decrypt(keyring_of(s), row, s.get_one(Job, row.job_id)).get("sha256") != _digest(raw):
        raise RequestExists
    return row


def add(s: Session, tenant: str, dsr: OpendsrCreate, raw: bytes, job_id: str, received: datetime) -> OpendsrRequest:
    """Store which job serves a request, in the transaction that creates the job."""
    job = s.get_one(Job, job_id)
    row = OpendsrRequest(
        tenant_id=tenant,
        subject_request_id=dsr.subject_request_id,
        job_id=job_id,
        regulation=dsr.regulation,
        submitted_at=dsr.submitted_time,
        received_at=received,
        expected_at=expected_at(dsr, received),
        sealed=_encrypt(keyring_of(s), job, {"urls": dsr.status_callback_urls, "sha256": _digest(raw)}),
        callback_count=len(dsr.status_callback_urls),
    )
    s.add(row)
    s.flush()
    return row


def expected_at(dsr: OpendsrCreate, received: datetime) -> datetime:
    """The end of the legal period, which begins when the subject asked, but no later than we received the request."""
    return due_at(min(dsr.submitted_time, received), dsr.regulation)


def find(s: Session, tenant: str, subject_request_id: str) -> tuple[OpendsrRequest, Job]:
    """A request and its job, which may be erased. Raises `NotFound`."""
    row = s.get(OpendsrRequest, (tenant, subject_request_id))
    if row is None:
        raise NotFound
    return row, s.get_one(Job, row.job_id)


def callback_urls(keyring: Keyring, row: OpendsrRequest, job: Job) -> list[str]:
    """The URLs to call when its status changes; none once the job's key is erased."""
    urls: list[str] = _decrypt(keyring, row, job).get("urls", [])
    return urls


def receipt(row: OpendsrRequest) -> dict[str, Any]:
    """The members that the answers to a request, its repeat and its cancellation have in common."""
    return {
        "api_version": API_VERSION,
        "controller_id": row.tenant_id,
        "subject_request_id": row.subject_request_id,
        "received_time": timestamp(row.received_at),
    }


def status(row: OpendsrRequest, job: Job, domain: str, results_url: str | None) -> dict[str, Any]:
    """The status document of a request. All members are always present."""
    request_status = mapping.request_status(job.status, job.attempt, job.verdict)
    return {
        "api_version": API_VERSION,
        "controller_id": row.tenant_id,
        "subject_request_id": row.subject_request_id,
        "request_status": request_status,
        "expected_completion_time": timestamp(row.expected_at),
        "results_url": results_url if request_status == "completed" else None,
        "results_count": None,
        "extensions": {domain: {"job_id": job.id, "detail": mapping.detail(job)}},
    }


def is_pending(job: Job) -> bool:
    """Whether it can still be cancelled."""
    return mapping.request_status(job.status, job.attempt, job.verdict) == "pending"


def timestamp(at: datetime) -> str:
    """RFC 3339, without fractions of a second."""
    return at.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _encrypt(keyring: Keyring, job: Job, private: dict[str, Any]) -> bytes:
    if job.wrapped_key is None:
        raise ValueError("a request that is new has a job with a key")
    return keyring.encrypt(WrappedKey(job.wrapped_key), json.dumps(private).encode(), _aad(job.id))


def _decrypt(keyring: Keyring, row: OpendsrRequest, job: Job) -> dict[str, Any]:
    if job.wrapped_key is None:
        return {}
    decrypted: dict[str, Any] = json.loads(keyring.decrypt(WrappedKey(job.wrapped_key), row.sealed, _aad(job.id)))
    return decrypted


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _aad(job_id: str) -> str:
    return f"opendsr/{job_id}"
