"""Sending what is due, one delivery after the other. Any number of threads and processes may do this at once."""

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
from core.service.webhooks.claims import Parcel
from core.service.webhooks.schedule import Jitter
from core.service.webhooks.send import Outcome, Sender

LEASE_MARGIN_SECONDS = 30.0

log = structlog.get_logger(__name__)


class Deliverer:
    """Sends the deliveries of every tenant, in turn. `clock` says what time it is to a session."""

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
        """Send until nothing is due. Returns how many were tried."""
        tried = 0
        while self.deliver_one():
            tried += 1
        return tried

    def deliver_one(self) -> bool:
        """Try one delivery; False when there is none."""
        parcel = self._claim()
        if parcel is None:
            return False
        with self._services.db.read() as session:
            at = self._clock(session)
        outcome = Outcome("secret_unreadable")
        if parcel.secrets:
            outcome = self._sender.send(parcel.url, parcel.message, parcel.secrets, at)
        self._record(parcel, outcome)
        return True

    def _claim(self) -> Parcel | None:
        ttl = 2 * self._services.settings.webhook_timeout_seconds + LEASE_MARGIN_SECONDS
        with self._services.db.read() as session:
            waiting = claims.due_endpoints(session, self._clock(session))
        for endpoint_id in waiting:
            with self._services.db.write() as session:
                parcel = claims.claim(session, endpoint_id, self._clock(session), ttl)
            if parcel is not None:
                return parcel
        return None

    def _record(self, parcel: Parcel, outcome: Outcome) -> None:
        with self._services.db.write() as session:
            noted = claims.record(session, parcel, outcome, self._clock(session), self._jitter)
        log.info(
            "webhook_tried",
            webhook_id=parcel.endpoint_id,
            delivery_id=parcel.message.id,
            type=parcel.message.type,
            outcome=outcome.name,
            status_code=outcome.status_code,
            duration_ms=outcome.duration_ms,
            noted=noted,
        )
