"""Pages of jobs, newest first. Keyset pagination: the cost of a page does not depend on the number of jobs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import Session

from core.service.crypto.keyring import Keyring
from core.service.db.engine import keyring_of
from core.service.db.tables.jobs import Job
from core.service.jobs.artifacts import of_jobs
from core.service.jobs.rows import of_tenant
from core.service.jobs.views import JobView, view
from core.service.kit import cursors
from core.service.kit.text import composed

MAX_LIMIT = 100


@dataclass(frozen=True)
class JobFilters:
    """Which jobs to list; None: no restriction."""

    status: str | None = None
    model: str | None = None
    external_id: str | None = None
    created_after: datetime | None = None
    verdict: str | None = None


@dataclass(frozen=True)
class JobPage:
    """A page of jobs, and the cursor of the next page."""

    items: list[JobView]
    has_more: bool
    next_cursor: str | None


def list_jobs(
    s: Session, tenant: str, filters: JobFilters, cursor: str | None = None, limit: int = 20, base_url: str = ""
) -> JobPage:
    """The jobs after `cursor`, at most `limit` (100 at most). Raises `InvalidCursor` for a cursor of another list."""
    limit = min(limit, MAX_LIMIT)
    query = _filtered(of_tenant(tenant), filters)
    binding = _binding(tenant, filters)
    if cursor is not None:
        query = query.where(tuple_(Job.created_at, Job.id) < _position(keyring_of(s), cursor, binding))
    rows = list(s.execute(query.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit + 1)).scalars())
    rows, has_more = rows[:limit], len(rows) > limit
    artifacts = of_jobs(s, [row.id for row in rows])
    items = [view(row, artifacts[row.id], base_url) for row in rows]
    return JobPage(items, has_more, _cursor_after(keyring_of(s), rows[-1], binding) if has_more else None)


def _filtered(query: Select[Job], filters: JobFilters) -> Select[Job]:
    if filters.status is not None:
        query = query.where(Job.status == filters.status)
    if filters.model is not None:
        query = query.where(Job.model == filters.model)
    if filters.verdict is not None:
        query = query.where(Job.verdict == filters.verdict)
    if filters.external_id is not None:
        query = query.where(Job.external_id == composed(filters.external_id))
    if filters.created_after is not None:
        query = query.where(Job.created_at > filters.created_after)
    return query


def _binding(tenant: str, filters: JobFilters) -> bytes:
    return json.dumps([tenant, asdict(filters)], default=str, sort_keys=True).encode()


def _cursor_after(keyring: Keyring, last: Job, binding: bytes) -> str:
    return cursors.seal(keyring, f"{last.created_at.isoformat()} {last.id}", binding)


def _position(keyring: Keyring, cursor: str, binding: bytes) -> tuple[datetime, str]:
    created_at, _, job_id = cursors.unseal(keyring, cursor, binding).partition(" ")
    return datetime.fromisoformat(created_at), job_id
