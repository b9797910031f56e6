"""A database that is not the store's own erases nothing there: an older one, an empty one, a neighbour's."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.service import audit
from core.service.context import Services
from core.service.jobs.sweep import orphans
from core.service.jobs.sweep.sweep import sweep
from tests.servers.s3 import S3
from tests.support.service import finish, must_take, open_services, png, settings_for, submit

STARTS = 20


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is too young to be erased, and every chain is anchored as soon as it grows."""
    monkeypatch.setattr(orphans, "GRACE", timedelta(seconds=-60))
    monkeypatch.setattr(audit.anchors, "EVERY", timedelta(seconds=-60))


def contents(services: Services) -> set[str]:
    return set(services.storage.list(""))


def a_finished_job(services: Services) -> None:
    job = submit(services, [png()])
    finish(services, must_take(services, job.id))
    sweep(services)


def test_an_older_database_beside_its_store_loses_nothing(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "now")
    with open_services(settings) as services:
        a_finished_job(services)
    shutil.copytree(tmp_path / "now", tmp_path / "then")
    with open_services(settings) as services:
        a_finished_job(services)
        stored = contents(services)
    older = settings_for(tmp_path / "then", storage_url=settings.resolved_storage_url)
    for _ in range(STARTS):
        with open_services(older) as services:
            assert sweep(services).orphans_erased == 0
            assert contents(services) >= stored


def test_an_empty_database_beside_a_full_store_loses_nothing(backend: dict[str, Any], tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "full", **backend)
    with open_services(settings) as services:
        a_finished_job(services)
        stored = contents(services)
    other = {**backend, "database_url": None, "storage_url": settings.resolved_storage_url}
    empty = settings_for(tmp_path / "empty", **other)
    for _ in range(STARTS):
        with open_services(empty) as services:
            assert sweep(services).orphans_erased == 0
            assert contents(services) >= stored


def test_prefixes_of_one_bucket_are_two_stores(s3: S3, tmp_path: Path) -> None:
    bucket = s3.settings()
    production, staging = (
        settings_for(tmp_path / name, **{**bucket, "storage_url": f"{bucket['storage_url']}/{name}"})
        for name in ("production", "staging")
    )
    with open_services(production) as services:
        a_finished_job(services)
        stored = contents(services)
    with open_services(staging) as other:
        assert contents(other) == set()
        a_finished_job(other)
        other.storage.put("jobs/job_00000000000000000000000000/attempts/1/patch.zip", b"nobody knows me")
        other.next_orphan_scan = 0.0
        assert sweep(other).orphans_erased == 1
    with open_services(production) as services:
        assert contents(services) == stored
        assert all(services.storage.read(key) for key in stored)


def test_what_is_erased_stands_in_the_audit_log(tmp_path: Path) -> None:
    with open_services(settings_for(tmp_path)) as services:
        services.storage.put("jobs/job_00000000000000000000000000/attempts/1/patch.zip", b"nobody knows me")
        assert sweep(services).orphans_erased == 1
        with services.db.read() as session:
            page = audit.list_entries(session, audit.INSTALLATION)
    assert [(entry.action, entry.details) for entry in page.items] == [("orphans.erased", {"objects": 1})]
