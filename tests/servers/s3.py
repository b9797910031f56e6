"""S3: OpenStack Swift with its S3 API, one node, from wheels in a virtual environment of its own (`make .venv-s3`)."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minio import Minio
from pydantic import SecretStr

from tests.servers import s3_config
from tests.servers.server import Server, free_ports

ENDPOINT, ACCESS_KEY, SECRET_KEY = (f"LETHE_TEST_S3_{part}" for part in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY"))
VENV = Path(sys.prefix).parent / ".venv-s3"
"""Beside the virtual environment that runs the tests."""


class S3(Server):
    """Checks signatures, keeps what it has over a restart."""

    def __init__(self) -> None:
        endpoint = os.environ.get(ENDPOINT)
        self._buckets: set[str] = set()
        super().__init__("s3", elsewhere=bool(endpoint))
        if endpoint:
            self.endpoint, self.access_key, self.secret_key = endpoint, os.environ[ACCESS_KEY], os.environ[SECRET_KEY]
        else:
            self._install()

    def commands(self) -> Sequence[Sequence[str | Path]]:
        """See `Server`."""
        return [[VENV / "bin" / f"swift-{kind}-server", self._config(kind), "-v"] for kind in s3_config.KINDS]

    def ready(self) -> bool:
        """See `Server`."""
        for port in self._ports.values():
            socket.create_connection(("127.0.0.1", port), 2).close()
        with urllib.request.urlopen(f"http://{self.endpoint}/healthcheck", timeout=5) as answer:
            return bool(answer.read() == b"OK")

    def settings(self, bucket: str | None = None) -> dict[str, Any]:
        """Lethe's settings for a bucket, which is a new one if it is not named."""
        bucket = bucket or f"lethe-test-{secrets.token_hex(6)}"
        self._buckets.add(bucket)
        return {
            "storage_url": f"s3://{bucket}",
            "s3_endpoint": self.endpoint,
            "s3_access_key": SecretStr(self.access_key),
            "s3_secret_key": SecretStr(self.secret_key),
        }

    def close(self) -> None:
        """See `Server`. On a server of somebody else's the buckets go."""
        if self.elsewhere:
            self._empty()
        super().close()

    def _empty(self) -> None:
        client = Minio(self.endpoint, self.access_key, self.secret_key, secure=False, region="us-east-1")
        for bucket in filter(client.bucket_exists, self._buckets):
            for item in client.list_objects(bucket, recursive=True):
                client.remove_object(bucket, str(item.object_name))
            client.remove_bucket(bucket)

    def _install(self) -> None:
        if not (VENV / "bin" / "swift-proxy-server").exists():
            raise RuntimeError(f"S3 is missing: `make .venv-s3` makes {VENV}; or set {ENDPOINT}")
        self._ports = dict(zip(s3_config.KINDS, free_ports(len(s3_config.KINDS)), strict=True))
        self.endpoint = f"127.0.0.1:{self._ports['proxy']}"
        self.access_key, self.secret_key = "lethe:tests", secrets.token_hex(16)
        s3_config.write(self.folder, self._ports, self.access_key, self.secret_key)
        rings = [VENV / "bin" / "python", Path(__file__).with_name("s3_rings.py"), self.folder]
        ports = [str(self._ports[kind]) for kind in s3_config.RINGS]
        subprocess.run([*rings, *ports], check=True)

    def _config(self, kind: str) -> Path:
        return self.folder / f"{kind}-server.conf"
