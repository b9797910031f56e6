"""OpenDSR: which job serves which request, and the callbacks that are due."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: None = None
depends_on: None = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    _requests()
    _callbacks()


def downgrade() -> None:
    """Undo."""
    for table in ("opendsr_callbacks", "opendsr_requests"):
        op.drop_table(table)


def _requests() -> None:
    op.create_table(
        "opendsr_requests",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("subject_request_id", sa.String(length=36), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("regulation", sa.String(length=8), nullable=False),
        sa.Column("submitted_at", _MOMENT, nullable=False),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.Column("expected_at", _MOMENT, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("callback_count", sa.Integer(), nullable=False),
        sa.Column("told_status", sa.String(length=16), nullable=False),
        sa.CheckConstraint(
            "told_status IN ('pending', 'in_progress', 'completed', 'cancelled')",
            name=op.f("ck_opendsr_requests_told_status_known"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_opendsr_requests_tenant_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_opendsr_requests_job_id")),
        sa.PrimaryKeyConstraint("tenant_id", "subject_request_id", name=op.f("pk_opendsr_requests")),
        sa.UniqueConstraint("job_id", name=op.f("uq_opendsr_requests_job_id")),
    )


def _callbacks() -> None:
    op.create_table(
        "opendsr_callbacks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("subject_request_id", sa.String(length=36), nullable=False),
        sa.Column("url_index", sa.Integer(), nullable=False),
        sa.Column("request_status", sa.String(length=16), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("next_attempt_at", _MOMENT, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("last_outcome", sa.String(length=40), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'delivered', 'failed')", name=op.f("ck_opendsr_callbacks_state_known")
        ),
        sa.CheckConstraint(
            "(state = 'pending') = (next_attempt_at IS NOT NULL)", name=op.f("ck_opendsr_callbacks_pending_has_a_time")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "subject_request_id"],
            ["opendsr_requests.tenant_id", "opendsr_requests.subject_request_id"],
            name=op.f("fk_opendsr_callbacks_request"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opendsr_callbacks")),
    )
    op.create_index(
        "ix_opendsr_callbacks_tenant_id_subject_request_id", "opendsr_callbacks", ["tenant_id", "subject_request_id"]
    )
    pending = sa.text("state = 'pending'")
    op.create_index(
        "ix_opendsr_callbacks_due",
        "opendsr_callbacks",
        ["next_attempt_at"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
