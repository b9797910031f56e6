"""Adds entries. They are collected during a transaction and chained just before its commit.

So the head of a tenant's chain is locked only during the commit, and after every other lock: transactions cannot
deadlock over it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Any

import structlog
from sqlalchemy import func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.service.audit.chain import GENESIS, entry_hash, head_message, json_value
from core.service.db.engine import before_commit, keyring_of
from core.service.db.tables.audit import AuditEntry, AuditHead
from core.service.kit.clock import now

SYSTEM = "system"
"""The actor of what no API key has asked for: the sweep, a worker."""
INSTALLATION = "*"
"""The tenant of entries that concern all tenants, such as a new master key."""
SEALED = "audit.sealed"
_PENDING = "audit_entries"
_BROKEN = b""
"""The seal of a head that was tampered with. No later entry makes it valid again."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Entry:
    at: datetime
    actor: str
    action: str
    resource: str
    details: dict[str, Any]


def record(
    s: Session, tenant: str, actor: str, action: str, resource: str, details: Mapping[str, Any] | None = None
) -> None:
    """Add an entry, e.g. `record(s, tenant, key_id, "job.created", job_id, {"model": "m"})`.

    `details` are ids, numbers and digests only. The entry is stored when the write session commits.
    """
    entry = _Entry(now(), actor, action, resource, json_value(details or {}))
    pending: dict[str, list[_Entry]] | None = s.info.get(_PENDING)
    if pending is None:
        pending = s.info[_PENDING] = defaultdict(list)
        before_commit(s, lambda: _append(s))
    pending[tenant].append(entry)


def _append(s: Session) -> None:
    pending: dict[str, list[_Entry]] = s.info.pop(_PENDING)
    s.flush()
    for tenant in sorted(pending):
        _extend(s, tenant, pending[tenant])


def _extend(s: Session, tenant: str, entries: Sequence[_Entry]) -> None:
    head = _locked_head(s, tenant)
    if head.count and head.mac is None:
        # The entries so far are older than the chain.
        entries = [_Entry(now(), SYSTEM, SEALED, tenant, {"entries": head.count}), *entries]
    intact = _intact(s, head)
    rows = []
    for entry in entries:
        head.count += 1
        values = {"tenant": tenant, "number": head.count, **vars(entry)}
        head.hash = entry_hash(head.hash, **values)
        rows.append({**vars(entry), "tenant_id": tenant, "number": head.count, "hash": head.hash})
    head.mac = _seal(s, head) if intact else _BROKEN
    s.execute(insert(AuditEntry), rows)
    s.flush()


def _locked_head(s: Session, tenant: str) -> AuditHead:
    """The tenant's head, locked until this transaction has ended."""
    query = select(AuditHead).where(AuditHead.tenant_id == tenant).with_for_update()
    query = query.execution_options(populate_existing=True)
    head = s.execute(query).scalar_one_or_none()
    if head is None:
        _add_head(s, tenant)
        head = s.execute(query).scalar_one()
    return head


def _add_head(s: Session, tenant: str) -> None:
    last = select(func.max(AuditEntry.number)).where(AuditEntry.tenant_id == tenant)
    count = s.execute(last).scalar_one() or 0
    # Entries without a head: it was deleted.
    mac = _BROKEN if count else None
    into = postgresql.insert if s.get_bind().dialect.name == "postgresql" else sqlite.insert
    values = {"tenant_id": tenant, "count": count, "hash": GENESIS, "mac": mac, "anchored": 0}
    s.execute(into(AuditHead).values(values).on_conflict_do_nothing())


def _intact(s: Session, head: AuditHead) -> bool:
    if head.mac is None or compare_digest(head.mac, _seal(s, head)):
        return True
    log.error("audit_head_changed", tenant=head.tenant_id)
    return False


def _seal(s: Session, head: AuditHead) -> bytes:
    return keyring_of(s).mac("audit", head_message(head.tenant_id, head.count, head.hash))
