"""`client.audit`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from client.models import AuditEntry
from client.pages import iterate
from client.resources.base import Resource


class Audit(Resource):
    """The audit log of the tenant."""

    def list(
        self,
        *,
        action: str | None = None,
        resource: str | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        page_size: int | None = None,
    ) -> Iterator[AuditEntry]:
        """Every entry that fits, newest first. Pages are fetched as the iteration reaches them."""
        params = {
            "action": action,
            "resource": resource,
            "actor": actor,
            "since": since.isoformat() if since else None,
            "before": before.isoformat() if before else None,
            "limit": page_size,
        }
        return iterate(self._transport, "/v1/audit", params, AuditEntry)
