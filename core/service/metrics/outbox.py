"""Gauges about webhook deliveries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.service.db.tables.webhooks import WebhookDelivery, WebhookEndpoint


def outbox(s: Session, at: datetime) -> Iterable[Metric]:
    """Pending deliveries, and how long the first of them has been due. Disabled endpoints do not count."""
    query = select(func.count(), func.min(WebhookDelivery.next_attempt_at)).where(WebhookDelivery.status == "pending")
    query = query.join(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
    pending, due = s.execute(query.where(WebhookEndpoint.disabled_at.is_(None))).one()
    late = 0.0 if due is None else max(0.0, (at - due).total_seconds())
    yield GaugeMetricFamily("lethe_webhook_deliveries_pending", "Webhook deliveries not made yet.", value=pending)
    yield GaugeMetricFamily("lethe_webhook_outbox_lag_seconds", "How late the first due delivery is.", value=late)
