"""OpenDSR's four states of a request."""

from __future__ import annotations

from collections.abc import Sequence

from core.job_states import JobStatus
from core.service.db.tables.jobs import Job


def opendsr_status(state: str, jobs: Sequence[Job]) -> str:
    """OpenDSR's status of a request in this state, with these jobs.

    OpenDSR has no `failed`: where a job failed or missed its thresholds, the request stays in progress until another
    job passed or somebody has settled, rejected or withdrawn it. A job that went back to the queue is in progress, too.
    """
    if state != "open":
        return "completed" if state == "settled" else "cancelled"
    begun = any(job.status != JobStatus.QUEUED or job.attempt > 0 for job in jobs)
    return "in_progress" if begun else "pending"
