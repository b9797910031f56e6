"""When a request must be answered, and whether that was warned of."""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: None = None
depends_on: None = None

_MOMENT = sa.DateTime(timezone=True)
_UNMET = "deleted_at IS NULL AND status <> 'cancelled' AND (verdict IS NULL OR verdict = 'failed')"
_BATCH = 1000


def upgrade() -> None:
    """Apply."""
    for name in ("due_at", "due_warned_at"):
        op.add_column("jobs", sa.Column(name, _MOMENT, nullable=True))
    _fill()
    where = {"sqlite_where": sa.text(_UNMET), "postgresql_where": sa.text(_UNMET)}
    op.create_index("ix_jobs_due_at", "jobs", ["due_at"], **where)


def downgrade() -> None:
    """Undo."""
    op.drop_index("ix_jobs_due_at", "jobs")
    for name in ("due_warned_at", "due_at"):
        op.drop_column("jobs", name)


def _fill() -> None:
    """Requests that are already there, in pages."""
    jobs, after = sa.Table("jobs", sa.MetaData(), autoload_with=op.get_bind()), ""
    page = sa.select(jobs.c.id, jobs.c.created_at).where(jobs.c.parent_id.is_(None), jobs.c.deleted_at.is_(None))
    change = sa.update(jobs).where(jobs.c.id == sa.bindparam("job")).values(due_at=sa.bindparam("due"))
    while rows := op.get_bind().execute(page.where(jobs.c.id > after).order_by(jobs.c.id).limit(_BATCH)).all():
        op.get_bind().execute(change, [{"job": row.id, "due": _month_after(row.created_at)} for row in rows])
        after = rows[-1].id


def _month_after(received: datetime) -> datetime:
    following = received.replace(day=1) + timedelta(days=31)
    day = min(received.day, calendar.monthrange(following.year, following.month)[1])
    due = received.replace(year=following.year, month=following.month, day=day)
    return due + timedelta(days=7 - due.weekday() if due.weekday() >= 5 else 0)
