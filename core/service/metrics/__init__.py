"""What `/metrics` tells from the database. A new reader is one function, added to `READERS`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client.metrics_core import Metric
from sqlalchemy.orm import Session

from core.service.metrics.counted import jobs_ended, lease_expiries, phase_seconds, webhook_attempts
from core.service.metrics.live import jobs_now, oldest_queued, requests_unmet, workers_now
from core.service.metrics.outbox import outbox

Reader = Callable[[Session, datetime], Iterable[Metric]]

READERS: tuple[Reader, ...] = (
    jobs_now,
    oldest_queued,
    jobs_ended,
    phase_seconds,
    lease_expiries,
    workers_now,
    outbox,
    webhook_attempts,
    requests_unmet,
)
"""Each gets a read session and the database's time. Labels come from small sets: never a tenant, a job or a text."""
