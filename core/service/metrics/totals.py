"""Counters: totals since the database was created."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from sqlalchemy.orm import Session

from core.service.db import counters
from core.service.jobs import metrics
from core.service.webhooks import claims


def jobs_ended(s: Session, _: datetime) -> Iterable[Metric]:
    """By status, method and verdict."""
    labels = ("status", "method", "verdict")
    family = CounterMetricFamily(metrics.ENDED, "Jobs that have ended.", labels=labels)
    for counted, value in counters.read(s, metrics.ENDED):
        family.add_metric([counted[label] for label in labels], value)
    yield family


def lease_expiries(s: Session, _: datetime) -> Iterable[Metric]:
    """Workers that stopped without releasing their lease."""
    total = sum(value for _, value in counters.read(s, metrics.LEASE_EXPIRIES))
    about = "Leases that ran out because their worker did not beat in time."
    yield CounterMetricFamily(metrics.LEASE_EXPIRIES, about, value=total)


def sweep_failures(s: Session, _: datetime) -> Iterable[Metric]:
    """By step."""
    about = "Times that a step of the sweep failed, or one job in it."
    family = CounterMetricFamily(metrics.SWEEP_FAILURES, about, labels=("step",))
    for counted, value in counters.read(s, metrics.SWEEP_FAILURES):
        family.add_metric([counted["step"]], value)
    yield family


def webhook_attempts(s: Session, _: datetime) -> Iterable[Metric]:
    """By outcome."""
    family = CounterMetricFamily(claims.ATTEMPTS, "Tries to deliver a webhook.", labels=("outcome",))
    for counted, value in counters.read(s, claims.ATTEMPTS):
        family.add_metric([counted["outcome"]], value)
    yield family


def phase_seconds(s: Session, _: datetime) -> Iterable[Metric]:
    """How long each finished phase of a job took."""
    labels = ("phase", "method")
    family = HistogramMetricFamily(metrics.PHASE_SECONDS, "Seconds that a finished phase took.", labels=labels)
    by_labels: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    for counted, value in counters.read(s, metrics.PHASE_SECONDS):
        by_labels[tuple(counted[label] for label in labels)][counted["le"]] = value
    for key, counts in sorted(by_labels.items()):
        family.add_metric(key, _cumulative(counts), counts[counters.SUM])
    yield family


def _cumulative(counts: dict[str, float]) -> list[tuple[str, float]]:
    total, buckets = 0.0, []
    for bound in (*map(str, metrics.PHASE_BOUNDS), "+Inf"):
        total += counts.get(bound, 0.0)
        buckets.append((bound, total))
    return buckets
