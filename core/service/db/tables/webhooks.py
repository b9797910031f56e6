"""Webhooks: endpoints, the deliveries to them (the outbox), and every attempt at a delivery."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.service.db.base import Base, one_of, where

DeliveryStatus = Literal["pending", "delivered", "failed"]
_PENDING = where("status = 'pending'")


class WebhookEndpoint(Base):
    """A URL to which events about a tenant's jobs are sent. Only the holder of its lease delivers to it."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        CheckConstraint("(disabled_at IS NULL) = (disabled_reason IS NULL)", name="disabled_for_a_reason"),
        CheckConstraint("(previous_secret IS NULL) = (previous_until IS NULL)", name="previous_secret_ends"),
        CheckConstraint("failures >= 0", name="failures_counted"),
        Index(None, "tenant_id", "id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    url: Mapped[str] = mapped_column(String(2000))
    events: Mapped[list[str] | None]
    description: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]

    wrapped_key: Mapped[bytes]
    secret: Mapped[bytes]
    previous_secret: Mapped[bytes | None]
    previous_until: Mapped[datetime | None]

    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None] = mapped_column(String(40))
    failures: Mapped[int] = mapped_column(default=0)
    paused_until: Mapped[datetime | None]
    last_attempt_at: Mapped[datetime | None]
    lease_token: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]


class WebhookDelivery(Base):
    """One event for one endpoint: a row of the outbox, written by the transaction that made the event."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        CheckConstraint(one_of("status", get_args(DeliveryStatus)), name="status_known"),
        CheckConstraint("(status = 'pending') = (next_attempt_at IS NOT NULL)", name="pending_has_a_time"),
        CheckConstraint("tries >= 0 AND attempts >= tries", name="tries_counted"),
        Index(None, "endpoint_id", "id"),
        Index(None, "job_id"),
        Index(None, "created_at"),
        Index("ix_webhook_deliveries_due", "endpoint_id", "next_attempt_at", **_PENDING),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id"))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    type: Mapped[str] = mapped_column(String(64))
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(16), default="pending")
    next_attempt_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)


class WebhookAttempt(Base):
    """One attempt at a delivery, and its outcome."""

    __tablename__ = "webhook_attempts"

    delivery_id: Mapped[str] = mapped_column(ForeignKey("webhook_deliveries.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(40))
    status_code: Mapped[int | None]
    duration_ms: Mapped[int]
