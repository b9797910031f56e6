"""Limits the requests per minute of each key, by a token bucket in this process."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

_MAX_KEYS = 10_000


@dataclass(frozen=True)
class Quota:
    """The remaining requests of a key. `wait`: seconds until the next request is allowed, 0 if this one is."""

    limit: int
    remaining: int
    reset: int
    wait: int

    def headers(self) -> dict[str, str]:
        """The headers of the IETF draft, and the older ones that most clients read."""
        return {
            "RateLimit-Policy": f'"key";q={self.limit};w=60',
            "RateLimit": f'"key";r={self.remaining};t={self.reset}',
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }


class RateLimiter:
    """A bucket of `per_minute` tokens for each key, refilled evenly."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock, self._lock = per_minute, clock, Lock()
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> Quota:
        """Spend one token of `key`, if there is one."""
        rate = self._limit / 60
        with self._lock:
            now = self._clock()
            tokens, since = self._buckets.get(key, (float(self._limit), now))
            tokens = min(float(self._limit), tokens + (now - since) * rate)
            allowed = tokens >= 1
            tokens -= allowed
            self._drop_full_buckets(now)
            self._buckets[key] = (tokens, now)
        wait = 0 if allowed else math.ceil((1 - tokens) / rate)
        return Quota(self._limit, int(tokens), math.ceil((self._limit - tokens) / rate), wait)

    def _drop_full_buckets(self, now: float) -> None:
        if len(self._buckets) >= _MAX_KEYS:
            self._buckets = {key: bucket for key, bucket in self._buckets.items() if now - bucket[1] < 60}
