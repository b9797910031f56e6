"""What API and workers of a cluster have in common, and what holds their jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.postgres import Postgres
from tests.servers.redis_server import Redis
from tests.servers.s3 import S3
from tests.support.gate import Gate


@pytest.fixture
def cluster(postgres: Postgres, redis_server: Redis, s3: S3, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings that API and workers have in common, by their names."""
    bucket = s3.settings()
    with postgres.database() as url:
        yield {
            "mode": "cluster",
            "database_url": url,
            "broker_url": redis_server.database(),
            "storage_url": bucket["storage_url"],
            "s3_endpoint": s3.endpoint,
            "s3_access_key": s3.access_key,
            "s3_secret_key": s3.secret_key,
            "master_key": "m" * 40,
            "signing_key_file": str(tmp_path / "signing.key"),
        }


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """Holds a job in a phase until the test lets it go on."""
    return Gate(tmp_path / "gate")
