"""The API on the servers of a cluster: what it says while one is away, and downloads that go past it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from api.routes import health
from api.server.bootstrap import prepare
from core.service.access.bootstrap import SETTING_UP
from core.service.access.keys import list_keys
from core.service.access.tenants import ensure_tenant
from core.service.context import Services
from core.service.db.engine import lock
from core.service.db.migrate import migrate
from core.service.settings import Settings
from tests.servers.postgres import Postgres
from tests.servers.redis_server import Redis
from tests.servers.s3 import S3
from tests.support.api_server import Server, assert_problem, serving

pytestmark = pytest.mark.slow
SERVERS = {"database": "postgres", "broker": "redis_server", "store": "s3"}


@pytest.fixture
def cluster(postgres: Postgres, redis_server: Redis, s3: S3) -> Iterator[dict[str, Any]]:
    """Settings of a cluster."""
    with postgres.database() as url:
        yield {
            "mode": "cluster",
            "database_url": url,
            "broker_url": redis_server.database(),
            **s3.settings(),
        }


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked has answered or failed, however busy the machine is."""
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 60.0)


@pytest.fixture
def server(cluster: dict[str, Any], tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, **cluster) as running:
        yield running


def checks(server: Server) -> dict[str, bool]:
    answer = httpx.get(f"{server.url}/readyz", timeout=120)
    found = {check["name"]: check["ok"] for check in answer.json()["checks"]}
    assert answer.status_code == (200 if all(found.values()) else 503)
    return found


def test_not_ready_while_a_server_is_away_and_ready_once_it_is_back(
    server: Server, request: pytest.FixtureRequest
) -> None:
    ready = dict.fromkeys(SERVERS, True)
    assert checks(server) == ready
    for check, fixture in SERVERS.items():
        away = request.getfixturevalue(fixture)
        away.kill()
        assert checks(server) == ready | {check: False}
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        away.start()
        assert checks(server) == ready


def test_not_ready_before_the_migrations_have_run(server: Server) -> None:
    with server.services.db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    answer = httpx.get(f"{server.url}/readyz", timeout=120)
    assert answer.status_code == 503
    (failing,) = (check for check in answer.json()["checks"] if not check["ok"])
    assert failing["name"] == "database"
    assert "0001" in failing["detail"]
    assert "run the migrations" in failing["detail"]


def test_a_public_store_gives_the_patch_itself(cluster: dict[str, Any], s3: S3, tmp_path: Path) -> None:
    # Another name for the same server: what is signed for it must not work by any other.
    public = s3.endpoint.replace("127.0.0.1", "localhost")
    with serving(tmp_path, s3_public_endpoint=public, **cluster) as server:
        job = server.create()
        patch = server.finish(job["id"])
        answer = server.client.get(f"/v1/jobs/{job['id']}/patch")
        assert answer.status_code == 307
        location = httpx.URL(answer.headers["location"])
        assert f"{location.host}:{location.port}" == public
        with httpx.Client() as stranger:
            got = stranger.get(location)
            assert (got.status_code, got.content) == (200, patch)
            assert got.headers["content-disposition"] == f'attachment; filename="{job["id"]}-patch.zip"'
            part = stranger.get(location, headers={"Range": "bytes=10-19"})
            assert (part.status_code, part.content) == (206, patch[10:20])
            assert stranger.get(location.copy_merge_params({"X-Amz-Expires": "601"})).status_code == 403
            assert stranger.get(location.copy_with(host="127.0.0.1")).status_code == 403
            assert stranger.get(str(location).replace("patch.zip?", "report.json?")).status_code == 403
        named = server.client.get(f"/v1/jobs/{job['id']}/artifacts/report.json")
        assert (named.status_code, httpx.get(named.headers["location"]).json()) == (307, {"verdict": "passed"})


def test_without_a_public_endpoint_the_patch_is_streamed_from_s3(server: Server) -> None:
    job = server.create()
    patch = server.finish(job["id"])
    answer = server.client.get(f"/v1/jobs/{job['id']}/patch")
    assert (answer.status_code, answer.content) == (200, patch)
    assert hashlib.sha256(patch).hexdigest() == answer.headers["etag"].strip('"')
    part = server.client.get(f"/v1/jobs/{job['id']}/patch", headers={"Range": "bytes=-5"})
    assert (part.status_code, part.content) == (206, patch[-5:])


def test_a_patch_that_was_exchanged_in_the_store_never_arrives_whole(server: Server) -> None:
    job = server.create()
    patch = server.finish(job["id"])
    (key,) = (key for key in server.services.storage.list(f"jobs/{job['id']}/") if key.endswith("patch.zip"))
    server.services.storage.put(key, bytes(len(patch)))
    with pytest.raises(httpx.RemoteProtocolError):
        server.client.get(f"/v1/jobs/{job['id']}/patch")
    server.services.storage.delete(key)
    assert_problem(server.client.get(f"/v1/jobs/{job['id']}/patch"), 404, "not_found")


def test_servers_that_start_at_once_on_a_new_database_set_it_up_once(cluster: dict[str, Any], tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, **cluster)
    migrate(settings.resolved_database_url)
    with Services.open(settings) as services, ThreadPoolExecutor(2) as pool:
        with services.db.write() as session:
            lock(session, SETTING_UP)
            ensure_tenant(session, "default")
            others = [pool.submit(prepare, services) for _ in range(2)]
            _until_somebody_waits(services)
        for other in others:
            other.result(120)
        with services.db.read() as session:
            assert len(list_keys(session, "default")) == 1


def _until_somebody_waits(services: Services) -> None:
    deadline = time.monotonic() + 120
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    while True:
        with services.db.read() as session:
            if session.execute(waiting).scalar_one():
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_api_of_a_cluster_has_no_signing_key(server: Server) -> None:
    assert not server.services.settings.resolved_signing_key_file.exists()
    assert server.client.get("/.well-known/lethe-keys.json").json()["keys"] == []
