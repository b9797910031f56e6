"""`client.requests`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

from client.models import Request
from client.pages import iterate
from client.resources.base import Resource


class Requests(Resource):
    """Requests of data subjects, which jobs serve."""

    def create(self, request: Mapping[str, Any], *, idempotency_key: str | None = None) -> Request:
        """Receive a request in the form of the HTTP API: that of a job, with `models` in the place of `model`.

        Beside it `regulation` (`gdpr`, `ccpa`) and `received_at`. A job for each model begins at once.
        """
        key = idempotency_key or uuid.uuid4().hex
        return Request.model_validate(
            self._transport.json("POST", "/v1/requests", json=dict(request), idempotency_key=key)
        )

    def get(self, request_id: str) -> Request:
        """A request with its jobs."""
        return Request.model_validate(self._transport.json("GET", f"/v1/requests/{request_id}"))

    def list(
        self, *, status: str | None = None, due_before: datetime | None = None, external_id: str | None = None
    ) -> Iterator[Request]:
        """Requests, newest first."""
        due = due_before.isoformat() if due_before else None
        params = {"status": status, "due_before": due, "external_id": external_id}
        return iterate(self._transport, "/v1/requests", params, Request)

    def extend(self, request_id: str, reason: str, *, months: Literal[1, 2] = 2) -> Request:
        """Extend the period, once and before it is over."""
        return self._act(request_id, "extend", {"reason": reason, "months": months})

    def settle(self, request_id: str, reason: str) -> Request:
        """Settle by hand a request whose jobs did not all pass."""
        return self._act(request_id, "settle", {"reason": reason})

    def reject(self, request_id: str, reason: str) -> Request:
        """Refuse a request."""
        return self._act(request_id, "reject", {"reason": reason})

    def withdraw(self, request_id: str) -> Request:
        """The subject takes the request back; its jobs that have not ended are cancelled."""
        return self._act(request_id, "withdraw", None)

    def _act(self, request_id: str, what: str, body: Mapping[str, Any] | None) -> Request:
        sent = {} if body is None else {"json": dict(body)}
        return Request.model_validate(self._transport.json("POST", f"/v1/requests/{request_id}/{what}", **sent))
