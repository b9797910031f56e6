"""What memory a job needs, so that a worker claims none that it has no room for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Apply. Jobs that are there already may run anywhere."""
    for column in ("gpu_memory", "cpu_memory"):
        op.add_column("jobs", sa.Column(column, sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Undo."""
    for column in ("gpu_memory", "cpu_memory"):
        op.drop_column("jobs", column)
