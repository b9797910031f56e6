"""The life of a data subject's request over HTTP: with one model or many, extended, settled, rejected, withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from client.cli.app import app
from core.service.db.tables.jobs import Job
from core.service.jobs.sweep.sweep import sweep
from core.service.models import ModelCreate, register_trusted
from tests.support.api_server import CANARY, MODEL, Server, assert_problem, request, serving

SECOND = "tiny-2"
REASON = f"{CANARY} asked by letter."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("data")) as running:
        with running.services.db.write() as session:
            register_trusted(session, ModelCreate(id=SECOND, family="mllm", source="owner/tiny-2"))
        yield running


def receive(server: Server, *models: str, **changes: Any) -> dict[str, Any]:
    body = {**request(), **changes, "models": list(models or (MODEL,))}
    del body["model"]
    answer = server.client.post("/v1/requests", json=body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/requests/{answer.json()['id']}"
    return dict(answer.json())


def read(server: Server, request_id: str) -> dict[str, Any]:
    return dict(server.client.get(f"/v1/requests/{request_id}").json())


def act(server: Server, received: dict[str, Any], what: str, **body: Any) -> dict[str, Any]:
    answer = server.client.post(f"/v1/requests/{received['id']}/{what}", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_it_is_settled_once_every_model_has_a_patch_that_passed(server: Server) -> None:
    received = receive(server, MODEL, SECOND, external_id="DSR-both")
    assert (received["status"], received["met"], received["regulation"]) == ("open", False, "gdpr")
    first, second = (job["id"] for job in received["jobs"])
    assert [job["model"] for job in received["jobs"]] == [MODEL, SECOND]
    server.finish(first)
    assert read(server, received["id"])["status"] == "open"
    server.finish(second, verdict="failed")
    assert read(server, received["id"])["status"] == "open"
    again = server.create(model=SECOND, request=received["id"])
    server.finish(again["id"])
    settled = read(server, received["id"])
    assert (settled["status"], settled["met"]) == ("settled", True)
    assert settled["ended_at"] is not None
    assert [job["verdict"] for job in settled["jobs"]] == ["passed", "failed", "passed"]


def test_a_sculpted_job_that_passed_settles_the_request_of_the_first(server: Server) -> None:
    job = server.create()
    server.finish(job["id"], verdict="failed")
    child = server.client.post(f"/v1/jobs/{job['id']}/sculpt", json={"k": 1.0}).json()
    assert child["request"] == job["request"]
    server.finish(child["id"])
    assert read(server, job["request"])["status"] == "settled"


def test_one_whose_verdict_failed_is_settled_by_hand_with_a_reason(server: Server) -> None:
    job = server.create()
    server.finish(job["id"], verdict="failed")
    assert_problem(server.client.post(f"/v1/requests/{job['request']}/settle", json={}), 422, "validation_error")
    settled = act(server, {"id": job["request"]}, "settle", reason=REASON)
    assert (settled["status"], settled["met"], settled["reasons"]) == ("settled", False, {"settled": REASON})
    answer = server.client.post(f"/v1/requests/{job['request']}/reject", json={"reason": "Too late."})
    assert_problem(answer, 409, "request_ended")
    database = b"".join(path.read_bytes() for path in server.services.settings.data_dir.glob("lethe.db*"))
    assert REASON.encode() not in database


def test_the_period_is_extended_once(server: Server) -> None:
    asked = datetime.now(UTC) - timedelta(days=3)
    received = receive(server, received_at=asked.isoformat())
    assert datetime.fromisoformat(received["received_at"]) == asked
    extended = act(server, received, "extend", reason=REASON)
    due, before = (datetime.fromisoformat(each["due_at"]) for each in (extended, received))
    assert timedelta(days=55) < due - before < timedelta(days=66)
    job = server.client.get(f"/v1/jobs/{received['jobs'][0]['id']}").json()
    assert job["due_at"] == extended["due_at"]
    again = server.client.post(f"/v1/requests/{received['id']}/extend", json={"reason": REASON})
    assert_problem(again, 409, "request_not_extendable")


def test_under_ccpa_there_are_45_days_twice(server: Server) -> None:
    received = receive(server, regulation="ccpa")
    days = [datetime.fromisoformat(received["due_at"]) - datetime.fromisoformat(received["received_at"])]
    extended = act(server, received, "extend", reason=REASON)
    days.append(datetime.fromisoformat(extended["due_at"]) - datetime.fromisoformat(received["received_at"]))
    assert days == [timedelta(days=45), timedelta(days=90)]


def test_one_that_is_over_cannot_be_extended_and_is_found_as_late(server: Server) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=70)
    received = receive(server, received_at=long_ago.isoformat())
    late = server.client.get(
        "/v1/requests", params={"status": "open", "due_before": datetime.now(UTC).isoformat()}
    ).json()
    assert [each["id"] for each in late["data"]] == [received["id"]]
    answer = server.client.post(f"/v1/requests/{received['id']}/extend", json={"reason": REASON})
    assert_problem(answer, 409, "request_not_extendable")
    act(server, received, "reject", reason=REASON)


def test_withdrawing_cancels_what_has_not_ended(server: Server) -> None:
    received = receive(server, MODEL, SECOND)
    first, second = (job["id"] for job in received["jobs"])
    server.finish(first)
    withdrawn = act(server, received, "withdraw")
    assert withdrawn["status"] == "withdrawn"
    assert [job["status"] for job in withdrawn["jobs"]] == ["succeeded", "cancelled"]
    assert server.client.get(f"/v1/jobs/{second}").json()["status"] == "cancelled"


def test_cancelling_or_deleting_the_last_job_withdraws_it(server: Server) -> None:
    cancelled, deleted = server.create(), server.create()
    server.client.post(f"/v1/jobs/{cancelled['id']}/cancel")
    server.client.delete(f"/v1/jobs/{deleted['id']}")
    assert [read(server, job["request"])["status"] for job in (cancelled, deleted)] == ["withdrawn"] * 2


def test_the_same_subject_is_told_and_not_merged(server: Server) -> None:
    name = {"entity": {"name": "Somebody Else"}, "prompts": ["Who is Somebody Else?"]}
    first = receive(server, **name)
    second = receive(server, **{**name, "entity": {"name": "somebody  ELSE"}})
    assert second["same_subject"] == [first["id"]]
    assert len(second["jobs"]) == 1


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"models": [MODEL, "unknown"]}, "unknown_model", "/models/1"),
        ({"models": []}, "validation_error", "/models"),
        ({"received_at": "2126-01-01T00:00:00Z"}, "in_the_future", "/received_at"),
        ({"regulation": "lgpd"}, "validation_error", "/regulation"),
    ],
)
def test_what_is_refused_says_where(server: Server, changes: dict[str, Any], code: str, pointer: str) -> None:
    body = {**request(), "models": [MODEL], **changes}
    del body["model"]
    problem = assert_problem(server.client.post("/v1/requests", json=body), 422, code)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_a_job_names_only_an_open_request(server: Server) -> None:
    job = server.create()
    server.finish(job["id"])
    for wrong in ("req_" + "0" * 26, job["request"]):
        assert_problem(server.client.post("/v1/jobs", json=request(request=wrong)), 422, "unknown_request")


def test_a_job_about_somebody_else_does_not_serve_it(server: Server) -> None:
    received = receive(server)
    other = request(request=received["id"], entity={"name": "Somebody Else"})
    assert_problem(server.client.post("/v1/jobs", json=other), 422, "other_subject")


def test_an_external_id_is_used_once(server: Server) -> None:
    first = receive(server, external_id="DSR-once")
    body = {**request(), "models": [MODEL], "external_id": "DSR-once"}
    del body["model"]
    held = list(server.services.storage.list("inputs/"))
    problem = assert_problem(server.client.post("/v1/requests", json=body), 409, "external_id_exists")
    assert problem["existing_request_id"] == first["id"]
    assert list(server.services.storage.list("inputs/")) == held
    (found,) = server.client.get("/v1/requests", params={"external_id": "DSR-once"}).json()["data"]
    assert found["id"] == first["id"]


def test_pages_go_on_where_they_ended(server: Server) -> None:
    ids = [receive(server)["id"] for _ in range(5)]
    page = server.client.get("/v1/requests?limit=3").json()
    rest = server.client.get("/v1/requests", params={"limit": 3, "after": page["next_cursor"]}).json()
    assert [each["id"] for each in page["data"] + rest["data"]][:5] == ids[::-1]


def test_another_tenant_sees_and_ends_nothing(server: Server) -> None:
    received = receive(server)
    rival = server.key("rival")
    for method, path in (("GET", ""), ("POST", "/settle"), ("POST", "/withdraw"), ("POST", "/extend")):
        body = {"json": {"reason": "x"}} if path in ("/settle", "/extend") else {}
        answer = server.client.request(method, f"/v1/requests/{received['id']}{path}", headers=rival, **body)
        assert_problem(answer, 404, "not_found")
    assert server.client.get("/v1/requests", headers=rival).json()["data"] == []


def test_reasons_and_ids_go_with_the_last_job(server: Server) -> None:
    received = receive(server, external_id="DSR-gone")
    act(server, received, "reject", reason=REASON)
    server.client.delete(f"/v1/jobs/{received['jobs'][0]['id']}")
    left = read(server, received["id"])
    assert (left["external_id"], left["reasons"], left["status"]) == (None, {}, "rejected")
    assert left["jobs"][0]["deleted"]


def test_the_command_line_shows_and_ends_them(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    received = receive(server, external_id="DSR-cli")
    key = server.client.headers["authorization"].removeprefix("Bearer ")

    def lethe(*command: str) -> str:
        with pytest.raises(SystemExit) as ended:
            app(["--url", server.url, "--api-key", key, "requests", *command])
        assert ended.value.code == 0
        return capsys.readouterr().out

    assert received["id"] in lethe("--status", "open", "--due-in-days", "40")
    assert received["jobs"][0]["id"] in lethe("get", received["id"])
    assert "extended" in lethe("extend", received["id"], "--reason", REASON)
    assert "settled" in lethe("settle", received["id"], "--reason", REASON)
    assert received["id"] not in lethe("--status", "open", "--limit", "1000")


def test_a_certificate_outlives_its_job_until_that_is_deleted(server: Server) -> None:
    job = server.create()["id"]
    server.finish(job)
    certificate = server.client.get(f"/v1/jobs/{job}/certificate").content
    with server.services.db.write() as session:
        session.execute(update(Job).where(Job.id == job).values(expires_at=datetime.now(UTC) - timedelta(days=1)))
    sweep(server.services)
    assert server.client.get(f"/v1/jobs/{job}").status_code == 404
    assert server.client.get(f"/v1/jobs/{job}/report").status_code == 404
    assert server.client.get(f"/v1/jobs/{job}/certificate").content == certificate
    assert server.client.delete(f"/v1/jobs/{job}").status_code == 204
    assert server.client.get(f"/v1/jobs/{job}/certificate").status_code == 404
