"""Sends due deliveries one by one. Any number of threads and processes may do this at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.db.engine import db_now
from core.service.webhooks import claims
from core.service.webhooks.addresses import AddressPolicy
from core.service.webhooks.claims import ClaimedDelivery
from core.service.webhooks.schedule import Jitter
from core.service.webhooks.send import Outcome, Sender

LEASE_MARGIN_SECONDS = 30.0

log = structlog.get_logger(__name__)


class Deliverer:
    """Sends the deliveries of all tenants. `clock` gives the time of a session."""

    def __init__(
        self,
        services: Services,
        sender: Sender | None = None,
        clock: Callable[[Session], datetime] = db_now,
        jitter: Jitter = random.uniform,
    ) -> None:
        settings = services.settings
        policy = AddressPolicy(settings.allowed_webhook_networks)
        self._services, self._clock, self._jitter = services, clock, jitter
        self._sender = sender or Sender(policy, settings.webhook_timeout_seconds)

    def run(self) -> int:
        """Send until nothing is due. Returns the number of attempts."""
        attempts = 0
        while self.deliver_one():
            attempts += 1
        return attempts

    def deliver_one(self) -> bool:
        """Attempt one delivery. Returns False if none is due."""
        claimed = self._claim()
        if claimed is None:
            return False
        with self._services.db.read() as session:
            at = self._clock(session)
        outcome = Outcome("secret_unreadable")
        if claimed.secrets:
            outcome = self._sender.send(claimed.url, claimed.message, claimed.secrets, at)
        self._record(claimed, outcome)
        return True

    def _claim(self) -> ClaimedDelivery | None:
        ttl = 2 * self._services.settings.webhook_timeout_seconds + LEASE_MARGIN_SECONDS
        with self._services.db.read() as session:
            endpoint_ids = claims.due_endpoints(session, self._clock(session))
        for endpoint_id in endpoint_ids:
            with self._services.db.write() as session:
                claimed = claims.claim(session, endpoint_id, self._clock(session), ttl)
            if claimed is not None:
                return claimed
        return None

    def _record(self, claimed: ClaimedDelivery, outcome: Outcome) -> None:
        with self._services.db.write() as session:
            stored = claims.record(session, claimed, outcome, self._clock(session), self._jitter)
        log.info(
            "webhook_tried",
            webhook_id=claimed.endpoint_id,
            delivery_id=claimed.message.id,
            type=claimed.message.type,
            outcome=outcome.name,
            status_code=outcome.status_code,
            duration_ms=outcome.duration_ms,
            noted=stored,
        )
