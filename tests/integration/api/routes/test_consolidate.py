"""`POST /v1/models/{id}/consolidate`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.api_server import MODEL, Server, assert_problem, serving

PATH = f"/v1/models/{MODEL}/consolidate"
UNKNOWN = "job_00000000000000000000000000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("consolidate")) as running:
        yield running


def succeeded(server: Server, base: str = "sha256:a") -> str:
    job_id = str(server.create()["id"])
    server.finish(job_id, base_digest=base)
    return job_id


def test_it_is_a_job_and_made_once(server: Server) -> None:
    jobs = [succeeded(server), succeeded(server)]
    body = {"jobs": jobs, "options": {"keep_weight": 10, "level": "quick"}}
    answer = server.client.post(PATH, json=body, headers={"Idempotency-Key": "all"})
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["model"], job["method"], job["status"]) == (MODEL, "smfa", "queued")
    assert answer.headers["location"].endswith(f"/v1/jobs/{job['id']}")
    assert job["plan"]["consolidate"] == {"jobs": jobs}
    assert (job["plan"]["level"], job["plan"]["options"]["keep_weight"]) == ("quick", 10)
    again = server.client.post(PATH, json=body, headers={"Idempotency-Key": "all"})
    assert (again.json(), again.headers["idempotency-replayed"]) == (job, "true")
    other = server.client.post(PATH, json={"jobs": jobs}, headers={"Idempotency-Key": "all"})
    assert_problem(other, 422, "idempotency_key_reused")
    entries = server.client.get("/v1/audit", params={"resource": job["id"]}).json()["data"]
    assert [(entry["action"], entry["details"]["jobs"]) for entry in entries] == [("job.created", jobs)]


def test_what_it_refuses(server: Server) -> None:
    first, second, elsewhere = succeeded(server), succeeded(server), succeeded(server, base="sha256:b")
    queued, deleted = str(server.create()["id"]), succeeded(server)
    server.client.delete(f"/v1/jobs/{deleted}").raise_for_status()
    baseline = str(server.create(method="idk")["id"])
    server.finish(baseline)
    for jobs, status, code, pointer in (
        ([first, elsewhere], 409, "base_mismatch", "/jobs/1"),
        ([queued, first], 409, "job_not_succeeded", "/jobs/0"),
        ([first, second, baseline], 409, "sculpt_not_possible", "/jobs/2"),
        ([first, deleted], 404, "not_found", "/jobs/1"),
        ([first, UNKNOWN], 404, "not_found", "/jobs/1"),
        ([first], 422, "too_few_jobs", "/jobs"),
        (["nonsense"], 422, "validation_error", "/jobs/0"),
    ):
        problem = assert_problem(server.client.post(PATH, json={"jobs": jobs}), status, code)
        assert problem["errors"][0]["pointer"] == pointer
    assert_problem(server.client.post("/v1/models/none/consolidate", json={}), 404, "not_found")
    for options in ({"depth": 2}, {"keep_weight": -1}, {"level": "perfect"}):
        body = {"jobs": [first, second], "options": options}
        problem = assert_problem(server.client.post(PATH, json=body), 422, "validation_error")
        assert problem["errors"][0]["pointer"] == f"/options/{next(iter(options))}"


def test_a_tenant_puts_together_its_own_jobs_alone(server: Server) -> None:
    rival = server.key("rival")
    jobs = [succeeded(server), succeeded(server)]
    assert_problem(server.client.post(PATH, json={"jobs": jobs}, headers=rival), 404, "not_found")
    assert_problem(server.client.post(PATH, json={}, headers=rival), 422, "too_few_jobs")
    reader = server.key(scopes=("jobs:read",))
    assert_problem(server.client.post(PATH, json={}, headers=reader), 403, "insufficient_scope")
