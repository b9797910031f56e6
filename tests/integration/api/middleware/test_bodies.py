"""Hostile bodies over HTTP: too long, lying about it, packed, ambiguous, or full of strange text."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.api_server import CANARY, Server, assert_problem, png, request, serving

JSON = {"Content-Type": "application/json"}
TEXT_LIMIT, LIMIT = 60_000, 200_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("data")
    with serving(folder, max_json_bytes=TEXT_LIMIT, max_body_bytes=LIMIT, max_image_bytes=LIMIT) as running:
        yield running


def exchange(server: Server, head: list[str], body: bytes) -> bytes:
    """What the server answers to these very bytes, up to its closing the connection."""
    host, port = server.url.removeprefix("http://").split(":")
    key = server.client.headers["authorization"]
    lines = [*head, "Host: lethe", f"Authorization: {key}", "Connection: close", "", ""]
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall("\r\n".join(lines).encode() + body)
        parts = []
        while chunk := connection.recv(65536):
            parts.append(chunk)
    return b"".join(parts)


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/keys"])
def test_json_is_counted_as_it_comes_whatever_the_header_says(server: Server, path: str) -> None:
    # Well formed as far as it goes: what is wrong with it is its length alone.
    pieces = itertools.chain([b"["], itertools.repeat(b"1," * 500, TEXT_LIMIT // 900))
    assert_problem(server.client.post(path, content=pieces, headers=JSON), 413, "body_too_large")
    whole = b"[" + b"1," * (TEXT_LIMIT // 2)
    declared = server.client.post(path, content=whole, headers=JSON)
    assert_problem(declared, 413, "body_too_large")
    assert declared.headers["connection"] == "close"


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/files"])
def test_pictures_are_counted_as_they_come(server: Server, path: str) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\n'
    pieces = itertools.chain([part], itertools.repeat(b"\x00" * 5000, LIMIT // 4000))
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert_problem(server.client.post(path, content=pieces, headers=headers), 413, "body_too_large")


def test_a_hundred_megabytes_are_refused_before_they_are_sent(server: Server) -> None:
    for length in ("100000000", "9" * 400):
        answer = exchange(server, ["POST /v1/jobs HTTP/1.1", "Content-Type: application/json",
                                   f"Content-Length: {length}"], b"[")  # fmt: skip
        assert answer.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 ")), answer[:100]


def test_more_than_was_declared_is_another_request(server: Server) -> None:
    body = json.dumps(request()).encode()
    answer = exchange(server, ["POST /v1/jobs HTTP/1.1", "Content-Type: application/json",
                               f"Content-Length: {len(body)}"], body + b"GET /v1/keys HTTP/1.1\r\n\r\n")  # fmt: skip
    assert answer.startswith(b"HTTP/1.1 202 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b'"object":"list"' not in answer


@pytest.mark.parametrize(
    "head",
    [
        ["Content-Length: 3", "Content-Length: 30"],
        ["Content-Length: -1"],
        ["Content-Length: 3", "Transfer-Encoding: chunked, identity"],
        ["X-Injected: a\rb: c"],
        ["Transfer-Encoding: gzip"],
    ],
)
def test_heads_that_can_be_read_in_two_ways_are_refused(server: Server, head: list[str]) -> None:
    answer = exchange(server, ["POST /v1/keys HTTP/1.1", *head], b"{}{}{}")
    status = int(answer.split(b" ", 2)[1])
    assert 400 <= status < 600
    assert status not in (500, 502)


def test_a_packed_body_is_not_unpacked(server: Server) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    for encoding in ("gzip", "deflate", "br"):
        headers = {**JSON, "Content-Encoding": encoding}
        assert_problem(server.client.post("/v1/jobs", content=bomb, headers=headers), 415, "unsupported_media_type")


NOT_JSON = {
    "NaN": b'{"defaults": {"a": NaN}}',
    "an infinite number": b'{"defaults": {"a": 1e400}}',
    "a number of 400 digits": b'{"defaults": {"a": ' + b"9" * 400 + b"}}",
    "a number of 5000 digits": b'{"defaults": {"a": ' + b"9" * 5000 + b"}}",
    "a number beyond 64 bits": b'{"defaults": {"a": 9223372036854775808}}',
    "a name that comes twice": b'{"id": "a", "id": "b"}',
    "a name that comes twice far down": b'{"defaults": {"x": [{"k": 1, "k": 2}]}}',
    "lists in lists": b"[" * 40 + b"]" * 40,
    "objects in objects": b'{"a":' * 40 + b"1" + b"}" * 40,
    "a bottomless list": b"[" * 50_000,
    "no UTF-8": b'{"id": "\xff"}',
    "UTF-16": '{"id": "a"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"id": "a"}',
    "something after the end": b"{} {}",
    "a comment": b"{} // yes",
    "a raw control character": b'{"id": "a\nb"}',
}


@pytest.mark.parametrize("content", NOT_JSON.values(), ids=NOT_JSON)
@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/models", "/v1/keys"])
def test_json_that_parsers_disagree_about(server: Server, path: str, content: bytes) -> None:
    assert_problem(server.client.post(path, content=content, headers=JSON), 400, "bad_request")
    assert_problem(
        server.client.post(path, content=content, headers={"Content-Type": "application/merge-patch+json"}),
        400, "bad_request",
    )  # fmt: skip


def test_the_json_of_a_multipart_request_is_as_strict(server: Server) -> None:
    for content in (b'{"model": 1e400}', b'{"model": "a", "model": "b"}', b"[" * 50_000):
        answer = server.client.post("/v1/jobs", files=[("request", (None, content)), ("images", ("a.png", png()))])
        assert_problem(answer, 400, "bad_request")


STRANGE_KEYS: list[dict[str, Any]] = [
    {"name": "a\u0000b"},
    {"name": "\ud800"},
    {"name": "\u202etxt.exe"},
    {"name": "a\u2066b"},
    {"name": "a\r\nSet-Cookie: x"},
    {"name": "\u001b[31mred"},
    {"name": "\u0085"},
    {"name": "   "},
    {"name": "\u2003\u00a0"},
    {"name": "x" * 101},
    {"name": "x", "admin": True},
    {"name": "x", "__proto__": {}},
    {"name": ["x"]},
    {"name": 10**18},
    {"name": None},
    {"name": True},
]


@pytest.mark.parametrize("changes", STRANGE_KEYS, ids=range(len(STRANGE_KEYS)))
def test_names_that_would_lie_in_a_list(server: Server, changes: dict[str, Any]) -> None:
    body = json.dumps({"scopes": ["jobs:read"], **changes}).encode()
    assert_problem(server.client.post("/v1/keys", content=body, headers=JSON), 422, "validation_error")


@pytest.mark.parametrize("text", ["\u0000", "\ud800", "a\udfffb"])
@pytest.mark.parametrize("place", ["method_options", "thresholds", "metadata"])
def test_text_that_no_database_takes_is_pointed_at(server: Server, place: str, text: str) -> None:
    inside = {"deep": [{"a": text}]} if place == "method_options" else {text: 1.0 if place == "thresholds" else "x"}
    changes = {"evaluation": {place: inside}} if place == "thresholds" else {place: inside}
    answer = server.client.post("/v1/jobs", content=json.dumps(request(**changes)).encode(), headers=JSON)
    body = assert_problem(answer, 422, "validation_error")
    assert place in body["errors"][0]["pointer"]


def test_texts_that_look_alike_are_the_same(server: Server) -> None:
    first = server.create(external_id="re\u0301sume\u0301")
    assert first["external_id"] == "r\u00e9sum\u00e9"
    again = server.client.post("/v1/jobs", json=request(external_id="r\u00e9sum\u00e9"))
    assert assert_problem(again, 409, "external_id_exists")["existing_job_id"] == first["id"]
    for query in ("re\u0301sume\u0301", "r\u00e9sum\u00e9"):
        found = server.client.get("/v1/jobs", params={"external_id": query}).json()["data"]
        assert [job["id"] for job in found] == [first["id"]]


def test_a_name_of_any_script_is_taken(server: Server) -> None:
    for name in ("王秀英", "محمد", "Łukasz Żółć", "אָדָם", "e\u0301", "👩\u200d🔬", "O’Brien-Smith"):
        assert server.create(entity={"name": name}, external_id=f"DSR {name}")["status"] == "queued"


@pytest.mark.parametrize("name", ["../../etc/passwd", 'a"; filename="b.png', "x" * 2000, "نص.png", "a.png\u202e", ""])
def test_the_name_of_an_upload_means_nothing(server: Server, name: str) -> None:
    answer = server.client.post("/v1/files", data={"purpose": "forget"}, files={"file": (name or "-", png())})
    assert answer.status_code == 201, answer.text
    assert set(answer.json()) == {
        "object", "id", "purpose", "bytes", "media_type", "width", "height", "duration_seconds", "sample_rate",
        "sha256", "created_at", "expires_at",
    }  # fmt: skip
    assert not list(server.services.settings.data_dir.rglob("*passwd*"))


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "é", "a" * 200, "<b>", "../../x"])
def test_nothing_of_a_request_id_comes_back_unless_it_is_one(server: Server, value: str) -> None:
    try:
        answer = server.client.get("/healthz", headers={"X-Request-Id": value.encode()})
    except httpx.LocalProtocolError:
        return
    assert answer.headers["x-request-id"].startswith("req_")
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/jobs?limit=99999999999999999999999999", 200),
        ("/v1/jobs?limit=1e400", 422),
        ("/v1/jobs?limit=NaN", 422),
        ("/v1/jobs?created_after=0001-01-01T00:00:00%2B23:59", 422),
        ("/v1/jobs?created_after=9999-12-31T23:59:59-23:59", 422),
        ("/v1/jobs?created_after=253402300800", 422),
        ("/v1/jobs?external_id=%ED%A0%80", 200),
        ("/v1/jobs?model=%FF", 200),
        ("/v1/jobs?status=%00", 400),
        ("/v1/jobs?after=" + "A" * 501, 422),
        ("/v1/jobs/job_x?wait=99999999999999999999", 404),
        ("/v1/jobs/job_x/events?after=99999999999999999999", 422),
        ("/v1/jobs/" + "x" * 5000, 404),
        ("/v1/jobs/%0d%0aX-Evil:%201", 404),
        ("/v1/jobs/..%2f..%2fetc", 404),
        ("/v1/jobs/%ED%A0%80", 404),
    ],
)
def test_queries_and_paths_out_of_range(server: Server, path: str, status: int) -> None:
    answer = server.client.get(path)
    assert answer.status_code == status, answer.text
    assert "x-evil" not in answer.headers


def test_numbers_of_a_job_out_of_range(server: Server) -> None:
    for value in (10**18, -1, 1e308, [1]):
        answer = server.client.post("/v1/jobs", json=request(method_options={"rank": value}))
        assert_problem(answer, 422, answer.json()["code"])
        assert CANARY not in answer.text


def test_a_bodys_size_does_not_depend_on_its_declared_kind(tmp_path: Path) -> None:
    with serving(tmp_path, max_body_bytes=10_000) as server:
        answer = server.client.post("/v1/jobs", content=b"x" * 10_001, headers=JSON)
        assert_problem(answer, 413, "body_too_large")
