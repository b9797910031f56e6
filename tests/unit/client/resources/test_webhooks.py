"""The SDK's and the command line's webhooks over scripted answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from client.cli.context import Connection
from client.cli.run import run
from tests.support.scripted_server import answer, problem, scripted

HOOK: dict[str, Any] = {
    "object": "webhook", "id": "whk_1", "url": "https://example.com/", "events": None, "description": None,
    "status": "active", "created_at": "2026-01-01T00:00:00Z", "consecutive_failures": 0,
}  # fmt: skip
ATTEMPT = {"number": 1, "at": "2026-01-01T00:00:00Z", "outcome": "rejected", "status_code": 500, "duration_ms": 3}
DELIVERY: dict[str, Any] = {
    "object": "webhook_delivery", "id": "whd_1", "webhook_id": "whk_1", "type": "job.failed", "job_id": "job_1",
    "status": "pending", "created_at": "2026-01-01T00:00:00Z", "next_attempt_at": "2026-01-01T00:00:05Z",
    "attempts": [ATTEMPT],
}  # fmt: skip


def page(*items: dict[str, Any], cursor: str | None = None) -> dict[str, Any]:
    return {"object": "list", "data": list(items), "has_more": cursor is not None, "next_cursor": cursor}


@pytest.fixture
def lethe(monkeypatch):
    def call(*arguments, answers):
        client, script, _ = scripted(*answers, max_retries=0)
        monkeypatch.setattr(Connection, "open", lambda _: client)
        return run(arguments), script.requests

    return call


def test_lists_are_read_page_by_page():
    second = {**DELIVERY, "id": "whd_0"}
    client, script, _ = scripted(answer(page(DELIVERY, cursor="next")), answer(page(second)))
    found = list(client.webhooks.deliveries("whk_1", status="pending", page_size=1))
    assert [delivery.id for delivery in found] == ["whd_1", "whd_0"]
    assert [str(request.url.query, "ascii") for request in script.requests] == [
        "status=pending&limit=1", "status=pending&limit=1&after=next",
    ]  # fmt: skip


def test_add_prints_the_secret_alone_and_asks_once_whatever_happens(lethe, capsys):
    made = answer({**HOOK, "secret": "whsec_abc"}, 201)
    arguments = ("webhooks", "add", "https://example.com/", "--event", "job.failed", "--event", "job.succeeded")
    status, (request,) = lethe(*arguments, answers=[made])
    assert status == 0
    told = capsys.readouterr()
    assert told.out.strip() == "whsec_abc"
    assert "whk_1" in told.err
    assert json.loads(request.content) == {
        "url": "https://example.com/", "events": ["job.failed", "job.succeeded"], "description": None,
    }  # fmt: skip
    assert request.headers["idempotency-key"]


def test_what_cannot_be_added_is_one_line(lethe, capsys):
    fault = {"pointer": "/url", "code": "https_required", "detail": "Must be an https URL."}
    refused = problem(422, "https_required", "Must be an https URL.", errors=[fault])
    status, _ = lethe("webhooks", "add", "http://example.com/", answers=[refused])
    assert status == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_list_remove_rotate_and_redeliver(lethe, capsys):
    assert lethe("webhooks", "list", answers=[answer(page(HOOK))])[0] == 0
    assert "https://example.com/" in capsys.readouterr().out
    _, (removed,) = lethe("webhooks", "remove", "whk_1", answers=[answer(None, 204)])
    assert (removed.method, removed.url.path) == ("DELETE", "/v1/webhooks/whk_1")
    rotated = answer({**HOOK, "secret": "whsec_new"})
    _, (rotation,) = lethe("webhooks", "rotate-secret", "whk_1", "--overlap-hours", "2", answers=[rotated])
    assert json.loads(rotation.content) == {"overlap_hours": 2.0}
    assert capsys.readouterr().out.strip() == "whsec_new"
    _, (again,) = lethe("webhooks", "redeliver", "whk_1", "whd_1", answers=[answer(DELIVERY, 202)])
    assert again.url.path == "/v1/webhooks/whk_1/deliveries/whd_1/redeliver"


def test_deliveries_show_the_last_attempt_and_as_json_all(lethe, capsys):
    lethe("webhooks", "deliveries", "whk_1", "--limit", "1", answers=[answer(page(DELIVERY, DELIVERY, cursor="x"))])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "rejected 500" in lines[1]
    lethe("webhooks", "deliveries", "whk_1", "--json", answers=[answer(page(DELIVERY))])
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["attempts"] == [ATTEMPT]
