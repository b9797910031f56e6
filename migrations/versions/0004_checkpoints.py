"""What unfinished jobs have come to, and how far that is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("jobs", sa.Column("checkpoint_fraction", sa.Double(), server_default=sa.text("0"), nullable=False))
    op.create_table(
        "checkpoints",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("storage_key", sa.String(length=400), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_checkpoints_job_id")),
        sa.PrimaryKeyConstraint("job_id", "name", name=op.f("pk_checkpoints")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_checkpoints_storage_key")),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("checkpoints")
    op.drop_column("jobs", "checkpoint_fraction")
