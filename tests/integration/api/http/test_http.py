"""What HTTP asks of every route: HEAD, conditional requests, request ids, who may keep an answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from api.auth.key_cache import SECONDS, KeyCache
from core.service.access.keys import Principal
from core.service.db.tables.access import ApiKey
from core.service.kit.clock import now
from tests.support.api_server import Server, assert_problem, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("http") / "data") as running:
        yield running


@pytest.mark.parametrize("path", ["", "/events", "/artifacts", "/patch", "/report", "/certificate", "?wait=1"])
def test_head_is_get_without_its_content(server: Server, path: str) -> None:
    job_id = server.create()["id"]
    server.finish(job_id)
    url = f"/v1/jobs/{job_id}{path}"
    got, head = server.client.get(url), server.client.head(url)
    assert (head.status_code, head.content) == (got.status_code, b"")
    varying = ("date", "x-request-id", "ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset")
    for name in set(got.headers) - set(varying):
        assert head.headers.get(name) == got.headers[name], name


@pytest.mark.parametrize("path", ["/", "/docs", "/healthz", "/readyz", "/metrics", "/v1/jobs", "/static/console.js"])
def test_head_of_other_pages(server: Server, path: str) -> None:
    head = server.client.head(path)
    assert (head.status_code, head.content) == (200, b"")


def test_head_of_a_stream_ends_at_once(server: Server) -> None:
    head = server.client.head(f"/v1/jobs/{server.create()['id']}/events", headers={"Accept": "text/event-stream"})
    assert head.status_code == 200
    assert head.headers["content-type"].startswith("text/event-stream")


def test_head_of_what_is_not_there_and_of_what_cannot_be_read(server: Server) -> None:
    assert server.client.head("/v1/jobs/job_nowhere").status_code == 404
    refused = server.client.head("/v1/jobs/job_x/cancel")
    assert refused.status_code == 405
    assert refused.headers["allow"] == "POST"
    assert_problem(server.client.put("/v1/jobs"), 405, "method_not_allowed")
    assert "HEAD" in server.client.put("/healthz").headers["allow"]


def test_a_connection_goes_on_after_head(server: Server) -> None:
    """An answer to HEAD with content would be read as the beginning of the next answer."""
    port = int(server.url.rpartition(":")[2])
    asked = b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(asked)
        connection.settimeout(20)
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
    first, second = answers.split(b"\r\n\r\n", 1)
    assert first.startswith(b"HTTP/1.1 200")
    assert second.startswith(b"HTTP/1.1 200")
    assert second.endswith(b'{"status":"ok"}')


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-123_DEF.4", True), ("short", False), ("x" * 129, False), ("a b" * 9, False)]
)
def test_a_request_id_is_taken_or_made(server: Server, given: str, kept: bool) -> None:
    answer = server.client.get("/v1/jobs", headers={"X-Request-Id": given})
    assert (answer.headers["x-request-id"] == given) is kept
    assert kept or answer.headers["x-request-id"].startswith("req_")


def test_who_may_keep_what(server: Server) -> None:
    job_id = server.create()["id"]
    server.finish(job_id)
    kept = {"/v1/jobs": "no-store", f"/v1/jobs/{job_id}": "private, no-cache", "/": "no-cache", "/healthz": "no-store"}
    kept |= {f"/v1/jobs/{job_id}/patch": "private, no-cache", "/.well-known/lethe-keys.json": "public, max-age=300"}
    for path, policy in kept.items():
        assert server.client.get(path).headers["cache-control"] == policy, path
    for path in (f"/v1/jobs/{job_id}", f"/v1/jobs/{job_id}/patch"):
        tag = server.client.get(path).headers["etag"]
        unchanged = server.client.get(path, headers={"If-None-Match": tag})
        assert (unchanged.status_code, unchanged.headers["etag"], unchanged.content) == (304, tag, b"")
        assert unchanged.headers["cache-control"] == "private, no-cache"


def test_a_key_that_is_revoked_here_is_refused_at_once(server: Server) -> None:
    made = server.client.post("/v1/keys", json={"name": "short-lived", "scopes": ["jobs:read"]}).json()
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert server.client.get("/v1/jobs", headers=headers).status_code == 200
    assert server.client.delete(f"/v1/keys/{made['id']}").status_code == 204
    assert server.client.get("/v1/jobs", headers=headers).status_code == 401


def test_a_key_that_is_revoked_elsewhere_is_refused_within_a_second() -> None:
    time = [0.0]
    cache = KeyCache(lambda: time[0])
    someone, asked = Principal("t", "key", frozenset()), []

    def database() -> Principal:
        asked.append(time[0])
        return someone

    assert cache.load(b"digest", database) is cache.get(b"digest") is someone
    time[0] = SECONDS
    assert cache.get(b"digest") is None
    assert asked == [0.0]


def test_an_answer_that_was_on_its_way_when_a_key_was_revoked_is_not_kept() -> None:
    cache = KeyCache()

    def database() -> Principal:
        cache.clear()
        return Principal("t", "key", frozenset())

    cache.load(b"digest", database)
    assert cache.get(b"digest") is None


def test_a_refusal_is_not_kept(server: Server) -> None:
    headers = server.key()
    key_id = server.client.get("/v1/keys").json()["data"][0]["id"]
    _revoked_at(server, key_id, now())
    assert server.client.get("/v1/jobs", headers=headers).status_code == 401
    _revoked_at(server, key_id, None)
    assert server.client.get("/v1/jobs", headers=headers).status_code == 200


def _revoked_at(server: Server, key_id: str, at: object) -> None:
    with server.services.db.write() as session:
        session.execute(update(ApiKey).where(ApiKey.id == key_id).values(revoked_at=at))
