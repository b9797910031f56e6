"""The servers that other tests stand on: what they keep when they are stopped or killed, and that nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis
from pydantic import SecretStr

from core.service.storage import open_store
from core.service.storage.port import StoreError
from tests.servers.postgres import Postgres
from tests.servers.redis_server import Redis
from tests.servers.s3 import S3
from tests.support.paths import ROOT
from tests.support.service import settings_for

pytestmark = pytest.mark.slow

ABANDONED = """
import os, sys
from tests.servers.redis_server import Redis
server = Redis()
server.start()
print(server._processes[0].pid, server.folder, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("end", [Postgres.stop, Postgres.kill])
def test_postgresql_comes_back_with_what_was_committed(postgres: Postgres, end) -> None:
    with postgres.database() as url, postgres.database() as other:
        assert url != other
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (1)")
        end(postgres)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        postgres.start()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
        with postgres.database(template=url) as copied, psycopg.connect(copied) as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


def test_redis_comes_back_empty(redis_server: Redis) -> None:
    first, second = redis_server.database(), redis_server.database()
    with redis.Redis.from_url(first) as one, redis.Redis.from_url(second) as two:
        one.set("key", "value")
        redis_server.kill()
        with pytest.raises(redis.ConnectionError):
            one.get("key")
        redis_server.start()
        assert one.get("key") is None
        one.set("key", "value")
        assert two.get("key") is None
        redis_server.flush()
        assert one.get("key") is None


def test_s3_comes_back_with_its_objects_and_knows_its_keys(s3: S3, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, **s3.settings())
    store = open_store(settings)
    store.put("a/b", b"content")
    s3.kill()
    with pytest.raises(StoreError, match="does not answer"):
        store.read("a/b")
    s3.start()
    assert store.read("a/b") == b"content"
    s3.restart()
    assert store.read("a/b") == b"content"
    stranger = open_store(settings.model_copy(update={"s3_secret_key": SecretStr("wrong")}))
    with pytest.raises(StoreError, match="SignatureDoesNotMatch"):
        stranger.read("a/b")


def test_nothing_outlives_tests_that_are_killed() -> None:
    command = [sys.executable, "-c", ABANDONED]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LETHE_")} | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        pid, folder = process.stdout.readline().split()
        os.kill(int(pid), 0)
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while Path(folder).exists() or Path(f"/proc/{pid}/cmdline").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
