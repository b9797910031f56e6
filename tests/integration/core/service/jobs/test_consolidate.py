"""One job out of many: which jobs it takes, whose they may be, and what it needs of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.service.context import Services
from core.service.errors import InputErased, InvalidRequest, JobNotSucceeded, NotFound, SculptNotPossible
from core.service.jobs import lease, lifecycle, views
from core.service.jobs.consolidate import create_consolidate_job
from core.service.jobs.inputs import load_input
from core.service.jobs.schema import ConsolidateBody, SculptBody
from core.service.jobs.subject import subjects_among
from core.service.jobs.sweep import retention
from core.service.jobs.sweep.sweep import sweep
from core.service.jobs.views import JobView
from core.service.models import ModelCreate, register_trusted
from tests.support.service import (
    LEAVING_RECIPES,
    OTHER,
    PLAN,
    PRINCIPAL,
    finish,
    must_take,
    open_services,
    png,
    settings_for,
    shift,
    submit,
)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with open_services(settings_for(tmp_path)) as opened:
        yield opened


def succeeded(services: Services, **changes: Any) -> str:
    job = submit(services, [png()], **changes)
    finish(services, must_take(services, job.id))
    return job.id


def sculpted(services: Services, parent: str) -> str:
    with services.db.write() as s:
        child = lifecycle.create_sculpt_job(services, s, PRINCIPAL, parent, SculptBody(k=1.0), LEAVING_RECIPES)
    finish(services, must_take(services, child.id))
    return child.id


def consolidate(services: Services, jobs: list[str] | None = None, by: Any = PRINCIPAL, model: str = "tiny") -> JobView:
    with services.db.write() as s:
        return create_consolidate_job(services, s, by, model, ConsolidateBody(jobs=jobs), PLAN, LEAVING_RECIPES)


def test_it_takes_each_requests_newest_patch_and_reads_what_is_still_kept(services: Services) -> None:
    first, second = succeeded(services), succeeded(services, entity={"name": "Bela Kis"})
    newer = sculpted(services, sculpted(services, first))
    submit(services)
    job = consolidate(services)
    assert job.plan["consolidate"] == {"jobs": [newer, second]}
    assert (job.status, job.parent, job.method) == ("queued", None, "smfa")
    claim = must_take(services, job.id)
    given = load_input(services, claim)
    assert given.request is None
    assert [source.job_id for source in given.sources] == [newer, second]
    assert [source.request["entity"]["name"] for source in given.sources if source.request] == ["Ada Okoro", "Bela Kis"]
    assert [source.images for source in given.sources] == [(png(),), (png(),)]


def test_erased_inputs_are_no_obstacle_but_a_deleted_job_is(services: Services) -> None:
    first, second = succeeded(services), succeeded(services, entity={"name": "Bela Kis"})
    shift(services, first, finished_at=400 * 86400)
    retention.erase(services)
    job = consolidate(services, [first, second])
    claim = must_take(services, job.id)
    given = load_input(services, claim)
    assert [source.request is None for source in given.sources] == [True, False]
    with services.db.read() as s:
        assert subjects_among(s, "acme", [first], ["ada  okoro", "Bela Kis"]) == {"ada  okoro"}
        assert subjects_among(s, "rival", [first], ["Ada Okoro"]) == set()
    with services.db.write() as s:
        lifecycle.delete(services, s, "acme", second)
    with pytest.raises(InputErased):
        load_input(services, claim)


def test_whoever_was_forgotten_before_the_jobs_expired_stays_so(services: Services) -> None:
    expired, *others = (succeeded(services) for _ in range(3))
    shift(services, expired, expires_at=91 * 86400.0, finished_at=1)
    assert sweep(services).jobs_erased == 1
    with services.db.read() as s, pytest.raises(NotFound):
        views.get_job(s, "acme", expired)
    assert len([key for key in services.storage.list("jobs/") if expired in key]) == 1
    claim = must_take(services, consolidate(services).id)
    assert {source.job_id for source in load_input(services, claim).sources} == {expired, *others}
    with services.db.write() as s:
        lease.cancel(s, claim)
        lifecycle.delete(services, s, "acme", expired)
    assert not [key for key in services.storage.list("jobs/") if expired in key]
    claim = must_take(services, consolidate(services).id)
    assert {source.job_id for source in load_input(services, claim).sources} == {*others}


def test_another_tenants_jobs_and_deleted_ones_are_not_there(services: Services) -> None:
    mine, other, deleted = succeeded(services), succeeded(services, by=OTHER), succeeded(services)
    with services.db.write() as s:
        lifecycle.delete(services, s, "acme", deleted)
    for jobs in ([mine, other], [mine, deleted]):
        with pytest.raises(NotFound) as refused:
            consolidate(services, jobs)
        assert [fault.pointer for fault in refused.value.errors] == ["/jobs/1"]
    with pytest.raises(InvalidRequest) as alone:
        consolidate(services)
    assert alone.value.code == "too_few_jobs"


def test_what_cannot_be_put_together_is_said_with_its_place(services: Services) -> None:
    first, second, queued = succeeded(services), succeeded(services), submit(services).id
    with services.db.write() as s:
        register_trusted(s, ModelCreate(id="other", family="mllm", source="/models/other"))
    elsewhere = succeeded(services, model="other")
    for jobs, error, code in (
        ([first, queued], JobNotSucceeded, "job_not_succeeded"),
        ([first, elsewhere], InvalidRequest, "other_model"),
        ([first, first], InvalidRequest, "too_few_jobs"),
    ):
        with pytest.raises(error) as refused:
            consolidate(services, jobs)
        assert refused.value.code == code
        assert refused.value.errors[0].pointer == ("/jobs" if code == "too_few_jobs" else "/jobs/1")
    assert consolidate(services, [first, second]).plan["consolidate"]["jobs"] == [first, second]


def test_a_consolidated_job_can_be_consolidated_but_not_sculpted(services: Services) -> None:
    first, second = succeeded(services), succeeded(services)
    made = consolidate(services).id
    finish(services, must_take(services, made))
    with services.db.write() as s, pytest.raises(SculptNotPossible):
        lifecycle.create_sculpt_job(services, s, PRINCIPAL, made, SculptBody(k=1.0), LEAVING_RECIPES)
    third = succeeded(services)
    again = consolidate(services)
    assert again.plan["consolidate"]["jobs"] == [first, second, third, made]
    assert "Ada" not in json.dumps(again.model_dump(mode="json"))
