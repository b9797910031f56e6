"""Saves and loads the checkpoints of a job. An error with a checkpoint is logged and never fails the job."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.service.context import Services
from core.service.jobs import checkpoints
from core.service.jobs.claims import Claim, LeaseLost
from core.service.storage.port import StoreError
from worker.attempt.progress import JobProgress
from worker.attempt.stop import StopFlag

SHARE = 0.05
"""The largest share of the time that goes into checkpoints: where saving one takes long, they become rarer."""

log = structlog.get_logger(__name__)


class JobCheckpoints:
    """Implements `core.unlearning.checkpoints.Checkpoints` for one attempt."""

    def __init__(
        self,
        services: Services,
        claim: Claim,
        progress: JobProgress,
        stop: StopFlag,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services, self._claim, self._progress, self._stop = services, claim, progress, stop
        self._clock = clock
        self._pause = services.settings.checkpoint_seconds
        self._next = clock() + self._pause

    def load(self, name: str) -> bytes | None:
        """A checkpoint that an earlier attempt has saved; None where there is none."""
        try:
            data = checkpoints.load(self._services, self._claim, name)
        except (StoreError, SQLAlchemyError) as error:
            log.warning("checkpoint_not_loaded", piece=name, error=type(error).__name__)
            return None
        if data is not None:
            log.info("checkpoint_loaded", piece=name, bytes=len(data))
        return data

    def save(self, name: str, data: bytes) -> None:
        """Save a checkpoint, unless no attempt will go on with this job."""
        if self._stop.reason not in (None, "shutting_down"):
            return
        started = self._clock()
        try:
            checkpoints.save(self._services, self._claim, name, data, self._progress.fraction)
        except LeaseLost:
            self._stop.request("lease_lost")
        except (StoreError, OSError, SQLAlchemyError) as error:
            log.warning("checkpoint_not_kept", piece=name, error=type(error).__name__)
        else:
            log.info("checkpoint_kept", piece=name, bytes=len(data), seconds=round(self._clock() - started, 3))
        self._next = self._clock() + max(self._pause, (self._clock() - started) / SHARE)
        self._progress.last_sign = time.monotonic()

    def due(self) -> bool:
        """Whether a checkpoint is due. Once the job must stop: only if another attempt will go on with it."""
        if self._stop.reason is not None:
            return self._stop.reason == "shutting_down"
        return self._clock() >= self._next
