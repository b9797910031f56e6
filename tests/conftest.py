"""Servers that tests share. One starts with the first test that asks for it."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings

from core.service.db.migrate import migrate
from tests.servers.postgres import Postgres
from tests.servers.redis_server import Redis
from tests.servers.s3 import S3
from tests.servers.server import Server

# What collecting imports stays: see `pytest_collection_finish`.
gc.disable()
# No test is told by the clock that it failed.
settings.register_profile("lethe", deadline=None)
settings.load_profile("lethe")
# What runs tests in several processes tells them the width of a terminal that they do not have.
os.environ.pop("COLUMNS", None)
FOUR_BIT = str(Path(sys.prefix) / "four-bit")
"""Where the Makefile puts bitsandbytes: for these processes, and not for the servers and workers that they start."""
sys.path.append(FOUR_BIT)

_S = TypeVar("_S", bound=Server)


@pytest.fixture(autouse=True)
def _subnormal_numbers() -> Iterator[None]:
    """A job run in this process flushes subnormal numbers to zero, as a worker does; the next test has them again."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


@contextmanager
def _running(server: _S) -> Iterator[_S]:
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def _postgres() -> Iterator[Postgres]:
    with _running(Postgres()) as server:
        yield server


@pytest.fixture(scope="session")
def _redis() -> Iterator[Redis]:
    with _running(Redis()) as server:
        yield server


@pytest.fixture(scope="session")
def _s3() -> Iterator[S3]:
    with _running(S3()) as server:
        yield server


# A test may leave a server stopped: the next one finds it running.


@pytest.fixture
def postgres(_postgres: Postgres) -> Postgres:
    """A running PostgreSQL. `database()` is an empty database of it."""
    _postgres.start()
    return _postgres


@pytest.fixture
def redis_server(_redis: Redis) -> Redis:
    """A running Redis. `database()` is the URL of an empty one."""
    _redis.start()
    return _redis


@pytest.fixture
def s3(_s3: S3) -> S3:
    """A running S3 server. `settings()` are Lethe's for a new bucket."""
    _s3.start()
    return _s3


@pytest.fixture(scope="session")
def _migrated(_postgres: Postgres) -> Iterator[str]:
    """A database at head that others are copied from, which is quicker than to migrate each."""
    with _postgres.database() as url:
        migrate(url)
        yield url


@contextmanager
def _at_head(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    if request.param == "sqlite":
        yield {}
        return
    postgres: Postgres = request.getfixturevalue("_postgres")
    postgres.start()
    with postgres.database(template=request.getfixturevalue("_migrated")) as url:
        yield {"database_url": url}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Lethe's settings for a database at head, of this test alone."""
    with _at_head(request) as settings:
        yield settings


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_database(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """The same of all tests of a module."""
    with _at_head(request) as settings:
        yield settings


@pytest.fixture
def backend(request: pytest.FixtureRequest, database: dict[str, Any]) -> dict[str, Any]:
    """Lethe's settings for a database and a store of this test alone: SQLite and a folder, or PostgreSQL and S3."""
    return {**database, **request.getfixturevalue("s3").settings()} if database else {}


def pytest_collection_finish() -> None:
    """What all tests share stays: the collector need not look through it time and again."""
    gc.freeze()
    gc.enable()
