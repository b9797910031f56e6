"""OpenDSR requests in the database: which job serves which, and their status for the sender."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core.job_states import TERMINAL, JobStatus
from core.service.access.keys import Principal
from core.service.crypto.keyring import Keyring, WrappedKey
from core.service.db.engine import keyring_of
from core.service.db.tables.jobs import Job
from core.service.db.tables.opendsr import OpendsrRequest
from core.service.db.tables.requests import ErasureRequest
from core.service.errors import Conflict, NotFound
from core.service.jobs.requests import records
from core.service.jobs.requests.jobs import jobs_of
from core.service.jobs.requests.opendsr_status import opendsr_status
from core.service.jobs.subject import subject_hash
from core.service.opendsr import mapping
from core.service.opendsr.schema import API_VERSION, OpendsrCreate
from core.service.requests.withdraw import withdraw as withdraw_request


class RequestExists(Conflict):
    """Another request has this id already."""

    code = "subject_request_id_exists"
    default_detail = "Another request came under this subject_request_id."


class NotPending(Conflict):
    """A job works on the request, or it is completed, so that it cannot be cancelled."""

    code = "request_not_pending"
    default_detail = "A request can be cancelled while no job works on it, and before it is completed."


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
        expected_at=job.due_at or received,
        sealed=_encrypt(keyring_of(s), job, {"urls": dsr.status_callback_urls, "sha256": _digest(raw)}),
        callback_count=len(dsr.status_callback_urls),
    )
    s.add(row)
    s.flush()
    return row


def open_for(
    s: Session, principal: Principal, dsr: OpendsrCreate, name: str | None, received: datetime
) -> ErasureRequest:
    """The request, whose legal period begins when the subject asked, but no later than we received it."""
    subject = None if name is None else subject_hash(s, principal.tenant_id, name)
    asked = min(dsr.submitted_time, received)
    return records.open_request(s, principal, subject=subject, regulation=dsr.regulation, received=asked)


@dataclass(frozen=True)
class Found:
    """A request as OpenDSR knows it, the same as Lethe does, and its jobs, which may be erased; `jobs[0]` holds its
    inputs.
    """

    row: OpendsrRequest
    request: ErasureRequest
    jobs: Sequence[Job]

    @property
    def status(self) -> str:
        """One of OpenDSR's four."""
        return opendsr_status(self.request.status, self.jobs)

    @property
    def best_job(self) -> Job:
        """The job whose report answers the request: the last that passed, else the last."""
        return next((job for job in reversed(self.jobs) if job.verdict == "passed"), self.jobs[-1])


def find(s: Session, tenant: str, subject_request_id: str) -> Found:
    """A request with its jobs. Raises `NotFound`."""
    row = s.get(OpendsrRequest, (tenant, subject_request_id))
    if row is None:
        raise NotFound
    first = s.get_one(Job, row.job_id)
    request = s.get_one(ErasureRequest, first.erasure_request_id)
    return Found(row, request, [first, *(job for job in jobs_of(s, request.id) if job.id != first.id)])


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


def status(found: Found, domain: str, results_url: str | None) -> dict[str, Any]:
    """The status document of a request. All members are always present."""
    row, job, request_status = found.row, found.best_job, found.status
    return {
        "api_version": API_VERSION,
        "controller_id": row.tenant_id,
        "subject_request_id": row.subject_request_id,
        "request_status": request_status,
        "expected_completion_time": timestamp(row.expected_at),
        "results_url": results_url if request_status == "completed" else None,
        "results_count": None,
        "extensions": {domain: {"request_id": found.request.id, "job_id": job.id, "detail": mapping.detail(job)}},
    }


def withdraw(s: Session, found: Found, actor: str) -> None:
    """Withdraw a request and cancel what waits. Raises `NotPending` while a job works on it, and once it is settled."""
    if found.status == "cancelled":
        return
    begun = any(job.status not in TERMINAL and (job.status, job.attempt) != (JobStatus.QUEUED, 0) for job in found.jobs)
    if found.status == "completed" or begun:
        raise NotPending
    withdraw_request(s, found.row.tenant_id, found.request.id, actor)


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
