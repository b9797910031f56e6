"""Runs one job: claims it, does the work, and ends it in exactly one way."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog
from opentelemetry.trace import SpanKind
from sqlalchemy.orm import Session
from structlog.contextvars import bound_contextvars

from core.service.context import Services
from core.service.errors import ServiceError
from core.service.jobs import lease
from core.service.jobs.artifacts import ArtifactRow
from core.service.jobs.claims import Capacity, Claim, LeaseLost
from core.service.jobs.sweep.cleaning import clean_attempts
from core.service.storage.port import StoreError
from core.service.telemetry import logs, tracing
from core.unlearning.errors import UnlearningError
from core.unlearning.hardware.allocator import release_free_blocks
from core.unlearning.jobs.work import Outcome
from core.unlearning.patches.signing import Signer
from worker.attempt import transfer
from worker.attempt.checkpoints import JobCheckpoints
from worker.attempt.lease_keeper import LeaseKeeper, exit_stalled
from worker.attempt.progress import JobProgress
from worker.attempt.retry import retry
from worker.attempt.stop import JobStoppedError, StopFlag
from worker.attempt.warm_models import WarmModels
from worker.attempt.work import work_on
from worker.attempt.workdir import WORK, working_in

log = structlog.get_logger(__name__)


class Runner:
    """Runs the jobs of one process, one after the other."""

    def __init__(
        self,
        services: Services,
        models: WarmModels,
        signer: Signer,
        on_stall: Callable[[], None] = exit_stalled,
        capacity: Capacity | None = None,
    ) -> None:
        self._services, self._models, self._signer, self._on_stall = services, models, signer, on_stall
        self._capacity = capacity
        self._owner = f"{socket.gethostname()}:{os.getpid()}"
        self._closing = False
        self._stop: StopFlag | None = None

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return self._stop is not None

    def shut_down(self) -> None:
        """Hand the running job back at its next step, and take no other. May be called from a signal handler."""
        self._closing = True
        if (stop := self._stop) is not None:
            stop.request("shutting_down")

    def run(self, job_id: str) -> None:
        """Run a job if it can be claimed; a second message does nothing. No error of the job is raised."""
        if self._closing:
            return
        with self._services.db.write() as session:
            claim = lease.claim(session, job_id, self._owner, self._services.settings.lease_seconds, self._capacity)
        if claim is None:
            return
        self._stop = stop = StopFlag()
        try:
            with _log_context(claim):
                log.info("job_claimed")
                self._attempt(claim, stop)
        finally:
            self._stop = None
            tracing.flush()

    def _attempt(self, claim: Claim, stop: StopFlag) -> None:
        services = self._services
        progress = JobProgress(services.db, claim, stop)
        work = services.settings.data_dir / WORK
        keeper = LeaseKeeper(services.db, services.settings, claim, stop, lambda: progress.last_sign, self._on_stall)
        try:
            with working_in(work, f"{claim.job_id}-{claim.attempt}") as workdir, keeper:
                end = self._outcome(claim, progress, stop, workdir)
                retry(lambda: self._end(end))
            clean_attempts(services, claim.job_id)
        except LeaseLost:
            log.warning("lease_lost")
        except SystemExit:
            # The pool ends this process: another worker may take the job.
            self._end(lambda session: lease.release(session, claim))
            raise
        finally:
            progress.close()
            release_free_blocks()

    def _outcome(self, claim: Claim, progress: JobProgress, stop: StopFlag, workdir: Path) -> Callable[[Session], None]:
        """Do the work, and return the transaction that ends the job."""
        services = self._services
        try:
            started = datetime.now(UTC)
            checkpoints = JobCheckpoints(services, claim, progress, stop)
            outcome = work_on(services, claim, workdir, progress, self._models, self._signer, started, checkpoints)
            rows = transfer.upload(services.storage, claim, outcome.artifacts, progress.alive)
            # From here on a cancellation comes too late.
            stop.check()
            progress.finished()
        except JobStoppedError as stopped:
            self._models.clear()
            return _after_stop(claim, stopped)
        except LeaseLost:
            raise
        except Exception as error:
            self._models.clear()
            return _after_error(claim, error)
        return self._after_success(claim, outcome, rows)

    def _after_success(self, claim: Claim, outcome: Outcome, rows: list[ArtifactRow]) -> Callable[[Session], None]:
        log.info("job_succeeded", verdict=outcome.verdict)
        return lambda session: lease.succeed(
            self._services, session, claim, verdict=outcome.verdict, evaluation=outcome.evaluation, artifacts=rows
        )

    def _end(self, end: Callable[[Session], None]) -> None:
        with self._services.db.write() as session:
            end(session)


@contextmanager
def _log_context(claim: Claim) -> Iterator[None]:
    """Inside, every log line and the trace name the job, the attempt, the tenant and the request."""
    ids: dict[str, str | int] = {"tenant": claim.tenant_id, "job_id": claim.job_id, "attempt": claim.attempt}
    request = {"request_id": claim.origin.request_id} if claim.origin.request_id else {}
    attributes = {f"lethe.{name}": value for name, value in {**ids, **request, "method": claim.method}.items()}
    with (
        bound_contextvars(**request, **ids),
        tracing.span("job", parent=claim.origin.traceparent, kind=SpanKind.CONSUMER, **attributes),
    ):
        yield


def _after_stop(claim: Claim, stopped: JobStoppedError) -> Callable[[Session], None]:
    log.info("job_stopped", reason=stopped.reason)
    if stopped.reason == "lease_lost":
        raise LeaseLost
    if stopped.reason == "time_limit":
        return _failing(claim, "time_limit_exceeded", "The job ran longer than this service allows.", retryable=False)
    end = lease.cancel if stopped.reason == "cancelled" else lease.release
    return lambda session: end(session, claim)


def _after_error(claim: Claim, error: Exception) -> Callable[[Session], None]:
    code, message, retryable = public_error(error)
    log.error("job_failed", code=code, error=type(error).__name__, at=logs.stack_frames(error))
    return _failing(claim, code, message, retryable=retryable)


def _failing(claim: Claim, code: str, message: str, *, retryable: bool) -> Callable[[Session], None]:
    return lambda session: lease.fail(session, claim, code, message, retryable)


def public_error(error: Exception) -> tuple[str, str, bool]:
    """Code, message and whether to try again. The text of a foreign error is left out: it may quote the subject."""
    if isinstance(error, UnlearningError):
        return error.code, error.detail, error.retryable
    if isinstance(error, ServiceError):
        return error.code, error.detail, False
    if isinstance(error, StoreError):
        return "storage_unavailable", "The object store could not be used.", True
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "disk_full", "The worker has no disk space left.", True
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "out_of_memory", "The worker's memory does not suffice for this job.", True
    return "internal_error", "The job failed for a reason that the server's log tells.", True
