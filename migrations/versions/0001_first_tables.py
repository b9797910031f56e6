"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: None = None
depends_on: None = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_MOMENT = sa.DateTime(timezone=True)
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = (
    "audit_log",
    "models",
    "tenants",
    "api_keys",
    "files",
    "idempotency_keys",
    "jobs",
    "artifacts",
    "job_events",
    "job_files",
)


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_jobs_{name}"))


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


_UNDELETED = _where("deleted_at IS NULL")


def upgrade() -> None:
    """Apply."""
    _audit_log()
    _models()
    _tenants()
    _api_keys()
    _files()
    _idempotency_keys()
    _jobs()
    _artifacts()
    _job_events()
    _job_files()


def downgrade() -> None:
    """Undo."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("seq", _BIG, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=100), nullable=False),
        sa.Column("details", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_tenant_id_seq", "audit_log", ["tenant_id", "seq"])


def _models() -> None:
    op.create_table(
        "models",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("family", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=1000), nullable=False),
        sa.Column("revision", sa.String(length=200), nullable=True),
        sa.Column("retain_set", sa.String(length=1000), nullable=True),
        sa.Column("defaults", _JSON, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
    )


def _tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
    )


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", _JSON, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=True),
        sa.Column("last_used_at", _MOMENT, nullable=True),
        sa.Column("revoked_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_api_keys_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_index("ix_api_keys_tenant_id_id", "api_keys", ["tenant_id", "id"])


def _files() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("size", _BIG, nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.CheckConstraint("purpose IN ('forget', 'retain')", name=op.f("ck_files_purpose_known")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_files_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
    )
    op.create_index("ix_files_expires_at", "files", ["expires_at"])
    op.create_index("ix_files_tenant_id_id", "files", ["tenant_id", "id"])


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", _JSON, nullable=True),
        sa.Column("headers", _JSON, nullable=True),
        sa.Column("resource_id", sa.String(length=40), nullable=True),
        sa.CheckConstraint("(status IS NULL) = (body IS NULL)", name=op.f("ck_idempotency_keys_answer_whole")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_idempotency_keys_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.create_index("ix_idempotency_keys_resource_id", "idempotency_keys", ["resource_id"])


def _jobs() -> None:
    op.create_table("jobs", *_job_columns(), *_job_constraints())
    op.create_index("ix_jobs_expires_at", "jobs", ["expires_at"], **_UNDELETED)
    op.create_index("ix_jobs_lease_expires_at", "jobs", ["lease_expires_at"], **_where("status = 'running'"))
    op.create_index("ix_jobs_page", "jobs", ["tenant_id", "created_at", "id"], **_UNDELETED)
    op.create_index("ix_jobs_page_by_status", "jobs", ["tenant_id", "status", "created_at", "id"], **_UNDELETED)
    op.create_index("ix_jobs_parent_id", "jobs", ["parent_id"])
    op.create_index(
        "ix_jobs_purge_at", "jobs", ["finished_at"], **_where("inputs_erased_at IS NULL AND finished_at IS NOT NULL")
    )
    op.create_index("ix_jobs_ring_at", "jobs", ["ring_at"], **_where("status = 'queued'"))
    op.create_index(
        "ix_jobs_uncleaned", "jobs", ["finished_at"], **_where("cleaned_at IS NULL AND finished_at IS NOT NULL")
    )
    op.create_index("uq_jobs_tenant_id_external_id", "jobs", ["tenant_id", "external_id"], unique=True, **_UNDELETED)


def _job_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("plan", _JSON, nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("metadata", _JSON, nullable=False),
        sa.Column("parent_id", sa.String(length=40), nullable=True),
        sa.Column("sculpt", _JSON, nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("started_at", _MOMENT, nullable=True),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.Column("cancel_requested_at", _MOMENT, nullable=True),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("deleted_at", _MOMENT, nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("lost_attempts", sa.Integer(), nullable=False),
        sa.Column("ring_at", _MOMENT, nullable=False),
        sa.Column("rings", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=200), nullable=True),
        sa.Column("lease_token", sa.Integer(), nullable=False),
        sa.Column("lease_expires_at", _MOMENT, nullable=True),
        sa.Column("phase", sa.String(length=16), nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("total_steps", sa.Integer(), nullable=True),
        sa.Column("fraction", sa.Double(), nullable=False),
        sa.Column("eta_at", _MOMENT, nullable=True),
        sa.Column("loss", sa.Double(), nullable=True),
        sa.Column("progress_event_at", _MOMENT, nullable=True),
        sa.Column("event_seq", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=8), nullable=True),
        sa.Column("evaluation", _JSON, nullable=True),
        sa.Column("error", _JSON, nullable=True),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("input_images", sa.Integer(), nullable=False),
        sa.Column("inputs_erased_at", _MOMENT, nullable=True),
        sa.Column("cleaned_at", _MOMENT, nullable=True),
        sa.Column("erased_artifacts", _JSON, nullable=True),
    ]


def _job_constraints() -> list[sa.Constraint]:
    return [
        _check("error_when_failed", "(error IS NOT NULL) = (status = 'failed')"),
        _check("lease_while_running", "(status = 'running') = (lease_expires_at IS NOT NULL)"),
        _check("terminal_is_finished", "(status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)"),
        _check("verdict_when_succeeded", "(verdict IS NOT NULL) = (status = 'succeeded')"),
        _check("deleted_is_terminal", "deleted_at IS NULL OR status IN ('succeeded', 'failed', 'cancelled')"),
        _check(
            "phase_known",
            "phase IS NULL OR phase IN ('validating', 'loading', 'training', 'sculpting', 'evaluating', 'packaging')",
        ),
        _check("phase_while_running", "phase IS NULL OR status = 'running'"),
        _check("status_known", "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')"),
        _check("verdict_known", "verdict IS NULL OR verdict IN ('passed', 'failed')"),
        _check("lease_has_owner", "(lease_owner IS NULL) = (lease_expires_at IS NULL)"),
        _check("deleted_has_no_external_id", "deleted_at IS NULL OR external_id IS NULL"),
        _check("fraction_in_range", "fraction >= 0 AND fraction <= 1"),
        _check("erased_has_no_key", "inputs_erased_at IS NULL OR wrapped_key IS NULL"),
        sa.ForeignKeyConstraint(["model"], ["models.id"], name=op.f("fk_jobs_model")),
        sa.ForeignKeyConstraint(["parent_id"], ["jobs.id"], name=op.f("fk_jobs_parent_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_jobs_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    ]


def _artifacts() -> None:
    op.create_table(
        "artifacts",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size", _BIG, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("storage_key", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_artifacts_job_id")),
        sa.PrimaryKeyConstraint("job_id", "name", name=op.f("pk_artifacts")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_artifacts_storage_key")),
    )


def _job_events() -> None:
    op.create_table(
        "job_events",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("data", _JSON, nullable=False),
        sa.CheckConstraint("type IN ('status', 'progress', 'metric', 'log')", name=op.f("ck_job_events_type")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_events_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_events")),
        sa.UniqueConstraint("job_id", "seq", name=op.f("uq_job_events_job_id_seq")),
    )


def _job_files() -> None:
    op.create_table(
        "job_files",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("file_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_job_files_file_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_files_job_id")),
        sa.PrimaryKeyConstraint("job_id", "file_id", name=op.f("pk_job_files")),
    )
    op.create_index("ix_job_files_file_id", "job_files", ["file_id"])
