"""A process of a cluster worker's pool. It is a fresh interpreter that shares nothing with its parent."""

from __future__ import annotations

import os
import signal

from celery import signals

from core.service.settings import get_settings
from core.service.telemetry import logs, tracing
from worker import tasks
from worker.process import background, presence

HAND_BACK = signal.SIGURG
"""Sent by the parent when it shuts down: the child hands its job back.

On most other signals the pool's processes exit. This one is ignored by default, as in a child that is not ready yet.
"""


def prepare(**_: object) -> None:
    """Runs before the child's first task. It loads nothing large: the job may be taken by another worker.

    The embedded worker runs its jobs in its own process, which has done all of this already.
    """
    settings = get_settings()
    if settings.mode == "embedded":
        return
    logs.configure(settings.log_level, settings.log_format)
    tracing.configure(settings, "lethe-worker")
    presence.keep_reporting(tasks.services(), presence.worker_name(os.getppid()))
    signal.signal(HAND_BACK, lambda *_: tasks.runner().shut_down())
    background.exit_with_parent(os.getppid(), lambda: tasks.runner().shut_down())


signals.worker_process_init.connect(prepare, weak=False)
