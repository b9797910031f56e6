"""A worker's side of a job: claim it, keep it, end it. Every write is fenced by the lease token.

All of these change rows by compare-and-set `UPDATE`s, since a row that was read may be another worker's a moment later.
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
from core.service.jobs import events, tally
from core.service.jobs.artifacts import ArtifactRow
from core.service.jobs.claims import Beat, Capacity, Claim, LeaseLost, held
from core.service.jobs.origin import Origin
from core.service.jobs.queue import requeued, ring_after_commit, ring_next
from core.service.jobs.states import ENDED, FRESH_PROGRESS, UNLEASED

PROGRESS_EVENT_SECONDS = 0.5
CERTIFICATE = "certificate.json"


def claim(s: Session, job_id: str, owner: str, ttl: float, capacity: Capacity | None = None) -> Claim | None:
    """Take a queued job, or one whose lease has expired, for `ttl` seconds. None if it is not to be had.

    With `capacity` only a job that fits.

    `owner` names the process, e.g. `host:pid`; see `release_owner`.
    """
    at = db_now(s)
    expired = and_(Job.status == JobStatus.RUNNING, Job.lease_expires_at < at, Job.lost_attempts + 1 < Job.max_attempts)
    free = [Job.id == job_id, Job.cancel_requested_at.is_(None), or_(Job.status == JobStatus.QUEUED, expired)]
    free += [capacity.fits()] if capacity else []
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
    was = s.execute(select(Job.status).where(Job.id == job_id).with_for_update()).scalar_one_or_none()
    returned = (Job.tenant_id, Job.attempt, Job.lease_token, Job.method, Job.request_id, Job.traceparent, Job.fraction)
    row = _update(s).where(*free, *_quota(s)).values(values).returning(*returned)
    found = s.execute(row).one_or_none()
    if found is None:
        return None
    events.append(s, job_id, "status", {"status": JobStatus.RUNNING, "attempt": found.attempt})
    if was == JobStatus.RUNNING:
        tally.lease_expired(s)
    origin = Origin(found.request_id, found.traceparent)
    return Claim(job_id, found.tenant_id, found.attempt, found.lease_token, owner, found.method, origin, found.fraction)


def beat(s: Session, claim: Claim, ttl: float) -> Beat:
    """Extend the lease to `ttl` seconds from now. Raises `LeaseLost`."""
    until = db_now(s) + timedelta(seconds=ttl)
    row = _fenced(s, claim, {Job.lease_expires_at: until}, Job.cancel_requested_at, show=False)
    return Beat(cancel_requested=row.cancel_requested_at is not None)


def cancel_requested(s: Session, claim: Claim) -> bool:
    """Whether somebody asked for the job to stop. Works in a read session. Raises `LeaseLost`."""
    row = s.execute(select(Job.cancel_requested_at).where(held(claim))).one_or_none()
    if row is None:
        raise LeaseLost
    return row.cancel_requested_at is not None


def set_phase(s: Session, claim: Claim, phase: str, total_steps: int | None, step: int = 0) -> None:
    """Enter a phase, at `step` where an earlier attempt has come so far. Raises `LeaseLost`."""
    values = {Job.phase: phase, Job.step: step, Job.total_steps: total_steps, Job.loss: None}
    row = _fenced(s, claim, {**values, Job.progress_event_at: db_now(s)}, Job.fraction)
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
    """Note how far the attempt is; `fraction` never goes down within it. Raises `LeaseLost`.

    At most one event in half a second comes of it, however often it is called.
    """
    wanted = min(max(fraction, 0.0), 1.0)
    raised = case((Job.fraction > wanted, Job.fraction), else_=wanted)
    values = {Job.step: step, Job.total_steps: total, Job.fraction: raised, Job.eta_at: eta_at, Job.loss: _finite(loss)}
    row = _fenced(s, claim, values, Job.phase, Job.fraction, Job.progress_event_at)
    at = db_now(s)
    if row.progress_event_at is not None and at - row.progress_event_at < timedelta(seconds=PROGRESS_EVENT_SECONDS):
        return
    s.execute(_update(s).where(Job.id == claim.job_id).values(progress_event_at=at))
    data = {"phase": row.phase, "step": step, "total_steps": total, "fraction": row.fraction, "loss": _finite(loss)}
    events.append(s, claim.job_id, "progress", {**data, "eta_at": None if eta_at is None else eta_at.isoformat()})


def reached(s: Session, claim: Claim, fraction: float) -> None:
    """Note how far what was kept goes: there the next attempt begins. Raises `LeaseLost`."""
    _fenced(s, claim, {Job.checkpoint_fraction: min(max(fraction, 0.0), 1.0)}, Job.id, show=False)


def append_event(s: Session, claim: Claim, type: EventType, data: Mapping[str, Any]) -> None:
    """`events.append`, fenced: for `metric` and `log`. Raises `LeaseLost`."""
    _fenced(s, claim, {Job.lease_owner: claim.owner}, Job.id, show=False)
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
    """End the job with its artefacts, which lie under this attempt's prefix. Raises `LeaseLost`."""
    at = db_now(s)
    kept_until = at + timedelta(days=services.settings.job_expires_days)
    result = {Job.verdict: verdict, Job.evaluation: dict(evaluation), Job.fraction: 1.0, Job.expires_at: kept_until}
    _fenced(s, claim, {**ENDED, **result, Job.status: JobStatus.SUCCEEDED, Job.finished_at: at}, Job.id)
    for row in artifacts:
        s.add(Artifact(job_id=claim.job_id, attempt=claim.attempt, **row.public(), storage_key=row.storage_key))
    s.flush()
    digests = {row.name: row.sha256 for row in artifacts}
    _ended(s, claim, JobStatus.SUCCEEDED, {"verdict": verdict}, {"verdict": verdict, "artifacts": digests})
    if CERTIFICATE in digests:
        issued = {"sha256": digests[CERTIFICATE]}
        audit.record(s, claim.tenant_id, audit.SYSTEM, "certificate.issued", claim.job_id, issued)


