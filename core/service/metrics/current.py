"""Gauges: the present state of jobs, requests and workers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.job_states import JobStatus
from core.service.db.tables.jobs import Job
from core.service.db.tables.requests import ErasureRequest
from core.service.metrics import workers


def jobs_now(s: Session, _: datetime) -> Iterable[Metric]:
    """Queued and running jobs. Both counts come from small partial indexes, however many jobs have ended."""
    family = GaugeMetricFamily("lethe_jobs", "Jobs that are queued or running.", labels=("status", "method"))
    for status in (JobStatus.QUEUED, JobStatus.RUNNING):
        query = select(Job.method, func.count()).where(Job.status == status).group_by(Job.method)
        for method, number in s.execute(query.order_by(Job.method)):
            family.add_metric((status, method), number)
    yield family


def oldest_queued(s: Session, at: datetime) -> Iterable[Metric]:
    """The age of the oldest queued job, by which workers can be scaled."""
    since = select(func.min(func.coalesce(Job.queued_at, Job.created_at)))
    first = s.execute(since.where(Job.status == JobStatus.QUEUED)).scalar()
    age = 0.0 if first is None else max(0.0, (at - first).total_seconds())
    yield GaugeMetricFamily("lethe_oldest_queued_job_age_seconds", "How long the oldest queued job waits.", value=age)


def requests_unmet(s: Session, at: datetime) -> Iterable[Metric]:
    """Requests that are due within a week, and those that are overdue."""
    family = GaugeMetricFamily("lethe_requests_unmet", "Requests that are open.", labels=("due",))
    due, week = ErasureRequest.due_at, at + timedelta(days=7)
    unmet = select(func.count()).select_from(ErasureRequest).where(ErasureRequest.status == "open")
    family.add_metric(("overdue",), s.execute(unmet.where(due < at)).scalar_one())
    family.add_metric(("within_a_week",), s.execute(unmet.where(due >= at, due < week)).scalar_one())
    yield family


def workers_now(s: Session, at: datetime) -> Iterable[Metric]:
    """Live workers, and the memory of the GPUs that they use."""
    alive = workers.alive(s, at)
    yield GaugeMetricFamily("lethe_workers", "Workers that reported within the last minute.", value=len(alive))
    about = "Memory of a worker's GPU: all, used by any process, and the most that its job reserved."
    memory = GaugeMetricFamily("lethe_gpu_memory_bytes", about, labels=("worker", "kind"))
    for worker, gpu in alive.items():
        if gpu is not None:
            for kind in ("total", "used", "peak"):
                memory.add_metric((worker, kind), getattr(gpu, kind))
    yield memory
