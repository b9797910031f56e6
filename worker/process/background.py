"""What a worker does beside its job: sweep, deliver webhooks, look for forgotten jobs, and notice a lost server."""

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

LOOK_EVERY = 2.0
GRACE_SECONDS = 15.0
DELIVERERS = 4

log = structlog.get_logger(__name__)


def every(seconds: float, work: Callable[[], object], name: str) -> None:
    """Call `work` again and again in a daemon thread. What goes wrong is logged and tried again."""

    def loop() -> None:
        while True:
            try:
                work()
            except Exception as error:
                log.warning("background_failed", task=name, error=type(error).__name__, at=logs.where(error, 1))
            time.sleep(seconds)

    threading.Thread(target=loop, name=name, daemon=True).start()


def sweep_regularly(services: Services) -> None:
    """Any number of processes may do this at once."""
    every(services.settings.sweep_seconds, lambda: sweep(services), "sweep")


def deliver_webhooks(services: Services) -> None:
    """Several at a time, so that a receiver that keeps one of them waiting does not keep the others."""
    deliverer = Deliverer(services)
    for number in range(DELIVERERS):
        every(LOOK_EVERY, deliverer.run, f"webhooks-{number}")


def deliver_opendsr(services: Services) -> None:
    """The callbacks of OpenDSR requests."""
    every(LOOK_EVERY, CallbackDeliverer(services).run, "opendsr")


def look_for_queued(services: Services, runner: Runner) -> None:
    """Ring for the oldest queued job whenever this worker has nothing to do: a message may have died with a process."""
    waiting = Job.status == JobStatus.QUEUED, Job.cancel_requested_at.is_(None)
    oldest = select(Job.id).where(*waiting).order_by(Job.ring_at)

    def look() -> None:
        if runner.busy:
            return
        with services.db.read() as session:
            job_id = session.execute(oldest.limit(1)).scalar()
        if job_id is not None:
            services.doorbell(job_id)

    every(LOOK_EVERY, look, "look-for-queued")


def leave_with(parent: int, leave: Callable[[], object]) -> None:
    """Call `leave` once the process `parent` is no longer this one's parent; after a grace time without ceremony."""

    def look() -> None:
        if os.getppid() == parent:
            return
        log.warning("parent_gone")
        leave()
        time.sleep(GRACE_SECONDS)
        os._exit(1)

    every(1.0, look, "leave-with-parent")


def terminate() -> None:
    """As if somebody had stopped this process."""
    os.kill(os.getpid(), signal.SIGTERM)
