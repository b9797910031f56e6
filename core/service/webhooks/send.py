"""Sends one POST to an endpoint, signed as Standard Webhooks 1.0 specifies, and reports the outcome."""

from __future__ import annotations

import contextlib
import json
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import httpcore
import httpx
import structlog
from standardwebhooks import Webhook

from core.service.webhooks import connect
from core.service.webhooks.addresses import AddressPolicy
from core.service.webhooks.connect import AddressRefusedError, Deadline, GuardedBackend, NameNotResolvedError, Resolver
from core.service.webhooks.schedule import retry_after_seconds

OutcomeName = Literal[
    "delivered",
    "rejected",
    "gone",
    "timeout",
    "connection_failed",
    "tls_failed",
    "bad_response",
    "name_not_resolved",
    "address_not_allowed",
    "secret_unreadable",
]
_PLAIN = {"Accept-Encoding": "identity", "Connection": "close"}
log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 2048
BODY_SECONDS = 1.0
"""The time in which a receiver may finish its answer. The content of the answer is discarded."""


@dataclass(frozen=True)
class Message:
    """An event for one endpoint. `id` is the same in all attempts: the receiver's idempotency key."""

    id: str
    type: str
    created_at: datetime
    data: Mapping[str, Any]

    def body(self) -> bytes:
        """The payload."""
        timestamp = self.created_at.isoformat().replace("+00:00", "Z")
        return json.dumps({"type": self.type, "timestamp": timestamp, "data": dict(self.data)}).encode()


@dataclass(frozen=True)
class Outcome:
    """The outcome of one attempt. `retry_after` is in seconds."""

    name: OutcomeName
    status_code: int | None = None
    duration_ms: int = 0
    retry_after: float | None = field(default=None)


class Sender:
    """Sends requests without proxies, redirects, cookies or reuse of connections."""

    def __init__(
        self,
        policy: AddressPolicy,
        timeout: float,
        *,
        tls: ssl.SSLContext | None = None,
        resolver: Resolver = connect.resolve,
    ) -> None:
        self._policy, self._timeout, self._resolver = policy, timeout, resolver
        self._tls = tls or httpx.create_ssl_context()

    def send(self, url: str, message: Message, secrets: Sequence[str], at: datetime) -> Outcome:
        """Attempt one delivery. Never raises for what the receiver does."""
        body = message.body()
        return self.post(url, _headers(message, body, secrets, at), body, at)

    def post(self, url: str, headers: Mapping[str, str], body: bytes, at: datetime) -> Outcome:
        """Send these bytes with these headers once. Never raises for what the receiver does."""
        started = time.monotonic()
        name, status, retry_after = self._try(httpx.URL(url), {**headers, **_PLAIN}, body, at)
        return Outcome(name, status, int((time.monotonic() - started) * 1000), retry_after)

    def _try(
        self, url: httpx.URL, headers: dict[str, str], body: bytes, at: datetime
    ) -> tuple[OutcomeName, int | None, float | None]:
        try:
            status, retry_after = self._post(url, headers | {"Host": url.netloc.decode("ascii")}, body)
        except AddressRefusedError:
            return "address_not_allowed", None, None
        except NameNotResolvedError:
            return "name_not_resolved", None, None
        except httpcore.TimeoutException:
            return "timeout", None, None
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol):
            return "bad_response", None, None
        except httpcore.NetworkError as error:
            return ("tls_failed" if _is_tls(error) else "connection_failed"), None, None
        except Exception as error:
            # Whatever a receiver makes our libraries raise: this attempt has failed, and the others must go on.
            log.warning("webhook_error", error=type(error).__name__)
            return "connection_failed", None, None
        return _outcome_of(status), status, retry_after_seconds(retry_after, at)

    def _post(self, url: httpx.URL, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        """The status and the `Retry-After` of the answer."""
        deadline = Deadline(self._timeout)
        backend = GuardedBackend(self._policy, deadline, tls=url.scheme == "https", resolver=self._resolver)
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        with (
            httpcore.ConnectionPool(ssl_context=self._tls, network_backend=backend, retries=0) as pool,
            pool.stream("POST", target, headers=list(headers.items()), content=body) as response,
        ):
            received = {name.lower(): value for name, value in response.headers}
            deadline.shorten(BODY_SECONDS)
            with contextlib.suppress(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
                _read_some(response)
            return response.status, received.get(b"retry-after", b"").decode("latin-1")


def _headers(message: Message, body: bytes, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    signatures = [Webhook(secret).sign(message.id, at, body.decode()) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": "Lethe-Webhooks/1.0",
        "webhook-id": message.id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _read_some(response: httpcore.Response) -> None:
    size = 0
    for chunk in response.iter_stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            return


def _outcome_of(status: int) -> OutcomeName:
    if 200 <= status < 300:
        return "delivered"
    return "gone" if status == 410 else "rejected"


def _is_tls(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
