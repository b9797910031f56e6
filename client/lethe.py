"""The client of a Lethe server."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from client import config
from client.resources.audit import Audit
from client.resources.files import Files
from client.resources.jobs import Jobs
from client.resources.keys import Keys
from client.resources.methods import Methods
from client.resources.models import Models
from client.resources.requests import Requests
from client.resources.webhooks import Webhooks
from client.retry import RetryPolicy
from client.transport import Transport


class Lethe:
    """A Lethe server.

    `base_url` defaults to `LETHE_URL`, else http://127.0.0.1:8000. `api_key` defaults to `LETHE_API_KEY`, else for a
    server on this machine the key in its data folder (`data_dir`, `LETHE_DATA_DIR`, else ./lethe-data). `timeout` is
    in seconds.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        data_dir: str | Path | None = None,
        timeout: float = 60.0,
        retry: RetryPolicy | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        url = config.base_url(base_url)
        key = config.api_key(api_key, Path(data_dir) if data_dir else None, url)
        self._transport = Transport(url, key, timeout=timeout, retry=retry or RetryPolicy(), transport=transport)
        self.base_url = url
        self.jobs = Jobs(self._transport)
        self.requests = Requests(self._transport)
        self.files = Files(self._transport)
        self.models = Models(self._transport)
        self.methods = Methods(self._transport)
        self.keys = Keys(self._transport)
        self.webhooks = Webhooks(self._transport)
        self.audit = Audit(self._transport)

    def ready(self) -> bool:
        """Whether the server says that it can take jobs. Never raises."""
        try:
            return self._transport.http.get("/readyz", timeout=5.0).status_code == 200
        except httpx.HTTPError:
            return False

    def close(self) -> None:
        """Close all connections. `with` does so, too."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
