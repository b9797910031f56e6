"""Which workers are alive, and the memory of their GPUs. Each worker writes one row about itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.service.db.engine import db_now
from core.service.db.tables.metrics import Worker

REPORT_SECONDS = 15.0
ALIVE = timedelta(seconds=60)
DELETED_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class GpuMemory:
    """Bytes of one device: total, used by any process, and the peak of the present job."""

    total: int
    used: int
    peak: int


def report(s: Session, name: str, gpu: GpuMemory | None) -> None:
    """Store that a worker is alive. `gpu` None: its process does not use one. Deletes the rows of workers long gone."""
    at = db_now(s)
    row = s.get(Worker, name)
    if row is None:
        row = Worker(id=name, started_at=at)
        s.add(row)
    row.seen_at = at
    if gpu is not None:
        row.gpu_total, row.gpu_used, row.gpu_peak, row.gpu_seen_at = gpu.total, gpu.used, gpu.peak, at
    s.execute(delete(Worker).where(Worker.seen_at < at - DELETED_AFTER))


def remove(s: Session, name: str) -> None:
    """Delete the row of a worker that shuts down."""
    s.execute(delete(Worker).where(Worker.id == name))


def alive(s: Session, at: datetime) -> dict[str, GpuMemory | None]:
    """The workers that reported in the last minute, with their GPU's memory where a job uses it."""
    query = select(Worker).where(Worker.seen_at > at - ALIVE).order_by(Worker.id).limit(1000)
    return {row.id: _gpu(row, at) for row in s.execute(query).scalars()}


def _gpu(row: Worker, at: datetime) -> GpuMemory | None:
    if row.gpu_seen_at is None or row.gpu_seen_at < at - ALIVE:
        return None
    return GpuMemory(row.gpu_total or 0, row.gpu_used or 0, row.gpu_peak or 0)
