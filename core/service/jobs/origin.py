"""The HTTP request that a job comes from, so that the worker's log lines and trace can be joined to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from core.service.db.tables.jobs import Job
from core.service.telemetry import tracing


@dataclass(frozen=True)
class Origin:
    """The request that last queued a job: its `X-Request-Id`, and its place in a trace (W3C `traceparent`)."""

    request_id: str | None = None
    traceparent: str | None = None


def columns() -> dict[Any, str | None]:
    """The columns of a job's row that name the request being served."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return {Job.request_id: request_id, Job.traceparent: tracing.traceparent()}
