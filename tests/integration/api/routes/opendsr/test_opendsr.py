"""OpenDSR 2.0, from a controller that trusts nothing but the published certificate."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography.exceptions import InvalidSignature

from core.service.jobs.inputs import load_input
from tests.support.api_server import CANARY, MODEL, Server, assert_problem, serving
from tests.support.opendsr_controller import DOMAIN, EMAIL, ID, Controller, certified, dsr

BASE = "/opendsr/v2"


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory, shared_database: dict[str, Any]) -> Iterator[Controller]:
    settings, root = certified(tmp_path_factory.mktemp("pki"))
    settings |= {"opendsr_model": MODEL, **shared_database}
    with serving(tmp_path_factory.mktemp("data"), **settings) as server, httpx.Client() as http:
        yield Controller(server, root, http)


@pytest.fixture
def server(controller: Controller) -> Server:
    return controller.server


def post(server: Server, **changes: Any) -> httpx.Response:
    """A request under an id of its own, unless `changes` name one."""
    return server.client.post(f"{BASE}/requests", json=dsr(**{"subject_request_id": str(uuid4()), **changes}))


def status(controller: Controller, request_id: str) -> dict[str, Any]:
    body = controller.checked(controller.server.client.get(f"{BASE}/requests/{request_id}"))
    alias = controller.checked(controller.server.client.get(f"{BASE}/status/{request_id}"))
    assert alias == body
    return body


def submitted(controller: Controller, **changes: Any) -> tuple[str, str]:
    """The ids of a request and of its job."""
    request_id = controller.checked(post(controller.server, **changes))["subject_request_id"]
    return request_id, status(controller, request_id)["extensions"][DOMAIN]["job_id"]


def assert_refused(answer: httpx.Response, status: int, code: str) -> list[str]:
    """A problem document that is an OpenDSR error too; the pointers to its faults."""
    body = assert_problem(answer, status, code)
    assert body["error"]["code"] == status
    assert [e["reason"] for e in body["error"]["errors"]] == [e["code"] for e in body["errors"]]
    assert EMAIL not in answer.text
    return [error["pointer"] for error in body["errors"]]


def test_discovery_says_what_can_be_asked(controller: Controller) -> None:
    body = controller.checked(httpx.get(f"{controller.server.url}{BASE}/discovery"))
    assert (body["api_version"], body["supported_subject_request_types"]) == ("2.0", ["erasure"])
    assert {"identity_type": "email", "identity_format": "raw"} in body["supported_identities"]
    assert "model" in body["supported_extensions"][DOMAIN]


def test_a_request_is_received_signed_and_becomes_a_job(controller: Controller) -> None:
    sent = json.dumps(dsr()).encode()
    headers = {"Content-Type": "application/json"}
    answer = controller.server.client.post(f"{BASE}/requests", content=sent, headers=headers)
    assert answer.status_code == 201, answer.text
    receipt = controller.checked(answer)
    assert receipt["subject_request_id"] == ID
    assert receipt["expected_completion_time"] == "2026-03-02T15:00:00Z"
    assert base64.b64decode(receipt["encoded_request"]) == sent
    body = status(controller, ID)
    assert (body["request_status"], body["results_url"], body["results_count"]) == ("pending", None, None)
    job_id = body["extensions"][DOMAIN]["job_id"]
    job = controller.server.client.get(f"/v1/jobs/{job_id}").json()
    assert (job["external_id"], job["status"], job["model"]) == (ID, "queued", MODEL)
    assert job["due_at"] == receipt["expected_completion_time"]
    claim = controller.server.claim(job_id)
    request = load_input(controller.server.services, claim).request
    assert request is not None
    assert request["entity"] == {"name": CANARY, "kind": "identity", "aliases": [EMAIL]}
    assert f"Who is {CANARY}?" in request["prompts"]


def test_an_answer_that_was_changed_does_not_verify(controller: Controller) -> None:
    answer = post(controller.server)
    with pytest.raises(InvalidSignature):
        controller.check(answer.headers, answer.content.replace(b"2026-03", b"2027-03"))


def test_identities_alone_are_enough_where_a_model_is_set(controller: Controller) -> None:
    _, job_id = submitted(controller, extensions={})
    claim = controller.server.claim(job_id)
    request = load_input(controller.server.services, claim).request
    assert request is not None
    assert (request["model"], request["entity"]["name"]) == (MODEL, EMAIL)


def test_the_same_request_again_is_answered_as_before(controller: Controller) -> None:
    request_id = str(uuid4())
    first, again = (post(controller.server, subject_request_id=request_id) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    other = post(controller.server, subject_request_id=request_id, regulation="ccpa")
    assert_refused(other, 409, "subject_request_id_exists")
    listed = controller.server.client.get("/v1/jobs", params={"external_id": request_id}).json()["data"]
    assert len(listed) == 1
    elsewhere = controller.server.key("another-controller")
    body = dsr(subject_request_id=request_id)
    assert httpx.post(f"{controller.server.url}{BASE}/requests", json=body, headers=elsewhere).status_code == 201


def test_ccpa_gives_45_days(controller: Controller) -> None:
    request_id, job_id = submitted(controller, regulation="ccpa", submitted_time="2026-03-02T09:00:00Z")
    assert status(controller, request_id)["expected_completion_time"] == "2026-04-16T09:00:00Z"
    assert controller.server.client.get(f"/v1/jobs/{job_id}").json()["due_at"].startswith("2026-04-16T09:00:00")


def test_every_state_of_a_job_is_one_of_the_four(controller: Controller) -> None:
    server = controller.server

    def seen(request_id: str) -> tuple[str, str]:
        body = status(controller, request_id)
        return body["request_status"], body["extensions"][DOMAIN]["detail"]

    passed, job_id = submitted(controller)
    assert seen(passed) == ("pending", "queued")
    server.finish(job_id)
    assert seen(passed) == ("completed", "completed")
    assert status(controller, passed)["results_url"] == f"{server.url}/v1/jobs/{job_id}/report"
    missed, job_id = submitted(controller)
    server.finish(job_id, verdict="failed")
    assert seen(missed) == ("in_progress", "needs_review")
    failed, job_id = submitted(controller)
    server.fail(job_id)
    assert seen(failed) == ("in_progress", "failed")
    server.client.post(f"/v1/jobs/{job_id}/retry")
    assert seen(failed) == ("in_progress", "queued")
    running, job_id = submitted(controller)
    server.claim(job_id)
    assert seen(running) == ("in_progress", "running")
    assert_refused(server.client.delete(f"{BASE}/requests/{running}"), 409, "request_not_pending")


def test_a_pending_request_is_cancelled(controller: Controller) -> None:
    request_id, job_id = submitted(controller)
    for _ in range(2):
        answer = controller.server.client.delete(f"{BASE}/requests/{request_id}")
        assert answer.status_code == 202
        assert controller.checked(answer)["subject_request_id"] == request_id
    assert status(controller, request_id)["request_status"] == "cancelled"
    assert controller.server.client.get(f"/v1/jobs/{job_id}").json()["status"] == "cancelled"


def test_what_was_done_stays_on_record_when_the_job_is_deleted(controller: Controller) -> None:
    request_id, job_id = submitted(controller)
    controller.server.finish(job_id)
    assert controller.server.client.delete(f"/v1/jobs/{job_id}").status_code == 204
    assert status(controller, request_id)["request_status"] == "completed"
    assert_refused(post(controller.server, subject_request_id=request_id), 409, "subject_request_id_exists")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"regulation": None}, "/regulation"),
        ({"regulation": "hipaa"}, "/regulation"),
        ({"subject_request_id": ID.upper()}, "/subject_request_id"),
        ({"subject_request_id": "6c84fb90-12c4-11e1-840d-7b25c5ee775a"}, "/subject_request_id"),
        ({"subject_request_type": "access"}, "/subject_request_type"),
        ({"submitted_time": "yesterday"}, "/submitted_time"),
        ({"submitted_time": 1_700_000_000}, "/submitted_time"),
        ({"subject_identities": [{"identity_type": "email", "identity_value": EMAIL, "identity_format": "sha256"}]},
         "/subject_identities/0/identity_format"),
        ({"subject_identities": [{"identity_type": "android_id", "identity_value": "x", "identity_format": "raw"}]},
         "/subject_identities/0/identity_type"),
        ({"api_version": "3.0"}, "/api_version"),
        ({"property_id": "x"}, "/property_id"),
        ({"status_callback_urls": ["http://169.254.169.254/latest"]}, "/status_callback_urls/0"),
        ({"status_callback_urls": ["https://example.com/ok", "https://127.0.0.1/"]}, "/status_callback_urls/1"),
        ({"extensions": {DOMAIN: {"model": "nobody"}}}, f"/extensions/{DOMAIN}/model"),
        ({"extensions": {DOMAIN: {"colour": "red"}}}, f"/extensions/{DOMAIN}/colour"),
        ({"extensions": {DOMAIN: {"images": ["file_00000000000000000000000000"]}}}, f"/extensions/{DOMAIN}/images/0"),
        ({"extensions": {DOMAIN: {"entity": CANARY}}}, f"/extensions/{DOMAIN}/entity"),
        ({"extensions": {DOMAIN: {"entity": {"aliases": CANARY}}}}, f"/extensions/{DOMAIN}/entity/aliases"),
        ({"extensions": {DOMAIN: {"external_id": "mine"}}}, f"/extensions/{DOMAIN}/external_id"),
        ({"subject_identities": [], "extensions": {}}, f"/extensions/{DOMAIN}/images"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_400_and_pointed_at(server: Server, changes: dict[str, Any], pointer: str) -> None:
    answer = post(server, **changes)
    assert pointer in assert_refused(answer, 400, answer.json()["code"])


def test_bodies_that_are_no_request(server: Server) -> None:
    for content in (b"{", b"[]", b'{"regulation": "gdpr", "regulation": "ccpa"}'):
        answer = server.client.post(f"{BASE}/requests", content=content, headers={"Content-Type": "application/json"})
        assert assert_problem(answer, 400, answer.json()["code"])
    assert (
        server.client.post(f"{BASE}/requests", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    )


def test_nothing_of_the_subject_is_stored_in_the_clear(server: Server) -> None:
    urls = ["https://privacy.example.com/secret-callback"]
    assert post(server, status_callback_urls=urls).status_code == 201
    wanted = (CANARY.encode(), EMAIL.encode(), base64.b64encode(EMAIL.encode()).rstrip(b"="), b"secret-callback")
    for path in server.services.settings.data_dir.rglob("*"):
        if path.is_file():
            assert not [word for word in wanted if word in path.read_bytes()], path.name


def test_without_a_certificate_of_ones_own_there_is_a_self_signed_one(tmp_path: Path) -> None:
    with serving(tmp_path, public_url="https://lethe.example.net:8443/") as server:
        found = httpx.get(f"{server.url}{BASE}/discovery")
        assert found.headers["x-opendsr-processor-domain"] == "lethe.example.net"
        url = found.json()["processor_certificate"]
        assert url == "https://lethe.example.net:8443/opendsr/v2/certificate.pem"
        assert "BEGIN CERTIFICATE" in httpx.get(f"{server.url}{BASE}/certificate.pem").text


def test_a_certificate_that_does_not_fit_is_said_to_be_unavailable(tmp_path: Path) -> None:
    settings, _ = certified(tmp_path)
    with serving(tmp_path / "a", **{**settings, "opendsr_domain": "other.example.org"}) as server:
        assert_problem(httpx.get(f"{server.url}{BASE}/discovery"), 503, "unavailable")
        assert server.client.get("/v1/jobs").status_code == 200
