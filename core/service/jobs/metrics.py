"""The counters of jobs for `/metrics`."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.service.db import counters

ENDED = "lethe_jobs_ended"
LEASE_EXPIRIES = "lethe_lease_expiries"
SWEEP_FAILURES = "lethe_sweep_failures"
PHASE_SECONDS = "lethe_job_phase_seconds"
PHASE_BOUNDS = (0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 10800.0, 21600.0)


def count_ended(s: Session, method: str, status: str, verdict: str = "") -> None:
    """Count a job that has ended; `verdict` if it succeeded."""
    counters.count(s, ENDED, {"method": method, "status": status, "verdict": verdict})


def count_lease_expiry(s: Session) -> None:
    """Count a worker that has lost its job because it did not extend the lease in time."""
    counters.count(s, LEASE_EXPIRIES, {})


def count_sweep_failure(s: Session, step: str) -> None:
    """Count a step of the sweep, or one job in it, that failed."""
    counters.count(s, SWEEP_FAILURES, {"step": step})


def observe_phase(s: Session, method: str, phase: str, seconds: float) -> None:
    """Add the duration of a phase that a running job has completed."""
    counters.observe(s, PHASE_SECONDS, {"method": method, "phase": phase}, seconds, PHASE_BOUNDS)
