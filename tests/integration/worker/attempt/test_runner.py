"""One attempt at a job: how it ends, and what it leaves. The work itself is replaced by a few lines of each test."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.service.context import Services
from core.service.db.tables.jobs import Job, JobEvent
from core.service.jobs import events, lifecycle
from core.service.jobs.views import JobView, get_job
from core.service.storage.port import StoreError
from core.unlearning.checkpoints import Checkpoints
from core.unlearning.errors import DivergedError, StoppedError
from core.unlearning.jobs.work import Outcome, OutputFile
from core.unlearning.patches.signing import Signer
from tests.support.service import PRINCIPAL, open_services, settings_for, shift, submit, take
from worker.attempt import transfer
from worker.attempt.progress import JobProgress
from worker.attempt.runner import Runner
from worker.attempt.warm_models import WarmModels

CANARY = "Zyxomma Quillfeather"
PATIENCE = 60.0
"""Seconds in which another thread has to come to its turn."""
Work = Callable[[JobProgress, Path], Outcome]


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with open_services(settings_for(tmp_path / "data", heartbeat_seconds=0.05, lease_seconds=20)) as opened:
        yield opened


@pytest.fixture
def run(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Runner]:
    """Runs a job with `work` in place of the real one, and gives the runner."""

    def start(
        job_id: str, work: Any, runner: Runner | None = None, *, checkpoints: bool = False, **changes: Any
    ) -> Runner:
        def work_on(_: Services, claim: Any, workdir: Path, progress: JobProgress, *rest: Any) -> Outcome:
            return work(progress, workdir, *rest[-1:] if checkpoints else ())  # type: ignore[no-any-return]

        monkeypatch.setattr("worker.attempt.runner.work_on", work_on)
        runner = runner or Runner(services, WarmModels(), Signer.load_or_create(tmp_path / "key"), **changes)
        runner.run(job_id)
        return runner

    return start


def good(progress: JobProgress, workdir: Path) -> Outcome:
    progress.phase("training", 2)
    progress.step(loss=1.5)
    progress.step(loss=0.5)
    (workdir / "patch.zip").write_bytes(b"patch")
    return Outcome("passed", {"splits": {}}, (OutputFile("patch.zip", workdir / "patch.zip", "application/zip"),))


def endless(progress: JobProgress, _: Path) -> Outcome:
    progress.phase("training", 10**9)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        progress.step(loss=1.0)
        time.sleep(0.001)
    raise AssertionError("nobody stopped it")


def seen(services: Services, job_id: str) -> JobView:
    with services.db.read() as s:
        return get_job(s, PRINCIPAL.tenant_id, job_id)


def told(services: Services, job_id: str) -> list[JobEvent]:
    with services.db.read() as s:
        return events.list_events(s, PRINCIPAL.tenant_id, job_id, 0, 1000)


def once(condition: Callable[[], bool], act: Callable[[], object]) -> threading.Thread:
    """Does something in a thread as soon as something is true."""

    def wait() -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def training(services: Services, job_id: str) -> bool:
    return seen(services, job_id).phase == "training"


def test_a_good_attempt_leaves_its_artefacts_and_tells_in_order(services: Services, run: Any) -> None:
    job_id = submit(services).id
    run(job_id, good)
    job = seen(services, job_id)
    assert (job.status, job.verdict, job.attempt, job.progress.fraction) == ("succeeded", "passed", 1, 1.0)
    assert [a.name for a in job.artifacts] == ["patch.zip"]
    assert list(services.storage.list(f"jobs/{job_id}/")) == [f"jobs/{job_id}/attempts/1/patch.zip"]
    found = told(services, job_id)
    assert [e.seq for e in found] == list(range(1, len(found) + 1))
    assert [e.data["status"] for e in found if e.type == "status"] == ["queued", "running", "succeeded"]
    assert not list((services.settings.data_dir / "work").iterdir())


def test_a_second_ring_finds_nothing_to_do(services: Services, run: Any) -> None:
    job_id = submit(services).id
    run(job_id, good)
    run(job_id, endless)
    assert seen(services, job_id).attempt == 1


def test_cancelling_stops_at_the_next_step(services: Services, run: Any) -> None:
    job_id = submit(services).id

    def cancel() -> None:
        with services.db.write() as s:
            lifecycle.cancel(s, PRINCIPAL.tenant_id, job_id)

    thread = once(lambda: training(services, job_id), cancel)
    run(job_id, endless)
    thread.join()
    assert seen(services, job_id).status == "cancelled"
    assert list(services.storage.list(f"jobs/{job_id}/")) == []


def test_a_zombie_stops_and_changes_nothing(services: Services, run: Any) -> None:
    job_id = submit(services).id

    def steal() -> None:
        deadline = time.monotonic() + PATIENCE
        # The holder may beat between the two.
        while shift(services, job_id, lease_expires_at=3600) or take(services, job_id, owner="other:1") is None:
            assert time.monotonic() < deadline

    thread = once(lambda: training(services, job_id), steal)
    run(job_id, endless)
    thread.join()
    with services.db.read() as s:
        owner, status, attempt = s.execute(
            select(Job.lease_owner, Job.status, Job.attempt).where(Job.id == job_id)
        ).one()
    assert (owner, status, attempt) == ("other:1", "running", 2)


def test_shutting_down_hands_the_job_back_and_another_worker_ends_it(services: Services, run: Any) -> None:
    job_id = submit(services).id
    runners: list[Runner] = []

    def work(progress: JobProgress, workdir: Path) -> Outcome:
        runners[0].shut_down()
        return good(progress, workdir)

    class Noted(Runner):
        def run(self, job_id: str) -> None:
            runners.append(self)
            super().run(job_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{__name__}.Runner", Noted)
        run(job_id, work)
    assert seen(services, job_id).status == "queued"
    runners[0].run(job_id)
    assert seen(services, job_id).status == "queued"
    run(job_id, good)
    job = seen(services, job_id)
    assert (job.status, job.attempt) == ("succeeded", 2)


def test_what_was_kept_is_there_for_the_next_attempt_and_for_none_after_it(services: Services, run: Any) -> None:
    services.settings.checkpoint_seconds = 0.0
    job_id = submit(services).id
    seen_at_start: list[float] = []

    def work(progress: JobProgress, workdir: Path, checkpoints: Checkpoints) -> Outcome:
        seen_at_start.append(seen(services, job_id).progress.fraction)
        if checkpoints.load("piece") is None:
            progress.phase("training", 2)
            progress.step(loss=1.0)
            assert checkpoints.due()
            checkpoints.save("piece", b"half")
            runners[0].shut_down()
            assert checkpoints.due()
            progress.step(loss=1.0)
        assert checkpoints.load("piece") == b"half"
        return good(progress, workdir)

    runners = [Runner(services, WarmModels(), Signer.load_or_create(services.settings.data_dir / "key"))]
    run(job_id, work, runner=runners[0], checkpoints=True)
    handed_back = seen(services, job_id)
    assert (handed_back.status, handed_back.phase) == ("queued", None)
    run(job_id, work, checkpoints=True)
    job = seen(services, job_id)
    assert (job.status, job.attempt) == ("succeeded", 2)
    assert seen_at_start[0] == 0.0 < seen_at_start[1]
    assert list(services.storage.list(f"jobs/{job_id}/")) == [f"jobs/{job_id}/attempts/2/patch.zip"]
    with services.db.read() as s:
        assert s.execute(select(Job.lost_attempts)).scalar_one() == 0


def test_a_job_that_was_cancelled_keeps_nothing(services: Services, run: Any) -> None:
    job_id = submit(services).id

    def work(progress: JobProgress, workdir: Path, checkpoints: Checkpoints) -> Outcome:
        with services.db.write() as s:
            lifecycle.cancel(s, PRINCIPAL.tenant_id, job_id)
        try:
            return endless(progress, workdir)
        except StoppedError:
            assert not checkpoints.due()
            checkpoints.save("piece", b"half")
            assert list(services.storage.list(f"jobs/{job_id}/")) == []
            raise

    run(job_id, work, checkpoints=True)
    assert seen(services, job_id).status == "cancelled"


def test_a_store_that_is_away_costs_a_checkpoint_and_no_job(
    services: Services, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit(services).id

    def away(*_: Any, **__: Any) -> Any:
        raise StoreError("away")

    def work(progress: JobProgress, workdir: Path, checkpoints: Checkpoints) -> Outcome:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(services.storage, "put", away)
            checkpoints.save("piece", b"half")
        assert checkpoints.load("piece") is None
        return good(progress, workdir)

    run(job_id, work, checkpoints=True)
    assert seen(services, job_id).status == "succeeded"


def test_an_error_of_ours_is_told(services: Services, run: Any) -> None:
    job_id = submit(services).id

    def work(*_: Any) -> Outcome:
        raise DivergedError("the loss is not finite")

    run(job_id, work)
    error = seen(services, job_id).error
    assert error is not None
    assert (error.code, error.message, error.retryable) == ("training_diverged", "the loss is not finite", False)


def test_the_text_of_any_other_error_stays_hidden(
    services: Services, run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = submit(services).id

    def work(*_: Any) -> Outcome:
        raise ValueError(f"cannot encode {CANARY}")

    run(job_id, work)
    job = seen(services, job_id)
    assert job.error is not None
    assert job.error.code == "internal_error"
    everything = job.model_dump_json() + json.dumps([e.data for e in told(services, job_id)])
    output = capsys.readouterr()
    assert "ValueError" in output.out + output.err
    assert CANARY not in everything + output.out + output.err


def test_a_lease_outlives_work_that_is_longer_than_it(services: Services, run: Any) -> None:
    job_id = submit(services).id

    def work(progress: JobProgress, workdir: Path) -> Outcome:
        shift(services, job_id, lease_expires_at=10)
        began = expires()
        deadline = time.monotonic() + PATIENCE
        while expires() <= began:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return good(progress, workdir)

    def expires() -> Any:
        with services.db.read() as s:
            return s.execute(select(Job.lease_expires_at).where(Job.id == job_id)).scalar_one()

    run(job_id, work)
    assert seen(services, job_id).status == "succeeded"


def test_a_job_that_hangs_is_given_up(services: Services, run: Any) -> None:
    services.settings.stall_seconds = 0.2
    job_id, given_up = submit(services).id, threading.Event()

    def work(progress: JobProgress, workdir: Path) -> Outcome:
        assert given_up.wait(PATIENCE)
        return good(progress, workdir)

    run(job_id, work, on_stall=given_up.set)
    assert given_up.is_set()


def test_a_job_beyond_the_time_limit_fails(services: Services, run: Any) -> None:
    services.settings.job_time_limit_seconds = 0.2
    job_id = submit(services).id
    run(job_id, endless)
    error = seen(services, job_id).error
    assert error is not None
    assert error.code == "time_limit_exceeded"


def test_a_store_that_is_away_for_a_while_loses_nothing(
    services: Services, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PAUSES", (0.0,) * 3)
    put, failures = services.storage.put, [StoreError("away"), StoreError("away")]

    def flaky(*args: Any, **kwargs: Any) -> Any:
        if failures:
            raise failures.pop()
        return put(*args, **kwargs)

    job_id = submit(services).id
    monkeypatch.setattr(services.storage, "put", flaky)
    run(job_id, good)
    assert seen(services, job_id).status == "succeeded"


def test_a_store_that_stays_away_fails_the_job_for_another_try(
    services: Services, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PAUSES", (0.0,) * 3)
    job_id = submit(services).id

    def away(*_: Any, **__: Any) -> Any:
        raise StoreError("away")

    monkeypatch.setattr(services.storage, "put", away)
    run(job_id, good)
    error = seen(services, job_id).error
    assert error is not None
    assert (error.code, error.retryable) == ("storage_unavailable", True)
