"""A cache of authenticated keys. A key that another process revokes is refused within a second."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.service.access.keys import Principal

SECONDS = 1.0
_MAX_KEYS = 10_000


class KeyCache:
    """Principals by the HMAC of their key. Cleared when this process revokes a key, which is then refused at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[bytes, tuple[Principal, float]] = {}
        self._epoch = 0

    def get(self, digest: bytes) -> Principal | None:
        """The principal, if it was read from the database within the last second."""
        principal, until = self._entries.get(digest, (None, 0.0))
        return principal if self._clock() < until else None

    def load(self, digest: bytes, read: Callable[[], Principal]) -> Principal:
        """Read the principal and cache it, counting from before the read, unless the cache was cleared meanwhile."""
        started, epoch = self._clock(), self._epoch
        principal = read()
        if epoch == self._epoch:
            if len(self._entries) >= _MAX_KEYS:
                self._entries.clear()
            self._entries[digest] = (principal, started + SECONDS)
        return principal

    def clear(self) -> None:
        """Read every key from the database again."""
        self._epoch += 1
        self._entries.clear()
