"""Signing keys can be withdrawn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("signing_keys", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Undo. The release before takes the row of a withdrawn key for another's, and leaves it out."""
    op.drop_column("signing_keys", "withdrawn_at")
