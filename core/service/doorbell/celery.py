"""The Celery application that API and worker share, and how a queued job's id reaches a worker.

Only ids travel. A lost message costs seconds: the sweep rings again for every job that is still queued.
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
"""Seconds; later the sweep has rung again, and messages do not pile up while every worker is busy."""
QUEUE = "lethe"
GB = 10**9
CLASSES_GB = (2, 4, 8, 12, 16, 24, 32, 40, 48, 80, 96, 144, 192)
"""Classes of GPU memory, each with a queue: what cards come with."""

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
    """The queue of jobs that need so much: the smallest class that holds them. Unknown needs go to everybody."""
    if gpu_memory is None:
        return QUEUE
    size = next((size for size in CLASSES_GB if gpu_memory <= size * GB), CLASSES_GB[-1])
    return f"{QUEUE}.{size}gb"


def queues_for(kind: str, memory: int) -> list[str]:
    """Those that a worker listens to: of all jobs that are sure to fit, and of the smallest ones in any case.

    Without a GPU a job takes at most twice as much, since its model is held in single precision.
    """
    share = memory if kind == "gpu" else memory // 2
    fitting = [size for size in CLASSES_GB if size * GB <= share] or [CLASSES_GB[0]]
    return [QUEUE, *(f"{QUEUE}.{size}gb" for size in fitting)]


def open_doorbell(settings: Settings, db: Database, celery: Celery) -> Callable[[str], None]:
    """Rings for a job where workers listen that have room for it. One worker, as in embedded mode, hears everything."""
    if settings.mode == "embedded":
        return partial(ring, celery)

    def ring_in_class(job_id: str) -> None:
        try:
            with db.glance() as connection:
                need = connection.execute(select(Job.gpu_memory).where(Job.id == job_id)).scalar_one_or_none()
        except SQLAlchemyError as error:
            log.warning("doorbell_failed", job_id=job_id, error=type(error).__name__)
            return
        ring(celery, job_id, queue_of(need))

    return ring_in_class


def ring(celery: Celery, job_id: str, queue: str = QUEUE) -> None:
    """Tell a worker that a job is queued. Best effort: a broker that is away is logged, never raised."""
    try:
        celery.send_task(RUN_JOB, args=[job_id], queue=queue, ignore_result=True, retry=False, expires=RING_LASTS)
    except (KombuError, OSError) as error:
        log.warning("doorbell_failed", job_id=job_id, error=type(error).__name__)


def ping(celery: Celery) -> None:
    """Raises where the broker cannot be reached."""
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
