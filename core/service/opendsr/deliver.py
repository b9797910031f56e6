"""Sends the callbacks that are due: signed like every answer, and only to addresses that webhooks may reach."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.crypto.keyring import DecryptionError
from core.service.db.engine import db_now, keyring_of
from core.service.jobs.requests import callbacks
from core.service.jobs.requests.callbacks import ClaimedCallback
from core.service.opendsr import requests
from core.service.opendsr.schema import API_VERSION
from core.service.opendsr.signing import ProcessorKey
from core.service.webhooks.addresses import AddressPolicy
from core.service.webhooks.schedule import next_delay
from core.service.webhooks.send import Outcome, Sender

log = structlog.get_logger(__name__)


class CallbackDeliverer:
    """Sends the callbacks of all tenants. Any number of threads and processes may do this at once."""

    def __init__(self, services: Services, sender: Sender | None = None) -> None:
        settings = services.settings
        policy = AddressPolicy(settings.allowed_webhook_networks)
        self._services = services
        self._sender = sender or Sender(policy, settings.webhook_timeout_seconds)
        self._key: ProcessorKey | None = None

    def run(self) -> int:
        """Send each callback that is due once. Returns how many were attempted."""
        with self._services.db.read() as session:
            due = callbacks.due(session)
        return sum(self._send_one(callback_id) for callback_id in due)

    def _send_one(self, callback_id: str) -> bool:
        with self._services.db.write() as session:
            callback = callbacks.claim(session, callback_id)
        if callback is None:
            return False
        with self._services.db.read() as session:
            at, url, body = db_now(session), *self._contents(session, callback)
        outcome = Outcome("gone") if url is None else self._post(url, body, at)
        self._record(callback, outcome)
        return True

    def _post(self, url: str, body: dict[str, Any], at: datetime) -> Outcome:
        self._key = self._key or ProcessorKey.load(self._services.settings)
        raw = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "Lethe-OpenDSR/2.0", **self._key.headers(raw)}
        return self._sender.post(url, headers, raw, at)

    def _contents(self, s: Session, callback: ClaimedCallback) -> tuple[str | None, dict[str, Any]]:
        """URL and body; the URL is None if it was erased with the job's inputs."""
        found = requests.find(s, callback.tenant_id, callback.subject_request_id)
        row = found.row
        try:
            urls = requests.callback_urls(keyring_of(s), row, found.jobs[0])
        except DecryptionError:
            urls = []
        url = urls[callback.url_index] if callback.url_index < len(urls) else None
        body = {
            "controller_id": row.tenant_id,
            "status_callback_url": url,
            "subject_request_id": row.subject_request_id,
            "request_status": callback.request_status,
            "expected_completion_time": requests.timestamp(row.expected_at),
            "results_url": self._results_url(found.best_job.id) if callback.request_status == "completed" else None,
            "results_count": None,
            "api_version": API_VERSION,
        }
        return url, body

    def _results_url(self, job_id: str) -> str | None:
        base = self._services.settings.public_url
        return None if base is None else f"{base.rstrip('/')}/v1/jobs/{job_id}/report"

    def _record(self, callback: ClaimedCallback, outcome: Outcome) -> None:
        with self._services.db.write() as session:
            delay = None if outcome.name == "gone" else next_delay(callback.tries, outcome.retry_after)
            retry_at = None if delay is None else db_now(session) + delay
            callbacks.record(session, callback, outcome.name, retry_at)
        log.info(
            "opendsr_callback_tried", callback_id=callback.id, outcome=outcome.name, status_code=outcome.status_code
        )
