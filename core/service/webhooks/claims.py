"""Claims a delivery that is due, and stores its outcome. There is one delivery at a time for each endpoint.

The lease is on the endpoint and is taken by compare-and-set: two workers never send the same delivery, and a slow
receiver delays only its own deliveries. If a worker is lost, its delivery is sent again when the lease ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.orm import Session

from core.service import audit
from core.service.crypto.keyring import DecryptionError
from core.service.db import counters
from core.service.db.engine import keyring_of
from core.service.db.tables.webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from core.service.webhooks import secrets
from core.service.webhooks.schedule import GIVE_UP_AFTER, Jitter, next_delay, pause
from core.service.webhooks.send import Message, Outcome

BATCH = 10
ATTEMPTS = "lethe_webhook_attempts"
"""The counter of attempts, by outcome."""


@dataclass(frozen=True)
class ClaimedDelivery:
    """A delivery that this process may send. `secrets` is empty if they cannot be decrypted."""

    endpoint_id: str
    lease_token: int
    message: Message
    url: str = field(repr=False)
    secrets: list[str] = field(repr=False)


def due_endpoints(s: Session, at: datetime) -> list[str]:
    """Endpoints without a lease that have a delivery due, the one that has waited longest first."""
    query = select(WebhookEndpoint.id).where(*_free(at), exists().where(*_due(at)))
    query = query.order_by(WebhookEndpoint.last_attempt_at.nulls_first(), WebhookEndpoint.id)
    return list(s.execute(query.limit(BATCH)).scalars())


def claim(s: Session, endpoint_id: str, at: datetime, ttl: float) -> ClaimedDelivery | None:
    """Claim the endpoint's next delivery for `ttl` seconds. None if there is none to claim."""
    row = s.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id, *_free(at), exists().where(*_due(at)))
        .values(lease_until=at + timedelta(seconds=ttl), lease_token=WebhookEndpoint.lease_token + 1)
        .returning(WebhookEndpoint)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).scalar_one_or_none()
    if row is None:
        return None
    due = select(WebhookDelivery).where(*_due(at), WebhookEndpoint.id == endpoint_id)
    due = due.order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.id).limit(1)
    delivery = s.execute(due).scalar_one()
    message = Message(delivery.id, delivery.type, delivery.created_at, delivery.data)
    return ClaimedDelivery(endpoint_id, row.lease_token, message, row.url, _secrets(s, row, at))


def record(s: Session, claimed: ClaimedDelivery, outcome: Outcome, at: datetime, jitter: Jitter) -> bool:
    """Store an attempt and release the endpoint. False if it was deleted, or claimed by another, meanwhile."""
    leased = WebhookEndpoint.id == claimed.endpoint_id, WebhookEndpoint.lease_token == claimed.lease_token
    endpoint = s.execute(select(WebhookEndpoint).where(*leased).with_for_update()).scalar_one_or_none()
    if endpoint is None:
        return False
    delivery = s.get_one(WebhookDelivery, claimed.message.id, with_for_update=True)
    counters.count(s, ATTEMPTS, {"outcome": outcome.name})
    endpoint.lease_until, endpoint.last_attempt_at = None, at
    delivery.attempts += 1
    delivery.tries += 1
    s.add(
        WebhookAttempt(
            delivery_id=delivery.id,
            number=delivery.attempts,
            at=at,
            outcome=outcome.name,
            status_code=outcome.status_code,
            duration_ms=outcome.duration_ms,
        )
    )
    if outcome.name == "delivered":
        endpoint.failures, endpoint.paused_until = 0, None
        delivery.status, delivery.next_attempt_at = "delivered", None
    else:
        _failed(endpoint, delivery, outcome, at, jitter)
    if outcome.name == "gone":
        _disable(s, endpoint, at)
    s.flush()
    return True


def _failed(
    endpoint: WebhookEndpoint, delivery: WebhookDelivery, outcome: Outcome, at: datetime, jitter: Jitter
) -> None:
    endpoint.failures += 1
    endpoint.paused_until = at + pause(endpoint.failures, outcome.retry_after)
    delay = next_delay(delivery.tries, outcome.retry_after, jitter)
    too_old = delivery.tries == delivery.attempts and at - delivery.created_at > GIVE_UP_AFTER
    if delay is None or too_old or outcome.name == "gone":
        delivery.status, delivery.next_attempt_at = "failed", None
    else:
        delivery.next_attempt_at = at + delay


def _disable(s: Session, endpoint: WebhookEndpoint, at: datetime) -> None:
    """The receiver is gone: disable the endpoint, and let its pending deliveries fail."""
    endpoint.disabled_at, endpoint.disabled_reason = at, "gone"
    pending = WebhookDelivery.endpoint_id == endpoint.id, WebhookDelivery.status == "pending"
    s.flush()
    s.execute(update(WebhookDelivery).where(*pending).values(status="failed", next_attempt_at=None))
    audit.record(s, endpoint.tenant_id, audit.SYSTEM, "webhook.disabled", endpoint.id, {"reason": "gone"})


def _free(at: datetime) -> list[ColumnElement[bool]]:
    return [
        WebhookEndpoint.disabled_at.is_(None),
        or_(WebhookEndpoint.lease_until.is_(None), WebhookEndpoint.lease_until < at),
        or_(WebhookEndpoint.paused_until.is_(None), WebhookEndpoint.paused_until <= at),
    ]


def _due(at: datetime) -> list[ColumnElement[bool]]:
    return [
        WebhookDelivery.endpoint_id == WebhookEndpoint.id,
        WebhookDelivery.status == "pending",
        WebhookDelivery.next_attempt_at <= at,
    ]


def _secrets(s: Session, row: WebhookEndpoint, at: datetime) -> list[str]:
    try:
        return secrets.active_secrets(keyring_of(s), row, at)
    except DecryptionError:
        return []
