"""Which failed requests are sent again, and after how long."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with full jitter (seconds); a server's `Retry-After` wins, up to `max_retry_after`."""

    max_retries: int = 4
    initial: float = 0.5
    maximum: float = 8.0
    max_retry_after: float = 60.0

    def retries(self, attempt: int, status: int, code: str | None) -> bool:
        """Whether to send the request again after this answer. `attempt` counts from 0.

        A 409 `idempotency_in_progress` means that an earlier attempt of this request is still being served.
        """
        if attempt >= self.max_retries:
            return False
        return status in _RETRIED_STATUSES or (status == 409 and code == "idempotency_in_progress")

    def delay(self, attempt: int, headers: Mapping[str, str]) -> float:
        """Seconds before try number `attempt + 1`."""
        server_delay = _retry_after(headers)
        if server_delay is not None and server_delay <= self.max_retry_after:
            return server_delay
        ceiling = min(self.maximum, self.initial * 2**attempt)
        return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter, not a secret


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """RFC 9110: seconds or a date."""
    value = headers.get("retry-after", "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
