"""What no statement can do to the tables, whoever sends it: raw SQL against the constraints that keep jobs in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from core.service.access.keys import create_key
from core.service.context import Services
from core.service.db.tables.idempotency import IdempotencyKey
from core.service.jobs import lifecycle
from core.service.kit.clock import now
from tests.support.service import OTHER, finish, must_take, open_services, png, settings_for, submit, upload

NOW, LATER = "'2026-11-21 10:00:00+00:00'", "'2036-11-21 10:00:00+00:00'"
FORBIDDEN = {
    # Of a queued job.
    "status known": "UPDATE jobs SET status = 'paused' WHERE id = :queued",
    "no lease at rest": f"UPDATE jobs SET lease_expires_at = {LATER}, lease_owner = 'x' WHERE id = :queued",
    "running needs a lease": "UPDATE jobs SET status = 'running' WHERE id = :queued",
    "an end has a time": "UPDATE jobs SET status = 'cancelled' WHERE id = :queued",
    "a time is an end's": f"UPDATE jobs SET finished_at = {NOW} WHERE id = :queued",
    "no verdict without success": "UPDATE jobs SET verdict = 'passed' WHERE id = :queued",
    "no phase at rest": "UPDATE jobs SET phase = 'training' WHERE id = :queued",
    "nothing living is deleted": f"UPDATE jobs SET deleted_at = {NOW} WHERE id = :queued",
    "erased inputs have no key": f"UPDATE jobs SET inputs_erased_at = {NOW} WHERE id = :queued",
    "progress has bounds": "UPDATE jobs SET fraction = 1.01 WHERE id = :queued",
    "progress has a floor": "UPDATE jobs SET fraction = -0.01 WHERE id = :queued",
    "somebody's job": "UPDATE jobs SET tenant_id = 'nobody' WHERE id = :queued",
    "a model there is": "UPDATE jobs SET model = 'nothing' WHERE id = :queued",
    "a parent there is": "UPDATE jobs SET parent_id = 'job_none' WHERE id = :queued",
    "one external id a tenant": "UPDATE jobs SET external_id = 'DSR-1' WHERE id = :queued",
    "a job without a status": "UPDATE jobs SET status = NULL WHERE id = :queued",
    # Of a running one.
    "an owner has a lease": "UPDATE jobs SET lease_expires_at = NULL WHERE id = :running",
    "a lease has an owner": "UPDATE jobs SET lease_owner = NULL WHERE id = :running",
    "phase known": "UPDATE jobs SET phase = 'dreaming' WHERE id = :running",
    "back in the queue without the lease": "UPDATE jobs SET status = 'queued' WHERE id = :running",
    # Of one that ended.
    "success has a verdict": "UPDATE jobs SET verdict = NULL WHERE id = :done",
    "verdict known": "UPDATE jobs SET verdict = 'maybe' WHERE id = :done",
    "no error in success": "UPDATE jobs SET error = '{}' WHERE id = :done",
    "an end stays an end": "UPDATE jobs SET status = 'queued' WHERE id = :done",
    "a tombstone names no request": f"UPDATE jobs SET deleted_at = {NOW} WHERE id = :done",
    # Of what belongs to jobs.
    "an event's number once": "UPDATE job_events SET seq = 1 WHERE job_id = :done",
    "event type known": "UPDATE job_events SET type = 'rumour'",
    "an event of a job": "UPDATE job_events SET job_id = 'job_none'",
    "no artefact twice": "UPDATE artifacts SET storage_key = 'same'",
    "purpose known": "UPDATE files SET purpose = 'other'",
    "a file in use stays": "DELETE FROM files",
    "a tenant with jobs stays": "DELETE FROM tenants WHERE id = 'acme'",
    "a model with jobs stays": "DELETE FROM models",
    "an answer is whole": "UPDATE idempotency_keys SET body = NULL",
    "a key's secret once": "UPDATE api_keys SET digest = (SELECT min(digest) FROM api_keys)",
}


@pytest.fixture
def services(database: dict[str, Any], tmp_path: Path) -> Iterator[Services]:
    with open_services(settings_for(tmp_path, **database)) as opened:
        yield opened


def _a_job_of_each_kind(services: Services) -> dict[str, str]:
    image = upload(services, png()).id
    with services.db.write() as s:
        for name in ("one", "two"):
            create_key(s, "acme", name, ["jobs:read"])
        s.add(IdempotencyKey(tenant_id="acme", key="k", fingerprint="f", created_at=now(), status=202, body={}))
    jobs = {
        name: submit(services, external_id=number, images=[image]).id
        for name, number in (("done", "DSR-1"), ("also_done", "DSR-2"), ("running", "DSR-3"), ("queued", "DSR-4"))
    }
    for name in ("done", "also_done"):
        finish(services, must_take(services, jobs[name]))
    must_take(services, jobs["running"])
    return jobs


def test_what_is_forbidden_is_refused(services: Services) -> None:
    jobs = _a_job_of_each_kind(services)
    for rule, statement in FORBIDDEN.items():
        values = {name: jobs[name] for name in jobs if f":{name}" in statement}
        with pytest.raises(IntegrityError), services.db.write() as s:  # noqa: PT012 - says which one it was
            changed = s.connection().execute(text(statement), values).rowcount
            pytest.fail(f"{rule}: {changed} rows changed")


def test_an_external_id_is_free_again_once_its_job_is_erased(services: Services) -> None:
    jobs = _a_job_of_each_kind(services)
    with services.db.write() as s:
        lifecycle.delete(services, s, "acme", jobs["done"])
    assert submit(services, external_id="DSR-1").id != jobs["done"]
    assert submit(services, external_id="DSR-2", by=OTHER).external_id == "DSR-2"
