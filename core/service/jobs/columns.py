"""Columns of a job that change together when its state changes."""

from __future__ import annotations

from typing import Any

from core.service.db.tables.jobs import Job

UNLEASED: dict[Any, Any] = {Job.lease_owner: None, Job.lease_expires_at: None, Job.phase: None, Job.eta_at: None}
"""No worker runs the job. The caller sets the status, and `finished_at` at its end."""

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
