"""Reads the rows of jobs. Every query on behalf of a client is restricted to its tenant."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, exists, or_, select
from sqlalchemy.orm import Session

from core.service.db.tables.jobs import Artifact, Job
from core.service.errors import NotFound


def of_tenant(tenant: str) -> Select[Job]:
    """The tenant's jobs that have not been deleted."""
    return select(Job).where(Job.tenant_id == tenant, Job.deleted_at.is_(None))


def with_artifacts() -> ColumnElement[bool]:
    """The condition of jobs that are not deleted, or have expired, which leaves some of their artefacts."""
    return or_(Job.deleted_at.is_(None), exists().where(Artifact.job_id == Job.id))


def get_row(s: Session, tenant: str, job_id: str, *, lock: bool = False, expired: bool = False) -> Job:
    """One job. Raises `NotFound` for another tenant's, and for one that was deleted.

    `expired`: also one that has expired and left its patch.
    With `lock` no other transaction changes the row until this one ends (on SQLite no other could anyway).
    """
    query = select(Job).where(Job.tenant_id == tenant, with_artifacts() if expired else Job.deleted_at.is_(None))
    query = query.where(Job.id == job_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    row = s.execute(query).scalar_one_or_none()
    if row is None:
        raise NotFound
    return row
