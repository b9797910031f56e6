"""The Celery application that API and worker share. It carries the id of a queued job to a worker.

A message holds nothing but the id. A lost message costs seconds: the sweep rings again for jobs that are still queued.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import KombuError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from core.service.db.engine import Database
from core.service.db.tables.jobs import Job
from core.service.doorbell import folder_broker
from core.service.settings import Settings

RUN_JOB = "lethe.run_job"
RING_LASTS = 60.0
"""Seconds after which a message expires. By then the sweep has rung again, so messages do not pile up while workers are
busy."""
QUEUE = "lethe"
GB = 10**9
CLASSES_GB = (2, 4, 8, 12, 16, 24, 32, 40, 48, 80, 96, 144, 192)
"""The memory sizes of GPUs. There is a queue for each."""

log = structlog.get_logger(__name__)


def make_celery(settings: Settings) -> Celery:
    """A Celery application on Redis where `broker_url` is set, else on a folder under `data_dir`. Imports no task."""
    app = Celery("lethe", set_as_current=False)
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_store_errors_even_if_ignored=False,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=2,
        worker_hijack_root_logger=False,
        **_broker(settings),
    )
    return app


def queue_of(gpu_memory: int | None) -> str:
    """The queue of jobs that need so many bytes: the smallest class that fits; for None the queue of all workers."""
    if gpu_memory is None:
        return QUEUE
    size = next((size for size in CLASSES_GB if gpu_memory <= size * GB), CLASSES_GB[-1])
    return f"{QUEUE}.{size}gb"


def queues_for(kind: str, memory: int) -> list[str]:
    """The queues of a worker: those of the jobs that fit into its memory, and in any case that of the smallest jobs.

    Without a GPU a job takes up to twice as much memory, since its model is in single precision.
    """
    share = memory if kind == "gpu" else memory // 2
    fitting = [size for size in CLASSES_GB if size * GB <= share] or [CLASSES_GB[0]]
    return [QUEUE, *(f"{QUEUE}.{size}gb" for size in fitting)]


def open_doorbell(settings: Settings, db: Database, celery: Celery) -> Callable[[str], None]:
    """A function that rings for a job in the queue of its size. In embedded mode there is one worker and one queue."""
    if settings.mode == "embedded":
        return partial(ring, celery)

    def ring_in_class(job_id: str) -> None:
        try:
            with db.autocommit() as connection:
                need = connection.execute(select(Job.gpu_memory).where(Job.id == job_id)).scalar_one_or_none()
        except SQLAlchemyError as error:
            log.warning("doorbell_failed", job_id=job_id, error=type(error).__name__)
            return
        ring(celery, job_id, queue_of(need))

    return ring_in_class


def ring(celery: Celery, job_id: str, queue: str = QUEUE) -> None:
    """Tell a worker that a job is queued. An unreachable broker is logged, not raised."""
    try:
        celery.send_task(RUN_JOB, args=[job_id], queue=queue, ignore_result=True, retry=False, expires=RING_LASTS)
    except (KombuError, OSError) as error:
        log.warning("doorbell_failed", job_id=job_id, error=type(error).__name__)


def ping(celery: Celery) -> None:
    """Raises if the broker cannot be reached."""
    with celery.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, timeout=2)


def _broker(settings: Settings) -> dict[str, Any]:
    if settings.broker_url is None:
        options = folder_broker.folder_options(settings.data_dir / "broker")
        return {
            "broker_url": "filesystem://localhost//",
            "broker_transport": folder_broker.TRANSPORT,
            "broker_transport_options": options,
        }
    options = {"socket_connect_timeout": 2, "socket_timeout": 10, "socket_keepalive": True, "health_check_interval": 25}
    return {"broker_url": settings.broker_url.get_secret_value(), "broker_transport_options": options}
