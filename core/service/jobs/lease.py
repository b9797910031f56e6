"""What a worker does with a job: claim it, extend the lease, report progress, end it. The lease token fences writes.

All changes are compare-and-set `UPDATE`s: by the time a row has been read, another worker may have it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update
from sqlalchemy.orm import Session

from core.job_states import JobStatus
from core.service import audit
from core.service.context import Services
from core.service.db.engine import db_now
from core.service.db.tables.jobs import Artifact, EventType, Job
from core.service.jobs import events, metrics
from core.service.jobs.artifacts import ArtifactRow
from core.service.jobs.claims import Capacity, Claim, LeaseLost, holds_lease
from core.service.jobs.columns import FRESH_PROGRESS, UNLEASED
from core.service.jobs.origin import Origin
from core.service.jobs.queue import queued_columns, ring_after_commit, ring_next
from core.service.jobs.requests import records as requests

PROGRESS_EVENT_SECONDS = 0.5
CERTIFICATE = "certificate.json"


def claim(s: Session, job_id: str, owner: str, ttl: float, capacity: Capacity | None = None) -> Claim | None:
    """Claim a queued job, or one whose lease has expired, for `ttl` seconds. None if it cannot be claimed.

    `owner` names the process, e.g. `host:pid`; see `release_owner`. With `capacity` only a job that fits is claimed.
    """
    at = db_now(s)
    expired = and_(Job.status == JobStatus.RUNNING, Job.lease_expires_at < at, Job.lost_attempts + 1 < Job.max_attempts)
    claimable = [Job.id == job_id, Job.cancel_requested_at.is_(None), or_(Job.status == JobStatus.QUEUED, expired)]
    claimable += [capacity.fits()] if capacity else []
    values: dict[Any, Any] = {
        **FRESH_PROGRESS,
        Job.status: JobStatus.RUNNING,
        Job.attempt: Job.attempt + 1,
        Job.lost_attempts: case((Job.status == JobStatus.RUNNING, Job.lost_attempts + 1), else_=Job.lost_attempts),
        Job.lease_token: Job.lease_token + 1,
        Job.lease_owner: owner,
        Job.lease_expires_at: at + timedelta(seconds=ttl),
        Job.started_at: func.coalesce(Job.started_at, at),
        Job.fraction: Job.checkpoint_fraction,
        Job.version: Job.version + 1,
    }
    previous_status = s.execute(select(Job.status).where(Job.id == job_id).with_for_update()).scalar_one_or_none()
    returned = (Job.tenant_id, Job.attempt, Job.lease_token, Job.method, Job.request_id, Job.traceparent, Job.fraction)
    row = _update(s).where(*claimable, *_quota(s)).values(values).returning(*returned)
    claimed = s.execute(row).one_or_none()
    if claimed is None:
        return None
    events.append(s, job_id, "status", {"status": JobStatus.RUNNING, "attempt": claimed.attempt})
    if previous_status == JobStatus.RUNNING:
        metrics.count_lease_expiry(s)
    origin = Origin(claimed.request_id, claimed.traceparent)
    return Claim(
        job_id, claimed.tenant_id, claimed.attempt, claimed.lease_token, owner, claimed.method, origin, claimed.fraction
    )


def beat(s: Session, claim: Claim, ttl: float) -> bool:
    """Extend the lease to `ttl` seconds from now. Returns whether the job was cancelled. Raises `LeaseLost`."""
    until = db_now(s) + timedelta(seconds=ttl)
    row = _update_held(s, claim, {Job.lease_expires_at: until}, Job.cancel_requested_at, visible=False)
    return row.cancel_requested_at is not None


def cancel_requested(s: Session, claim: Claim) -> bool:
    """Whether a client asked for the job to stop. Works in a read session. Raises `LeaseLost`."""
    row = s.execute(select(Job.cancel_requested_at).where(holds_lease(claim))).one_or_none()
    if row is None:
        raise LeaseLost
    return row.cancel_requested_at is not None


def set_phase(s: Session, claim: Claim, phase: str, total_steps: int | None, step: int = 0) -> None:
    """Enter a phase. `step`: the steps that an earlier attempt has done already. Raises `LeaseLost`."""
    values = {Job.phase: phase, Job.step: step, Job.total_steps: total_steps, Job.loss: None}
    row = _update_held(s, claim, {**values, Job.progress_event_at: db_now(s)}, Job.fraction)
    data = {"phase": phase, "step": step, "total_steps": total_steps, "fraction": row.fraction}
    events.append(s, claim.job_id, "progress", data)


def set_progress(
    s: Session,
    claim: Claim,
    step: int,
    total: int | None,
    fraction: float,
    eta_at: datetime | None = None,
    loss: float | None = None,
) -> None:
    """Store how far the attempt is; `fraction` never goes down within an attempt. Raises `LeaseLost`.

    However often it is called, it appends at most one event in half a second.
    """
    bounded = min(max(fraction, 0.0), 1.0)
    raised = case((Job.fraction > bounded, Job.fraction), else_=bounded)
    values = {Job.step: step, Job.total_steps: total, Job.fraction: raised, Job.eta_at: eta_at, Job.loss: _finite(loss)}
    row = _update_held(s, claim, values, Job.phase, Job.fraction, Job.progress_event_at)
    at = db_now(s)
    if row.progress_event_at is not None and at - row.progress_event_at < timedelta(seconds=PROGRESS_EVENT_SECONDS):
        return
    s.execute(_update(s).where(Job.id == claim.job_id).values(progress_event_at=at))
    data = {"phase": row.phase, "step": step, "total_steps": total, "fraction": row.fraction, "loss": _finite(loss)}
    events.append(s, claim.job_id, "progress", {**data, "eta_at": None if eta_at is None else eta_at.isoformat()})


def set_checkpoint_fraction(s: Session, claim: Claim, fraction: float) -> None:
    """Store how far the checkpoints go: the next attempt begins there. Raises `LeaseLost`."""
    _update_held(s, claim, {Job.checkpoint_fraction: min(max(fraction, 0.0), 1.0)}, Job.id, visible=False)


def append_event(s: Session, claim: Claim, type: EventType, data: Mapping[str, Any]) -> None:
    """`events.append` under the lease, for `metric` and `log`. Raises `LeaseLost`."""
    _update_held(s, claim, {Job.lease_owner: claim.owner}, Job.id, visible=False)
    events.append(s, claim.job_id, type, data)


def succeed(
    services: Services,
    s: Session,
    claim: Claim,
    *,
    verdict: str,
    evaluation: Mapping[str, Any],
    artifacts: Sequence[ArtifactRow],
) -> None:
    """End the job with its artefacts, which are stored under this attempt's prefix. Raises `LeaseLost`."""
    at = db_now(s)
    expires_at = at + timedelta(days=services.settings.job_expires_days)
    result = {Job.verdict: verdict, Job.evaluation: dict(evaluation), Job.fraction: 1.0, Job.expires_at: expires_at}
    _update_held(s, claim, {**UNLEASED, **result, Job.status: JobStatus.SUCCEEDED, Job.finished_at: at}, Job.id)
    for row in artifacts:
        s.add(Artifact(job_id=claim.job_id, attempt=claim.attempt, **row.public(), storage_key=row.storage_key))
    s.flush()
    digests = {row.name: row.sha256 for row in artifacts}
    _record_end(s, claim, JobStatus.SUCCEEDED, {"verdict": verdict}, {"verdict": verdict, "artifacts": digests})
    if CERTIFICATE in digests:
        issued = {"sha256": digests[CERTIFICATE]}
        audit.record(s, claim.tenant_id, audit.SYSTEM, "certificate.issued", claim.job_id, issued)


