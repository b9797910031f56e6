"""OpenDSR callbacks: each change of status once, signed, to where the guard lets them go, and again if need be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select, update

from core.service.db.engine import db_now
from core.service.db.tables.opendsr import OpendsrCallback
from core.service.opendsr.deliver import CallbackDeliverer
from tests.support.api_server import CANARY, MODEL, Server, serving
from tests.support.opendsr_controller import DOMAIN, EMAIL, Controller, certified, dsr
from tests.support.webhook_receiver import Receiver, receiving


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory, shared_database: dict[str, Any]) -> Iterator[Controller]:
    settings, root = certified(tmp_path_factory.mktemp("pki"))
    settings |= shared_database
    folder = tmp_path_factory.mktemp("data")
    settings |= {"opendsr_model": MODEL, "webhook_networks": "127.0.0.0/8"}
    with serving(folder, **settings) as server, httpx.Client() as http:
        yield Controller(server, root, http)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def submitted(server: Server, *urls: str) -> tuple[str, str]:
    """The ids of a request with these callback URLs, and of its job."""
    request_id = str(uuid4())
    body = dsr(subject_request_id=request_id, status_callback_urls=list(urls))
    assert server.client.post("/opendsr/v2/requests", json=body).status_code == 201
    shown = server.client.get(f"/opendsr/v2/requests/{request_id}").json()
    return request_id, shown["extensions"][DOMAIN]["job_id"]


def rows(server: Server, request_id: str) -> list[tuple[str, str, int, str | None]]:
    told = OpendsrCallback.request_status, OpendsrCallback.state, OpendsrCallback.tries, OpendsrCallback.last_outcome
    query = select(*told).where(OpendsrCallback.subject_request_id == request_id).order_by(OpendsrCallback.id)
    with server.services.db.read() as session:
        return [tuple(row) for row in session.execute(query)]


def test_each_change_is_told_once_and_signed(controller: Controller, receiver: Receiver) -> None:
    server, deliverer = controller.server, CallbackDeliverer(controller.server.services)
    request_id, job_id = submitted(server, receiver.url)
    assert deliverer.run() == 0
    server.finish(job_id)
    assert deliverer.run() == 2
    assert deliverer.run() == 0
    bodies: list[dict[str, Any]] = []
    for got in receiver.got:
        controller.check(got.headers, got.body)
        bodies.append(json.loads(got.body))
        assert CANARY not in got.body.decode()
        assert EMAIL not in got.body.decode()
    assert {body["request_status"] for body in bodies} == {"in_progress", "completed"}
    for body in bodies:
        assert body["status_callback_url"] == receiver.url
        assert (body["subject_request_id"], body["expected_completion_time"]) == (request_id, "2026-03-02T15:00:00Z")
        assert set(body) >= {"controller_id", "results_url", "results_count"}


def test_every_url_hears_of_a_cancellation(controller: Controller, receiver: Receiver) -> None:
    request_id, _ = submitted(controller.server, receiver.url, f"{receiver.url}?second")
    assert controller.server.client.delete(f"/opendsr/v2/requests/{request_id}").status_code == 202
    assert CallbackDeliverer(controller.server.services).run() == 2
    assert {json.loads(got.body)["request_status"] for got in receiver.got} == {"cancelled"}
    assert sorted(json.loads(got.body)["status_callback_url"] for got in receiver.got) == [
        receiver.url, f"{receiver.url}?second",
    ]  # fmt: skip


def test_a_receiver_that_is_away_is_tried_again(controller: Controller, receiver: Receiver) -> None:
    server, deliverer = controller.server, CallbackDeliverer(controller.server.services)
    request_id, job_id = submitted(server, receiver.url)
    server.claim(job_id)
    receiver.always(503)
    assert deliverer.run() == 1
    assert deliverer.run() == 0
    assert rows(server, request_id) == [("in_progress", "pending", 1, "rejected")]
    with server.services.db.write() as session:
        session.execute(
            update(OpendsrCallback).where(OpendsrCallback.state == "pending").values(next_attempt_at=db_now(session))
        )
    receiver.always(202)
    assert deliverer.run() == 1
    assert rows(server, request_id) == [("in_progress", "delivered", 2, "delivered")]


def test_two_senders_send_once(controller: Controller, receiver: Receiver) -> None:
    server = controller.server
    _, job_id = submitted(server, receiver.url)
    server.claim(job_id)
    first, second = (CallbackDeliverer(server.services) for _ in range(2))
    receiver.respond = lambda handler: (second.run(), receiver.always(200), receiver.respond(handler))
    assert first.run() == 1
    assert len(receiver.got) == 1


def test_a_name_that_leads_inside_is_not_called(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings, _ = certified(tmp_path_factory.mktemp("pki"))
    with serving(tmp_path_factory.mktemp("data"), opendsr_model=MODEL, **settings) as server:
        request_id, job_id = submitted(server, "https://localhost/hook")
        server.claim(job_id)
        assert CallbackDeliverer(server.services).run() == 1
        assert rows(server, request_id) == [("in_progress", "pending", 1, "address_not_allowed")]


def test_nothing_is_told_once_the_inputs_are_erased(controller: Controller, receiver: Receiver) -> None:
    server = controller.server
    request_id, job_id = submitted(server, receiver.url)
    server.finish(job_id)
    assert server.client.delete(f"/v1/jobs/{job_id}").status_code == 204
    CallbackDeliverer(server.services).run()
    assert not receiver.got
    assert {row[1:] for row in rows(server, request_id)} == {("failed", 1, "gone")}
