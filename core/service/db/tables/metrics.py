"""What `/metrics` reads beside the jobs: counters, and the workers that are alive."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from core.service.db.base import Base


class Counter(Base):
    """A number that only grows, for `/metrics`. `labels` is canonical JSON."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    labels: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[float]


class Worker(Base):
    """A worker that has reported within the last hour. Sizes are in bytes."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    gpu_total: Mapped[int | None] = mapped_column(BigInteger)
    gpu_used: Mapped[int | None] = mapped_column(BigInteger)
    gpu_peak: Mapped[int | None] = mapped_column(BigInteger)
    gpu_seen_at: Mapped[datetime | None]
