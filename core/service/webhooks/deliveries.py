"""The deliveries of an endpoint: lists, redelivery, and deletion of old ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.db.engine import db_now, keyring_of
from core.service.db.tables.webhooks import WebhookAttempt, WebhookDelivery
from core.service.errors import NotFound, WebhookDisabled
from core.service.kit import cursors
from core.service.kit.clock import now
from core.service.webhooks.endpoints import MAX_LIMIT, get_row
from core.service.webhooks.views import DeliveryView, delivery_view

BATCH = 500


@dataclass(frozen=True)
class DeliveryPage:
    """A page of deliveries, and the cursor of the next page."""

    items: Sequence[DeliveryView]
    next_cursor: str | None


def list_deliveries(
    s: Session, tenant: str, endpoint_id: str, status: str | None = None, cursor: str | None = None, limit: int = 20
) -> DeliveryPage:
    """The endpoint's deliveries, newest first, at most `limit` (100 at most). Raises `NotFound`, `InvalidCursor`."""
    get_row(s, tenant, endpoint_id)
    limit, binding = min(limit, MAX_LIMIT), f"deliveries {endpoint_id} {status}".encode()
    query = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
    if status is not None:
        query = query.where(WebhookDelivery.status == status)
    if cursor is not None:
        query = query.where(WebhookDelivery.id < cursors.unseal(keyring_of(s), cursor, binding))
    rows = list(s.execute(query.order_by(WebhookDelivery.id.desc()).limit(limit + 1)).scalars())
    next_cursor = cursors.seal(keyring_of(s), rows[limit - 1].id, binding) if len(rows) > limit else None
    return DeliveryPage(_with_attempts(s, rows[:limit]), next_cursor)


def redeliver(s: Session, tenant: str, endpoint_id: str, delivery_id: str) -> DeliveryView:
    """Send a delivery again now, with the same id and a new schedule of retries.

    Raises `NotFound`, and `WebhookDisabled` if the endpoint is disabled.
    """
    endpoint = get_row(s, tenant, endpoint_id, lock=True)
    match = WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.id == delivery_id
    row = s.execute(select(WebhookDelivery).where(*match).with_for_update()).scalar_one_or_none()
    if row is None:
        raise NotFound
    if endpoint.disabled_at is not None:
        raise WebhookDisabled
    endpoint.paused_until = None
    row.status, row.next_attempt_at, row.tries = "pending", db_now(s), 0
    s.flush()
    return _with_attempts(s, [row])[0]


def purge(services: Services) -> int:
    """Delete deliveries that are old and not pending. Returns their number."""
    old = select(WebhookDelivery.id).where(*_old(services))
    with services.db.read() as session:
        ids = list(session.execute(old.limit(BATCH)).scalars())
    if not ids:
        return 0
    with services.db.write() as session:
        locked = old.where(WebhookDelivery.id.in_(ids)).with_for_update(skip_locked=True)
        deleted = list(session.execute(locked).scalars())
        session.execute(delete(WebhookAttempt).where(WebhookAttempt.delivery_id.in_(deleted)))
        session.execute(delete(WebhookDelivery).where(WebhookDelivery.id.in_(deleted)))
    return len(deleted)


def count_old(services: Services) -> int:
    """How many deliveries `purge` would delete."""
    with services.db.read() as session:
        return session.execute(select(func.count()).select_from(WebhookDelivery).where(*_old(services))).scalar_one()


def _old(services: Services) -> tuple[ColumnElement[bool], ...]:
    oldest = now() - timedelta(days=services.settings.webhook_history_days)
    return WebhookDelivery.created_at < oldest, WebhookDelivery.status != "pending"


def _with_attempts(s: Session, rows: Sequence[WebhookDelivery]) -> list[DeliveryView]:
    by_delivery: dict[str, list[WebhookAttempt]] = defaultdict(list)
    query = select(WebhookAttempt).where(WebhookAttempt.delivery_id.in_([row.id for row in rows]))
    for attempt in s.execute(query.order_by(WebhookAttempt.number)).scalars():
        by_delivery[attempt.delivery_id].append(attempt)
    return [delivery_view(row, by_delivery[row.id]) for row in rows]