def fail(s: Session, claim: Claim, code: str, message: str, retryable: bool) -> None:
    """End the job without a result. `message` is shown to the client, so nothing of the subject is in it."""
    error = {"code": code, "message": message, "retryable": retryable, "attempt": claim.attempt}
    _fenced(s, claim, {**ENDED, Job.status: JobStatus.FAILED, Job.finished_at: db_now(s), Job.error: error}, Job.id)
    _ended(s, claim, JobStatus.FAILED, {"error": error}, {"code": code})


def cancelled(s: Session, claim: Claim) -> None:
    """End the job as its owner asked. Raises `LeaseLost`."""
    _fenced(s, claim, {**ENDED, Job.status: JobStatus.CANCELLED, Job.finished_at: db_now(s)}, Job.id)
    _ended(s, claim, JobStatus.CANCELLED, {}, {})


def release(s: Session, claim: Claim) -> None:
    """Hand the job back, so that another worker takes it at once. Does not count as an attempt lost.

    A job that was asked to stop ends instead. Raises `LeaseLost`.
    """
    if cancel_requested(s, claim):
        cancelled(s, claim)
        return
    _fenced(s, claim, {**UNLEASED, Job.status: JobStatus.QUEUED, **requeued(db_now(s))}, Job.id)
    events.append(s, claim.job_id, "status", {"status": JobStatus.QUEUED, "reason": "handed_back"})
    ring_after_commit(s, claim.job_id)


def release_owner(s: Session, owner: str) -> int:
    """End the leases of a process that is known to be dead; the sweep does the rest. Returns their number."""
    past = db_now(s) - timedelta(microseconds=1)
    mine = _update(s).where(Job.lease_owner == owner, Job.status == JobStatus.RUNNING).values(lease_expires_at=past)
    return len(s.execute(mine.returning(Job.id)).all())


def _update(s: Session) -> Any:
    s.flush()
    return update(Job).execution_options(synchronize_session=False)


def _fenced(s: Session, claim: Claim, values: Mapping[Any, Any], *returned: Any, show: bool = True) -> Any:
    """Change the job's row if it is still ours. `show`: clients can see the change, so the ETag changes too."""
    changed = {**values, Job.version: Job.version + 1} if show else dict(values)
    row = s.execute(_update(s).where(held(claim)).values(changed).returning(*returned)).one_or_none()
    if row is None:
        raise LeaseLost
    return row


def _ended(s: Session, claim: Claim, status: str, event: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    events.append(s, claim.job_id, "status", {"status": status, "attempt": claim.attempt, **event})
    tally.ended(s, claim.method, status, str(event.get("verdict", "")))
    action = f"job.{status}"
    audit.record(s, claim.tenant_id, audit.SYSTEM, action, claim.job_id, {"attempt": claim.attempt, **details})
    ring_next(s, claim.tenant_id)


def _quota(s: Session) -> list[ColumnElement[bool]]:
    """A tenant with enough running jobs waits. Two claims at the same moment may exceed it by one."""
    most = s.info.get("max_running_jobs")
    if most is None:
        return []
    other = Job.__table__.alias("other")
    running = select(func.count()).where(other.c.tenant_id == Job.tenant_id, other.c.status == JobStatus.RUNNING)
    return [running.scalar_subquery() < most]


def _finite(loss: float | None) -> float | None:
    """JSON has neither infinity nor NaN."""
    return loss if loss is not None and abs(loss) < float("inf") else None
