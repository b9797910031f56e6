"""A tenant's endpoints: the URLs to which events about its jobs are sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.service.crypto.keyring import WrappedKey
from core.service.db.engine import keyring_of
from core.service.db.tables.webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from core.service.errors import NotFound, TooManyWebhooks
from core.service.kit import cursors
from core.service.kit.clock import now
from core.service.kit.ids import new_id
from core.service.settings import Settings
from core.service.webhooks import secrets, urls
from core.service.webhooks.addresses import AddressPolicy
from core.service.webhooks.schema import SecretRotation, WebhookCreate
from core.service.webhooks.views import WebhookView, endpoint_view

MAX_LIMIT = 100


@dataclass(frozen=True)
class EndpointPage:
    """A page of endpoints, and the cursor of the next page."""

    items: Sequence[WebhookView]
    next_cursor: str | None


def create(s: Session, tenant: str, settings: Settings, body: WebhookCreate) -> tuple[WebhookView, str]:
    """A new endpoint and its signing secret, which is not shown again. Raises `InvalidRequest`, `TooManyWebhooks`."""
    urls.check(body.url, AddressPolicy(settings.allowed_webhook_networks))
    count = select(func.count()).where(WebhookEndpoint.tenant_id == tenant)
    if s.execute(count).scalar_one() >= settings.max_webhooks:
        raise TooManyWebhooks(f"A tenant may have {settings.max_webhooks} webhooks; delete one first.")
    keyring, endpoint_id, secret = keyring_of(s), new_id("whk"), secrets.new_secret()
    wrapped = keyring.new_data_key()
    row = WebhookEndpoint(
        id=endpoint_id,
        tenant_id=tenant,
        url=body.url,
        events=None if body.events is None else sorted(set(body.events)),
        description=body.description,
        created_at=now(),
        wrapped_key=wrapped.blob,
        secret=secrets.encrypt(keyring, wrapped, endpoint_id, secret),
    )
    s.add(row)
    s.flush()
    return endpoint_view(row), secret


def get(s: Session, tenant: str, endpoint_id: str) -> WebhookView:
    """One endpoint. Raises `NotFound`."""
    return endpoint_view(get_row(s, tenant, endpoint_id))


def list_endpoints(s: Session, tenant: str, cursor: str | None = None, limit: int = 20) -> EndpointPage:
    """The tenant's endpoints, newest first, at most `limit` (100 at most). Raises `InvalidCursor`."""
    limit, binding = min(limit, MAX_LIMIT), f"webhooks {tenant}".encode()
    query = select(WebhookEndpoint).where(WebhookEndpoint.tenant_id == tenant)
    if cursor is not None:
        query = query.where(WebhookEndpoint.id < cursors.unseal(keyring_of(s), cursor, binding))
    rows = list(s.execute(query.order_by(WebhookEndpoint.id.desc()).limit(limit + 1)).scalars())
    next_cursor = cursors.seal(keyring_of(s), rows[limit - 1].id, binding) if len(rows) > limit else None
    return EndpointPage([endpoint_view(row) for row in rows[:limit]], next_cursor)


def rotate_secret(s: Session, tenant: str, endpoint_id: str, body: SecretRotation) -> tuple[WebhookView, str]:
    """A new secret. The old one signs, too, for a while, so that the receiver can change over. Raises `NotFound`."""
    row = get_row(s, tenant, endpoint_id, lock=True)
    secret = secrets.new_secret()
    row.previous_secret, row.previous_until = row.secret, now() + timedelta(hours=body.overlap_hours)
    row.secret = secrets.encrypt(keyring_of(s), WrappedKey(row.wrapped_key), endpoint_id, secret)
    s.flush()
    return endpoint_view(row), secret


def delete(s: Session, tenant: str, endpoint_id: str) -> None:
    """Delete an endpoint with its secret and all its deliveries. Raises `NotFound`."""
    row = get_row(s, tenant, endpoint_id, lock=True)
    own = WebhookDelivery.endpoint_id == endpoint_id
    s.execute(delete_rows(WebhookAttempt).where(WebhookAttempt.delivery_id.in_(select(WebhookDelivery.id).where(own))))
    s.execute(delete_rows(WebhookDelivery).where(own))
    s.delete(row)
    s.flush()


def get_row(s: Session, tenant: str, endpoint_id: str, *, lock: bool = False) -> WebhookEndpoint:
    """The tenant's endpoint. With `lock` no other transaction changes it until this one ends. Raises `NotFound`."""
    query = select(WebhookEndpoint).where(WebhookEndpoint.tenant_id == tenant, WebhookEndpoint.id == endpoint_id)
    row = s.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    if row is None:
        raise NotFound
    return row
