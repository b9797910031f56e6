"""`client.webhooks`."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator

from client.models import Delivery, NewWebhook, Webhook
from client.pages import iterate
from client.resources.base import Resource


class Webhooks(Resource):
    """URLs to which the server sends what happens to jobs, signed as Standard Webhooks 1.0 specifies."""

    def create(
        self,
        url: str,
        *,
        events: Iterable[str] | None = None,
        description: str | None = None,
        idempotency_key: str | None = None,
    ) -> NewWebhook:
        """Add a URL, for these types of event or for all. `secret` in the answer is shown this once."""
        body = {"url": url, "events": list(events) if events is not None else None, "description": description}
        answer = self._transport.json(
            "POST", "/v1/webhooks", json=body, idempotency_key=idempotency_key or uuid.uuid4().hex
        )
        return NewWebhook.model_validate(answer)

    def list(self) -> Iterator[Webhook]:
        """Every webhook, newest first, without secrets."""
        return iterate(self._transport, "/v1/webhooks", {}, Webhook)

    def get(self, webhook_id: str) -> Webhook:
        """One of them."""
        return Webhook.model_validate(self._transport.json("GET", f"/v1/webhooks/{webhook_id}"))

    def delete(self, webhook_id: str) -> None:
        """Stop sending to it, and delete its deliveries."""
        self._transport.request("DELETE", f"/v1/webhooks/{webhook_id}")

    def rotate_secret(
        self, webhook_id: str, *, overlap_hours: float = 24.0, idempotency_key: str | None = None
    ) -> NewWebhook:
        """A new signing secret. Until the overlap is over the old one signs too."""
        answer = self._transport.json(
            "POST",
            f"/v1/webhooks/{webhook_id}/rotate-secret",
            json={"overlap_hours": overlap_hours},
            idempotency_key=idempotency_key or uuid.uuid4().hex,
        )
        return NewWebhook.model_validate(answer)

    def deliveries(
        self, webhook_id: str, *, status: str | None = None, page_size: int | None = None
    ) -> Iterator[Delivery]:
        """What was and will be sent, newest first; `status` is pending, delivered or failed."""
        params = {"status": status, "limit": page_size}
        return iterate(self._transport, f"/v1/webhooks/{webhook_id}/deliveries", params, Delivery)

    def redeliver(self, webhook_id: str, delivery_id: str) -> Delivery:
        """Send a delivery again now."""
        path = f"/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver"
        return Delivery.model_validate(self._transport.json("POST", path))
