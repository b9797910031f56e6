"""Columns that change together whenever a job changes its state."""

from __future__ import annotations

from typing import Any

from core.service.db.tables.jobs import Job

UNLEASED: dict[Any, Any] = {Job.lease_owner: None, Job.lease_expires_at: None, Job.phase: None, Job.eta_at: None}
"""Nobody runs it."""

ENDED = UNLEASED
"""Terminal; the caller sets status and `finished_at`."""

FRESH_PROGRESS: dict[Any, Any] = {
    Job.phase: None,
    Job.step: 0,
    Job.total_steps: None,
    Job.fraction: 0.0,
    Job.eta_at: None,
    Job.loss: None,
    Job.progress_event_at: None,
}
"""An attempt begins."""

LOST_CODE = "worker_lost"
LOST_MESSAGE = "The worker stopped without a word, as often as the service tries again."
EXPIRED_CODE = "expired"
EXPIRED_MESSAGE = "No worker took the job before it expired."
