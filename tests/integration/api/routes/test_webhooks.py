"""Webhooks over HTTP: made, listed, rotated, redelivered, deleted; and nobody named on the way."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.service.webhooks.deliver import Deliverer
from tests.support.api_server import CANARY, Server, assert_problem, request, serving
from tests.support.webhook_receiver import Receiver, receiving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("data")
    with serving(folder, webhook_networks="127.0.0.0/8", max_webhooks=60) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def make(server: Server, url: str, headers: dict[str, str] | None = None, **more: object) -> dict[str, object]:
    answer = server.client.post("/v1/webhooks", json={"url": url, **more}, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_the_secret_is_shown_once(server: Server) -> None:
    body = {"url": "https://example.com/a", "events": ["job.failed", "job.succeeded"], "description": "billing"}
    answer = server.client.post("/v1/webhooks", json=body, headers={"Idempotency-Key": "first"})
    made = answer.json()
    assert answer.headers["location"] == f"/v1/webhooks/{made['id']}"
    assert made["secret"].startswith("whsec_")
    assert (made["status"], made["events"], made["description"]) == (
        "active",
        ["job.failed", "job.succeeded"],
        "billing",
    )
    again = server.client.post("/v1/webhooks", json=body, headers={"Idempotency-Key": "first"})
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {**made, "secret": None}
    shown = server.client.get(f"/v1/webhooks/{made['id']}")
    assert shown.json() == {name: value for name, value in made.items() if name != "secret"}
    assert made["secret"] not in shown.text + server.client.get("/v1/webhooks").text
    rotated = server.client.post(f"/v1/webhooks/{made['id']}/rotate-secret")
    assert rotated.status_code == 200, rotated.text
    assert rotated.json()["secret"] != made["secret"]


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"url": "ftp://example.com/"}, "https_required", "/url"),
        ({"url": "https://169.254.169.254/"}, "address_not_allowed", "/url"),
        ({"url": "http://10.0.0.1/"}, "address_not_allowed", "/url"),
        ({"url": f"https://{CANARY}@example.com/".replace(" ", "")}, "credentials_in_url", "/url"),
        ({"url": "https://example.com/", "events": ["job.queued"]}, "validation_error", "/events/0"),
        ({"url": "https://example.com/", "events": []}, "validation_error", "/events"),
        ({"url": "https://example.com/" + "a" * 2000}, "validation_error", "/url"),
        ({"url": "https://example.com/", "secret": "mine"}, "validation_error", "/secret"),
        ({}, "validation_error", "/url"),
    ],
)
def test_webhooks_that_cannot_be_made(server: Server, body: dict[str, object], code: str, pointer: str) -> None:
    found = assert_problem(server.client.post("/v1/webhooks", json=body), 422, code)
    assert [error["pointer"] for error in found["errors"]] == [pointer]


def test_lists_go_from_page_to_page(server: Server) -> None:
    mine = server.key("pages")
    made = [make(server, f"https://example.com/{n}", mine)["id"] for n in range(5)]
    seen, path = [], "/v1/webhooks?limit=2"
    while path:
        answer = server.client.get(path, headers=mine)
        seen += [item["id"] for item in answer.json()["data"]]
        assert answer.json()["has_more"] == ("next" in answer.links)
        path = answer.links.get("next", {}).get("url")
    assert seen == made[::-1]
    cursor = server.client.get("/v1/webhooks?limit=1", headers=mine).json()["next_cursor"]
    assert_problem(server.client.get(f"/v1/webhooks?after={cursor}"), 400, "invalid_cursor")
    assert_problem(server.client.get("/v1/webhooks?limit=0", headers=mine), 422, "validation_error")
    assert server.client.get("/v1/webhooks?limit=999", headers=mine).status_code == 200


def test_deliveries_are_listed_and_sent_again(server: Server, receiver: Receiver) -> None:
    hook = make(server, receiver.url)
    jobs = [server.create()["id"] for _ in range(3)]
    for job in jobs:
        server.client.post(f"/v1/jobs/{job}/cancel").raise_for_status()
    listed = server.client.get(f"/v1/webhooks/{hook['id']}/deliveries?limit=2")
    page = listed.json()
    rest = server.client.get(listed.links["next"]["url"]).json()
    assert [d["job_id"] for d in page["data"] + rest["data"]] == jobs[::-1]
    assert (page["has_more"], rest["has_more"]) == (True, False)
    assert {(d["type"], d["status"], d["webhook_id"]) for d in page["data"]} == {
        ("job.cancelled", "pending", hook["id"]),
    }  # fmt: skip
    Deliverer(server.services).run()
    delivered = server.client.get(f"/v1/webhooks/{hook['id']}/deliveries?status=delivered").json()["data"]
    assert len(delivered) == 3
    assert [a["outcome"] for d in delivered for a in d["attempts"]] == ["delivered"] * 3
    assert server.client.get(f"/v1/webhooks/{hook['id']}/deliveries?status=failed").json()["data"] == []
    again = server.client.post(f"/v1/webhooks/{hook['id']}/deliveries/{delivered[0]['id']}/redeliver")
    assert again.status_code == 202, again.text
    assert again.json()["status"] == "pending"
    Deliverer(server.services).run()
    assert [got.headers["webhook-id"] for got in receiver.got].count(delivered[0]["id"]) == 2
    elsewhere = make(server, receiver.url)
    wrong = server.client.post(f"/v1/webhooks/{elsewhere['id']}/deliveries/{delivered[0]['id']}/redeliver")
    assert_problem(wrong, 404, "not_found")
    for made in (hook, elsewhere):
        assert server.client.delete(f"/v1/webhooks/{made['id']}").status_code == 204
        assert_problem(server.client.get(f"/v1/webhooks/{made['id']}/deliveries"), 404, "not_found")


def test_a_disabled_webhook_says_so(server: Server, receiver: Receiver) -> None:
    hook = make(server, receiver.url)
    receiver.always(410)
    server.client.post(f"/v1/jobs/{server.create()['id']}/cancel").raise_for_status()
    Deliverer(server.services).run()
    shown = server.client.get(f"/v1/webhooks/{hook['id']}").json()
    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "gone")
    (delivery,) = server.client.get(f"/v1/webhooks/{hook['id']}/deliveries").json()["data"]
    refused = server.client.post(f"/v1/webhooks/{hook['id']}/deliveries/{delivery['id']}/redeliver")
    assert_problem(refused, 409, "webhook_disabled")
    server.client.delete(f"/v1/webhooks/{hook['id']}")


def test_the_outbox_is_measured(tmp_path: Path, receiver: Receiver) -> None:
    with serving(tmp_path, webhook_networks="127.0.0.0/8") as server:
        make(server, receiver.url)
        for _ in range(2):
            server.client.post(f"/v1/jobs/{server.create()['id']}/cancel").raise_for_status()
        receiver.always(500, Retry_After="3600")
        Deliverer(server.services).run()
        told = server.client.get("/metrics").text
    assert 'lethe_webhook_attempts_total{outcome="rejected"} 1.0' in told
    assert "lethe_webhook_deliveries_pending 2.0" in told


def test_a_tenant_has_no_more_than_it_may(tmp_path: Path) -> None:
    with serving(tmp_path, max_webhooks=1) as server:
        hook = make(server, "https://example.com/")
        assert_problem(server.client.post("/v1/webhooks", json={"url": "https://b.example/"}), 409, "too_many_webhooks")
        assert_problem(server.client.post("/v1/webhooks", json={"url": "http://b.example/"}), 422, "https_required")
        server.client.delete(f"/v1/webhooks/{hook['id']}")
        make(server, "https://example.com/")


def test_nobody_is_named(
    tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(tmp_path, webhook_networks="127.0.0.0/8") as server:
        hook = make(server, receiver.url)
        passed, failed, cancelled = (server.create()["id"] for _ in range(3))
        server.finish(passed)
        server.fail(failed)
        server.client.post(f"/v1/jobs/{cancelled}/cancel").raise_for_status()
        receiver.always(500)
        Deliverer(server.services).run()
        receiver.always(200)
        shown = server.client.get(f"/v1/webhooks/{hook['id']}/deliveries").text
        for delivery in json.loads(shown)["data"]:
            server.client.post(f"/v1/webhooks/{hook['id']}/deliveries/{delivery['id']}/redeliver").raise_for_status()
        Deliverer(server.services).run()
        sent = b"".join(got.body + str(got.headers).encode() for got in receiver.got)
        stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    logged = caplog.text + "".join(capfd.readouterr())
    assert len(receiver.got) == 6
    assert passed.encode() in sent
    assert passed.encode() in stored
    for word in (*CANARY.split(), *request()["prompts"]):
        assert word.encode() not in sent + stored
        assert word not in shown + logged
    assert str(hook["secret"]).encode() not in sent + stored
    assert receiver.url not in logged
