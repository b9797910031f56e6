"""Checkpoints: encrypted, fenced, found by the next attempt, and gone with the job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from core.service.context import Services
from core.service.db.tables.jobs import Checkpoint, Job
from core.service.jobs import checkpoints, lease, lifecycle
from core.service.jobs.claims import LeaseLost
from core.service.jobs.sweep.sweep import sweep
from core.service.jobs.views import get_job
from tests.support.service import PRINCIPAL, finish, must_take, open_services, settings_for, shift, submit

CANARY = b"Where was Zyxomma Quillfeather born?" * 10


@pytest.fixture
def services(backend: dict[str, Any], tmp_path: Path) -> Iterator[Services]:
    with open_services(settings_for(tmp_path, **backend)) as opened:
        yield opened


def objects(services: Services, job_id: str) -> list[str]:
    return [key for key in services.storage.list(f"jobs/{job_id}/") if "/checkpoints/" in key]


def rows(services: Services) -> list[Checkpoint]:
    with services.db.read() as s:
        return list(s.execute(select(Checkpoint)).scalars())


def test_the_next_attempt_finds_it_and_begins_there(services: Services) -> None:
    job_id = submit(services).id
    first = must_take(services, job_id)
    checkpoints.save(services, first, "training", CANARY, 0.4)
    checkpoints.save(services, first, "training", CANARY + b"more", 0.5)
    with services.db.write() as s:
        lease.release(s, first)
    second = must_take(services, job_id, "host:2")
    assert (second.attempt, second.fraction) == (2, 0.5)
    with services.db.read() as s:
        assert get_job(s, PRINCIPAL.tenant_id, job_id).progress.fraction == 0.5
    assert checkpoints.load(services, second, "training") == CANARY + b"more"
    assert checkpoints.load(services, second, "other") is None
    assert len(objects(services, job_id)) == 1


def test_large_pieces_are_encrypted_in_parts(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "CHUNK", 100)
    claim = must_take(services, submit(services).id)
    for size in (0, 1, 99, 100, 101, 350):
        data = CANARY[:size]
        checkpoints.save(services, claim, "piece", data, 0.1)
        assert checkpoints.load(services, claim, "piece") == data


def test_nothing_of_it_can_be_read_in_the_store(services: Services, tmp_path: Path) -> None:
    claim = must_take(services, submit(services).id)
    checkpoints.save(services, claim, "training", CANARY, 0.4)
    stored = [services.storage.read(key) for key in objects(services, claim.job_id)]
    everything = b"".join([*stored, *(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())])
    assert len(stored) == 1
    assert b"Zyxomma" not in everything
    assert b"Quillfeather" not in everything


@pytest.mark.parametrize("harm", ["missing", "changed", "another"])
def test_what_was_tampered_with_counts_as_not_there(harm: str, services: Services) -> None:
    claim = must_take(services, submit(services).id)
    checkpoints.save(services, claim, "training", CANARY, 0.4)
    (key,) = objects(services, claim.job_id)
    if harm == "missing":
        services.storage.delete(key)
    elif harm == "changed":
        blob = bytearray(services.storage.read(key))
        blob[-1] ^= 1
        services.storage.put(key, bytes(blob))
    else:
        checkpoints.save(services, claim, "other", CANARY, 0.4)
        (other,) = set(objects(services, claim.job_id)) - {key}
        services.storage.put(key, services.storage.read(other))
    assert checkpoints.load(services, claim, "training") is None


def test_a_zombie_changes_nothing_and_leaves_nothing(services: Services) -> None:
    job_id = submit(services).id
    zombie = must_take(services, job_id)
    checkpoints.save(services, zombie, "training", b"old", 0.2)
    shift(services, job_id, lease_expires_at=3600)
    holder = must_take(services, job_id, "host:2")
    checkpoints.save(services, holder, "training", b"new", 0.3)
    with pytest.raises(LeaseLost):
        checkpoints.save(services, zombie, "training", b"late", 0.9)
    assert checkpoints.load(services, holder, "training") == b"new"
    assert len(objects(services, job_id)) == 1
    with services.db.read() as s:
        assert s.execute(select(Job.checkpoint_fraction)).scalar_one() == 0.3


def test_a_zombie_that_put_its_object_in_the_last_moment_is_refused_too(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit(services).id
    zombie = must_take(services, job_id)
    put = services.storage.put

    def slow(*args: Any, **kwargs: Any) -> Any:
        stored = put(*args, **kwargs)
        shift(services, job_id, lease_expires_at=3600)
        must_take(services, job_id, "host:2")
        return stored

    monkeypatch.setattr(services.storage, "put", slow)
    with pytest.raises(LeaseLost):
        checkpoints.save(services, zombie, "training", b"late", 0.9)
    assert objects(services, job_id) == []
    assert rows(services) == []


@pytest.mark.parametrize("end", ["succeed", "fail", "cancelled", "delete", "lost"])
def test_gone_with_the_end_of_the_job(end: str, services: Services) -> None:
    job_id = submit(services).id
    claim = must_take(services, job_id)
    checkpoints.save(services, claim, "training", CANARY, 0.4)
    if end == "succeed":
        finish(services, claim)
    elif end == "lost":
        with services.db.write() as s:
            s.execute(update(Job).values(lost_attempts=Job.max_attempts - 1))
        shift(services, job_id, lease_expires_at=3600)
    else:
        with services.db.write() as s:
            if end == "fail":
                lease.fail(s, claim, "x", "x", retryable=True)
            elif end == "cancelled":
                lease.cancel(s, claim)
            else:
                lease.release(s, claim)
                lifecycle.delete(services, s, PRINCIPAL.tenant_id, job_id)
    sweep(services)
    sweep(services)
    assert objects(services, job_id) == []
    assert rows(services) == []


def test_a_retried_job_begins_anew(services: Services) -> None:
    job_id = submit(services).id
    claim = must_take(services, job_id)
    checkpoints.save(services, claim, "training", CANARY, 0.4)
    with services.db.write() as s:
        lease.fail(s, claim, "x", "x", retryable=True)
    with services.db.write() as s:
        lifecycle.retry(s, PRINCIPAL.tenant_id, job_id)
    again = must_take(services, job_id)
    assert again.fraction == 0.0
    assert checkpoints.load(services, again, "training") is None
