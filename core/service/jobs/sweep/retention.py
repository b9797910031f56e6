"""Erases what has been kept long enough: inputs, jobs, unused files, answers to idempotent requests, deliveries."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.job_states import TERMINAL
from core.service import audit
from core.service.context import Services
from core.service.db.engine import db_now
from core.service.db.tables.files import File
from core.service.db.tables.idempotency import IdempotencyKey
from core.service.db.tables.jobs import Job, JobFile
from core.service.files.service import erase_content
from core.service.jobs.erase import KEPT_AT_EXPIRY, erase_inputs, erase_job
from core.service.jobs.sweep.batches import BATCH, for_each, ids
from core.service.kit.clock import now
from core.service.webhooks import deliveries


@dataclass(frozen=True)
class DueForErasure:
    """What is due now: ids where there are any, else a number."""

    inputs: list[str]
    jobs: list[str]
    files: list[str]
    idempotency_keys: int
    deliveries: int


@dataclass(frozen=True)
class Erased:
    """How many of each kind were erased."""

    inputs: int
    jobs: int
    files: int
    idempotency_keys: int
    deliveries: int

    @property
    def nothing(self) -> bool:
        """Whether nothing was due."""
        return not any(asdict(self).values())


def due(services: Services) -> DueForErasure:
    """Everything that `erase` would erase now, called until nothing is left."""
    inputs, jobs = _conditions(services)
    with services.db.read() as session:
        files = list(session.execute(select(File.id).where(*_unused_files()).order_by(File.id)).scalars())
        answers = select(func.count()).select_from(IdempotencyKey).where(_old_answers(services))
        keys = session.execute(answers).scalar_one()
    return DueForErasure(ids(services, inputs), ids(services, jobs), files, keys, deliveries.count_old(services))


def erase(services: Services) -> Erased:
    """Erase what is due, at most `BATCH` of each kind."""
    inputs, jobs = _conditions(services)
    erased = Erased(
        inputs=for_each(services, inputs, _erase_inputs),
        jobs=for_each(services, jobs, _erase_job),
        files=_files(services),
        idempotency_keys=_idempotency_keys(services),
        deliveries=deliveries.purge(services),
    )
    if services.db.wal_pending or not erased.nothing:
        services.db.truncate_wal()
    return erased


def _conditions(services: Services) -> tuple[list[ColumnElement[bool]], list[ColumnElement[bool]]]:
    """The conditions of jobs whose inputs are due, and of jobs that are due as a whole."""
    with services.db.read() as session:
        at: datetime = db_now(session)
    oldest = at - timedelta(days=services.settings.retention_days)
    inputs = [Job.finished_at < oldest, Job.inputs_erased_at.is_(None)]
    return inputs, [Job.deleted_at.is_(None), Job.status.in_(TERMINAL), Job.expires_at < at]


def _erase_inputs(services: Services, s: Session, job: Job) -> None:
    erase_inputs(services, s, job)
    audit.record(s, job.tenant_id, audit.SYSTEM, "job.inputs_erased", job.id)


def _erase_job(services: Services, s: Session, job: Job) -> None:
    erase_job(services, s, job, keep=KEPT_AT_EXPIRY)
    audit.record(s, job.tenant_id, audit.SYSTEM, "job.expired", job.id, {"artifacts": job.erased_artifacts})


def _unused_files() -> list[Any]:
    return [File.expires_at < now(), ~exists().where(JobFile.file_id == File.id)]


def _files(services: Services) -> int:
    unused = _unused_files()
    with services.db.read() as session:
        due = list(session.execute(select(File.id).where(*unused).limit(BATCH)).scalars())
    return sum(_erase_file(services, file_id, unused) for file_id in due)


def _erase_file(services: Services, file_id: str, unused: list[Any]) -> bool:
    try:
        with services.db.write() as session:
            query = delete(File).where(File.id == file_id, *unused).returning(File.id, File.tenant_id)
            deleted = session.execute(query).all()
            erase_content(services, session, [row.id for row in deleted])
            for row in deleted:
                audit.record(session, row.tenant_id, audit.SYSTEM, "file.expired", row.id)
    except IntegrityError:
        # Meanwhile a job was created that names the file.
        return False
    return bool(deleted)


def _old_answers(services: Services) -> ColumnElement[bool]:
    return IdempotencyKey.created_at < now() - timedelta(days=services.settings.idempotency_days)


def _idempotency_keys(services: Services) -> int:
    old = _old_answers(services)
    with services.db.read() as session:
        if session.execute(select(IdempotencyKey.key).where(old).limit(1)).first() is None:
            return 0
    with services.db.write() as session:
        return len(session.execute(delete(IdempotencyKey).where(old).returning(IdempotencyKey.key)).all())
