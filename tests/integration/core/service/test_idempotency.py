"""`Idempotency-Key`: every combination of key, content, tenant and moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from core.service import idempotency
from core.service.context import Services
from core.service.errors import (
    IdempotencyInProgress,
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
    ServiceError,
)
from core.service.idempotency import Replay
from core.service.jobs import lifecycle
from core.service.jobs.create import check_request, create_job, storing_request
from core.service.jobs.listing import JobFilters, list_jobs
from tests.support.service import PLAN, PRINCIPAL, must_take, open_services, request, settings_for, submit

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def services(database: dict[str, Any], tmp_path: Path) -> Iterator[Services]:
    with open_services(settings_for(tmp_path, **database)) as opened:
        yield opened


def post(services: Services, key: str, fingerprint: str = ONE, **changes: object) -> tuple[str, bool]:
    """What the API does for a POST: the job's id, and whether the answer was the first one again."""
    wanted = request(**changes)
    with storing_request(services, wanted) as inputs, services.db.write() as s:
        replay = idempotency.begin(s, "acme", key, fingerprint)
        if replay is not None:
            return replay.body["id"], True
        check_request(services, s, wanted)
        job = create_job(services, s, PRINCIPAL, wanted, plan=PLAN, inputs=inputs)
        idempotency.finish(s, "acme", key, 202, job.model_dump(mode="json"), {"Location": f"/v1/jobs/{job.id}"})
        return job.id, False


def count(services: Services) -> int:
    with services.db.read() as s:
        return len(list_jobs(s, "acme", JobFilters(), limit=100).items)


def test_the_first_answer_again(services: Services) -> None:
    job_id, replayed = post(services, "k")
    assert not replayed
    assert post(services, "k") == (job_id, True)
    must_take(services, job_id)
    with services.db.write() as s:
        replay = idempotency.begin(s, "acme", "k", ONE)
    assert isinstance(replay, Replay)
    assert (replay.status, replay.body["status"], replay.headers) == (202, "queued", {"Location": f"/v1/jobs/{job_id}"})
    assert count(services) == 1


def test_other_content_is_refused(services: Services) -> None:
    post(services, "k")
    with pytest.raises(IdempotencyKeyReused):
        post(services, "k", TWO)
    assert post(services, "other", TWO)[1] is False
    assert count(services) == 2


def test_keys_belong_to_a_tenant(services: Services) -> None:
    post(services, "k")
    with services.db.write() as s:
        assert idempotency.begin(s, "rival", "k", TWO) is None


def test_what_failed_is_not_remembered(services: Services) -> None:
    with pytest.raises(ServiceError):
        post(services, "k", TWO, model="unknown")
    assert post(services, "k", ONE)[1] is False


def test_a_key_whose_first_request_has_no_answer_yet(services: Services) -> None:
    with services.db.write() as s:
        idempotency.begin(s, "acme", "k", ONE)
    with pytest.raises(IdempotencyInProgress) as refused:
        post(services, "k")
    assert refused.value.headers == {"Retry-After": "1"}


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "clé", "a\n", "\x7f"])
def test_keys_that_are_none(services: Services, key: str) -> None:
    with pytest.raises(InvalidIdempotencyKey):
        post(services, key)


def test_the_same_key_at_the_same_time_makes_one_job(services: Services) -> None:
    barrier, made, refused = Barrier(4), [], []

    def racer() -> None:
        barrier.wait()
        try:
            made.append(post(services, "k"))
        except IdempotencyInProgress:
            refused.append("k")

    threads = [Thread(target=racer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) + len(refused) == 4
    assert len({job_id for job_id, _ in made}) == 1
    assert [replayed for _, replayed in made].count(False) == 1
    assert count(services) == 1


def test_deleting_a_job_leaves_nothing_personal_in_its_answer(services: Services) -> None:
    job_id, _ = post(services, "k", external_id="ada@example.org", metadata={"who": "Ada"})
    with services.db.write() as s:
        lifecycle.delete(services, s, "acme", job_id)
        replay = idempotency.begin(s, "acme", "k", ONE)
    assert replay is not None
    assert (replay.body["id"], replay.body["metadata"], replay.body["external_id"]) == (job_id, {}, None)


def test_the_same_external_id_at_the_same_time_makes_one_job(services: Services) -> None:
    barrier, outcomes = Barrier(4), []

    def racer() -> None:
        barrier.wait()
        try:
            outcomes.append(submit(services, external_id="DSR-1").id)
        except ServiceError as error:
            outcomes.append(error.extra["existing_job_id"])

    threads = [Thread(target=racer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == 4
    assert len(set(outcomes)) == 1
    assert count(services) == 1
