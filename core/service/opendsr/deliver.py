"""Sending the callbacks that are due: signed like every answer, to where the webhooks' guard lets them go."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.crypto.keyring import DecryptionError
from core.service.db.engine import db_now, keyring_of
from core.service.opendsr import callbacks, requests
from core.service.opendsr.callbacks import Parcel
from core.service.opendsr.schema import API_VERSION
from core.service.opendsr.signing import ProcessorKey
from core.service.webhooks.addresses import AddressPolicy
from core.service.webhooks.schedule import next_delay
from core.service.webhooks.send import Outcome, Sender

log = structlog.get_logger(__name__)


class CallbackDeliverer:
    """Sends the callbacks of every tenant, in turn. Any number of threads and processes may do this at once."""

    def __init__(self, services: Services, sender: Sender | None = None) -> None:
        settings = services.settings
        policy = AddressPolicy(settings.allowed_webhook_networks)
        self._services = services
        self._sender = sender or Sender(policy, settings.webhook_timeout_seconds)
        self._key: ProcessorKey | None = None

    def run(self) -> int:
        """Try everything that is due once. Returns how many were tried."""
        with self._services.db.read() as session:
            waiting = callbacks.due(session)
        return sum(self._try(callback_id) for callback_id in waiting)

    def _try(self, callback_id: str) -> bool:
        with self._services.db.write() as session:
            parcel = callbacks.claim(session, callback_id)
        if parcel is None:
            return False
        with self._services.db.read() as session:
            at, url, body = db_now(session), *self._contents(session, parcel)
        outcome = Outcome("gone") if url is None else self._send(url, body, at)
        self._record(parcel, outcome)
        return True

    def _send(self, url: str, body: dict[str, Any], at: datetime) -> Outcome:
        self._key = self._key or ProcessorKey.load(self._services.settings)
        raw = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "Lethe-OpenDSR/2.0", **self._key.headers(raw)}
        return self._sender.post(url, headers, raw, at)

    def _contents(self, s: Session, parcel: Parcel) -> tuple[str | None, dict[str, Any]]:
        """Where to and what; no URL where it was erased with the job's inputs."""
        row, job = requests.find(s, parcel.tenant_id, parcel.subject_request_id)
        try:
            urls = requests.callback_urls(keyring_of(s), row, job)
        except DecryptionError:
            urls = []
        url = urls[parcel.url_index] if parcel.url_index < len(urls) else None
        body = {
            "controller_id": row.tenant_id,
            "status_callback_url": url,
            "subject_request_id": row.subject_request_id,
            "request_status": parcel.request_status,
            "expected_completion_time": requests.moment(row.expected_at),
            "results_url": self._results_url(job.id) if parcel.request_status == "completed" else None,
            "results_count": None,
            "api_version": API_VERSION,
        }
        return url, body

    def _results_url(self, job_id: str) -> str | None:
        base = self._services.settings.public_url
        return None if base is None else f"{base.rstrip('/')}/v1/jobs/{job_id}/report"

    def _record(self, parcel: Parcel, outcome: Outcome) -> None:
        with self._services.db.write() as session:
            delay = None if outcome.name == "gone" else next_delay(parcel.tries, outcome.retry_after)
            again_at = None if delay is None else db_now(session) + delay
            callbacks.record(session, parcel, outcome.name, again_at)
        log.info("opendsr_callback_tried", callback_id=parcel.id, outcome=outcome.name, status_code=outcome.status_code)
