"""What time does: lost doorbells, retention, unreferenced files, old keys, orphans."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.service import idempotency
from core.service.context import Services
from core.service.crypto.keyring import WrappedKey
from core.service.db.tables.files import File
from core.service.db.tables.idempotency import IdempotencyKey
from core.service.db.tables.jobs import Job
from core.service.errors import FileInUse, InputErased, NotFound
from core.service.files import delete_file, get_file
from core.service.files.content import read_file_bytes
from core.service.jobs import lease, lifecycle, views
from core.service.jobs.sweep import orphans, rescue
from core.service.jobs.sweep.sweep import sweep
from core.service.kit.clock import now
from core.service.kit.ids import new_id
from core.service.metrics.totals import sweep_failures
from tests.support.service import finish, must_take, open_services, png, settings_for, shift, submit, take, upload

DAY = 86400.0


@pytest.fixture
def services(backend: dict[str, Any], tmp_path: Path) -> Iterator[Services]:
    with open_services(settings_for(tmp_path, **backend)) as opened:
        yield opened


def held(services: Services) -> set[str]:
    """What is in the store, but for the anchors of the audit log."""
    return {key for key in services.storage.list("") if not key.startswith("audit/")}


def age_file(services: Services, file_id: str) -> None:
    with services.db.write() as s:
        s.execute(update(File).where(File.id == file_id).values(expires_at=now() - timedelta(seconds=1)))


def test_a_lost_doorbell_is_rung_again_ever_more_rarely(services: Services) -> None:
    job = submit(services)
    rung: list[str] = []
    services.doorbell = rung.append
    assert sweep(services).rung == 0
    for again in (1, 2, 3):
        shift(services, job.id, ring_at=5 * 2 ** (again - 1) + 0.001)
        assert sweep(services).rung == 1
        assert sweep(services).rung == 0
        assert rung == [job.id] * again


def test_inputs_are_erased_after_the_retention_window(services: Services) -> None:
    kept, erased = submit(services, [png()]), submit(services, [png()])
    for job in (kept, erased):
        claim = must_take(services, job.id)
        with services.db.write() as s:
            lease.fail(s, claim, "x", "x", retryable=True)
    shift(services, erased.id, finished_at=7 * DAY + 1)
    assert sweep(services).inputs_erased == 1
    assert list(services.storage.list(f"inputs/{erased.id}/")) == []
    assert len(list(services.storage.list(f"inputs/{kept.id}/"))) == 2
    with services.db.write() as s:
        with pytest.raises(InputErased):
            lifecycle.retry(s, "acme", erased.id)
        assert lifecycle.retry(s, "acme", kept.id).status == "queued"
    assert sweep(services).inputs_erased == 0


def test_files_live_as_long_as_somebody_needs_them(services: Services) -> None:
    unused, shared, fresh = (upload(services, png(shade=n)).id for n in (1, 2, 3))
    first, second = submit(services, images=[shared]), submit(services, images=[shared])
    for file_id in (unused, shared):
        age_file(services, file_id)
    assert sweep(services).files_erased == 1
    with services.db.read() as s:
        with pytest.raises(NotFound):
            get_file(s, "acme", unused)
        assert get_file(s, "acme", shared).expires_at is None
        assert get_file(s, "acme", fresh).expires_at is not None
    with services.db.write() as s, pytest.raises(FileInUse):
        delete_file(services, s, "acme", shared)
    with services.db.write() as s:
        lifecycle.delete(services, s, "acme", first.id)
    with services.db.read() as s:
        wrapped = WrappedKey(s.get_one(File, shared).wrapped_key)
    assert read_file_bytes(services, shared, wrapped) == png(shade=2)
    with services.db.write() as s:
        lifecycle.delete(services, s, "acme", second.id)
    assert list(services.storage.list("files/")) == [f"files/{fresh}"]
    with services.db.write() as s:
        delete_file(services, s, "acme", fresh)
    assert held(services) == set()


def test_jobs_past_their_time(services: Services) -> None:
    waiting, done = submit(services), submit(services)
    finish(services, must_take(services, done.id))
    for job in (waiting, done):
        shift(services, job.id, expires_at=91 * DAY)
    result = sweep(services)
    assert (result.expired, result.jobs_erased) == (1, 1)
    with services.db.read() as s:
        error = views.get_job(s, "acme", waiting.id).error
        assert error is not None
        assert error.code == "expired"
        with pytest.raises(NotFound):
            views.get_job(s, "acme", done.id)
    assert [key.split("/")[-1] for key in services.storage.list("jobs/")] == ["patch.zip"]
    assert take(services, waiting.id) is None


def test_old_idempotency_keys_are_forgotten(services: Services) -> None:
    with services.db.write() as s:
        for key in ("old", "new"):
            idempotency.begin(s, "acme", key, "f" * 64)
            idempotency.finish(s, "acme", key, 202, {"id": "x"}, {})
        old = now() - timedelta(days=7, seconds=1)
        s.execute(update(IdempotencyKey).where(IdempotencyKey.key == "old").values(created_at=old))
    assert sweep(services).keys_forgotten == 1
    with services.db.write() as s:
        assert idempotency.begin(s, "acme", "new", "f" * 64) is not None
        assert idempotency.begin(s, "acme", "old", "f" * 64) is None


def test_objects_without_a_row_go_once_they_are_old(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    job = submit(services, [png()])
    finish(services, must_take(services, job.id))
    file_id = upload(services, png()).id
    owned = held(services)
    stray = new_id("job")
    for key in (f"inputs/{stray}/request", f"files/{new_id('file')}", f"jobs/{stray}/attempts/1/patch.zip"):
        services.storage.put(key, b"nobody knows me")
    assert sweep(services).orphans_erased == 0
    services.next_orphan_scan = 0.0
    monkeypatch.setattr(orphans, "GRACE", timedelta(seconds=-60))
    assert sweep(services).orphans_erased == 3
    assert held(services) == owned
    assert f"files/{file_id}" in owned


def test_what_a_killed_process_left_half_written_goes(tmp_path: Path) -> None:
    with open_services(settings_for(tmp_path)) as services:
        services.storage.put("files/whole", b"whole")
        (tmp_path / "store" / ".drafts" / "half").write_bytes(b"of somebody's file")
        assert sweep(services).drafts_erased == 1
        assert sweep(services).drafts_erased == 0
        assert services.storage.read("files/whole") == b"whole"


def test_many_sweeps_at_once_do_everything_once(services: Services) -> None:
    jobs = [submit(services) for _ in range(12)]
    for job in jobs:
        must_take(services, job.id)
        shift(services, job.id, lease_expires_at=120)
    results: list[int] = []
    threads = [Thread(target=lambda: results.append(sweep(services).rescued)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(results) == len(jobs)
    for job in jobs:
        assert must_take(services, job.id).attempt == 2


def test_what_fails_with_one_job_holds_up_no_other(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, other = (submit(services).id for _ in range(2))
    for job in (broken, other):
        must_take(services, job)
        shift(services, job, lease_expires_at=3600)
    rescue_job = rescue.rescue

    def rescue_but_one(services: Services, s: Session, job: Job) -> None:
        if job.id == broken:
            raise RuntimeError(f"about {job.id}")
        rescue_job(services, s, job)

    monkeypatch.setattr(rescue, "rescue", rescue_but_one)
    monkeypatch.setattr(services.storage, "tidy", lambda: 1 // 0)
    assert sweep(services).rescued == 1
    with services.db.read() as s:
        assert [views.get_job(s, "acme", job).status for job in (broken, other)] == ["running", "queued"]
        (family,) = sweep_failures(s, now())
    counted = {sample.labels["step"]: sample.value for sample in family.samples}
    assert counted == {"rescue_but_one": 1, "drafts": 1}


def test_a_read_session_sees_one_state(services: Services) -> None:
    first = submit(services).id
    with services.db.read() as s:
        assert len(list(s.execute(select(Job.id)).scalars())) == 1
        second = submit(services).id
        assert list(s.execute(select(Job.id)).scalars()) == [first]
    with services.db.read() as s:
        assert set(s.execute(select(Job.id)).scalars()) == {first, second}
