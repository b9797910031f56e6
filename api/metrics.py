"""The metrics of an API process: its own requests, and those that are read from the database."""

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
REST_FACTOR = 20.0
"""The database is read again after this many times the duration of the last read, so that scraping is no load."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class HttpMetrics:
    """Counts requests by the template of their route, not by path."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        about = "HTTP requests answered."
        self._requests = Counter("lethe_http_requests", about, ("method", "route", "status"), registry=self.registry)
        about = "Seconds until an answer began. Requests with ?wait= are left out: they wait on purpose."
        self._seconds = Histogram(
            "lethe_http_request_seconds", about, ("method", "route"), buckets=_BUCKETS, registry=self.registry
        )

    def count(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """Count a request. `seconds` None: its answer was delayed on purpose."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        if seconds is not None:
            self._seconds.labels(method, route).observe(seconds)


class DatabaseCollector(Collector):
    """Reads the metrics from the database, at most every few seconds. `lethe_database_up` is 0 if that fails."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._db, self._clock, self._lock = db, clock, Lock()
        self._cached: list[Metric] = []
        self._next_read = float("-inf")

    def collect(self) -> Iterable[Metric]:
        """The metrics, read again if they are old."""
        with self._lock:
            started = self._clock()
            if started >= self._next_read:
                self._cached = list(self._read())
                duration = self._clock() - started
                self._next_read = self._clock() + max(CACHE_SECONDS, REST_FACTOR * duration)
            return self._cached

    def _read(self) -> Iterator[Metric]:
        try:
            with self._db.read() as session:
                at = db_now(session)
                metrics = [metric for reader in READERS for metric in reader(session, at)]
        except SQLAlchemyError as error:
            log.warning("metrics_not_read", error=type(error).__name__)
            metrics = []
        yield GaugeMetricFamily("lethe_database_up", "Whether the database answered.", value=float(bool(metrics)))
        yield from metrics
