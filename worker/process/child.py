"""A process of a cluster worker's pool. It is a fresh interpreter, and has nothing of its parent's."""

from __future__ import annotations

import os
import signal

from celery import signals

from core.service.settings import get_settings
from core.service.telemetry import logs, tracing
from worker import tasks
from worker.process import background, presence

HAND_BACK = signal.SIGURG
"""Sent by the parent when it shuts down: the child is to hand its job back.

The pool takes most signals for an order to die; this one it leaves alone, and a child that is not ready ignores it.
"""


def prepare(**_: object) -> None:
    """Runs before the child's first task, and loads nothing large: there may be no job to be had.

    The embedded worker, whose pool is itself, has done all of it already.
    """
    settings = get_settings()
    if settings.mode == "embedded":
        return
    logs.configure(settings.log_level, settings.log_format)
    tracing.configure(settings, "lethe-worker")
    presence.keep_reporting(tasks.services(), presence.name(os.getppid()))
    signal.signal(HAND_BACK, lambda *_: tasks.runner().shut_down())
    background.leave_with(os.getppid(), lambda: tasks.runner().shut_down())


signals.worker_process_init.connect(prepare, weak=False)
