"""The audit log: a chain of entries for each tenant, and the head of each chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.service.db.base import Base
from core.service.db.types import BigIntKey


class AuditEntry(Base):
    """Who did what to which resource, and when. Triggers refuse updates and deletes; see `audit.chain`."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "tenant_id", "resource", "number"),)

    tenant_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(BigIntKey, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(64))
    resource: Mapped[str] = mapped_column(String(100))
    details: Mapped[dict[str, Any]]
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """The head of a tenant's chain. `mac` is null for a log that is older than the chain, until its next entry.

    The first `anchored` entries are also covered by an anchor in the object store.
    """

    __tablename__ = "audit_heads"
    __table_args__ = (CheckConstraint("anchored <= count", name="anchored_in_count"),)

    tenant_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int] = mapped_column(BigIntKey)
    hash: Mapped[str] = mapped_column(String(64))
    mac: Mapped[bytes | None]
    anchored: Mapped[int] = mapped_column(BigIntKey)
    anchored_at: Mapped[datetime | None]
