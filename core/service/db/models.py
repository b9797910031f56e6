"""The tables. What must never be false is a constraint here, not a habit of the code.

No column holds a name, a prompt, a picture or a sound: those live only in encrypted objects, under `Job.wrapped_key`
and `File.wrapped_key`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.service.db.base import Base
from core.service.db.types import BigIntKey

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")
TERMINAL = ("succeeded", "failed", "cancelled")
PHASES = ("validating", "loading", "training", "sculpting", "evaluating", "packaging")
VERDICTS = ("passed", "failed")
EVENT_TYPES = ("status", "progress", "metric", "log")
PURPOSES = ("forget", "retain")
UNMET = "deleted_at IS NULL AND status <> 'cancelled' AND (verdict IS NULL OR verdict = 'failed')"
"""Of a job: the request has neither been withdrawn nor met."""


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Tenant(Base):
    """Whose data it is. Every other row belongs to one."""

    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class ApiKey(Base):
    """A key, as an HMAC of its secret."""

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "tenant_id", "id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[bytes] = mapped_column(unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Model(Base):
    """A model that jobs may name. Shared by all tenants."""

    __tablename__ = "models"

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    family: Mapped[str] = mapped_column(String(40))
    source: Mapped[str] = mapped_column(String(1000))
    revision: Mapped[str | None] = mapped_column(String(200))
    retain_set: Mapped[str | None] = mapped_column(String(1000))
    defaults: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Job(Base):
    """A forget request and what became of it."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(_one_of("status", STATUSES), name="status_known"),
        CheckConstraint(f"phase IS NULL OR {_one_of('phase', PHASES)}", name="phase_known"),
        CheckConstraint("phase IS NULL OR status = 'running'", name="phase_while_running"),
        CheckConstraint(f"({_one_of('status', TERMINAL)}) = (finished_at IS NOT NULL)", name="terminal_is_finished"),
        CheckConstraint("(status = 'running') = (lease_expires_at IS NOT NULL)", name="lease_while_running"),
        CheckConstraint("(lease_owner IS NULL) = (lease_expires_at IS NULL)", name="lease_has_owner"),
        CheckConstraint(f"verdict IS NULL OR {_one_of('verdict', VERDICTS)}", name="verdict_known"),
        CheckConstraint("(verdict IS NOT NULL) = (status = 'succeeded')", name="verdict_when_succeeded"),
        CheckConstraint("(error IS NOT NULL) = (status = 'failed')", name="error_when_failed"),
        CheckConstraint("fraction >= 0 AND fraction <= 1", name="fraction_in_range"),
        CheckConstraint(f"deleted_at IS NULL OR {_one_of('status', TERMINAL)}", name="deleted_is_terminal"),
        CheckConstraint("inputs_erased_at IS NULL OR wrapped_key IS NULL", name="erased_has_no_key"),
        CheckConstraint("deleted_at IS NULL OR external_id IS NULL", name="deleted_has_no_external_id"),
        Index(
            "uq_jobs_tenant_id_external_id",
            "tenant_id",
            "external_id",
            unique=True,
            **_where("deleted_at IS NULL"),
        ),
        Index(
            "ix_jobs_page",
            "tenant_id",
            "created_at",
            "id",
            **_where("deleted_at IS NULL"),
        ),
        Index(
            "ix_jobs_page_by_status",
            "tenant_id",
            "status",
            "created_at",
            "id",
            **_where("deleted_at IS NULL"),
        ),
        Index(
            "ix_jobs_ring_at",
            "ring_at",
            **_where("status = 'queued'"),
        ),
        Index(
            "ix_jobs_lease_expires_at",
            "lease_expires_at",
            **_where("status = 'running'"),
        ),
        Index(
            "ix_jobs_purge_at",
            "finished_at",
            **_where("inputs_erased_at IS NULL AND finished_at IS NOT NULL"),
        ),
        Index(
            "ix_jobs_uncleaned",
            "finished_at",
            **_where("cleaned_at IS NULL AND finished_at IS NOT NULL"),
        ),
        Index(
            "ix_jobs_expires_at",
            "expires_at",
            **_where("deleted_at IS NULL"),
        ),
        Index(
            "ix_jobs_due_at",
            "due_at",
            **_where(UNMET),
        ),
        Index(None, "parent_id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    created_by: Mapped[str] = mapped_column(String(40))
    version: Mapped[int] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(String(16), default="queued")

    model: Mapped[str] = mapped_column(ForeignKey("models.id"))
    method: Mapped[str] = mapped_column(String(64))
    plan: Mapped[dict[str, Any]]
    external_id: Mapped[str | None] = mapped_column(String(255))
    job_metadata: Mapped[dict[str, Any]] = mapped_column("metadata")
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))
    sculpt: Mapped[dict[str, Any] | None]

    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    due_warned_at: Mapped[datetime | None]
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
    __table_args__ = (UniqueConstraint("job_id", "seq"), CheckConstraint(_one_of("type", EVENT_TYPES), name="type"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    seq: Mapped[int]
    type: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    data: Mapped[dict[str, Any]]


class Artifact(Base):
    """A file that a successful attempt left. Rows appear in the transaction that ends the job, and not before."""

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
    """A piece of what an unfinished job has come to, encrypted under its key. Gone when the job has ended."""

    __tablename__ = "checkpoints"
    __table_args__ = (UniqueConstraint("storage_key"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    attempt: Mapped[int]
    size: Mapped[int] = mapped_column(BigIntKey)
    storage_key: Mapped[str] = mapped_column(String(400))
    kept_at: Mapped[datetime]


class File(Base):
    """An uploaded picture or sound. The row goes when the content does."""

    __tablename__ = "files"
    __table_args__ = (
        CheckConstraint(_one_of("purpose", PURPOSES), name="purpose_known"),
        CheckConstraint("(width IS NULL) = (height IS NULL)", name="picture_has_both_sizes"),
        CheckConstraint("(duration_seconds IS NULL) = (sample_rate IS NULL)", name="sound_has_length_and_rate"),
        CheckConstraint("(width IS NULL) <> (sample_rate IS NULL)", name="picture_or_sound"),
        Index(None, "tenant_id", "id"),
        Index(None, "expires_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    purpose: Mapped[str] = mapped_column(String(16))
    size: Mapped[int] = mapped_column(BigIntKey)
    media_type: Mapped[str] = mapped_column(String(40))
    width: Mapped[int | None]
    height: Mapped[int | None]
    duration_seconds: Mapped[float | None]
    sample_rate: Mapped[int | None]
    sha256: Mapped[str] = mapped_column(String(64))
    wrapped_key: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class IdempotencyKey(Base):
    """The first answer to a request with an `Idempotency-Key`; `status` is null until there is one."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint("(status IS NULL) = (body IS NULL)", name="answer_whole"),
        Index(None, "created_at"),
        Index(None, "resource_id"),
    )

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    status: Mapped[int | None]
    body: Mapped[dict[str, Any] | None]
    headers: Mapped[dict[str, Any] | None]
    resource_id: Mapped[str | None] = mapped_column(String(40))


class AuditEntry(Base):
    """Who did what to which resource, and when. Triggers refuse every change but a new row; see `audit.chain`."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "tenant_id", "resource", "number"),)

    tenant_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(BigIntKey, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(64))
    resource: Mapped[str] = mapped_column(String(100))
    details: Mapped[dict[str, Any]]
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """The end of a tenant's chain. `mac` is null for a log from before the chain, until its next entry.

    `anchored` entries are vouched for in the object store too.
    """

    __tablename__ = "audit_heads"
    __table_args__ = (CheckConstraint("anchored <= count", name="anchored_in_count"),)

    tenant_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int] = mapped_column(BigIntKey)
    hash: Mapped[str] = mapped_column(String(64))
    mac: Mapped[bytes | None]
    anchored: Mapped[int] = mapped_column(BigIntKey)
    anchored_at: Mapped[datetime | None]


class Counter(Base):
    """A number that only grows, for `/metrics`. `labels` is canonical JSON."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    labels: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[float]


class Worker(Base):
    """A worker that is, or was an hour ago, alive. Sizes are bytes."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    gpu_total: Mapped[int | None] = mapped_column(BigInteger)
    gpu_used: Mapped[int | None] = mapped_column(BigInteger)
    gpu_peak: Mapped[int | None] = mapped_column(BigInteger)
    gpu_seen_at: Mapped[datetime | None]


class MacKey(Base):
    """A key for digests, e.g. of API keys. It must stay when the master key, under which it is wrapped, changes."""

    __tablename__ = "mac_keys"

    purpose: Mapped[str] = mapped_column(String(32), primary_key=True)
    wrapped_key: Mapped[bytes]


class SigningKey(Base):
    """A public key that patches and certificates are, or were, signed with. `mac` tells it from one slipped in."""

    __tablename__ = "signing_keys"

    key_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    public_key: Mapped[bytes]
    added_at: Mapped[datetime]
    mac: Mapped[bytes]
