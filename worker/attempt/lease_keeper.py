"""Extends the lease of a running job, and stops the job when it is cancelled, stalled, too slow or lost."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from types import TracebackType

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.service.db.engine import Database
from core.service.jobs import lease
from core.service.jobs.claims import Claim, LeaseLost
from core.service.settings import Settings
from worker.attempt.stop import StopFlag

EXIT_STALLED = 75
CHECK_SECONDS = 0.5
"""Seconds between two checks for a cancellation. Most of them only read."""

log = structlog.get_logger(__name__)


def exit_stalled() -> None:
    """End this process at once: its main thread hangs and cannot be asked."""
    os._exit(EXIT_STALLED)


class LeaseKeeper:
    """A thread that extends the lease while the job makes progress. A context manager around the whole attempt.

    `last_sign` gives the monotonic time of the job's latest sign of life. After `stall_seconds` without one, `on_stall`
    is called; a job that runs longer than its limit, was cancelled, or lost its lease is stopped by `stop`.
    """

    def __init__(
        self,
        db: Database,
        settings: Settings,
        claim: Claim,
        stop: StopFlag,
        last_sign: Callable[[], float],
        on_stall: Callable[[], None] = exit_stalled,
    ) -> None:
        self._db, self._settings, self._claim, self._stop = db, settings, claim, stop
        self._last_sign, self._on_stall = last_sign, on_stall
        self._started = self._last_beat = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)

    def __enter__(self) -> LeaseKeeper:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        interval = min(CHECK_SECONDS, self._settings.heartbeat_seconds)
        while not self._done.wait(interval) and self._stop.reason != "lease_lost":
            self._check(time.monotonic())

    def _check(self, now: float) -> None:
        if now - self._started > self._settings.job_time_limit_seconds:
            self._stop.request("time_limit")
        if now - self._last_sign() > self._settings.stall_seconds:
            log.error("job_stalled", job_id=self._claim.job_id, attempt=self._claim.attempt)
            self._on_stall()
        elif self._is_cancelled(now):
            self._stop.request("cancelled")

    def _is_cancelled(self, now: float) -> bool:
        """Whether the job is to be cancelled. Extends the lease when that is due, and otherwise only reads."""
        try:
            if now - self._last_beat < self._settings.heartbeat_seconds:
                with self._db.read() as session:
                    return lease.cancel_requested(session, self._claim)
            with self._db.write() as session:
                cancelled = lease.beat(session, self._claim, self._settings.lease_seconds)
        except LeaseLost:
            self._stop.request("lease_lost")
        except SQLAlchemyError as error:
            # The database may be away for a moment; the lease outlives several missed beats.
            log.warning("beat_failed", job_id=self._claim.job_id, error=type(error).__name__)
        else:
            self._last_beat = now
            return cancelled
        return False
