"""Jobs from birth to tombstone, as their clients see them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.service import audit
from core.service.access.keys import Principal
from core.service.audit import AuditFilters
from core.service.context import Services
from core.service.crypto.keyring import WrappedKey
from core.service.db.tables.jobs import Job
from core.service.errors import (
    ExternalIdExists,
    InputErased,
    InvalidCursor,
    InvalidRequest,
    JobAlreadyTerminal,
    JobNotFailed,
    JobNotSucceeded,
    JobRunning,
    NotFound,
    TooManyQueuedJobs,
)
from core.service.jobs import events, lease, lifecycle, views
from core.service.jobs.artifacts import get_artifact
from core.service.jobs.create import create_job, storing_request
from core.service.jobs.inputs import load_input
from core.service.jobs.listing import JobFilters, JobPage, list_jobs
from core.service.jobs.schema import SculptBody
from core.service.kit.clock import now
from tests.support.service import (
    LEAVING_RECIPES,
    OTHER,
    PLAN,
    PRINCIPAL,
    finish,
    must_take,
    open_services,
    png,
    request,
    settings_for,
    shift,
    submit,
    take,
    upload,
    wav,
)
from worker.attempt.work import forget_request


@pytest.fixture
def services(backend: dict[str, Any], tmp_path: Path) -> Iterator[Services]:
    with open_services(settings_for(tmp_path, **backend)) as opened:
        yield opened


def get(services: Services, job_id: str, tenant: str = "acme") -> views.JobView:
    with services.db.read() as s:
        return views.get_job(s, tenant, job_id)


def page(services: Services, filters: JobFilters = JobFilters(), cursor: str | None = None, limit: int = 20) -> JobPage:
    with services.db.read() as s:
        return list_jobs(s, "acme", filters, cursor, limit)


def test_a_new_job_has_the_contract_s_shape(services: Services) -> None:
    job = submit(services, external_id="DSR-1", metadata={"ticket": "1"})
    document = get(services, job.id).model_dump(mode="json")
    created = document.pop("created_at")
    assert created.endswith("Z")
    assert document.pop("expires_at").endswith("Z")
    assert document.pop("due_at").endswith("Z")
    assert document.pop("request").startswith("req_")
    here = f"/v1/jobs/{job.id}"
    assert document == {
        "object": "job",
        "id": job.id,
        "status": "queued",
        "phase": None,
        "progress": {"step": 0, "total_steps": None, "fraction": 0.0, "eta_at": None},
        "model": "tiny",
        "method": "smfa",
        "plan": PLAN,
        "attempt": 0,
        "parent": None,
        "started_at": None,
        "finished_at": None,
        "cancel_requested_at": None,
        "verdict": None,
        "evaluation": None,
        "error": None,
        "external_id": "DSR-1",
        "metadata": {"ticket": "1"},
        "artifacts": [],
        "links": {"self": here, **{name: f"{here}/{name}" for name in ("events", "cancel", "patch", "report")}},
    }


def test_doorbell_rings_after_the_commit_and_never_without_one(services: Services) -> None:
    rung: list[str] = []

    def ring(job_id: str) -> None:
        assert get(services, job_id).status == "queued"
        rung.append(job_id)

    services.doorbell = ring
    job = submit(services)
    assert rung == [job.id]
    wanted = request()
    storing = storing_request(services, wanted)
    with pytest.raises(NotFound), storing as inputs, services.db.write() as s:  # noqa: PT012 - one transaction
        create_job(services, s, PRINCIPAL, wanted, plan=PLAN, inputs=inputs)
        views.get_job(s, "acme", "job_none")
    assert rung == [job.id]
    assert len(page(services).items) == 1


def test_progress_never_goes_down_and_is_told_in_order(services: Services) -> None:
    job = submit(services)
    claim = must_take(services, job.id)
    versions = [get(services, job.id).version]
    with services.db.write() as s:
        lease.set_phase(s, claim, "training", 10)
    for step, fraction in enumerate((0.1, 0.5, 0.3, 2.0, float("0.7")), 1):
        with services.db.write() as s:
            lease.set_progress(s, claim, step, 10, fraction, now() + timedelta(seconds=9), loss=1 / step)
        seen = get(services, job.id)
        versions.append(seen.version)
        assert seen.progress.fraction == [0.1, 0.5, 0.5, 1.0, 1.0][step - 1]
    assert versions == sorted(set(versions))
    assert seen.phase == "training"
    assert seen.model_dump()["progress"]["loss"] == pytest.approx(0.2)
    with services.db.read() as s:
        told = events.list_events(s, "acme", job.id)
        assert [e.seq for e in told] == list(range(1, len(told) + 1))
        assert [e.data for e in told if e.type == "status"] == [
            {"status": "queued"},
            {"status": "running", "attempt": 1},
        ]
        assert len([e for e in told if e.type == "progress"]) < 4
        assert events.list_events(s, "acme", job.id, after=told[1].seq)[0].seq == told[2].seq
        with pytest.raises(NotFound):
            events.list_events(s, "rival", job.id)


def test_a_loss_that_is_no_number_is_left_out(services: Services) -> None:
    claim = must_take(services, submit(services).id)
    with services.db.write() as s:
        lease.set_progress(s, claim, 1, None, 0.1, None, loss=float("nan"))
    assert get(services, claim.job_id).progress.loss is None


def test_success_brings_verdict_and_artifacts(services: Services) -> None:
    claim = must_take(services, submit(services).id)
    finish(services, claim, "failed", b"content")
    job = get(services, claim.job_id)
    assert (job.status, job.verdict, job.phase, job.progress.fraction) == ("succeeded", "failed", None, 1.0)
    assert job.finished_at is not None
    assert [a.name for a in job.artifacts] == ["patch.zip"]
    assert job.artifacts[0].url == f"/v1/jobs/{job.id}/artifacts/patch.zip"
    with services.db.read() as s:
        row = get_artifact(s, "acme", job.id, "patch.zip")
        assert b"".join(services.storage.open(row.storage_key)) == b"content"
        assert f"/attempts/{claim.attempt}/" in row.storage_key
        for name, tenant in (("nothing", "acme"), ("patch.zip", "rival")):
            with pytest.raises(NotFound):
                get_artifact(s, tenant, job.id, name)


def test_the_worker_gets_exactly_what_was_asked(services: Services) -> None:
    forget = upload(services, png(shade=1)).id
    keep = upload(services, png(shade=2), purpose="retain").id
    heard = upload(services, wav(value=1)).id
    files = {"images": [forget], "audio": [heard], "retain": {"images": [keep]}}
    job = submit(services, [png(shade=3), png(shade=4)], [wav(value=2)], **files)
    claim = must_take(services, job.id)
    given = load_input(services, claim)
    assert given.images == (png(shade=1), png(shade=3), png(shade=4))
    assert given.audio == (wav(value=1), wav(value=2))
    assert given.retain_images == (png(shade=2),)
    assert given.request is not None
    assert given.request["entity"] == {"name": "Ada Okoro", "kind": "identity", "aliases": []}
    assert given.request["prompts"] == ["Where was Ada born?"]
    assert (given.model.id, given.method, given.options, given.parent) == ("tiny", "smfa", {"rank": 8}, None)


def test_cancel(services: Services) -> None:
    queued, running, done = (submit(services).id for _ in range(3))
    finish(services, must_take(services, done))
    claim = must_take(services, running)
    with services.db.write() as s:
        assert lifecycle.cancel(s, "acme", queued).status == "cancelled"
        assert lifecycle.cancel(s, "acme", queued).status == "cancelled"
        asked = lifecycle.cancel(s, "acme", running)
        assert (asked.status, asked.cancel_requested_at is not None) == ("running", True)
        again = lifecycle.cancel(s, "acme", running)
        assert (again.cancel_requested_at, again.version) == (asked.cancel_requested_at, asked.version)
        with pytest.raises(JobAlreadyTerminal):
            lifecycle.cancel(s, "acme", done)
        with pytest.raises(NotFound):
            lifecycle.cancel(s, "rival", running)
        assert lease.beat(s, claim, 60)
        lease.cancel(s, claim)
    assert get(services, running).status == "cancelled"
    assert take(services, queued) is None


def test_retry_only_after_failure(services: Services) -> None:
    job = submit(services)
    with services.db.write() as s, pytest.raises(JobNotFailed):
        lifecycle.retry(s, "acme", job.id)
    claim = must_take(services, job.id)
    with services.db.write() as s:
        lease.fail(s, claim, "out_of_memory", "Too large.", retryable=True)
    failed = get(services, job.id)
    assert failed.error is not None
    error = {"code": "out_of_memory", "message": "Too large.", "retryable": True, "attempt": 1}
    assert failed.error.model_dump() == error
    with services.db.write() as s:
        assert lifecycle.retry(s, "acme", job.id).status == "queued"
    finish(services, must_take(services, job.id))
    job = get(services, job.id)
    assert (job.status, job.attempt, job.error) == ("succeeded", 2, None)


def test_delete_leaves_a_tombstone_and_nothing_else(services: Services) -> None:
    file_id = upload(services, png()).id
    job = submit(services, [png()], images=[file_id], external_id="DSR-9", metadata={"who": "someone"})
    claim = must_take(services, job.id)
    with services.db.write() as s, pytest.raises(JobRunning):
        lifecycle.delete(services, s, "acme", job.id)
    finish(services, claim)
    with services.db.write() as s, pytest.raises(NotFound):
        lifecycle.delete(services, s, "rival", job.id)
    with services.db.write() as s:
        lifecycle.delete(services, s, "acme", job.id)
    assert list(services.storage.list("")) == []
    with services.db.read() as s:
        assert s.get_one(Job, job.id).plan == {"method": "smfa"}
    with services.db.write() as s:
        for look in (views.get_job, events.list_events, lifecycle.cancel):
            with pytest.raises(NotFound):
                look(s, "acme", job.id)
    with services.db.autocommit() as connection:
        for glance in (views.read_job, views.read_version):
            with pytest.raises(NotFound):
                glance(connection, "acme", job.id)
    assert page(services).items == []
    with services.db.read() as s:
        entries = audit.list_entries(s, "acme", AuditFilters(resource=job.id)).items
    rows = {entry.action: entry.details for entry in entries}
    assert rows["job.deleted"] == {"artifacts": rows["job.succeeded"]["artifacts"]}
    assert list(rows["job.deleted"]["artifacts"]) == ["patch.zip"]
    submit(services, external_id="DSR-9")


def test_deleting_a_queued_job_keeps_workers_away(services: Services) -> None:
    job = submit(services)
    with services.db.write() as s:
        lifecycle.delete(services, s, "acme", job.id)
    assert take(services, job.id) is None


def test_sculpting_again_needs_a_recipe_and_no_inputs(services: Services) -> None:
    parent = submit(services, [png()])
    body = SculptBody(k=2.5)
    with services.db.write() as s, pytest.raises(JobNotSucceeded):
        lifecycle.create_sculpt_job(services, s, PRINCIPAL, parent.id, body, LEAVING_RECIPES)
    finish(services, must_take(services, parent.id), content=b"recipe inside")
    with services.db.write() as s:
        child = lifecycle.create_sculpt_job(services, s, PRINCIPAL, parent.id, body, LEAVING_RECIPES)
    assert (child.parent, child.status, child.plan["sculpt"]) == (parent.id, "queued", {"k": 2.5})
    with services.db.write() as s, pytest.raises(NotFound):
        lifecycle.create_sculpt_job(services, s, OTHER, parent.id, body, LEAVING_RECIPES)
    claim = must_take(services, child.id)
    given = load_input(services, claim)
    assert given.parent is not None
    assert (given.request, given.images, given.sculpt) == (None, (), {"k": 2.5})
    assert services.storage.read(given.parent.artifacts[0].storage_key) == b"recipe inside"
    with services.db.write() as s:
        lifecycle.delete(services, s, "acme", parent.id)
    with pytest.raises(InputErased):
        load_input(services, claim)


def test_an_external_id_is_used_once_by_each_tenant(services: Services) -> None:
    first = submit(services, external_id="DSR-2291")
    with pytest.raises(ExternalIdExists) as refused:
        submit(services, external_id="DSR-2291")
    assert refused.value.extra == {"existing_job_id": first.id}
    submit(services, external_id="DSR-2291", by=OTHER)


def test_limits_name_the_place_and_the_reason(tmp_path: Path) -> None:
    limits = {
        "max_prompts": 2,
        "max_prompt_chars": 10,
        "max_images": 1,
        "max_image_pixels": 100,
        "max_image_bytes": 500,
        "max_audio": 1,
        "max_audio_bytes": 1000,
        "max_audio_seconds": 0.02,
    }
    with open_services(settings_for(tmp_path, **limits)) as services:
        sound = {"clips": [wav()]}
        for changes, images, code, pointer in (
            ({"prompts": ["a"] * 3}, [], "too_many_prompts", "/prompts"),
            ({"prompts": ["a", "b" * 11]}, [], "prompt_too_long", "/prompts/1"),
            ({"retain": {"prompts": ["b" * 11]}}, [], "prompt_too_long", "/retain/prompts/0"),
            ({}, [png(), png()], "too_many_images", "/images"),
            ({}, [png(11, 11)], "too_many_pixels", "/images/0"),
            ({}, [b"GIF89a" + bytes(40)], "unsupported_image", "/images/0"),
            ({}, [png() + bytes(500)], "image_too_large", "/images/0"),
            ({"clips": [wav(), wav()]}, [], "too_much_audio", "/audio"),
            ({"clips": [wav(0.03)]}, [], "audio_too_long", "/audio/0"),
            ({"clips": [wav(0.001, channels=3)]}, [], "unsupported_audio_format", "/audio/0"),
            ({"clips": [wav(0.001, rate=200_000)]}, [], "unsupported_audio_format", "/audio/0"),
            ({"clips": [wav()[:-1]]}, [], "unsupported_audio", "/audio/0"),
            ({"clips": [png()]}, [], "unsupported_audio", "/audio/0"),
            ({}, [wav()], "unsupported_image", "/images/0"),
            ({"clips": [wav() + bytes(1000)]}, [], "audio_too_large", "/audio/0"),
            ({**sound, "audio": ["file_" + "0" * 26]}, [], "too_much_audio", "/audio"),
            ({"audio": ["file_" + "0" * 26]}, [], "unknown_file", "/audio/0"),
            ({"model": "unknown"}, [], "unknown_model", "/model"),
            ({"images": ["file_" + "0" * 26]}, [], "unknown_file", "/images/0"),
        ):
            prompts = {"prompts": ["short"], **changes}
            with pytest.raises(Exception) as refused:  # noqa: PT011 - the code is checked
                submit(services, images, **prompts)
            assert (refused.value.code, refused.value.errors[0].pointer) == (code, pointer)
        assert page(services).items == []


def test_a_sound_is_no_picture_and_a_picture_no_sound(services: Services) -> None:
    sound, picture = upload(services, wav()), upload(services, png())
    assert (sound.media_type, sound.width, sound.height, sound.sample_rate) == ("audio/wav", None, None, 8000)
    assert sound.duration_seconds == 0.01
    assert (picture.duration_seconds, picture.sample_rate) == (None, None)
    for field in ("images", "audio"):
        with pytest.raises(InvalidRequest) as refused:
            submit(services, **{field: [sound.id, picture.id]})
        at = 0 if field == "images" else 1
        faults = [(fault.pointer, fault.code) for fault in refused.value.errors]
        assert faults == [(f"/{field}/{at}", "wrong_kind_of_file")]


def test_a_job_from_before_there_were_sounds_is_read(services: Services) -> None:
    claim = must_take(services, submit(services).id)
    key = f"inputs/{claim.job_id}/request"
    with services.db.read() as s:
        wrapped = WrappedKey(s.execute(select(Job.wrapped_key).where(Job.id == claim.job_id)).scalar_one() or b"")
    old = json.loads(services.keyring.decrypt(wrapped, services.storage.read(key), key))
    del old["audio"]
    services.storage.put(key, services.keyring.encrypt(wrapped, json.dumps(old).encode(), key))
    given = load_input(services, claim)
    assert given.audio == ()
    assert given.request is not None
    assert given.request["modalities"] is None
    assert forget_request(given.request, given).modalities == ("image", "text")
    assert forget_request(old | {"modalities": ["image", "text"]}, given).modalities == ("image", "text")


def test_another_tenant_s_file_is_unknown(services: Services) -> None:
    theirs = upload(services, png(), "rival").id
    with pytest.raises(InvalidRequest) as refused:
        submit(services, images=[theirs])
    assert refused.value.code == "unknown_file"


def test_a_tenant_s_queue_is_bounded(tmp_path: Path) -> None:
    with open_services(settings_for(tmp_path, max_queued_jobs=2)) as services:
        first = submit(services)
        submit(services)
        with pytest.raises(TooManyQueuedJobs):
            submit(services)
        submit(services, by=OTHER)
        must_take(services, first.id)
        submit(services)


def test_a_tenant_s_running_jobs_are_bounded(tmp_path: Path) -> None:
    rung: list[str] = []
    with open_services(settings_for(tmp_path, max_running_jobs=1)) as services:
        first, second = submit(services), submit(services)
        theirs = submit(services, by=OTHER)
        claim = must_take(services, first.id)
        assert take(services, second.id) is None
        must_take(services, theirs.id)
        services.doorbell = rung.append
        finish(services, claim)
        assert rung == [second.id]
        must_take(services, second.id)


def test_pages_are_whole_and_without_repeats(services: Services) -> None:
    made = [submit(services).id for _ in range(7)]
    submit(services, by=OTHER)
    seen: list[str] = []
    cursor = None
    while True:
        found = page(services, cursor=cursor, limit=3)
        seen += [job.id for job in found.items]
        assert found.has_more == (found.next_cursor is not None)
        if not found.has_more:
            break
        cursor = found.next_cursor
        submit(services)
    assert sorted(seen) == sorted(made)
    newest = page(services, limit=1000)
    assert [j.created_at for j in newest.items] == sorted((j.created_at for j in newest.items), reverse=True)


def test_filters(services: Services) -> None:
    first = submit(services, external_id="one")
    second = submit(services)
    must_take(services, second.id)
    shift(services, first.id, created_at=3600)
    long_ago = now() - timedelta(minutes=30)
    for filters, expected in (
        (JobFilters(status="running"), [second.id]),
        (JobFilters(external_id="one"), [first.id]),
        (JobFilters(model="tiny"), [second.id, first.id]),
        (JobFilters(model="other"), []),
        (JobFilters(created_after=long_ago), [second.id]),
    ):
        assert [job.id for job in page(services, filters).items] == expected


def test_forged_cursors_are_refused(services: Services) -> None:
    for _ in range(3):
        submit(services)
    cursor = page(services, limit=1).next_cursor
    assert cursor is not None
    middle = len(cursor) // 2
    flipped = cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :]
    for forged in ("", "x", "=", "é", flipped, cursor + "AAAA", "A" * 80):
        with pytest.raises(InvalidCursor):
            page(services, cursor=forged)
    with pytest.raises(InvalidCursor):
        page(services, JobFilters(status="queued"), cursor)
    with services.db.read() as s, pytest.raises(InvalidCursor):
        list_jobs(s, "rival", JobFilters(), cursor)


def test_actors_are_on_record(services: Services) -> None:
    boss = Principal("acme", "key_boss", PRINCIPAL.scopes)
    job = submit(services, by=boss)
    with services.db.write() as s:
        lifecycle.cancel(s, "acme", job.id, actor=boss.key_id)
    with services.db.read() as s:
        rows = [(entry.action, entry.actor) for entry in audit.list_entries(s, "acme").items]
    assert rows == [
        ("job.cancelled", "system"),
        ("request.withdrawn", "system"),
        ("job.cancel_requested", "key_boss"),
        ("job.created", "key_boss"),
    ]
