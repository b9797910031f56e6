"""Jobs over HTTP: the contract line by line, with the worker played by the test."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from api.routes.jobs import routes
from core.service.jobs import lease
from core.service.jobs.inputs import load_input
from tests.support.api_server import CANARY, MODEL, Server, assert_problem, png, request, serving
from tests.support.service import wav


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    limits = {"max_images": 4, "max_image_bytes": 4096, "max_prompts": 8}
    limits |= {"max_audio": 2, "max_audio_bytes": 4096, "max_audio_seconds": 0.2}
    with serving(tmp_path_factory.mktemp("data"), **limits) as running:
        yield running


def test_a_job_is_accepted_located_and_visible_at_once(server: Server) -> None:
    answer = server.client.post("/v1/jobs", json=request(external_id="DSR-1", metadata={"ticket": "1"}))
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert int(answer.headers["retry-after"]) > 0
    assert (job["object"], job["status"], job["phase"], job["attempt"]) == ("job", "queued", None, 0)
    assert job["progress"] == {"step": 0, "total_steps": None, "fraction": 0.0, "eta_at": None}
    assert (job["model"], job["method"], job["external_id"]) == (MODEL, "smfa", "DSR-1")
    assert job["plan"]["method"] == "smfa"
    assert job["plan"]["options"]["rank"] == 16
    assert CANARY not in answer.text
    assert server.client.get(job["links"]["self"]).json() == job
    assert job["id"] in [row["id"] for row in server.client.get("/v1/jobs").json()["data"]]


def test_multipart_brings_pictures_as_parts(server: Server) -> None:
    parts = [
        ("request", (None, json.dumps(request(prompts=[])), "application/json")),
        ("images", ("../../etc/passwd", png("red"), "text/plain")),
        ("images", ("b.png", png("blue"), "image/png")),
    ]
    answer = server.client.post("/v1/jobs", files=parts)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["id"]
    claim = server.claim(job_id)
    loaded = load_input(server.services, claim)
    assert loaded.images == (png("red"), png("blue"))
    assert loaded.request is not None
    assert loaded.request["entity"]["name"] == CANARY


def test_sounds_travel_as_pictures_do_to_models_that_hear(server: Server) -> None:
    answer = server.client.post("/v1/files", data={"purpose": "forget"}, files={"file": ("me.wav", wav())})
    assert answer.status_code == 201, answer.text
    file = answer.json()
    assert (file["media_type"], file["duration_seconds"], file["sample_rate"]) == ("audio/wav", 0.01, 8000)
    assert (file["width"], file["height"]) == (None, None)
    assert server.client.get(f"/v1/files/{file['id']}").json() == file
    for content in ({"json": request(audio=[file["id"]])}, {"files": [*_form(request()), ("audio", ("a.wav", wav()))]}):
        problem = assert_problem(server.client.post("/v1/jobs", **content), 422, "validation_error")
        assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/audio", "audio_not_supported")]
    problem = assert_problem(
        server.client.post("/v1/jobs", json=request(images=[file["id"]])), 422, "wrong_kind_of_file"
    )
    assert [e["pointer"] for e in problem["errors"]] == ["/images/0"]


def test_each_limit_of_sounds_has_a_code(server: Server) -> None:
    for clips, status, code in (
        ([wav(0.3, rate=1000)], 422, "audio_too_long"),
        ([wav()] * 3, 422, "too_much_audio"),
        ([wav(1.0)], 413, "audio_too_large"),
        ([wav()[:-2]], 415, "unsupported_audio"),
    ):
        parts = [("audio", ("a.wav", clip)) for clip in clips]
        assert_problem(server.client.post("/v1/jobs", files=[*_form(request()), *parts]), status, code)
    large = {"files": {"file": ("a.wav", wav(1.0))}, "data": {"purpose": "forget"}}
    assert_problem(server.client.post("/v1/files", **large), 413, "audio_too_large")


def test_a_name_alone_is_nothing_to_work_from(server: Server) -> None:
    problem = assert_problem(server.client.post("/v1/jobs", json=request(prompts=[])), 422, "nothing_to_forget")
    assert [error["pointer"] for error in problem["errors"]] == ["/images"]


def test_a_model_without_pictures_takes_a_name_alone_and_declines_pictures(server: Server) -> None:
    body = {"id": "words", "family": "llm", "source": "owner/words", "defaults": {"memory_gb": 6}}
    assert server.client.post("/v1/models", json=body).status_code == 201
    job = server.create(model="words", prompts=[])
    assert (job["method"], job["plan"]["views"], job["plan"]["memory"]["gpu_bytes"]) == ("smfa", ["text"], 6 * 10**9)
    parts = [
        ("request", (None, json.dumps(request(model="words")), "application/json")),
        ("images", ("a.png", png(), "image/png")),
    ]
    problem = assert_problem(server.client.post("/v1/jobs", files=parts), 422, "validation_error")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/images", "images_not_supported")]
    assert problem["errors"][0]["detail"] == "Models of family llm see no pictures; give a name and prompts."
    nameless = request(model="words", entity={"name": None})
    problem = assert_problem(server.client.post("/v1/jobs", json=nameless), 422, "nothing_to_forget")
    assert [error["pointer"] for error in problem["errors"]] == ["/entity/name"]


def _form(body: dict[str, Any]) -> list[tuple[str, Any]]:
    return [("request", (None, json.dumps(body), "application/json"))]


def test_the_request_part_may_be_a_file(server: Server) -> None:
    parts = [("request", ("request.json", json.dumps(request()), "application/json")), ("images", ("a", png()))]
    assert server.client.post("/v1/jobs", files=parts).status_code == 202


def test_uploaded_files_can_be_named(server: Server) -> None:
    upload = server.client.post("/v1/files", data={"purpose": "forget"}, files={"file": ("me.png", png())})
    assert upload.status_code == 201, upload.text
    file = upload.json()
    assert (file["media_type"], file["width"], file["height"], file["bytes"]) == ("image/png", 12, 8, len(png()))
    job = server.create(images=[file["id"]], prompts=[])
    assert server.client.get(f"/v1/files/{file['id']}").json()["expires_at"] is None
    assert_problem(server.client.delete(f"/v1/files/{file['id']}"), 409, "file_in_use")
    assert server.client.delete(f"/v1/jobs/{job['id']}").status_code == 204


def test_validate_only_answers_with_the_plan_and_stores_nothing(server: Server) -> None:
    before = server.client.get("/v1/jobs").json()["data"][:1]
    body = request(method_options={"rank": 4}, external_id="never-stored")
    answer = server.client.post("/v1/jobs?validate_only=true", json=body)
    assert answer.status_code == 200, answer.text
    plan = answer.json()["plan"]
    assert (plan["method"], plan["options"]["rank"], plan["options"]["alpha"]) == ("smfa", 4, 16.0)
    assert plan["training_examples"] > 0
    assert "reason" in plan
    assert set(plan["estimate"]) == {"seconds", "basis"}
    assert server.client.get("/v1/jobs").json()["data"][:1] == before
    assert server.client.get("/v1/jobs?external_id=never-stored").json()["data"] == []


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"colour": CANARY}, "/colour"),
        ({"entity": {"name": CANARY, "age": 3}}, "/entity/age"),
        ({"entity": {"name": CANARY, "kind": CANARY}}, "/entity/kind"),
        ({"model": "nobody"}, "/model"),
        ({"method": "magic"}, "/method"),
        ({"method_options": {"rank": CANARY}}, "/method_options/rank"),
        ({"method_options": {"rnak": 1}}, "/method_options/rnak"),
        ({"evaluation": {"thresholds": {"forget.sense": 1}}}, "/evaluation/thresholds/forget.sense"),
        ({"evaluation": {"thresholds": {"general.exact": 7}}}, "/evaluation/thresholds/general.exact"),
        ({"evaluation": {"level": "lazy"}}, "/evaluation/level"),
        ({"prompts": [], "images": []}, "/images"),
        ({"prompts": [CANARY] * 9}, "/prompts"),
        ({"prompts": [CANARY * 200]}, "/prompts/0"),
        ({"prompts": ["\u0000"]}, "/prompts/0"),
        ({"images": ["file_00000000000000000000000000"]}, "/images/0"),
        ({"images": [CANARY]}, "/images/0"),
        ({"metadata": {"a": {"b": CANARY}}}, "/metadata/a"),
    ],
)
def test_what_is_wrong_is_pointed_at_and_not_quoted(server: Server, changes: dict[str, object], pointer: str) -> None:
    answer = server.client.post("/v1/jobs", json=request(**changes))
    assert answer.status_code == 422, answer.text
    body = assert_problem(answer, 422, answer.json()["code"])
    assert pointer in [error["pointer"] for error in body["errors"]]


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "bad_request"),
        (b'{"model": NaN}', "application/json", 400, "bad_request"),
        (b"[" * 100_000, "application/json", 400, "bad_request"),
        (b"\xff\xfe", "application/json", 400, "bad_request"),
        (b"model: x", "text/yaml", 415, "unsupported_media_type"),
        (b"x", "multipart/form-data; boundary=b", 400, "bad_request"),
        (b"x", "multipart/form-data", 400, "bad_request"),
        (b"[]", "application/json", 422, "validation_error"),
    ],
)
def test_bodies_that_are_no_request(server: Server, content: bytes, kind: str, status: int, code: str) -> None:
    assert_problem(server.client.post("/v1/jobs", content=content, headers={"Content-Type": kind}), status, code)


def test_pictures_that_are_none(server: Server) -> None:
    def post(picture: bytes) -> httpx.Response:
        return server.client.post(
            "/v1/jobs", files=[("request", (None, json.dumps(request()))), ("images", ("a.png", picture))]
        )

    assert post(b"GIF89a" + bytes(50)).status_code == 415
    assert_problem(post(png() + bytes(5000)), 413, "image_too_large")
    parts = [("request", (None, json.dumps(request()))), *[("images", ("a", png())) for _ in range(5)]]
    assert_problem(server.client.post("/v1/jobs", files=parts), 422, "too_many_images")


def test_the_same_key_gives_the_first_answer_again(server: Server) -> None:
    headers = {"Idempotency-Key": "once"}
    first = server.client.post("/v1/jobs", json=request(), headers=headers)
    again = server.client.post("/v1/jobs", json=request(), headers=headers)
    assert again.status_code == 202
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in first.headers
    other = server.client.post("/v1/jobs", json=request(prompts=["Another?"]), headers=headers)
    assert_problem(other, 422, "idempotency_key_reused")
    elsewhere = server.client.post("/v1/jobs", json=request(), headers={**headers, **server.key("elsewhere")})
    assert elsewhere.status_code == 202
    assert elsewhere.json()["id"] != first.json()["id"]


def test_a_refused_request_does_not_use_up_its_key(server: Server) -> None:
    headers = {"Idempotency-Key": "second-try"}
    assert server.client.post("/v1/jobs", json=request(method="magic"), headers=headers).status_code == 422
    assert server.client.post("/v1/jobs", json=request(), headers=headers).status_code == 202


def test_an_unusable_key_is_refused(server: Server) -> None:
    answer = server.client.post("/v1/jobs", json=request(), headers={"Idempotency-Key": "a b"})
    assert_problem(answer, 400, "invalid_idempotency_key")


def test_an_external_id_is_used_once(server: Server) -> None:
    first = server.create(external_id="DSR-2")
    body = assert_problem(server.client.post("/v1/jobs", json=request(external_id="DSR-2")), 409, "external_id_exists")
    assert body["existing_job_id"] == first["id"]
    assert [j["id"] for j in server.client.get("/v1/jobs?external_id=DSR-2").json()["data"]] == [first["id"]]


def test_an_unchanged_job_is_304_and_a_changed_one_is_not(server: Server) -> None:
    path = f"/v1/jobs/{server.create()['id']}"
    first = server.client.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    assert "retry-after" in first.headers
    unchanged = server.client.get(path, headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", tag)
    server.client.post(f"{path}/cancel")
    changed = server.client.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert "retry-after" not in changed.headers


def test_wait_returns_as_soon_as_the_job_changes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, waits, look = server.create()["id"], threading.Event(), routes._version

    def look_again(*job: Any) -> int:
        waits.set()
        return look(*job)

    monkeypatch.setattr(routes, "_version", look_again)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.client.get, f"/v1/jobs/{job_id}?wait=60", timeout=120)
        assert waits.wait(50)
        assert not answer.done()
        server.claim(job_id)
        assert answer.result(50).json()["status"] == "running"


def test_wait_ends_with_304_for_who_knows_the_job_already(server: Server) -> None:
    path = f"/v1/jobs/{server.create()['id']}"
    tag = server.client.get(path).headers["etag"]
    assert server.client.get(f"{path}?wait=1", headers={"If-None-Match": tag}).status_code == 304
    assert_problem(server.client.get(f"{path}?wait=-1"), 422, "validation_error")


def test_pages_are_newest_first_and_whole(server: Server) -> None:
    headers = server.key("pages")
    made = [server.client.post("/v1/jobs", json=request(), headers=headers).json()["id"] for _ in range(5)]
    found: list[str] = []
    url: str | None = "/v1/jobs?limit=2&status=queued"
    while url:
        page = server.client.get(url, headers=headers)
        found += [job["id"] for job in page.json()["data"]]
        assert page.json()["has_more"] == ("next" in page.links)
        url = page.links.get("next", {}).get("url")
    assert found == made[::-1]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("limit=0", 422, "validation_error"),
        ("limit=-3", 422, "validation_error"),
        ("limit=x", 422, "validation_error"),
        ("status=asleep", 422, "validation_error"),
        ("created_after=2026-01-01T00:00:00", 422, "validation_error"),
        ("verdict=good", 422, "validation_error"),
        ("verdit=failed", 400, "unknown_parameter"),
        ("after=Zm9yZ2Vk", 400, "invalid_cursor"),
        ("after=%C3%A9", 400, "invalid_cursor"),
    ],
)
def test_list_queries_that_are_wrong(server: Server, query: str, status: int, code: str) -> None:
    assert_problem(server.client.get(f"/v1/jobs?{query}"), status, code)


def test_a_limit_over_a_hundred_is_lowered(server: Server) -> None:
    assert server.client.get("/v1/jobs?limit=5000").status_code == 200


def test_filters(server: Server) -> None:
    headers = server.key("filters")
    job = server.client.post("/v1/jobs", json=request(), headers=headers).json()

    def ids(query: str) -> list[str]:
        answer = server.client.get("/v1/jobs", params=dict([query.split("=", 1)]), headers=headers)
        return [row["id"] for row in answer.json()["data"]]

    assert ids("status=queued") == ids(f"model={MODEL}") == ids("created_after=2020-01-01T00:00:00Z") == [job["id"]]
    assert ids("status=running") == ids("model=other") == ids(f"created_after={job['created_at']}") == []
    server.finish(job["id"], verdict="failed")
    assert (ids("verdict=failed"), ids("verdict=passed")) == ([job["id"]], [])


def test_cancel_in_every_state(server: Server) -> None:
    queued = server.create()["id"]
    answer = server.client.post(f"/v1/jobs/{queued}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert server.client.post(f"/v1/jobs/{queued}/cancel").status_code == 200
    running = server.create()["id"]
    server.claim(running)
    answer = server.client.post(f"/v1/jobs/{running}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    assert answer.json()["cancel_requested_at"] is not None
    succeeded = server.create()["id"]
    server.finish(succeeded)
    assert_problem(server.client.post(f"/v1/jobs/{succeeded}/cancel"), 409, "job_already_terminal")


def test_only_a_failed_job_is_retried(server: Server) -> None:
    job_id = server.create()["id"]
    assert_problem(server.client.post(f"/v1/jobs/{job_id}/retry"), 409, "job_not_failed")
    server.fail(job_id)
    failed = server.client.get(f"/v1/jobs/{job_id}").json()
    assert failed["error"] == {
        "code": "out_of_memory", "message": "Even one row does not fit.", "retryable": True, "attempt": 1,
    }  # fmt: skip
    answer = server.client.post(f"/v1/jobs/{job_id}/retry")
    assert (answer.status_code, answer.json()["status"], answer.json()["error"]) == (202, "queued", None)
    server.finish(job_id)
    assert server.client.get(f"/v1/jobs/{job_id}").json()["attempt"] == 2


def test_sculpting_again_is_a_new_job_of_the_parent(server: Server) -> None:
    job_id = server.create()["id"]
    assert_problem(server.client.post(f"/v1/jobs/{job_id}/sculpt", json={"k": 1.0}), 409, "job_not_succeeded")
    server.finish(job_id)
    answer = server.client.post(f"/v1/jobs/{job_id}/sculpt", json={"k": 1.0}, headers={"Idempotency-Key": "sculpt"})
    assert answer.status_code == 202, answer.text
    child = answer.json()
    assert (child["parent"], child["status"]) == (job_id, "queued")
    assert answer.headers["location"].endswith(child["id"])
    again = server.client.post(f"/v1/jobs/{job_id}/sculpt", json={"k": 1.0}, headers={"Idempotency-Key": "sculpt"})
    assert again.json() == child
    for body in ({}, {"k": -1}, {"k": 1, "utility_floor": 0.9}, {"depth": 2}):
        assert_problem(server.client.post(f"/v1/jobs/{job_id}/sculpt", json=body), 422, "validation_error")


def test_a_deleted_job_is_gone(server: Server) -> None:
    job_id = server.create(external_id="DSR-3")["id"]
    claim = server.claim(job_id)
    assert_problem(server.client.delete(f"/v1/jobs/{job_id}"), 409, "job_running")
    with server.services.db.write() as session:
        lease.cancel(session, claim)
    assert server.client.delete(f"/v1/jobs/{job_id}").status_code == 204
    for method, path in [("GET", ""), ("GET", "/events"), ("GET", "/patch"), ("POST", "/cancel"), ("DELETE", "")]:
        assert_problem(server.client.request(method, f"/v1/jobs/{job_id}{path}"), 404, "not_found")
    assert list(server.services.storage.list(f"inputs/{job_id}/")) == []


def test_the_subject_is_in_no_file_in_the_clear(server: Server) -> None:
    server.finish(server.create()["id"])
    with server.services.db.write() as session:
        session.connection().exec_driver_sql("SELECT 1")
    for path in server.services.settings.data_dir.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path.name
