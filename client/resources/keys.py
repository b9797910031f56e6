"""`client.keys`."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime

from client.models import ApiKey, NewApiKey
from client.pages import iterate
from client.resources.base import Resource


class Keys(Resource):
    """API keys of the tenant."""

    def create(self, name: str, *, scopes: Iterable[str], expires_at: datetime | None = None) -> NewApiKey:
        """Make a key. `secret` in the answer is shown this once."""
        body = {"name": name, "scopes": list(scopes), "expires_at": expires_at.isoformat() if expires_at else None}
        answer = self._transport.json("POST", "/v1/keys", json=body, idempotency_key=uuid.uuid4().hex)
        return NewApiKey.model_validate(answer)

    def rotate(self, key_id: str, *, overlap_seconds: int = 86400, expires_at: datetime | None = None) -> NewApiKey:
        """A key that may do the same, shown this once. The old one ends after the overlap."""
        body = {"overlap_seconds": overlap_seconds, "expires_at": expires_at.isoformat() if expires_at else None}
        answer = self._transport.json("POST", f"/v1/keys/{key_id}/rotate", json=body, idempotency_key=uuid.uuid4().hex)
        return NewApiKey.model_validate(answer)

    def list(self) -> Iterator[ApiKey]:
        """Every key, without secrets."""
        return iterate(self._transport, "/v1/keys", {}, ApiKey)

    def revoke(self, key_id: str) -> None:
        """End a key now."""
        self._transport.request("DELETE", f"/v1/keys/{key_id}")
