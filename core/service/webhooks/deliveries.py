"""What was sent to an endpoint, what was not, and sending it again."""

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
from core.service.webhooks.endpoints import MAX_LIMIT, row_of
from core.service.webhooks.views import DeliveryView, delivery_view

BATCH = 500


@dataclass(frozen=True)
class DeliveryPage:
    """A page of deliveries, and where the next one begins."""

    items: Sequence[DeliveryView]
    next_cursor: str | None


def list_deliveries(
    s: Session, tenant: str, endpoint_id: str, status: str | None = None, cursor: str | None = None, limit: int = 20
) -> DeliveryPage:
    """Newest first, at most `limit` (100 at most). Raises `NotFound`, `InvalidCursor`."""
    row_of(s, tenant, endpoint_id)
    limit, binding = min(limit, MAX_LIMIT), f"deliveries {endpoint_id} {status}".encode()
    query = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
    if status is not None:
        query = query.where(WebhookDelivery.status == status)
    if cursor is not None:
        query = query.where(WebhookDelivery.id < cursors.unseal(keyring_of(s), cursor, binding))
    rows = list(s.execute(query.order_by(WebhookDelivery.id.desc()).limit(limit + 1)).scalars())
    more = cursors.seal(keyring_of(s), rows[limit - 1].id, binding) if len(rows) > limit else None
    return DeliveryPage(_with_attempts(s, rows[:limit]), more)


def redeliver(s: Session, tenant: str, endpoint_id: str, delivery_id: str) -> DeliveryView:
    """Send a delivery again now, under the same id and with the whole schedule before it.

    Raises `NotFound`, and `WebhookDisabled` where nothing is sent any more.
    """
    endpoint = row_of(s, tenant, endpoint_id, lock=True)
    mine = WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.id == delivery_id
    row = s.execute(select(WebhookDelivery).where(*mine).with_for_update()).scalar_one_or_none()
    if row is None:
        raise NotFound
    if endpoint.disabled_at is not None:
        raise WebhookDisabled
    endpoint.paused_until = None
    row.status, row.next_attempt_at, row.tries = "pending", db_now(s), 0
    s.flush()
    return _with_attempts(s, [row])[0]


def purge(services: Services) -> int:
    """Forget deliveries that ended long ago. Returns their number."""
    over = select(WebhookDelivery.id).where(*_old(services))
    with services.db.read() as session:
        ids = list(session.execute(over.limit(BATCH)).scalars())
    if not ids:
        return 0
    with services.db.write() as session:
        locked = over.where(WebhookDelivery.id.in_(ids)).with_for_update(skip_locked=True)
        gone = list(session.execute(locked).scalars())
        session.execute(delete(WebhookAttempt).where(WebhookAttempt.delivery_id.in_(gone)))
        session.execute(delete(WebhookDelivery).where(WebhookDelivery.id.in_(gone)))
    return len(gone)


def count_old(services: Services) -> int:
    """How many `purge` would forget."""
    with services.db.read() as session:
        return session.execute(select(func.count()).select_from(WebhookDelivery).where(*_old(services))).scalar_one()


def _old(services: Services) -> tuple[ColumnElement[bool], ...]:
    oldest = now() - timedelta(days=services.settings.webhook_history_days)
    return WebhookDelivery.created_at < oldest, WebhookDelivery.status != "pending"


def _with_attempts(s: Session, rows: Sequence[WebhookDelivery]) -> list[DeliveryView]:
    found: dict[str, list[WebhookAttempt]] = defaultdict(list)
    made = select(WebhookAttempt).where(WebhookAttempt.delivery_id.in_([row.id for row in rows]))
    for attempt in s.execute(made.order_by(WebhookAttempt.number)).scalars():
        found[attempt.delivery_id].append(attempt)
    return [delivery_view(row, found[row.id]) for row in rows]
