"""Jobs, and what belongs to one: its events, its files, its artefacts and its checkpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.job_states import TERMINAL, JobStatus, Phase, Verdict
from core.service.db.base import Base, one_of, where
from core.service.db.types import BigIntKey

EventType = Literal["status", "progress", "metric", "log"]
_UNDELETED = where("deleted_at IS NULL")


class Job(Base):
    """A forget request, its state and its result."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(one_of("status", JobStatus), name="status_known"),
        CheckConstraint(f"phase IS NULL OR {one_of('phase', get_args(Phase))}", name="phase_known"),
        CheckConstraint("phase IS NULL OR status = 'running'", name="phase_while_running"),
        CheckConstraint(f"({one_of('status', TERMINAL)}) = (finished_at IS NOT NULL)", name="terminal_is_finished"),
        CheckConstraint("(status = 'running') = (lease_expires_at IS NOT NULL)", name="lease_while_running"),
        CheckConstraint("(lease_owner IS NULL) = (lease_expires_at IS NULL)", name="lease_has_owner"),
        CheckConstraint(f"verdict IS NULL OR {one_of('verdict', get_args(Verdict))}", name="verdict_known"),
        CheckConstraint("(verdict IS NOT NULL) = (status = 'succeeded')", name="verdict_when_succeeded"),
        CheckConstraint("(error IS NOT NULL) = (status = 'failed')", name="error_when_failed"),
        CheckConstraint("fraction >= 0 AND fraction <= 1", name="fraction_in_range"),
        CheckConstraint(f"deleted_at IS NULL OR {one_of('status', TERMINAL)}", name="deleted_is_terminal"),
        CheckConstraint("inputs_erased_at IS NULL OR wrapped_key IS NULL", name="erased_has_no_key"),
        CheckConstraint("deleted_at IS NULL OR external_id IS NULL", name="deleted_has_no_external_id"),
        Index("uq_jobs_tenant_id_external_id", "tenant_id", "external_id", unique=True, **_UNDELETED),
        Index("ix_jobs_page", "tenant_id", "created_at", "id", **_UNDELETED),
        Index("ix_jobs_page_by_status", "tenant_id", "status", "created_at", "id", **_UNDELETED),
        Index("ix_jobs_ring_at", "ring_at", **where("status = 'queued'")),
        Index("ix_jobs_lease_expires_at", "lease_expires_at", **where("status = 'running'")),
        Index("ix_jobs_purge_at", "finished_at", **where("inputs_erased_at IS NULL AND finished_at IS NOT NULL")),
        Index("ix_jobs_uncleaned", "finished_at", **where("cleaned_at IS NULL AND finished_at IS NOT NULL")),
        Index("ix_jobs_expires_at", "expires_at", **_UNDELETED),
        Index(None, "erasure_request_id"),
        Index(None, "parent_id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    created_by: Mapped[str] = mapped_column(String(40))
    version: Mapped[int] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(String(16), default=JobStatus.QUEUED)

    model: Mapped[str] = mapped_column(ForeignKey("models.id"))
    method: Mapped[str] = mapped_column(String(64))
    plan: Mapped[dict[str, Any]]
    external_id: Mapped[str | None] = mapped_column(String(255))
    job_metadata: Mapped[dict[str, Any]] = mapped_column("metadata")
    erasure_request_id: Mapped[str | None] = mapped_column(ForeignKey("requests.id"))
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))
    sculpt: Mapped[dict[str, Any] | None]

    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    attempt: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int]
    lost_attempts: Mapped[int] = mapped_column(default=0)
    queued_at: Mapped[datetime | None]
    ring_at: Mapped[datetime]
    rings: Mapped[int] = mapped_column(default=0)
    gpu_memory: Mapped[int | None] = mapped_column(BigInteger)
    cpu_memory: Mapped[int | None] = mapped_column(BigInteger)
    lease_owner: Mapped[str | None] = mapped_column(String(200))
    lease_token: Mapped[int] = mapped_column(default=0)
    lease_expires_at: Mapped[datetime | None]

    request_id: Mapped[str | None] = mapped_column(String(128))
    traceparent: Mapped[str | None] = mapped_column(String(55))

    phase: Mapped[str | None] = mapped_column(String(16))
    step: Mapped[int] = mapped_column(default=0)
    total_steps: Mapped[int | None]
    fraction: Mapped[float] = mapped_column(default=0.0)
    checkpoint_fraction: Mapped[float] = mapped_column(default=0.0, server_default=text("0"))
    eta_at: Mapped[datetime | None]
    loss: Mapped[float | None]
    progress_event_at: Mapped[datetime | None]
    event_seq: Mapped[int] = mapped_column(default=0)

    verdict: Mapped[str | None] = mapped_column(String(8))
    evaluation: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]

    wrapped_key: Mapped[bytes | None]
    input_images: Mapped[int] = mapped_column(default=0)
    input_audio: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    inputs_erased_at: Mapped[datetime | None]
    cleaned_at: Mapped[datetime | None]
    erased_artifacts: Mapped[dict[str, Any] | None]


class JobFile(Base):
    """A job uses an uploaded file."""

    __tablename__ = "job_files"
    __table_args__ = (Index(None, "file_id"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), primary_key=True)


class JobEvent(Base):
    """Something that happened to a job."""

    __tablename__ = "job_events"
    __table_args__ = (
        UniqueConstraint("job_id", "seq"),
        CheckConstraint(one_of("type", get_args(EventType)), name="type"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    seq: Mapped[int]
    type: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    data: Mapped[dict[str, Any]]


class Artifact(Base):
    """A file of a job that succeeded. Its row is inserted by the transaction that ends the job."""

    __tablename__ = "artifacts"
    __table_args__ = (UniqueConstraint("storage_key"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    attempt: Mapped[int]
    media_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(BigIntKey)
    sha256: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str] = mapped_column(String(400))


class Checkpoint(Base):
    """A part of the state of an unfinished job, encrypted under its key. Deleted when the job has ended."""

    __tablename__ = "checkpoints"
    __table_args__ = (UniqueConstraint("storage_key"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    attempt: Mapped[int]
    size: Mapped[int] = mapped_column(BigIntKey)
    storage_key: Mapped[str] = mapped_column(String(400))
    kept_at: Mapped[datetime]
