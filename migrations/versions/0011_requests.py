"""Requests, which own their jobs, their date and how they ended. Jobs that are there get a request each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: None = None
depends_on: None = None

_MOMENT = sa.DateTime(timezone=True)
_OPEN = {"sqlite_where": sa.text("status = 'open'"), "postgresql_where": sa.text("status = 'open'")}
_UNMET = "deleted_at IS NULL AND status <> 'cancelled' AND (verdict IS NULL OR verdict = 'failed')"
_BATCH = 1000


def upgrade() -> None:
    """Apply."""
    _create_table()
    # In one statement that both databases know: SQLite adds no constraint to a table that is there.
    reference = "CONSTRAINT fk_jobs_erasure_request_id REFERENCES requests (id)"
    op.execute(f"ALTER TABLE jobs ADD COLUMN erasure_request_id VARCHAR(40) {reference}")
    _fill()
    op.create_index("ix_jobs_erasure_request_id", "jobs", ["erasure_request_id"])
    op.drop_index("ix_jobs_due_at", "jobs")
    op.drop_column("jobs", "due_warned_at")


def downgrade() -> None:
    """Undo."""
    op.add_column("jobs", sa.Column("due_warned_at", _MOMENT, nullable=True))
    warned = "(SELECT r.due_warned_at FROM requests r WHERE r.id = jobs.erasure_request_id)"
    op.execute(f"UPDATE jobs SET due_warned_at = {warned} WHERE due_at IS NOT NULL")  # noqa: S608
    where = {"sqlite_where": sa.text(_UNMET), "postgresql_where": sa.text(_UNMET)}
    op.create_index("ix_jobs_due_at", "jobs", ["due_at"], **where)
    op.drop_index("ix_jobs_erasure_request_id", "jobs")
    op.drop_column("jobs", "erasure_request_id")
    op.drop_table("requests")


def _create_table() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("created_by", sa.String(40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("regulation", sa.String(8), nullable=False),
        sa.Column("external_id", sa.String(255), nullable=True),
        sa.Column("subject", sa.String(64), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("due_warned_at", _MOMENT, nullable=True),
        sa.Column("extended_at", _MOMENT, nullable=True),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.Column("ended_by", sa.String(40), nullable=True),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("status IN ('open', 'settled', 'rejected', 'withdrawn')", name="status_known"),
        sa.CheckConstraint("regulation IN ('gdpr', 'ccpa')", name="regulation_known"),
        sa.CheckConstraint("(status = 'open') = (ended_at IS NULL)", name="ended_once_not_open"),
        sa.CheckConstraint("(sealed IS NULL) = (wrapped_key IS NULL)", name="sealed_has_a_key"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_requests_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
    )
    op.create_index("ix_requests_tenant_id_id", "requests", ["tenant_id", "id"])
    op.create_index("ix_requests_tenant_id_subject", "requests", ["tenant_id", "subject"])
    op.create_index("uq_requests_tenant_id_external_id", "requests", ["tenant_id", "external_id"], unique=True)
    op.create_index("ix_requests_due_at", "requests", ["due_at"], **_OPEN)


def _fill() -> None:
    """A request for each job that has a date, in pages; jobs that were sculpted again serve the request of the first.

    What passed is settled, what was cancelled or deleted is withdrawn, and everything else is open.
    """
    bind, meta = op.get_bind(), sa.MetaData()
    jobs, requests = (sa.Table(name, meta, autoload_with=bind) for name in ("jobs", "requests"))
    change, after = sa.update(jobs).where(jobs.c.id == sa.bindparam("job")), ""
    opendsr = sa.Table("opendsr_requests", meta, autoload_with=bind)
    named = {row.job_id: row for row in bind.execute(sa.select(opendsr))}
    # Jobs that were deleted before there were dates have none, but OpenDSR's status of them is still asked for.
    asked = jobs.c.due_at.is_not(None) | jobs.c.id.in_(sa.select(opendsr.c.job_id))
    page = sa.select(jobs).where(asked).order_by(jobs.c.id).limit(_BATCH)
    while rows := bind.execute(page.where(jobs.c.id > after)).all():
        bind.execute(sa.insert(requests), [_request(row, named.get(row.id)) for row in rows])
        links = [{"job": row.id, "request": _id(row.id)} for row in rows]
        bind.execute(change.values(erasure_request_id=sa.bindparam("request")), links)
        after = rows[-1].id
    parent = "(SELECT p.erasure_request_id FROM jobs p WHERE p.id = jobs.parent_id)"
    unlinked = f"erasure_request_id IS NULL AND parent_id IS NOT NULL AND {parent} IS NOT NULL"
    while bind.execute(sa.text(f"UPDATE jobs SET erasure_request_id = {parent} WHERE {unlinked}")).rowcount:  # noqa: S608
        pass
    met = "FROM jobs j WHERE j.verdict = 'passed' AND j.erasure_request_id = requests.id"
    op.execute(
        f"UPDATE requests SET status = 'settled', ended_at = (SELECT MAX(j.finished_at) {met}) "  # noqa: S608
        f"WHERE status <> 'settled' AND EXISTS (SELECT 1 {met})"
    )


def _request(row: sa.Row, opendsr: sa.Row | None) -> dict[str, object]:  # type: ignore[type-arg]
    withdrawn = row.deleted_at is not None or row.status == "cancelled"
    status = "settled" if row.verdict == "passed" else "withdrawn" if withdrawn else "open"
    ended = None if status == "open" else row.finished_at or row.deleted_at
    return {
        "id": _id(row.id),
        "tenant_id": row.tenant_id,
        "created_by": row.created_by,
        "version": 1,
        "status": status,
        "regulation": "ccpa" if opendsr and opendsr.regulation == "ccpa" else "gdpr",
        "created_at": row.created_at,
        "received_at": min(opendsr.submitted_at, opendsr.received_at) if opendsr else row.created_at,
        "due_at": row.due_at or (opendsr.expected_at if opendsr else row.created_at),
        "due_warned_at": row.due_warned_at,
        "ended_at": ended,
    }


def _id(job_id: str) -> str:
    return f"req_{job_id.partition('_')[2]}"
