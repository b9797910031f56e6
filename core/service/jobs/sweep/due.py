"""When a request must be answered, and the warning before that.

Art. 12(3) GDPR gives one month from receipt; Regulation 1182/71, art. 3, says how months are counted: to the same date,
or to the month's last day where it has no such date; a period that ends on a weekend ends on the working day after.
Public holidays are left out: they differ by country, and would only move the date further away.
"""

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
from core.service.jobs.sweep.batches import each

log = structlog.get_logger(__name__)


def warn(services: Services) -> int:
    """Warn, once, of every request that is due soon and has no patch that passed. Returns their number."""
    with services.db.read() as session:
        soon = db_now(session) + timedelta(days=services.settings.due_warning_days)
    unwarned: list[Any] = [Job.due_at < soon, Job.due_warned_at.is_(None), text(UNMET)]
    return each(services, unwarned, _warn)


def _warn(_: Services, s: Session, job: Job) -> None:
    job.due_warned_at = db_now(s)
    said = {"due_at": job.due_at.isoformat()} if job.due_at is not None else {}
    message = "The request is due soon and has no patch that passed."
    events.append(s, job.id, "log", {"level": "warning", "code": "due_soon", "message": message, **said})
    audit.record(s, job.tenant_id, audit.SYSTEM, "job.due_soon", job.id, said)
    log.warning("job_due_soon", job_id=job.id, **said)
