"""The audit log as its readers have it: over HTTP, with the SDK, and with the commands of the server's own machine."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client import Lethe
from core.service import audit
from tests.support.api_server import CANARY, Server, assert_problem, png, serving

SUBJECT = CANARY.encode()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "data") as running:
        yield running


def entries(server: Server, **params: Any) -> list[dict[str, Any]]:
    answer = server.client.get("/v1/audit", params={"limit": 100, **params}).raise_for_status()
    return list(answer.json()["data"])


def ran(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, input=stdin)


def admin(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`lethe admin`, as its users type it."""
    return ran("client.cli", "--data-dir", str(folder), "admin", *arguments)


def test_what_is_done_is_on_record(server: Server) -> None:
    client = server.client
    finished, failed = server.create()["id"], server.create()["id"]
    server.finish(finished)
    server.fail(failed)
    client.post(f"/v1/jobs/{failed}/retry").raise_for_status()
    client.post(f"/v1/jobs/{failed}/cancel").raise_for_status()
    patch = client.get(f"/v1/jobs/{finished}/patch").raise_for_status()
    client.get(f"/v1/jobs/{finished}/artifacts/patch.zip", headers={"Range": "bytes=0-9"}).raise_for_status()
    unchanged = {"If-None-Match": patch.headers["etag"]}
    assert client.get(f"/v1/jobs/{finished}/patch", headers=unchanged).status_code == 304
    client.get(f"/v1/jobs/{finished}/certificate").raise_for_status()
    client.delete(f"/v1/jobs/{failed}").raise_for_status()
    files = {"file": ("name.png", png(), "image/png")}
    file_id = client.post("/v1/files", data={"purpose": "forget"}, files=files).raise_for_status().json()["id"]
    client.delete(f"/v1/files/{file_id}").raise_for_status()
    key = client.post("/v1/keys", json={"name": "ci", "scopes": ["jobs:read"]}).raise_for_status().json()
    client.delete(f"/v1/keys/{key['id']}").raise_for_status()
    client.post("/v1/models", json={"id": "hub", "family": "mllm", "source": "owner/other"}).raise_for_status()
    told = [(entry["action"], entry["resource"]) for entry in reversed(entries(server))]
    settled, withdrawn = (client.get("/v1/requests?limit=2").json()["data"][n]["id"] for n in (1, 0))
    assert told == [
        ("job.created", finished),
        ("job.created", failed),
        ("request.settled", settled),
        ("job.succeeded", finished),
        ("certificate.issued", finished),
        ("job.failed", failed),
        ("job.retried", failed),
        ("job.cancel_requested", failed),
        ("request.withdrawn", withdrawn),
        ("job.cancelled", failed),
        ("artifact.downloaded", finished),
        ("artifact.downloaded", finished),
        ("artifact.downloaded", finished),
        ("job.deleted", failed),
        ("file.created", file_id),
        ("file.deleted", file_id),
        ("key.created", key["id"]),
        ("key.revoked", key["id"]),
        ("model.registered", "hub"),
    ]
    by_action = {entry["action"]: entry for entry in reversed(entries(server, resource=finished))}
    assert by_action["artifact.downloaded"]["details"]["name"] == "certificate.json"
    assert by_action["job.created"]["actor"].startswith("key_")
    assert by_action["job.succeeded"]["actor"] == "system"
    assert SUBJECT not in json.dumps(entries(server)).encode()
    assert audit.verify(server.services).ok


def test_pages_follow_their_links(server: Server) -> None:
    jobs = [server.create()["id"] for _ in range(5)]
    seen, path = [], "/v1/audit?limit=2&action=job.created"
    while path:
        answer = server.client.get(path).raise_for_status()
        seen += [entry["resource"] for entry in answer.json()["data"]]
        path = answer.links.get("next", {}).get("url", "")
        assert bool(path) == answer.json()["has_more"]
    assert seen == jobs[::-1]
    with Lethe(server.url, server.client.headers["authorization"].split()[1]) as sdk:
        assert [entry.resource for entry in sdk.audit.list(action="job.created", page_size=2)] == jobs[::-1]


def test_who_may_read_it(server: Server) -> None:
    server.create()
    assert_problem(server.client.get("/v1/audit", headers={"Authorization": ""}), 401, "unauthorized")
    lacking = server.key(scopes=("jobs:read", "jobs:write"))
    assert_problem(server.client.get("/v1/audit", headers=lacking), 403, "insufficient_scope")
    stranger = server.key("rival", scopes=("audit:read",))
    assert server.client.get("/v1/audit", headers=stranger).json()["data"] == []
    assert_problem(server.client.get("/v1/audit?after=abc"), 400, "invalid_cursor")
    assert_problem(server.client.get("/v1/audit?limit=0"), 422, "validation_error")
    assert_problem(server.client.get("/v1/audit?since=2026-01-01T00:00:00"), 422, "validation_error")


def test_the_command_line_lists_it(server: Server, tmp_path: Path) -> None:
    job = server.create()["id"]
    connection = ("--url", server.url, "--data-dir", str(tmp_path / "data"))
    found = ran("client.cli", *connection, "audit", "--resource", job, "--since", "2026-01-01", "--json")
    (entry,) = json.loads(found.stdout)
    assert (entry["action"], entry["resource"]) == ("job.created", job)
    assert job in ran("client.cli", *connection, "audit", "--action", "job.created").stdout


def test_the_operator_finds_an_edit(server: Server, tmp_path: Path) -> None:
    for _ in range(3):
        server.create()
    data = tmp_path / "data"
    sound = admin(data, "audit", "verify")
    assert (sound.returncode, sound.stderr) == (0, "")
    assert sound.stdout.startswith("the log is whole: 3 entries in 1 chains")
    with sqlite3.connect(data / "lethe.db") as db:
        db.execute("DROP TRIGGER audit_entries_no_update")
        db.execute("UPDATE audit_entries SET actor = 'key_other' WHERE number = 2")
    broken = admin(data, "audit", "verify", "--json")
    assert broken.returncode == 1
    assert json.loads(broken.stdout)["faults"][0]["number"] == 2
    assert "FAULT  tenant default, entry 2: the entry" in admin(data, "audit", "verify").stdout


def test_the_operator_finds_the_requests_about_a_person(server: Server, tmp_path: Path) -> None:
    first = server.create()["id"]
    server.create(entity={"name": "Somebody Else"})
    server.client.delete(f"/v1/jobs/{first}").raise_for_status()
    command = ["--data-dir", str(tmp_path / "data"), "admin", "audit", "find", "--json"]
    found = ran("client.cli", *command, stdin=f"  {CANARY.upper()} \n")
    assert [row["job"] for row in json.loads(found.stdout)["requests"]] == [first]
    assert json.loads(ran("client.cli", *command, stdin="Nobody\n").stdout) == {"requests": []}


def test_the_operator_is_told_what_is_wrong(tmp_path: Path) -> None:
    nowhere = admin(tmp_path / "nothing", "audit", "verify")
    assert nowhere.returncode == 1
    assert nowhere.stderr.startswith("lethe: there is no server's data in")
    assert not (tmp_path / "nothing").exists()
    assert admin(tmp_path / "new", "migrate").stdout.startswith("the database is at revision")
    assert admin(tmp_path / "new", "audit", "verify").returncode == 0
    unknown = admin(tmp_path / "new", "audit", "burn")
    assert (unknown.returncode, "Traceback" in unknown.stderr) == (2, False)
