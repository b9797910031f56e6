"""Does something to every job that meets a condition, safely beside other processes that do the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.db.tables.jobs import Job

BATCH = 100
Conditions = Iterable[ColumnElement[bool]]
Act = Callable[[Services, Session, Job], None]


def for_each(services: Services, due: Conditions, act: Act) -> int:
    """Act on at most `BATCH` jobs, each in its own transaction, with the row locked and the condition checked again."""
    conditions, done = list(due), 0
    for job_id in ids(services, conditions, BATCH):
        with services.db.write() as session:
            query = select(Job).where(Job.id == job_id, *conditions).with_for_update(skip_locked=True)
            job = session.execute(query).scalar_one_or_none()
            if job is not None:
                act(services, session, job)
                done += 1
    return done


def ids(services: Services, conditions: Conditions, limit: int | None = None) -> list[str]:
    """The ids of the jobs that meet the conditions, `limit` of them at most."""
    with services.db.read() as session:
        return list(session.execute(select(Job.id).where(*conditions).order_by(Job.id).limit(limit)).scalars())
