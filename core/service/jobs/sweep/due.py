"""Warns of requests that are due soon."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service import audit
from core.service.context import Services
from core.service.db.engine import db_now
from core.service.db.tables.requests import ErasureRequest
from core.service.jobs import events
from core.service.jobs.requests.jobs import jobs_of
from core.service.jobs.sweep.batches import BATCH

log = structlog.get_logger(__name__)


def warn(services: Services) -> int:
    """Warn once of every open request that is due soon. Returns their number."""
    with services.db.read() as session:
        soon = db_now(session) + timedelta(days=services.settings.due_warning_days)
        unwarned: list[Any] = [ErasureRequest.due_at < soon, ErasureRequest.due_warned_at.is_(None)]
        unwarned.append(ErasureRequest.status == "open")
        ids = list(session.execute(select(ErasureRequest.id).where(*unwarned).limit(BATCH)).scalars())
    warned = 0
    for request_id in ids:
        with services.db.write() as session:
            query = select(ErasureRequest).where(ErasureRequest.id == request_id, *unwarned)
            row = session.execute(query.with_for_update(skip_locked=True)).scalar_one_or_none()
            if row is not None:
                _warn(session, row)
                warned += 1
    return warned


def _warn(s: Session, row: ErasureRequest) -> None:
    row.due_warned_at = db_now(s)
    details = {"due_at": row.due_at.isoformat()}
    message = "The request is due soon and not answered."
    for job in jobs_of(s, row.id):
        if job.deleted_at is None:
            events.append(s, job.id, "log", {"level": "warning", "code": "due_soon", "message": message, **details})
    audit.record(s, row.tenant_id, audit.SYSTEM, "request.due_soon", row.id, details)
    log.warning("request_due_soon", request=row.id, **details)
