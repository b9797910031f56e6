"""The types of webhook events. To add one, list it here and call `outbox.emit` where it happens."""

from __future__ import annotations

EVENT_TYPES = (
    "job.running",
    "job.succeeded",
    "job.failed",
    "job.cancelled",
)
