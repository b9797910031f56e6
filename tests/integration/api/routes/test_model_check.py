"""`GET /v1/models/{id}/check`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from client.lethe import Lethe
from core.service.models import ModelCreate, register_trusted
from core.unlearning import reference
from tests.support.api_server import MODEL, Server, assert_problem, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("check")) as running:
        with running.services.db.write() as session:
            for entry in reference.bundled():
                register_trusted(session, ModelCreate(**entry))
        yield running


def test_it_says_what_a_model_allows(server: Server) -> None:
    answer = server.client.get("/v1/models/reference-mllm/check")
    assert answer.status_code == 200, answer.text
    check = answer.json()
    assert (check["object"], check["model"], check["family"]) == ("model_check", "reference-mllm", "mllm")
    assert {found["name"]: found["status"] for found in check["findings"]} == {
        "source": "ok",
        "retain_set": "ok",
        "oracle": "ok",
        "defaults": "ok",
    }
    unseen = next(split for split in check["splits"] if split["split"] == "unseen_text_memory")
    assert unseen["rows"]["test"] == 160
    assert [each["probes"] for each in unseen["certainty"]] == [48, 96, 160]
    assert check["levels"][0]["estimate"] == {"seconds": None, "basis": "No job like this has run here yet."}


def test_earlier_jobs_say_how_long_one_takes(server: Server) -> None:
    for _ in range(2):
        server.finish(str(server.create(evaluation={"level": "quick"})["id"]))
    levels = {level["level"]: level for level in server.client.get(f"/v1/models/{MODEL}/check").json()["levels"]}
    assert levels["quick"]["estimate"]["basis"] == "The median of 2 earlier jobs like this."
    assert levels["quick"]["estimate"]["seconds"] >= 0
    assert levels["standard"]["estimate"]["seconds"] is None


def test_the_sdk_reads_it(server: Server) -> None:
    key = server.client.headers["authorization"].removeprefix("Bearer ")
    with Lethe(server.url, key) as lethe:
        check = lethe.models.check("reference-mllm")
    assert check.model == "reference-mllm"
    assert next(split for split in check.splits if split.split == "general").certainty[0].needed == 59


def test_whom_it_tells_nothing(server: Server) -> None:
    assert_problem(server.client.get("/v1/models/none/check"), 404, "not_found")
    stranger = server.key(scopes=("files:write",))
    assert_problem(server.client.get(f"/v1/models/{MODEL}/check", headers=stranger), 403, "insufficient_scope")
