"""The audit log as chains: numbered and hashed entries that triggers keep from being changed.

Older rows are numbered and hashed as they are; nothing vouches for them but the next entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: None = None
depends_on: None = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_MOMENT = sa.DateTime(timezone=True)
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_GENESIS = "0" * 64
_BATCH = 1000

_SQLITE_TRIGGERS = (
    "CREATE TRIGGER audit_entries_no_update BEFORE UPDATE ON audit_entries "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "CREATE TRIGGER audit_heads_no_return BEFORE UPDATE ON audit_heads WHEN NEW.count < OLD.count "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "CREATE TRIGGER audit_heads_no_delete BEFORE DELETE ON audit_heads "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
)
_POSTGRESQL_TRIGGERS = (
    "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$",
    "CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()",
    "CREATE TRIGGER audit_heads_no_return BEFORE UPDATE ON audit_heads FOR EACH ROW "
    "WHEN (NEW.count < OLD.count) EXECUTE FUNCTION audit_append_only()",
    "CREATE TRIGGER audit_heads_no_delete BEFORE DELETE OR TRUNCATE ON audit_heads "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()",
)


def upgrade() -> None:
    """Apply."""
    _entries()
    _heads()
    _chain_older_rows()
    op.drop_table("audit_log")
    # A later revision that rebuilds one of the tables on SQLite must make its triggers again.
    for trigger in _POSTGRESQL_TRIGGERS if _postgresql() else _SQLITE_TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    """Undo."""
    _log()
    entries, log = _table("audit_entries"), _table("audit_log")
    same = [entries.c[name] for name in ("tenant_id", "at", "actor", "action", "resource", "details")]
    rows = sa.select(*same).order_by(entries.c.at, entries.c.tenant_id, entries.c.number)
    op.execute(log.insert().from_select([column.name for column in same], rows))
    op.drop_table("audit_heads")
    op.drop_table("audit_entries")
    if _postgresql():
        op.execute("DROP FUNCTION audit_append_only()")


def _postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _entries() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("number", _BIG, autoincrement=False, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=100), nullable=False),
        sa.Column("details", _JSON, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "number", name=op.f("pk_audit_entries")),
    )
    op.create_index("ix_audit_entries_tenant_id_resource_number", "audit_entries", ["tenant_id", "resource", "number"])


def _heads() -> None:
    op.create_table(
        "audit_heads",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("count", _BIG, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=True),
        sa.Column("anchored", _BIG, nullable=False),
        sa.Column("anchored_at", _MOMENT, nullable=True),
        sa.CheckConstraint("anchored <= count", name=op.f("ck_audit_heads_anchored_in_count")),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_audit_heads")),
    )


def _log() -> None:
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


def _table(name: str) -> sa.Table:
    return sa.Table(name, sa.MetaData(), autoload_with=op.get_bind())


def _chain_older_rows() -> None:
    entries, heads = _table("audit_entries"), _table("audit_heads")
    ends: dict[str, tuple[int, str]] = {}
    for rows in _older_rows():
        chained = []
        for row in rows:
            count, previous = ends.get(row["tenant_id"], (0, _GENESIS))
            values = {**row, "number": count + 1, "hash": _hash(previous, count + 1, row)}
            ends[row["tenant_id"]] = (count + 1, values["hash"])
            chained.append(values)
        op.get_bind().execute(entries.insert(), chained)
    for tenant, (count, last) in ends.items():
        values = {"tenant_id": tenant, "count": count, "hash": last, "mac": None, "anchored": 0}
        op.get_bind().execute(heads.insert(), values)


def _older_rows() -> Iterator[list[dict[str, Any]]]:
    log, after = _table("audit_log"), 0
    while True:
        page = sa.select(log).where(log.c.seq > after).order_by(log.c.seq).limit(_BATCH)
        rows = [dict(row._mapping) for row in op.get_bind().execute(page)]
        if not rows:
            return
        after = rows[-1]["seq"]
        yield [{key: value for key, value in row.items() if key != "seq"} for row in rows]


def _hash(previous: str, number: int, row: dict[str, Any]) -> str:
    at: datetime = row["at"] if row["at"].tzinfo else row["at"].replace(tzinfo=UTC)
    said = {"previous": previous, "tenant": row["tenant_id"], "number": number}
    said |= {"at": at.astimezone(UTC).isoformat(timespec="microseconds"), "details": row["details"]}
    said |= {name: row[name] for name in ("actor", "action", "resource")}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
