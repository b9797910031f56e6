"""Pages of a tenant's entries, newest first, by keyset."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from core.service.db.engine import keyring_of
from core.service.db.tables.audit import AuditEntry
from core.service.kit import cursors

MAX_LIMIT = 100


class AuditView(BaseModel):
    """An entry. `number` counts a tenant's entries from 1; `hash` covers this entry and the hash of the one before."""

    object: Literal["audit_entry"] = "audit_entry"
    number: int = Field(description="Number of the entry, counted from 1 for each tenant.")
    at: datetime
    actor: str = Field(description="Id of the API key that did it, or `system`.")
    action: str = Field(description="What was done, such as `job.created`.")
    resource: str = Field(description="Id of what it was done to.")
    details: dict[str, Any] = Field(description="Ids, numbers and digests.")
    hash: str = Field(description="Hash over this entry and the hash of the one before.")


@dataclass(frozen=True)
class AuditFilters:
    """Which entries to list; None: no restriction. `since` is included, `before` is not."""

    action: str | None = None
    resource: str | None = None
    actor: str | None = None
    since: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True)
class AuditPage:
    """A page of entries, and the cursor of the next page."""

    items: list[AuditView]
    has_more: bool
    next_cursor: str | None


def list_entries(
    s: Session, tenant: str, filters: AuditFilters | None = None, cursor: str | None = None, limit: int = 20
) -> AuditPage:
    """The entries after `cursor`, at most `limit` (100 at most). Raises `InvalidCursor` for one of another list."""
    filters, limit = filters or AuditFilters(), min(limit, MAX_LIMIT)
    query = _filtered(select(AuditEntry).where(AuditEntry.tenant_id == tenant), filters)
    binding = json.dumps(["audit", tenant, asdict(filters)], default=str, sort_keys=True).encode()
    keyring = keyring_of(s)
    if cursor is not None:
        query = query.where(AuditEntry.number < int(cursors.unseal(keyring, cursor, binding)))
    rows = list(s.execute(query.order_by(AuditEntry.number.desc()).limit(limit + 1)).scalars())
    rows, has_more = rows[:limit], len(rows) > limit
    following = cursors.seal(keyring, str(rows[-1].number), binding) if has_more else None
    return AuditPage([AuditView.model_validate(row, from_attributes=True) for row in rows], has_more, following)


def _filtered(query: Select[AuditEntry], filters: AuditFilters) -> Select[AuditEntry]:
    for column, value in (
        (AuditEntry.action, filters.action),
        (AuditEntry.resource, filters.resource),
        (AuditEntry.actor, filters.actor),
    ):
        if value is not None:
            query = query.where(column == value)
    if filters.since is not None:
        query = query.where(AuditEntry.at >= filters.since)
    if filters.before is not None:
        query = query.where(AuditEntry.at < filters.before)
    return query
