"""The metrics of one API process: its requests, and what the database tells of all processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Lock

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from core.service.db.engine import Database, db_now
from core.service.metrics import READERS

log = structlog.get_logger(__name__)

CACHE_SECONDS = 5.0
REST = 20.0
"""What reading the database took, times this, is the least time until it is read again: scraping is never a load."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BOUNDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class HttpMetrics:
    """Counts requests by the template of their route, never by path."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        about = "HTTP requests answered."
        self._requests = Counter("lethe_http_requests", about, ("method", "route", "status"), registry=self.registry)
        about = "Seconds until an answer began. Requests with ?wait= are left out: they wait on purpose."
        self._seconds = Histogram(
            "lethe_http_request_seconds", about, ("method", "route"), buckets=_BOUNDS, registry=self.registry
        )

    def answered(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """One request. `seconds` None: it was held back on purpose."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        if seconds is not None:
            self._seconds.labels(method, route).observe(seconds)


class DatabaseCollector(Collector):
    """Runs the readers, at most every few seconds, one scrape at a time. A database that is away is told as a 0."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._db, self._clock, self._lock = db, clock, Lock()
        self._found: list[Metric] = []
        self._due = float("-inf")

    def collect(self) -> Iterable[Metric]:
        """What the scrape gets."""
        with self._lock:
            began = self._clock()
            if began >= self._due:
                self._found = list(self._read())
                took = self._clock() - began
                self._due = self._clock() + max(CACHE_SECONDS, REST * took)
            return self._found

    def _read(self) -> Iterator[Metric]:
        try:
            with self._db.read() as session:
                at = db_now(session)
                found = [metric for reader in READERS for metric in reader(session, at)]
        except SQLAlchemyError as error:
            log.warning("metrics_not_read", error=type(error).__name__)
            found = []
        yield GaugeMetricFamily("lethe_database_up", "Whether the database answered.", value=float(bool(found)))
        yield from found
