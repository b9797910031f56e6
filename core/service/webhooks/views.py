"""Endpoints and deliveries as clients see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from core.service.db.tables.webhooks import DeliveryStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint


class WebhookView(BaseModel):
    """An endpoint, without its secret. `events` is null where it hears of everything."""

    object: Literal["webhook"] = "webhook"
    id: str
    url: str
    events: list[str] | None = Field(description="Event types that are sent. null: all.")
    description: str | None
    status: Literal["active", "disabled"]
    disabled_reason: str | None = Field(description="Why it is disabled. null: it is active.")
    disabled_at: datetime | None
    created_at: datetime
    last_attempt_at: datetime | None = Field(description="When a delivery was last tried. null: never.")
    consecutive_failures: int = Field(description="Failed tries since the last one that got through.")
    paused_until: datetime | None = Field(description="When deliveries are tried again after a failure. null: now.")


class WebhookWithSecret(WebhookView):
    """An endpoint with its signing secret, which is shown this once."""

    secret: str | None = Field(
        description="Signing secret. It is shown only in the first answer; null when that answer is repeated."
    )


class AttemptView(BaseModel):
    """What came of sending a delivery once. `status_code` is null where no answer came."""

    number: int = Field(description="Number of the try, counted from 1.")
    at: datetime
    outcome: str = Field(description="What came of it, such as `delivered`, `rejected` or `timeout`.")
    status_code: int | None = Field(description="HTTP status of the receiver. null: no answer came.")
    duration_ms: int = Field(description="How long the try took, in milliseconds.")


class DeliveryView(BaseModel):
    """One event for one endpoint. `id` is the `webhook-id` of every try."""

    object: Literal["webhook_delivery"] = "webhook_delivery"
    id: str = Field(description="Id of the delivery; the `webhook-id` header of every try.")
    webhook_id: str
    type: str = Field(description="Type of the event.")
    job_id: str
    status: DeliveryStatus
    created_at: datetime
    next_attempt_at: datetime | None = Field(description="When it is tried next. null: it is not.")
    attempts: list[AttemptView]


def endpoint_view(row: WebhookEndpoint) -> WebhookView:
    """The document of an endpoint."""
    return WebhookView(
        id=row.id,
        url=row.url,
        events=row.events,
        description=row.description,
        status="disabled" if row.disabled_at else "active",
        disabled_reason=row.disabled_reason,
        disabled_at=row.disabled_at,
        created_at=row.created_at,
        last_attempt_at=row.last_attempt_at,
        consecutive_failures=row.failures,
        paused_until=row.paused_until,
    )


def delivery_view(row: WebhookDelivery, attempts: Sequence[WebhookAttempt]) -> DeliveryView:
    """The document of a delivery."""
    return DeliveryView(
        id=row.id,
        webhook_id=row.endpoint_id,
        type=row.type,
        job_id=row.job_id,
        status=row.status,
        created_at=row.created_at,
        next_attempt_at=row.next_attempt_at,
        attempts=[AttemptView.model_validate(attempt, from_attributes=True) for attempt in attempts],
    )
