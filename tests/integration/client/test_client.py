"""The SDK and the command line against a real API (no worker: what a job becomes is tested end to end elsewhere)."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from client import Lethe, errors
from core.unlearning import reference
from tests.support.api_process import environment, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("client") / "data"
    with serving(data_dir, "--no-worker") as url:
        yield url, data_dir


@pytest.fixture
def lethe(server):
    url, data_dir = server
    with Lethe(url, data_dir=data_dir) as client:
        yield client


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return reference.sample("mllm", reference.subjects("mllm")[:2], tmp_path_factory.mktemp("sample"))


def _create(lethe, sample, **more):
    pictures = sorted((sample / "images").iterdir())
    return lethe.jobs.create(model="reference-mllm", name="Somebody Else", images=pictures, **more)


def test_a_job_is_made_with_pictures_and_is_found_again(lethe, sample):
    job = _create(lethe, sample, external_id="DSR-1", metadata={"ticket": "7"})
    assert (job.status, job.model, job.method) == ("queued", "reference-mllm", "smfa")
    assert lethe.jobs.get(job.id).metadata == {"ticket": "7"}
    assert [found.id for found in lethe.jobs.list(external_id="DSR-1")] == [job.id]
    with pytest.raises(errors.ConflictError) as raised:
        _create(lethe, sample, external_id="DSR-1")
    assert raised.value.code == "external_id_exists"
    assert raised.value.problem["existing_job_id"] == job.id


def test_the_same_key_makes_one_job(lethe, sample):
    first = _create(lethe, sample, idempotency_key="key-1")
    second = _create(lethe, sample, idempotency_key="key-1")
    assert first.id == second.id
    with pytest.raises(errors.UnprocessableEntityError) as raised:
        lethe.jobs.create(model="reference-mllm", name="Another", prompts=["Who?"], idempotency_key="key-1")
    assert raised.value.code == "idempotency_key_reused"


def test_lists_are_read_to_their_end(lethe):
    made = {lethe.jobs.create(model="reference-mllm", name=f"P {n}", prompts=["Who?"]).id for n in range(7)}
    assert made <= {job.id for job in lethe.jobs.list(page_size=3)}


def test_a_cancelled_job_ends_its_events_and_its_wait(lethe):
    job = lethe.jobs.create(model="reference-mllm", name="Q", prompts=["Who?"])
    job.cancel()
    assert job.status == "cancelled"
    assert [event.data.get("status") for event in job.events() if event.type == "status"][-1] == "cancelled"
    assert job.wait(timeout=5).status == "cancelled"
    with pytest.raises(errors.ConflictError) as raised:
        job.download("never.zip")
    assert raised.value.code == "job_not_succeeded"
    job.delete()


def test_validation_says_where_and_stores_nothing(lethe):
    before = len(list(lethe.jobs.list()))
    plan = lethe.jobs.validate({"model": "reference-mllm", "entity": {"name": "R"}, "prompts": ["Who?"]})
    assert plan["method"] == "smfa"
    with pytest.raises(errors.UnprocessableEntityError) as raised:
        lethe.jobs.create(model="reference-mllm", name="R", prompts=["Who?"], method_options={"rank": 0})
    assert [error.pointer for error in raised.value.errors] == ["/method_options/rank"]
    assert len(list(lethe.jobs.list())) == before


def test_files_come_and_go_and_can_be_named(lethe, sample):
    file = lethe.files.create(next((sample / "images").iterdir()))
    assert lethe.files.get(file.id).sha256 == file.sha256
    job = lethe.jobs.create(model="reference-mllm", name="S", images=[file.id])
    assert job.status == "queued"
    spare = lethe.files.create(next((sample / "images").iterdir()), purpose="retain")
    lethe.files.delete(spare.id)
    with pytest.raises(errors.NotFoundError):
        lethe.files.get(spare.id)


def test_keys_do_what_their_scopes_say_until_they_are_revoked(lethe, server):
    url, _ = server
    expires = datetime.now(UTC) + timedelta(days=1)
    key = lethe.keys.create("reader", scopes=["jobs:read"], expires_at=expires)
    assert key.id in {known.id for known in lethe.keys.list()}
    with Lethe(url, key.secret) as reader:
        list(reader.jobs.list())
        with pytest.raises(errors.PermissionDeniedError, match="jobs:write"):
            reader.jobs.create(model="reference-mllm", name="T", prompts=["Who?"])
        lethe.keys.revoke(key.id)
        with pytest.raises(errors.AuthenticationError):
            list(reader.jobs.list())


def test_models_and_methods_are_listed(lethe):
    model = lethe.models.get("reference-mllm")
    assert model.id in {known.id for known in lethe.models.list()}
    smfa = next(method for method in lethe.methods.list() if method.name == "smfa")
    assert "rank" in smfa.options["properties"]
    with pytest.raises(errors.UnprocessableEntityError):
        lethe.models.register("mine", family="mllm", source="/etc")


def test_the_command_line_as_a_process(server, sample):
    url, data_dir = server

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "client.cli", "--url", url, "--data-dir", str(data_dir), *arguments],
            env=environment(), capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    submitted = run("submit", "--request", str(sample))
    job_id = submitted.stdout.strip()
    assert submitted.returncode == 0, submitted.stderr
    assert run("get", job_id).returncode == 0
    assert job_id in run("list").stdout
    assert run("cancel", job_id).returncode == 0
    assert run("watch", job_id).returncode == 5
    missing = run("get", "job_00000000000000000000000000")
    assert missing.returncode == 1
    assert len(missing.stderr.splitlines()) == 1
