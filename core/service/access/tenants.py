"""Tenants."""

from __future__ import annotations

from sqlalchemy.orm import Session

from core.service.db.tables.access import Tenant
from core.service.kit.clock import now

DEFAULT_TENANT = "default"


def ensure_tenant(s: Session, tenant: str, name: str | None = None) -> Tenant:
    """The tenant with this id, created if there is none."""
    row = s.get(Tenant, tenant)
    if row is None:
        row = Tenant(id=tenant, name=name or tenant, created_at=now())
        s.add(row)
        s.flush()
    return row