def fail(s: Session, claim: Claim, code: str, message: str, retryable: bool) -> None:
    """End the job without a result. Clients see `message`: it must not contain anything about the subject."""
    error = {"code": code, "message": message, "retryable": retryable, "attempt": claim.attempt}
    _update_held(
        s, claim, {**UNLEASED, Job.status: JobStatus.FAILED, Job.finished_at: db_now(s), Job.error: error}, Job.id
    )
    _record_end(s, claim, JobStatus.FAILED, {"error": error}, {"code": code})


def cancel(s: Session, claim: Claim) -> None:
    """End a job that a client has cancelled. Raises `LeaseLost`."""
    _update_held(s, claim, {**UNLEASED, Job.status: JobStatus.CANCELLED, Job.finished_at: db_now(s)}, Job.id)
    _record_end(s, claim, JobStatus.CANCELLED, {}, {})


def release(s: Session, claim: Claim) -> None:
    """Hand the job back to the queue. It does not count as a lost attempt.

    A job that a client has cancelled ends instead. Raises `LeaseLost`.
    """
    if cancel_requested(s, claim):
        cancel(s, claim)
        return
    _update_held(s, claim, {**UNLEASED, Job.status: JobStatus.QUEUED, **queued_columns(db_now(s))}, Job.id)
    events.append(s, claim.job_id, "status", {"status": JobStatus.QUEUED, "reason": "handed_back"})
    ring_after_commit(s, claim.job_id)


def release_owner(s: Session, owner: str) -> int:
    """Let the leases of a process that has died expire now; the sweep does the rest. Returns their number."""
    past = db_now(s) - timedelta(microseconds=1)
    expire = _update(s).where(Job.lease_owner == owner, Job.status == JobStatus.RUNNING).values(lease_expires_at=past)
    return len(s.execute(expire.returning(Job.id)).all())


def _update(s: Session) -> Any:
    s.flush()
    return update(Job).execution_options(synchronize_session=False)


def _update_held(s: Session, claim: Claim, values: Mapping[Any, Any], *returned: Any, visible: bool = True) -> Any:
    """Update the job's row under the lease. `visible`: clients see the change, so the ETag changes, too."""
    changed = {**values, Job.version: Job.version + 1} if visible else dict(values)
    row = s.execute(_update(s).where(holds_lease(claim)).values(changed).returning(*returned)).one_or_none()
    if row is None:
        raise LeaseLost
    return row


def _record_end(s: Session, claim: Claim, status: str, event: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    serves = s.execute(select(Job.erasure_request_id).where(Job.id == claim.job_id)).scalar_one()
    requests.job_changed(s, serves)
    events.append(s, claim.job_id, "status", {"status": status, "attempt": claim.attempt, **event})
    metrics.count_ended(s, claim.method, status, str(event.get("verdict", "")))
    action = f"job.{status}"
    audit.record(s, claim.tenant_id, audit.SYSTEM, action, claim.job_id, {"attempt": claim.attempt, **details})
    ring_next(s, claim.tenant_id)


def _quota(s: Session) -> list[ColumnElement[bool]]:
    """The condition that the tenant has fewer running jobs than allowed. Simultaneous claims may exceed it by one."""
    limit = s.info.get("max_running_jobs")
    if limit is None:
        return []
    other = Job.__table__.alias("other")
    running = select(func.count()).where(other.c.tenant_id == Job.tenant_id, other.c.status == JobStatus.RUNNING)
    return [running.scalar_subquery() < limit]


def _finite(loss: float | None) -> float | None:
    """JSON has neither infinity nor NaN."""
    return loss if loss is not None and abs(loss) < float("inf") else None
