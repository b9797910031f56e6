"""Everything that is due by the clock. Each step is a compare-and-set: any number of processes may sweep at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy.orm import Session

from core.job_states import JobStatus
from core.service import audit
from core.service.context import Services
from core.service.db.engine import db_now
from core.service.db.tables.jobs import Job
from core.service.jobs.queue import next_ring, ring_after_commit
from core.service.jobs.sweep import due, rescue, retention
from core.service.jobs.sweep.batches import BATCH, for_each, ids, without_stopping
from core.service.jobs.sweep.cleaning import clean_attempts
from core.service.jobs.sweep.orphans import sweep_orphans


@dataclass(frozen=True)
class SweepResult:
    """How many items each step has handled."""

    rung: int
    rescued: int
    cancelled: int
    expired: int
    warned: int
    inputs_erased: int
    jobs_erased: int
    files_erased: int
    keys_forgotten: int
    attempts_cleaned: int
    orphans_erased: int
    drafts_erased: int
    deliveries_forgotten: int
    audit_anchored: int


def sweep(services: Services) -> SweepResult:
    """Do everything that is due, a batch of each kind."""
    at = _database_time(services)
    lease_over = (Job.status == JobStatus.RUNNING, Job.lease_expires_at < at)
    stopped = (Job.status == JobStatus.QUEUED, Job.cancel_requested_at.is_not(None))
    too_old = (Job.status == JobStatus.QUEUED, Job.expires_at < at)
    uncleaned = (Job.finished_at.is_not(None), Job.cleaned_at.is_(None))
    erased = retention.erase(services)
    return SweepResult(
        rescued=for_each(services, lease_over, rescue.rescue),
        cancelled=for_each(services, stopped, rescue.cancel),
        expired=for_each(services, too_old, rescue.expire),
        rung=for_each(services, (Job.status == JobStatus.QUEUED, Job.ring_at < at), _ring),
        warned=without_stopping(services, "warn", lambda: due.warn(services)),
        inputs_erased=erased.inputs,
        jobs_erased=erased.jobs,
        files_erased=erased.files,
        keys_forgotten=erased.idempotency_keys,
        attempts_cleaned=sum(
            without_stopping(services, "clean_attempts", partial(clean_attempts, services, job_id))
            for job_id in ids(services, uncleaned, BATCH)
        ),
        orphans_erased=without_stopping(services, "orphans", lambda: sweep_orphans(services)),
        drafts_erased=without_stopping(services, "drafts", services.storage.tidy),
        deliveries_forgotten=erased.deliveries,
        audit_anchored=without_stopping(services, "anchor", lambda: audit.anchor(services)),
    )


def _ring(_: Services, s: Session, job: Job) -> None:
    job.rings += 1
    job.ring_at = next_ring(job.rings, db_now(s))
    ring_after_commit(s, job.id)


def _database_time(services: Services) -> datetime:
    with services.db.read() as session:
        return db_now(session)
