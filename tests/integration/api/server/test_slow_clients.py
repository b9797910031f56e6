"""Clients that dribble, stall or never read: each loses its connection, and nobody else waits for it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core.service.jobs import lease
from core.service.jobs.artifacts import ArtifactRow, attempt_prefix
from tests.support.api_server import Server, serving

HEAD = "POST /v1/jobs HTTP/1.1\r\nHost: lethe\r\nContent-Type: application/json\r\n"
PATIENCE = 30.0
"""What a test waits for the server's own short clocks."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    quick = {"body_seconds": 2.0, "body_bytes_per_second": 1000, "head_seconds": 2.0, "stalled_seconds": 2.0}
    with serving(tmp_path_factory.mktemp("data"), **quick) as running:
        yield running


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        yield connection


def answer(connection: socket.socket) -> bytes:
    """Everything up to the end of the connection."""
    parts = []
    try:
        while chunk := connection.recv(65536):
            parts.append(chunk)
    except ConnectionError:
        pass
    return b"".join(parts)


def dribble(connection: socket.socket, byte: bytes) -> bytes:
    """Send a byte now and then until the server has had enough; its last words."""
    deadline = time.monotonic() + PATIENCE
    connection.settimeout(0.1)
    said = b""
    while time.monotonic() < deadline:
        try:
            connection.sendall(byte)
            chunk = connection.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return said
        if not chunk:
            return said
        said += chunk
    raise AssertionError("the server is still listening")


def authorised(server: Server) -> str:
    return f"{HEAD}Authorization: {server.client.headers['authorization']}\r\n"


def test_a_body_that_never_comes_is_408(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(f"{authorised(server)}Content-Length: 1000\r\n\r\n{{".encode())
        said = answer(connection)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in said


def test_a_body_that_dribbles_is_408_however_often_it_moves(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(f"{authorised(server)}Transfer-Encoding: chunked\r\n\r\n".encode())
        said = dribble(connection, b"1\r\n \r\n")
    assert said.startswith(b"HTTP/1.1 408 ")


def test_a_head_that_never_ends_is_cut_off(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        assert dribble(connection, b"a") == b""


def test_a_connection_that_says_nothing_is_closed(server: Server) -> None:
    with connected(server) as connection:
        assert answer(connection) == b""


def test_a_second_head_has_to_come_as_quickly(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: lethe\r\n\r\nGET /he")
        said = dribble(connection, b"a")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.count(b"HTTP/1.1") == 1


def test_who_streams_on_after_the_refusal_is_cut_off(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        said = dribble(connection, b"1\r\n \r\n")
    assert said.startswith(b"HTTP/1.1 401 ")


def test_who_does_not_read_is_cut_off(server: Server) -> None:
    job_id = server.create()["id"]
    claim = server.claim(job_id)
    large = bytes(24 * 2**20)
    put = server.services.storage.put(attempt_prefix(job_id, claim.attempt) + "patch.zip", large)
    row = ArtifactRow("patch.zip", "application/zip", put.size, put.sha256, put.key)
    with server.services.db.write() as session:
        lease.succeed(server.services, session, claim, verdict="passed", evaluation={"splits": {}}, artifacts=[row])
    with connected(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        key = server.client.headers["authorization"]
        request = f"GET /v1/jobs/{job_id}/patch HTTP/1.1\r\nHost: lethe\r\nAuthorization: {key}\r\n\r\n"
        connection.sendall(request.encode())
        deadline = time.monotonic() + PATIENCE
        while not cut_off(connection):
            assert time.monotonic() < deadline, "the server still waits for the client to read"
            time.sleep(0.05)


def cut_off(connection: socket.socket) -> bool:
    """Whether the other side has reset the connection, without reading what it sent."""
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


def test_slow_clients_keep_nobody_waiting(server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port)), timeout=PATIENCE) for _ in range(60)]
    try:
        for connection in slow:
            connection.sendall(f"{authorised(server)}Content-Length: 1000\r\n\r\n{{".encode())
        assert server.client.get("/v1/jobs").status_code == 200
        assert server.create()["status"] == "queued"
        assert all(answer(connection).startswith(b"HTTP/1.1 408 ") for connection in slow)
    finally:
        for connection in slow:
            connection.close()


def test_a_stream_of_events_may_be_silent(server: Server) -> None:
    job_id = server.create()["id"]
    headers = {"Accept": "text/event-stream"}
    with server.client.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers, timeout=PATIENCE) as events:
        lines = events.iter_lines()
        assert next(lines) == "retry: 3000"
        time.sleep(4.5)
        server.finish(job_id)
        assert any("succeeded" in line for line in lines)
    assert server.client.get(f"/v1/jobs/{job_id}?wait=1").status_code == 200
