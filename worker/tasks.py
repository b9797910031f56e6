"""The one Celery task. Its only argument is a job's id."""

from __future__ import annotations

from functools import cache

import structlog
from celery import shared_task
from sqlalchemy.exc import SQLAlchemyError

from core.service import signing_keys
from core.service.context import Services
from core.service.doorbell.celery import RUN_JOB, make_celery, open_doorbell
from core.service.settings import get_settings
from core.unlearning.patches.signing import Signer
from worker.attempt import capacity
from worker.attempt.runner import Runner
from worker.attempt.warm_models import WarmModels

log = structlog.get_logger(__name__)


@cache
def services() -> Services:
    """The services of this process. Built on first use, never before a fork."""
    settings = get_settings()
    opened = Services.open(settings)
    opened.doorbell = open_doorbell(settings, opened.db, make_celery(settings))
    return opened


@cache
def runner() -> Runner:
    """The runner of this process. An embedded worker takes every job: one that does not fit fails, and says so."""
    settings = get_settings()
    signer = Signer.load_or_create(settings.resolved_signing_key_file)
    with services().db.write() as session:
        signing_keys.publish(session, signer.key_id, signer.public_key)
    own = capacity.measure(settings.worker_memory_gb)
    return Runner(services(), WarmModels(), signer, capacity=None if settings.mode == "embedded" else own)


@shared_task(name=RUN_JOB, ignore_result=True)
def run_job(job_id: str) -> None:
    """Run the job if it can be claimed."""
    try:
        runner().run(job_id)
    except SQLAlchemyError as error:
        # The job is still queued, or its lease will expire: the sweep rings for it again.
        log.warning("database_away", job_id=job_id, error=type(error).__name__)
