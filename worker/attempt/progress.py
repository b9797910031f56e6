"""A job's progress: one fraction over all its phases, written to its row and its events."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from opentelemetry.trace import Span
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.job_states import Phase
from core.service.db.engine import Database
from core.service.jobs import lease, metrics
from core.service.jobs.claims import Claim, LeaseLost
from core.service.kit.clock import now
from core.service.telemetry import tracing
from worker.attempt.stop import StopFlag

WRITE_EVERY = 1.0
"""Seconds between two writes of the step. A new phase is written at once."""
_ETA_FROM = 0.05

log = structlog.get_logger(__name__)


class JobProgress:
    """Implements `core.unlearning.progress.Progress` for one attempt. Each call checks first whether to stop."""

    def __init__(self, db: Database, claim: Claim, stop: StopFlag) -> None:
        self._db, self._claim, self._stop = db, claim, stop
        self._fraction = Fraction(claim.fraction)
        self._started = self.last_sign = time.monotonic()
        self._written = float("-inf")
        self._phase: Phase | None = None
        self._span: Span | None = None
        self._phase_started = self._started
        self._step = 0
        self._total: int | None = None
        self._loss: float | None = None

    def phase(self, phase: Phase, total_steps: int | None = None, *, done: int = 0) -> None:
        """Enter a phase."""
        self.alive()
        self._end_phase()
        self._phase, self._phase_started = phase, time.monotonic()
        self._span = tracing.begin(f"phase {phase}")
        self._step, self._total, self._loss = done, total_steps, None
        self._fraction.enter(phase, total_steps, done)
        self._write(lambda session: lease.set_phase(session, self._claim, phase, total_steps, done))
        self._write_progress()

    def step(self, *, loss: float | None = None) -> None:
        """One step of the present phase is done."""
        self.alive()
        self._step += 1
        self._loss = loss
        self._fraction.step()
        if time.monotonic() - self._written >= WRITE_EVERY or self._step == self._total:
            self._write_progress()

    def metric(self, name: str, value: float) -> None:
        """Record a number as an event."""
        self.alive()
        self._write(lambda session: lease.append_event(session, self._claim, "metric", {"name": name, "value": value}))

    def log(self, message: str) -> None:
        """Write a line to the log and to the job's events."""
        self.alive()
        log.info("job_log", message=message)
        self._write(lambda session: lease.append_event(session, self._claim, "log", {"message": message}))

    @property
    def fraction(self) -> float:
        """How far the job is."""
        return self._fraction.value

    def alive(self) -> None:
        """A sign of life between steps. Raises `JobStoppedError` when the job must stop."""
        self.last_sign = time.monotonic()
        self._stop.check()

    def _write_progress(self) -> None:
        self._written = time.monotonic()
        step, total, loss, fraction, eta = self._step, self._total, self._loss, self._fraction.value, self._eta()
        self._write(lambda session: lease.set_progress(session, self._claim, step, total, fraction, eta, loss))

    def _write(self, change: Callable[[Session], None]) -> None:
        try:
            with self._db.write() as session:
                change(session)
        except LeaseLost:
            self._stop.request("lease_lost")
            self._stop.check()
        except SQLAlchemyError as error:
            # Progress that is not shown is no reason to fail a job. The lease keeper watches the database.
            log.warning("progress_not_written", error=type(error).__name__)

    def _eta(self) -> datetime | None:
        done = self._fraction.value - self._claim.fraction
        if done < _ETA_FROM:
            return None
        elapsed = time.monotonic() - self._started
        return now() + timedelta(seconds=elapsed * (1 - self._fraction.value) / done)

    def finished(self) -> None:
        """End the last phase: the attempt has done its work."""
        self._end_phase()

    def close(self) -> None:
        """End the span of a phase that an error has interrupted."""
        if self._phase is not None and self._span is not None:
            self._span.end()

    def _end_phase(self) -> None:
        """Record the duration of the present phase. A phase that an error ends is not recorded."""
        if self._phase is None or self._span is None:
            return
        phase, seconds = self._phase, round(time.monotonic() - self._phase_started, 3)
        self._phase = None
        self._span.end()
        log.info("phase_done", phase=phase, seconds=seconds, steps=self._step)
        self._write(lambda session: metrics.observe_phase(session, self._claim.method, phase, seconds))


PHASE_SHARES: tuple[tuple[Phase, float], ...] = (
    ("validating", 0.01),
    ("loading", 0.04),
    ("evaluating", 0.12),
    ("training", 0.50),
    ("sculpting", 0.13),
    ("packaging", 0.02),
    ("evaluating", 0.16),
    ("packaging", 0.02),
)
"""The phases of a job in order, each with its usual share of the time."""


class Fraction:
    """How far a job is, from 0 to 1. It never goes down: a phase out of order, or entered again, changes nothing."""

    def __init__(self, reached: float = 0.0) -> None:
        self._place = -1
        self._step = 0
        self._total: int | None = None
        self.value = reached

    def enter(self, phase: Phase, total_steps: int | None, done: int = 0) -> None:
        """Begin a phase of `total_steps` steps (None: unknown), of which `done` are done already."""
        ahead = range(max(self._place, 0), len(PHASE_SHARES))
        self._place = next((i for i in ahead if PHASE_SHARES[i][0] == phase), max(self._place, 0))
        self._step, self._total = done, total_steps
        self._raise()

    def step(self) -> None:
        """One step of the phase is done."""
        self._step += 1
        self._raise()

    def _raise(self) -> None:
        before = sum(share for _, share in PHASE_SHARES[: self._place])
        done = min(self._step / self._total, 1.0) if self._total else 0.0
        self.value = max(self.value, min(before + done * PHASE_SHARES[self._place][1], 1.0))
