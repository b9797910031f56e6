"""Uploaded sounds: files without a width and a height, with a length and a sample rate instead."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: None = None
depends_on: None = None

_SIZES = ("width", "height")
_CHECKS = {
    "picture_has_both_sizes": "(width IS NULL) = (height IS NULL)",
    "sound_has_length_and_rate": "(duration_seconds IS NULL) = (sample_rate IS NULL)",
    "picture_or_sound": "(width IS NULL) <> (sample_rate IS NULL)",
}


def upgrade() -> None:
    """Apply."""
    op.add_column("jobs", sa.Column("input_audio", sa.Integer(), server_default=sa.text("0"), nullable=False))
    with op.batch_alter_table("files") as files:
        for name in _SIZES:
            files.alter_column(name, existing_type=sa.Integer(), nullable=True)
        files.add_column(sa.Column("duration_seconds", sa.Double(), nullable=True))
        files.add_column(sa.Column("sample_rate", sa.Integer(), nullable=True))
        for name, condition in _CHECKS.items():
            files.create_check_constraint(op.f(f"ck_files_{name}"), condition)


def downgrade() -> None:
    """Undo. Sounds stay, as files of no size, so that the release before erases them when their time has come."""
    with op.batch_alter_table("files") as files:
        for name in _CHECKS:
            files.drop_constraint(op.f(f"ck_files_{name}"), type_="check")
    op.execute("UPDATE files SET width = 0, height = 0 WHERE width IS NULL")
    with op.batch_alter_table("files") as files:
        for name in _SIZES:
            files.alter_column(name, existing_type=sa.Integer(), nullable=False)
        for name in ("sample_rate", "duration_seconds"):
            files.drop_column(name)
    op.drop_column("jobs", "input_audio")
