"""The worker of an embedded server: everything in one process, with its libraries loaded before the first job."""

from __future__ import annotations

import os

import structlog
from celery import signals

from core.service.settings import Settings
from worker import tasks
from worker.attempt import libraries
from worker.attempt.workdir import WORK, clear_abandoned
from worker.process import app, background, presence

log = structlog.get_logger(__name__)


def serve(settings: Settings) -> int:
    """Run until SIGTERM, or until the server that started this process is gone. Returns the exit code."""
    # Before any thread starts.
    preload()
    parent = os.environ.get("LETHE_PARENT_PID")
    if parent is not None:
        background.exit_with_parent(int(parent), background.terminate)
    # Work folders that a killed worker has left.
    clear_abandoned(settings.data_dir / WORK)
    services, runner = tasks.services(), tasks.runner()

    def hand_back(**_: object) -> None:
        runner.shut_down()

    signals.worker_shutting_down.connect(hand_back, weak=False)
    background.look_for_queued(services, runner)
    background.sweep_regularly(services)
    background.deliver_webhooks(services)
    background.deliver_opendsr(services)
    name = presence.worker_name(os.getpid())
    presence.keep_reporting(services, name)
    worker = app.create(settings).Worker(quiet=True, without_gossip=True, without_mingle=True, without_heartbeat=True)
    log.info("worker_ready", pid=os.getpid(), mode=settings.mode)
    worker.start()
    presence.withdraw(services, name)
    services.close()
    return int(worker.exitcode or 0)


def preload() -> None:
    """Load the libraries now, so that neither the first job nor the evaluation of its patch waits for them."""
    libraries.prepare()
    import torch

    from core.unlearning.jobs.fresh import process

    process.set_aside()

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(os.cpu_count() or 1)
