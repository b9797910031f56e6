"""Does something to every job that meets a condition, safely beside other processes that do the same.

What goes wrong with one job, or in one step of the sweep, is counted and logged, and holds up nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import structlog
from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.db.tables.jobs import Job
from core.service.jobs import metrics

BATCH = 100
Conditions = Iterable[ColumnElement[bool]]
log = structlog.get_logger(__name__)
Act = Callable[[Services, Session, Job], None]


def for_each(services: Services, due: Conditions, act: Act) -> int:
    """Act on at most `BATCH` jobs, each in its own transaction, with the row locked and the condition checked again."""
    conditions, step = list(due), act.__name__.strip("_")
    return sum(
        without_stopping(services, step, partial(_act_on, services, job_id, conditions, act))
        for job_id in ids(services, conditions, BATCH)
    )


def without_stopping(services: Services, step: str, work: Callable[[], int]) -> int:
    """What `work` returns; 0 where it fails, which is counted. Where the database is away, nothing else would work."""
    try:
        return work()
    except SQLAlchemyError:
        raise
    except Exception as error:
        log.exception("sweep_step_failed", step=step, error=type(error).__name__, exc_info=False)
        with services.db.write() as session:
            metrics.count_sweep_failure(session, step)
        return 0


def _act_on(services: Services, job_id: str, conditions: Sequence[ColumnElement[bool]], act: Act) -> int:
    with services.db.write() as session:
        query = select(Job).where(Job.id == job_id, *conditions).with_for_update(skip_locked=True)
        job = session.execute(query).scalar_one_or_none()
        if job is not None:
            act(services, session, job)
    return int(job is not None)


def ids(services: Services, conditions: Conditions, limit: int | None = None) -> list[str]:
    """The ids of the jobs that meet the conditions, `limit` of them at most."""
    with services.db.read() as session:
        return list(session.execute(select(Job.id).where(*conditions).order_by(Job.id).limit(limit)).scalars())
