"""Submit, claim, beat, expire, cancel, retry, delete, sweep, in any order: what must always hold."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from core.service.context import Services
from core.service.db.tables.jobs import Checkpoint, Job, JobEvent
from core.service.errors import Conflict, NotFound
from core.service.jobs import checkpoints, lease, lifecycle
from core.service.jobs.claims import Claim, LeaseLost
from core.service.jobs.sweep.sweep import sweep
from tests.support.service import open_services, settings_for, shift, submit, take

TERMINAL = {"succeeded", "failed", "cancelled"}


class JobStates(RuleBasedStateMachine):
    """The model: for each job, the one claim that may write, and the last status seen."""

    jobs: Bundle[str] = Bundle("jobs")
    claims: Bundle[Claim] = Bundle("claims")

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.services = services
        self.mine: list[str] = []
        self.live: dict[str, Claim] = {}
        self.expired: set[str] = set()
        self.ended: dict[str, str] = {}
        self.kept: dict[tuple[str, str], bytes] = {}

    @rule(target=jobs)
    def submit(self) -> str:
        self.mine.append(submit(self.services).id)
        return self.mine[-1]

    @rule(target=claims, job=jobs, owner=st.sampled_from(["a", "b"]))
    def claim(self, job: str, owner: str) -> object:
        holder = self.live.get(job)
        claim = take(self.services, job, owner)
        if claim is None:
            return multiple()
        assert job not in self.ended
        assert holder is None or job in self.expired, "two workers hold one job"
        self.expired.discard(job)
        self.live[job] = claim
        return claim

    @rule(claim=claims)
    def beat(self, claim: Claim) -> None:
        if self._fenced(claim, lambda s: lease.beat(s, claim, 60)):
            self.expired.discard(claim.job_id)

    @rule(claim=claims, fraction=st.floats(0, 1, allow_subnormal=False))
    def progress(self, claim: Claim, fraction: float) -> None:
        self._fenced(claim, lambda s: lease.set_progress(s, claim, 1, 2, fraction))

    @rule(claim=claims, fraction=st.floats(0, 1, allow_subnormal=False), name=st.sampled_from(["data", "training"]))
    def checkpoint(self, claim: Claim, fraction: float, name: str) -> None:
        kept = f"{claim.attempt} {fraction}".encode()

        def keep(_: object) -> None:
            checkpoints.save(self.services, claim, name, kept, fraction)

        if self._fenced(claim, keep, alone=True):
            self.kept[claim.job_id, name] = kept

    @rule(claim=claims, name=st.sampled_from(["data", "training"]))
    def take_up(self, claim: Claim, name: str) -> None:
        if self.live.get(claim.job_id) == claim:
            assert checkpoints.load(self.services, claim, name) == self.kept.get((claim.job_id, name))

    @rule(claim=claims, how=st.sampled_from(["succeed", "fail", "cancel", "release"]))
    def end(self, claim: Claim, how: str) -> None:
        def act(s: Any) -> None:
            if how == "succeed":
                lease.succeed(self.services, s, claim, verdict="passed", evaluation={}, artifacts=[])
            elif how == "fail":
                lease.fail(s, claim, "x", "x", retryable=True)
            else:
                getattr(lease, how)(s, claim)

        if self._fenced(claim, act):
            self._let_go(claim.job_id)

    @rule(job=jobs)
    def expire(self, job: str) -> None:
        if job in self.live:
            shift(self.services, job, lease_expires_at=3600)
            self.expired.add(job)

    @rule(job=jobs)
    def cancel(self, job: str) -> None:
        self._client(lambda s: lifecycle.cancel(s, "acme", job))

    @rule(job=jobs)
    def retry(self, job: str) -> None:
        if self._client(lambda s: lifecycle.retry(s, "acme", job)):
            assert self.ended.pop(job) == "failed"
            self._forget(job)

    @rule(job=jobs)
    def delete(self, job: str) -> None:
        self._client(lambda s: lifecycle.delete(self.services, s, "acme", job))

    @rule()
    def sweep(self) -> None:
        sweep(self.services)
        with self.services.db.read() as s:
            left = s.execute(select(Checkpoint).join(Job).where(Job.finished_at.is_not(None))).scalars().all()
        assert not left, "an ended job has checkpoints"
        for job in list(self.expired):
            self._let_go(job)

    @invariant()
    def terminal_is_final_and_leases_are_single(self) -> None:
        with self.services.db.read() as s:
            rows = list(s.execute(select(Job).where(Job.id.in_(self.mine))).scalars())
            numbers = s.execute(select(JobEvent.job_id, JobEvent.seq).where(JobEvent.job_id.in_(self.mine))).all()
        for row in rows:
            assert sorted(seq for job, seq in numbers if job == row.id) == list(range(1, row.event_seq + 1))
            if row.id in self.ended:
                assert row.status == self.ended[row.id], "a terminal status changed"
            if row.status in TERMINAL:
                self.ended[row.id] = row.status
                assert row.id not in self.live
            holder = self.live.get(row.id)
            assert (row.status == "running") == (holder is not None)
            if holder is not None:
                assert (row.lease_token, row.lease_owner) == (holder.lease_token, holder.owner)

    def _fenced(self, claim: Claim, act: Callable[[Any], object], *, alone: bool = False) -> bool:
        """Do it as a worker: it must work for the live claim, and for no other. `alone`: it opens its own session."""
        mine = self.live.get(claim.job_id) == claim
        try:
            with nullcontext() if alone else self.services.db.write() as s:
                act(s)
        except LeaseLost:
            assert not mine, "the holder was shut out"
            return False
        assert mine, "a fenced write got through"
        return True

    def _client(self, act: Callable[[Any], object]) -> bool:
        try:
            with self.services.db.write() as s:
                act(s)
        except (NotFound, Conflict):
            return False
        return True

    def _forget(self, job: str) -> None:
        self.kept = {key: kept for key, kept in self.kept.items() if key[0] != job}

    def _let_go(self, job: str) -> None:
        self.live.pop(job, None)
        self.expired.discard(job)


@pytest.mark.slow
def test_any_order(database: dict[str, Any], tmp_path: Path) -> None:
    with open_services(settings_for(tmp_path, max_queued_jobs=10_000, **database)) as services:
        run_state_machine_as_test(
            partial(JobStates, services),
            settings=settings(
                max_examples=30,
                stateful_step_count=25,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
