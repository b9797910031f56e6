"""Warns of requests that are due soon."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from core.service import audit
from core.service.context import Services
from core.service.db.engine import db_now
from core.service.db.tables.jobs import UNMET, Job
from core.service.jobs import events
from core.service.jobs.sweep.batches import for_each

log = structlog.get_logger(__name__)


def warn(services: Services) -> int:
    """Warn once of every request that is due soon and has no patch that passed. Returns their number."""
    with services.db.read() as session:
        soon = db_now(session) + timedelta(days=services.settings.due_warning_days)
    unwarned: list[Any] = [Job.due_at < soon, Job.due_warned_at.is_(None), text(UNMET)]
    return for_each(services, unwarned, _warn)


def _warn(_: Services, s: Session, job: Job) -> None:
    job.due_warned_at = db_now(s)
    details = {"due_at": job.due_at.isoformat()} if job.due_at is not None else {}
    message = "The request is due soon and has no patch that passed."
    events.append(s, job.id, "log", {"level": "warning", "code": "due_soon", "message": message, **details})
    audit.record(s, job.tenant_id, audit.SYSTEM, "job.due_soon", job.id, details)
    log.warning("job_due_soon", job_id=job.id, **details)
