"""The worker's Celery application: `make_celery` with the task, and with settings for one long job at a time."""

from __future__ import annotations

from typing import Any

from celery import Celery, signals

from core.service.doorbell.celery import make_celery
from core.service.settings import Settings

HARD_LIMIT_AFTER = 120.0
"""Seconds past the job's own limit at which the pool kills a process that does not react."""


def create(settings: Settings) -> Celery:
    """Embedded: one job at a time, in this process. Cluster: a fresh process for each job, which gives memory back."""
    # Without a receiver Celery would set up logging of its own.
    signals.setup_logging.connect(_logging_is_set_up, weak=False)
    app = make_celery(settings)
    app.conf.update(
        imports=("worker.tasks", "worker.process.child"),
        worker_prefetch_multiplier=1,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        **(_embedded() if settings.mode == "embedded" else _cluster(settings)),
    )
    return app


def _logging_is_set_up(**_: object) -> None:
    """`core.service.telemetry.logs` does it."""


def _embedded() -> dict[str, Any]:
    return {"worker_pool": "solo", "worker_concurrency": 1, "worker_enable_remote_control": False}


def _cluster(settings: Settings) -> dict[str, Any]:
    limit = settings.job_time_limit_seconds
    return {
        "worker_pool": "prefork",
        "worker_pool_start_method": "spawn",
        "worker_concurrency": 1,
        "worker_max_tasks_per_child": 1,
        # Only with Redis can messages that a worker does not take yet go to other workers.
        "worker_disable_prefetch": settings.broker_url is not None,
        # A message leaves the queue when its job is claimed. If the worker is lost, the sweep rings for the job again.
        "task_acks_late": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_soft_shutdown_timeout": 30.0,
        "worker_proc_alive_timeout": 60.0,
        "task_soft_time_limit": limit + HARD_LIMIT_AFTER / 2,
        "task_time_limit": limit + HARD_LIMIT_AFTER,
    }
