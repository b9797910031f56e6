"""What may not be kept is shown and erased when it is due; what must be answered is warned of once."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select, text, update

from core.service import audit, idempotency
from core.service.audit import AuditFilters
from core.service.context import Services
from core.service.db.tables.files import File
from core.service.db.tables.idempotency import IdempotencyKey
from core.service.db.tables.jobs import Job
from core.service.db.tables.requests import ErasureRequest
from core.service.jobs import events, lease, lifecycle
from core.service.jobs.requests.records import open_request
from core.service.jobs.sweep import due, retention
from core.service.jobs.sweep.sweep import sweep
from core.service.kit.clock import now
from core.service.kit.deadline import due_at
from core.service.metrics.current import requests_unmet
from core.service.settings import Settings
from tests.support.service import (
    PRINCIPAL,
    create,
    finish,
    must_take,
    open_services,
    png,
    request,
    settings_for,
    shift,
    submit,
    upload,
)

DAY = 86400.0


@pytest.fixture
def settings(database: dict[str, Any], tmp_path: Path) -> Settings:
    return settings_for(tmp_path, **database)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    with open_services(settings) as opened:
        yield opened


def failed(services: Services) -> str:
    claim = must_take(services, submit(services, [png()]).id)
    with services.db.write() as s:
        lease.fail(s, claim, "x", "x", retryable=True)
    return claim.job_id


def purge(settings: Settings, *arguments: str) -> dict[str, object]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LETHE_")}
    environment["LETHE_MASTER_KEY"] = "m" * 40
    if settings.database_url is not None:
        environment["LETHE_DATABASE_URL"] = settings.database_url.get_secret_value()
    command = [sys.executable, "-m", "api.admin", "--data-dir", str(settings.data_dir), "purge", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_purge_shows_what_is_due_and_erases_it(services: Services, settings: Settings) -> None:
    old, expired, fresh = failed(services), submit(services).id, failed(services)
    finish(services, must_take(services, expired))
    file = upload(services, png()).id
    with services.db.write() as s:
        s.execute(update(File).values(expires_at=now() - timedelta(seconds=1)))
        idempotency.begin(s, "acme", "k", "f")
        s.execute(update(IdempotencyKey).values(created_at=now() - timedelta(days=8)))
    shift(services, old, finished_at=7 * DAY + 1)
    shift(services, expired, expires_at=91 * DAY, finished_at=1)
    assert purge(settings, "--dry-run") == {
        "dry_run": True,
        "inputs": [old],
        "jobs": [expired],
        "files": [file],
        "idempotency_keys": 1,
        "deliveries": 0,
    }
    done = purge(settings)
    assert {name: done[name] for name in ("inputs", "jobs", "files", "idempotency_keys")} == {
        "inputs": 1,
        "jobs": 1,
        "files": 1,
        "idempotency_keys": 1,
    }
    nothing = {"inputs": [], "jobs": [], "files": [], "idempotency_keys": 0, "deliveries": 0}
    assert purge(settings, "--dry-run") == {"dry_run": True, **nothing}
    assert [key.split("/")[1] for key in services.storage.list("inputs/")] == [fresh] * 2
    with services.db.read() as s:
        assert [entry.action for entry in audit.list_entries(s, audit.INSTALLATION).items] == ["retention.purged"]
        assert audit.list_entries(s, "acme", AuditFilters(resource=file)).items[0].action == "file.expired"


def test_more_than_a_batch_is_erased(services: Services, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr("core.service.jobs.sweep.batches.BATCH", 2)
    jobs = [failed(services) for _ in range(5)]
    for job in jobs:
        shift(services, job, finished_at=8 * DAY)
    assert retention.erase(services).inputs == 2
    assert purge(settings)["inputs"] == 3
    assert retention.due(services).inputs == []


def test_a_tombstone_names_nobody(services: Services) -> None:
    job = submit(services, external_id="DSR-canary", metadata={"note": "canary"}, replacement="canary").id
    finish(services, must_take(services, job))
    with services.db.write() as s:
        lifecycle.delete(services, s, "acme", job)
    with services.db.read() as s:
        row = s.execute(Job.__table__.select().where(Job.id == job)).one()
        assert "canary" not in str(row)
        assert row.wrapped_key is None


def test_a_destroyed_key_is_gone_from_the_file(tmp_path: Path) -> None:
    """Whoever has the disk and the master key, and kept the encrypted inputs, finds no key for them."""
    with open_services(settings_for(tmp_path)) as services:
        job = failed(services)
        with services.db.read() as s:
            key = s.get_one(Job, job).wrapped_key
        assert key is not None
        database = [tmp_path / "lethe.db", tmp_path / "lethe.db-wal"]
        assert any(key in path.read_bytes() for path in database)
        shift(services, job, finished_at=8 * DAY)
        sweep(services)
        assert not any(key in path.read_bytes() for path in database)


def test_a_reader_does_not_keep_the_sweep_from_its_work(tmp_path: Path) -> None:
    with open_services(settings_for(tmp_path)) as services:
        job = failed(services)
        shift(services, job, finished_at=8 * DAY)
        with sqlite3.connect(tmp_path / "lethe.db") as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM jobs").fetchone()
            assert sweep(services).inputs_erased == 1
            assert services.db.wal_pending
        reader.close()
        sweep(services)
        assert not services.db.wal_pending
        assert (tmp_path / "lethe.db-wal").stat().st_size == 0


def make_due(services: Services, days: float, *jobs: str) -> None:
    with services.db.write() as s:
        served = select(Job.erasure_request_id).where(Job.id.in_(jobs))
        due_at = now() + timedelta(days=days)
        s.execute(update(ErasureRequest).where(ErasureRequest.id.in_(served)).values(due_at=due_at))


def told(services: Services, job_id: str) -> list[dict[str, object]]:
    with services.db.read() as s:
        return [event.data for event in events.list_events(s, "acme", job_id) if event.type == "log"]


def test_a_due_date_is_on_the_job_and_warned_of_once(services: Services) -> None:
    job = submit(services)
    with services.db.read() as s:
        assert job.due_at == due_at(s.execute(select(ErasureRequest.received_at)).scalar_one())
    assert sweep(services).warned == 0
    make_due(services, 6, job.id)
    counts: list[int] = []
    threads = [Thread(target=lambda: counts.append(due.warn(services))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(counts) == 1
    (event,) = told(services, job.id)
    assert (event["level"], event["code"]) == ("warning", "due_soon")
    with services.db.read() as s:
        assert event["due_at"] == s.execute(select(ErasureRequest.due_at)).scalar_one().isoformat()
        assert len(audit.list_entries(s, "acme", AuditFilters(action="request.due_soon")).items) == 1
    assert sweep(services).warned == 0


def test_who_is_warned_of(services: Services) -> None:
    queued, broken, missed, met, withdrawn, deleted = (submit(services).id for _ in range(6))
    claim = must_take(services, broken)
    with services.db.write() as s:
        lease.fail(s, claim, "x", "x", retryable=False)
        lifecycle.cancel(s, "acme", withdrawn)
        lifecycle.delete(services, s, "acme", deleted)
    finish(services, must_take(services, missed), verdict="failed")
    finish(services, must_take(services, met))
    make_due(services, 3, queued, broken, missed, met, withdrawn, deleted)
    assert gauge(services) == {"overdue": 0, "within_a_week": 3}
    assert due.warn(services) == 3
    assert [bool(told(services, job)) for job in (queued, broken, missed, met, withdrawn)] == [True] * 3 + [False] * 2
    make_due(services, -1, queued, broken, missed, met)
    assert gauge(services) == {"overdue": 3, "within_a_week": 0}


def gauge(services: Services) -> dict[str, float]:
    with services.db.read() as s:
        (family,) = requests_unmet(s, now())
    return {sample.labels["due"]: sample.value for sample in family.samples}


def test_the_clock_starts_when_the_subject_asked(services: Services) -> None:
    asked = now() - timedelta(days=20)
    with services.db.write() as s:
        serves = open_request(s, PRINCIPAL, subject=None, received=asked)
    job = create(services, request(), erasure_request=serves)
    assert job.due_at == due_at(asked)


def test_the_warning_uses_its_index(tmp_path: Path) -> None:
    with open_services(settings_for(tmp_path)) as services, services.db.read() as s:
        query = "EXPLAIN QUERY PLAN SELECT id FROM requests WHERE due_at < '2026' AND status = 'open'"
        assert "ix_requests_due_at" in str(list(s.execute(text(query))))
