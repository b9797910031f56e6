"""Keys that were checked a moment ago. A key that another process revokes is refused a second later at the latest."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.service.access.keys import Principal

SECONDS = 1.0
_KEEP = 10_000


class KeyCache:
    """By the key's HMAC. Emptied by whoever revokes a key in this process, so that here it is refused at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[bytes, tuple[Principal, float]] = {}
        self._epoch = 0

    def get(self, digest: bytes) -> Principal | None:
        """Who that is, if the database was asked within the last second."""
        principal, until = self._known.get(digest, (None, 0.0))
        return principal if self._clock() < until else None

    def ask(self, digest: bytes, database: Callable[[], Principal]) -> Principal:
        """Ask, and remember the answer from the moment of asking, unless the cache was emptied meanwhile."""
        asked, epoch = self._clock(), self._epoch
        principal = database()
        if epoch == self._epoch:
            if len(self._known) >= _KEEP:
                self._known.clear()
            self._known[digest] = (principal, asked + SECONDS)
        return principal

    def clear(self) -> None:
        """Ask the database again for every key."""
        self._epoch += 1
        self._known.clear()
