"""Leases: one worker at a time, and none that can write once another has the job."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from core.service.context import Services
from core.service.db.tables.jobs import Job
from core.service.jobs import lease, lifecycle, views
from core.service.jobs.artifacts import attempt_prefix, of_jobs
from core.service.jobs.claims import Capacity, Claim, LeaseLost
from core.service.jobs.inputs import load_input
from core.service.jobs.sweep.sweep import sweep
from core.service.kit.clock import now
from core.service.settings import Settings
from tests.support.service import finish, must_take, open_services, settings_for, shift, submit, take

JOBS = 100


@pytest.fixture
def settings(database: dict[str, Any], tmp_path: Path) -> Settings:
    return settings_for(tmp_path, **database)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    with open_services(settings) as opened:
        yield opened


def get(services: Services, job_id: str) -> views.JobView:
    with services.db.read() as s:
        return views.get_job(s, "acme", job_id)


def _claim_all(settings: Settings, ids: list[str], owner: str, won: Queue[tuple[str, int]]) -> None:
    with Services.open(settings) as services:
        for job_id in ids:
            # No lease may expire, however long all of it takes.
            claim = take(services, job_id, owner, ttl=3600)
            if claim is not None:
                won.put((job_id, claim.lease_token))
    won.put(("done", 0))


@pytest.mark.slow
def test_two_processes_never_claim_one_job(settings: Settings, services: Services) -> None:
    ids = [submit(services).id for _ in range(JOBS)]
    context = multiprocessing.get_context("spawn")
    won: Queue[tuple[str, int]] = context.Queue()
    racers = [
        context.Process(target=_claim_all, args=(settings, order, f"host:{n}", won))
        for n, order in enumerate((ids, ids, ids[::-1]))
    ]
    for racer in racers:
        racer.start()
    claims, running = [], len(racers)
    while running:
        job_id, token = won.get(timeout=120)
        running -= job_id == "done"
        claims += [(job_id, token)] if token else []
    for racer in racers:
        racer.join(30)
        assert racer.exitcode == 0
    assert Counter(claims) == Counter((job_id, 1) for job_id in ids)


def _writes(services: Services, claim: Claim) -> dict[str, Callable[..., object]]:
    return {
        "beat": partial(lease.beat, claim=claim, ttl=60),
        "phase": partial(lease.set_phase, claim=claim, phase="training", total_steps=1),
        "progress": partial(lease.set_progress, claim=claim, step=1, total=2, fraction=0.9),
        "event": partial(lease.append_event, claim=claim, type="log", data={"message": "still here"}),
        "succeed": lambda s: lease.succeed(services, s, claim, verdict="passed", evaluation={}, artifacts=[]),
        "fail": partial(lease.fail, claim=claim, code="x", message="x", retryable=False),
        "cancelled": partial(lease.cancel, claim=claim),
        "release": partial(lease.release, claim=claim),
        "look": partial(lease.cancel_requested, claim=claim),
        "input": lambda _: load_input(services, claim),
    }


def _assert_all_refused(services: Services, zombie: Claim) -> None:
    before = get(services, zombie.job_id)
    for name, write in _writes(services, zombie).items():
        with pytest.raises(LeaseLost), services.db.write() as s:  # noqa: PT012 - says which one it was
            write(s)
            pytest.fail(f"{name} was let through")
    after = get(services, zombie.job_id)
    assert (after.version, after.model_dump()) == (before.version, before.model_dump())


def test_a_zombie_can_write_nothing_once_another_has_the_job(services: Services) -> None:
    zombie = must_take(services, submit(services).id, "host:1")
    shift(services, zombie.job_id, lease_expires_at=120)
    heir = must_take(services, zombie.job_id, "host:2")
    assert (heir.attempt, heir.lease_token) == (2, 2)
    _assert_all_refused(services, zombie)
    finish(services, heir)
    _assert_all_refused(services, zombie)
    _assert_all_refused(services, heir)


def test_a_zombie_can_write_nothing_once_the_sweep_came_by(services: Services) -> None:
    zombie = must_take(services, submit(services).id)
    shift(services, zombie.job_id, lease_expires_at=120)
    sweep(services)
    assert get(services, zombie.job_id).status == "queued"
    _assert_all_refused(services, zombie)


def test_a_beat_keeps_the_job_from_everybody_else(services: Services) -> None:
    claim = must_take(services, submit(services).id, ttl=60)
    shift(services, claim.job_id, lease_expires_at=59.9)
    with services.db.write() as s:
        lease.beat(s, claim, 60)
    sweep(services)
    assert take(services, claim.job_id) is None
    assert get(services, claim.job_id).status == "running"


def test_what_a_lost_attempt_left_is_swept_away_and_the_result_stays(services: Services) -> None:
    job = submit(services)
    dead = must_take(services, job.id)
    services.storage.put(attempt_prefix(job.id, dead.attempt) + "patch.zip", b"half")
    shift(services, job.id, lease_expires_at=120)
    sweep(services)
    heir = must_take(services, job.id)
    finish(services, heir, content=b"whole")
    sweep(services)
    with services.db.read() as s:
        (row,) = of_jobs(s, [job.id])[job.id]
    assert list(services.storage.list("jobs/")) == [row.storage_key]
    assert services.storage.read(row.storage_key) == b"whole"


def test_a_job_that_kills_its_workers_is_given_up(services: Services) -> None:
    job = submit(services)
    for attempt in (1, 2, 3):
        assert must_take(services, job.id).attempt == attempt
        shift(services, job.id, lease_expires_at=120)
        if attempt == 3:
            assert take(services, job.id) is None
        sweep(services)
    failed = get(services, job.id)
    assert failed.error is not None
    assert (failed.status, failed.error.code, failed.error.retryable, failed.error.attempt) == (
        "failed",
        "worker_lost",
        True,
        3,
    )
    with services.db.write() as s:
        lifecycle.retry(s, "acme", job.id)
    assert must_take(services, job.id).attempt == 4


def test_handing_back_costs_no_attempt_and_rings(services: Services) -> None:
    rung: list[str] = []
    job = submit(services)
    services.doorbell = rung.append
    for attempt in range(1, 6):
        claim = must_take(services, job.id)
        assert claim.attempt == attempt
        with services.db.write() as s:
            lease.release(s, claim)
    assert rung == [job.id] * 5
    assert get(services, job.id).status == "queued"


def test_handing_back_a_job_that_was_cancelled_ends_it(services: Services) -> None:
    claim = must_take(services, submit(services).id)
    with services.db.write() as s:
        lifecycle.cancel(s, "acme", claim.job_id)
        lease.release(s, claim)
    assert get(services, claim.job_id).status == "cancelled"


def test_a_cancelled_job_whose_worker_died_is_cancelled(services: Services) -> None:
    claim = must_take(services, submit(services).id)
    with services.db.write() as s:
        lifecycle.cancel(s, "acme", claim.job_id)
    shift(services, claim.job_id, lease_expires_at=120)
    assert take(services, claim.job_id) is None
    sweep(services)
    assert get(services, claim.job_id).status == "cancelled"


def test_a_dead_owner_s_leases_end_at_once(services: Services) -> None:
    mine, other = must_take(services, submit(services).id, "host:1"), must_take(services, submit(services).id, "host:2")
    with services.db.write() as s:
        assert lease.release_owner(s, "host:1") == 1
    sweep(services)
    assert get(services, mine.job_id).status == "queued"
    assert get(services, other.job_id).status == "running"


def test_progress_starts_anew_with_each_attempt(services: Services) -> None:
    claim = must_take(services, submit(services).id)
    with services.db.write() as s:
        lease.set_phase(s, claim, "training", 5)
        lease.set_progress(s, claim, 4, 5, 0.8, now(), 1.0)
        lease.release(s, claim)
    heir = must_take(services, claim.job_id)
    progress = get(services, heir.job_id).progress
    assert (progress.step, progress.total_steps, progress.fraction, progress.loss) == (0, None, 0.0, None)


def test_a_job_is_claimed_only_where_there_is_room_for_it(services: Services) -> None:
    card, large = Capacity("gpu", 16 * 10**9), Capacity("gpu", 24 * 10**9)
    unknown, big, pressed = (submit(services).id for _ in range(3))
    with services.db.write() as s:
        s.execute(update(Job).where(Job.id == big).values(gpu_memory=20 * 10**9, cpu_memory=40 * 10**9))
        s.execute(update(Job).where(Job.id == pressed).values(gpu_memory=9 * 10**9))

    def claimed(job_id: str, capacity: Capacity | None) -> bool:
        with services.db.write() as s:
            claim = lease.claim(s, job_id, "host:1", 60, capacity)
            if claim is not None:
                lease.release(s, claim)
        return claim is not None

    assert [claimed(big, capacity) for capacity in (card, large, None)] == [False, True, True]
    assert [claimed(big, Capacity("cpu", gb * 10**9)) for gb in (32, 64)] == [False, True]
    assert [claimed(unknown, capacity) for capacity in (card, large)] == [True, True]
    assert [claimed(pressed, capacity) for capacity in (card, Capacity("cpu", 10**15))] == [True, False]
    assert claimed(big, card) is False, "a job that was handed back is no smaller"
