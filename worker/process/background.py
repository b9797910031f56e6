"""What a worker does beside its job: sweep, send webhooks, look for queued jobs, and exit with its parent."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy import select

from core.job_states import JobStatus
from core.service.context import Services
from core.service.db.tables.jobs import Job
from core.service.jobs.sweep.sweep import sweep
from core.service.opendsr.deliver import CallbackDeliverer
from core.service.telemetry import logs
from core.service.webhooks.deliver import Deliverer
from worker.attempt.runner import Runner

LOOK_SECONDS = 2.0
GRACE_SECONDS = 15.0
DELIVERERS = 4

log = structlog.get_logger(__name__)


def repeat(seconds: float, work: Callable[[], object], name: str) -> None:
    """Call `work` every so many seconds in a daemon thread. An error is logged; the next call comes all the same."""

    def loop() -> None:
        while True:
            try:
                work()
            except Exception as error:
                log.warning("background_failed", task=name, error=type(error).__name__, at=logs.stack_frames(error, 1))
            time.sleep(seconds)

    threading.Thread(target=loop, name=name, daemon=True).start()


def sweep_regularly(services: Services) -> None:
    """Run the sweep every few seconds. Any number of processes may do this at once."""
    repeat(services.settings.sweep_seconds, lambda: sweep(services), "sweep")


def deliver_webhooks(services: Services) -> None:
    """Send webhooks with several threads, so that one slow receiver does not delay the others."""
    deliverer = Deliverer(services)
    for number in range(DELIVERERS):
        repeat(LOOK_SECONDS, deliverer.run, f"webhooks-{number}")


def deliver_opendsr(services: Services) -> None:
    """Send the callbacks of OpenDSR requests."""
    repeat(LOOK_SECONDS, CallbackDeliverer(services).run, "opendsr")


def look_for_queued(services: Services, runner: Runner) -> None:
    """Ring for the oldest queued job while this worker is idle: a message may be lost with the process that had it."""
    waiting = Job.status == JobStatus.QUEUED, Job.cancel_requested_at.is_(None)
    oldest = select(Job.id).where(*waiting).order_by(Job.ring_at)

    def look() -> None:
        if runner.busy:
            return
        with services.db.read() as session:
            job_id = session.execute(oldest.limit(1)).scalar()
        if job_id is not None:
            services.doorbell(job_id)

    repeat(LOOK_SECONDS, look, "look-for-queued")


def exit_with_parent(parent: int, shut_down: Callable[[], object]) -> None:
    """Call `shut_down` once `parent` is no longer the parent process; exit at once after a grace time."""

    def look() -> None:
        if os.getppid() == parent:
            return
        log.warning("parent_gone")
        shut_down()
        time.sleep(GRACE_SECONDS)
        os._exit(1)

    repeat(1.0, look, "leave-with-parent")


def terminate() -> None:
    """Send SIGTERM to this process."""
    os.kill(os.getpid(), signal.SIGTERM)
