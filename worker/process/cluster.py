"""A worker of a cluster: one process that listens, and a fresh child for every job."""

from __future__ import annotations

import os
import socket
from typing import Any

import structlog
from billiard.process import active_children
from celery import signals

from core.service.doorbell.celery import queues_for
from core.service.settings import Settings
from worker import tasks
from worker.attempt import capacity
from worker.attempt.workdir import WORK, clear_abandoned
from worker.process import app, background, presence
from worker.process.child import HAND_BACK

log = structlog.get_logger(__name__)


def serve(settings: Settings) -> int:
    """Run until SIGTERM. Returns the exit code."""
    services, name = tasks.services(), presence.worker_name(os.getpid())
    clear_abandoned(settings.data_dir / WORK)
    background.sweep_regularly(services)
    background.deliver_webhooks(services)
    background.deliver_opendsr(services)
    presence.keep_reporting(services, name)
    signals.worker_shutting_down.connect(_hand_back_jobs, weak=False)
    own = capacity.measure_in_child(settings)
    queues = queues_for(own.kind, own.bytes)
    worker = app.create(settings).Worker(quiet=True, queues=queues, hostname=_node_name())
    log.info("worker_ready", pid=os.getpid(), mode=settings.mode, memory=own.kind, bytes=own.bytes, queues=queues)
    worker.start()
    presence.withdraw(services, name)
    return int(worker.exitcode or 0)


def _node_name() -> str:
    """Celery's usual name, or a name for each GPU where a machine has several workers."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return f"{f'gpu-{chosen}' if chosen.isdecimal() else 'celery'}@{socket.gethostname()}"


def _hand_back_jobs(**_: Any) -> None:
    for child in active_children():
        if child.pid is not None:
            os.kill(child.pid, HAND_BACK)
