"""What is counted of jobs, for `/metrics`."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.service.db import counters

ENDED = "lethe_jobs_ended"
LEASE_EXPIRIES = "lethe_lease_expiries"
PHASE_SECONDS = "lethe_job_phase_seconds"
PHASE_BOUNDS = (0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 10800.0, 21600.0)


def ended(s: Session, method: str, status: str, verdict: str = "") -> None:
    """A job has ended; `verdict` where it succeeded."""
    counters.count(s, ENDED, {"method": method, "status": status, "verdict": verdict})


def lease_expired(s: Session) -> None:
    """A worker lost its job, since it did not beat in time."""
    counters.count(s, LEASE_EXPIRIES, {})


def phase_done(s: Session, method: str, phase: str, seconds: float) -> None:
    """A running job has passed through a phase."""
    counters.observe(s, PHASE_SECONDS, {"method": method, "phase": phase}, seconds, PHASE_BOUNDS)
