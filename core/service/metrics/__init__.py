"""The metrics that are read from the database. To add one, write a function and list it in `READERS`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client.metrics_core import Metric
from sqlalchemy.orm import Session

from core.service.metrics.current import jobs_now, oldest_queued, requests_unmet, workers_now
from core.service.metrics.outbox import outbox
from core.service.metrics.totals import jobs_ended, lease_expiries, phase_seconds, sweep_failures, webhook_attempts

Reader = Callable[[Session, datetime], Iterable[Metric]]

READERS: tuple[Reader, ...] = (
    jobs_now,
    oldest_queued,
    jobs_ended,
    phase_seconds,
    lease_expiries,
    sweep_failures,
    workers_now,
    outbox,
    webhook_attempts,
    requests_unmet,
)
"""Each gets a read session and the database's time. Labels have few values: never a tenant, a job or free text."""
