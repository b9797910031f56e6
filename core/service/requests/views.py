"""Requests as clients see them, and pages of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.job_states import Verdict
from core.service.db.engine import keyring_of
from core.service.db.tables.jobs import Job
from core.service.db.tables.requests import ErasureRequest, RequestState
from core.service.jobs.requests.jobs import is_met, jobs_of
from core.service.jobs.requests.records import get_request, reasons
from core.service.jobs.views import Status
from core.service.kit import cursors
from core.service.kit.deadline import Regulation
from core.service.kit.text import composed

MAX_LIMIT = 100


class RequestJobView(BaseModel):
    """A job that serves a request."""

    id: str
    model: str
    method: str
    status: Status
    verdict: Verdict | None
    parent: str | None = Field(description="Job of which this one is sculpted again. null: none.")
    deleted: bool = Field(description="Whether its inputs and files are erased.")
    url: str = Field(description="Where the job is.")


class RequestView(BaseModel):
    """A request of a data subject."""

    object: Literal["request"] = "request"
    id: str
    status: RequestState = Field(
        description="`settled`: answered. `rejected`, `withdrawn`: ended otherwise. `open`: not answered yet."
    )
    met: bool = Field(description="Whether each model that jobs are about has a patch that passed.")
    regulation: Regulation = Field(description="Whose period counts.")
    created_at: datetime
    received_at: datetime = Field(description="When the subject's request reached the controller.")
    due_at: datetime = Field(description="When the request must be answered.")
    extended_at: datetime | None = Field(description="When the period was extended. null: it was not.")
    ended_at: datetime | None = Field(description="When the request was settled, rejected or withdrawn. null: open.")
    reasons: dict[str, str] = Field(description="What people gave as reasons: `extended`, `settled`, `rejected`.")
    external_id: str | None = Field(description="Your own id of the request.")
    same_subject: list[str] = Field(description="Other requests about the same name. Nothing is merged.")
    jobs: list[RequestJobView] = Field(description="Jobs that serve the request, oldest first.")


@dataclass(frozen=True)
class RequestFilters:
    """Which requests to list; None: no restriction."""

    status: str | None = None
    due_before: datetime | None = None
    external_id: str | None = None


@dataclass(frozen=True)
class RequestPage:
    """A page of requests, and the cursor of the next page."""

    items: list[RequestView]
    has_more: bool
    next_cursor: str | None


def read_request(s: Session, tenant: str, request_id: str, base_url: str = "") -> RequestView:
    """One request. Raises `NotFound`."""
    return view(s, get_request(s, tenant, request_id), base_url)


def view(s: Session, row: ErasureRequest, base_url: str = "") -> RequestView:
    """The document of a row."""
    jobs = jobs_of(s, row.id)
    return RequestView(
        id=row.id,
        status=row.status,
        met=is_met(jobs),
        regulation=row.regulation,
        created_at=row.created_at,
        received_at=row.received_at,
        due_at=row.due_at,
        extended_at=row.extended_at,
        ended_at=row.ended_at,
        reasons=reasons(s, row),
        external_id=row.external_id,
        same_subject=_same_subject(s, row),
        jobs=[_job(job, base_url) for job in jobs],
    )


def list_requests(
    s: Session, tenant: str, filters: RequestFilters, cursor: str | None, limit: int, base_url: str = ""
) -> RequestPage:
    """Requests, newest first. Raises `InvalidCursor` for a cursor of another list."""
    binding, limit = json.dumps([tenant, asdict(filters)], default=str).encode(), min(limit, MAX_LIMIT)
    query = select(ErasureRequest).where(ErasureRequest.tenant_id == tenant)
    if filters.status is not None:
        query = query.where(ErasureRequest.status == filters.status)
    if filters.due_before is not None:
        query = query.where(ErasureRequest.due_at < filters.due_before)
    if filters.external_id is not None:
        query = query.where(ErasureRequest.external_id == composed(filters.external_id))
    if cursor is not None:
        query = query.where(ErasureRequest.id < cursors.unseal(keyring_of(s), cursor, binding))
    rows = list(s.execute(query.order_by(ErasureRequest.id.desc()).limit(limit + 1)).scalars())
    shown, has_more = rows[:limit], len(rows) > limit
    after = cursors.seal(keyring_of(s), shown[-1].id, binding) if has_more else None
    return RequestPage([view(s, row, base_url) for row in shown], has_more, after)


def _job(job: Job, base_url: str) -> RequestJobView:
    return RequestJobView(
        id=job.id,
        model=job.model,
        method=job.method,
        status=job.status,
        verdict=job.verdict,
        parent=job.parent_id,
        deleted=job.deleted_at is not None,
        url=f"{base_url.rstrip('/')}/v1/jobs/{job.id}",
    )


def _same_subject(s: Session, row: ErasureRequest) -> list[str]:
    if row.subject is None:
        return []
    same = (ErasureRequest.tenant_id == row.tenant_id, ErasureRequest.subject == row.subject)
    query = select(ErasureRequest.id).where(*same, ErasureRequest.id != row.id).order_by(ErasureRequest.id)
    return list(s.execute(query.limit(MAX_LIMIT)).scalars())
