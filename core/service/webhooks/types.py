"""What a webhook can be about. A new kind of event is one more line here, and a call of `outbox.emit`."""

from __future__ import annotations

EVENT_TYPES = (
    "job.running",
    "job.succeeded",
    "job.failed",
    "job.cancelled",
)
