"""Workers of a cluster that are killed, frozen and sent home: one job, one result, and no write of a zombie's."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from core.service.doorbell import celery
from core.service.jobs.sweep.rescue import LOST_CODE
from core.service.settings import Settings
from core.service.storage import open_store
from tests.support.cluster_workers import Worker, working
from tests.support.embedded_server import Running, a_canary_request, assert_told_in_order, eventually, gone, serving
from tests.support.gate import Gate

pytestmark = pytest.mark.slow
PATIENCE = 900.0
LIVES = {"max_attempts": "10", "checkpoint_seconds": "0", "sweep_seconds": "1"}
LEASE = {"lease_seconds": "45", "heartbeat_seconds": "3"}
"""Long enough that a worker keeps it on a machine that has much else to do."""


@pytest.mark.timeout(2 * PATIENCE)
def test_one_job_through_the_hands_of_dying_workers(cluster: dict[str, str], gate: Gate, tmp_path: Path) -> None:
    settings = {**cluster, **LIVES, **LEASE}
    request, images = a_canary_request(tmp_path / "sample")
    request["method_options"] |= {"k_image": 1.0}
    gate.hold("training", 3)
    with ExitStack() as stack:
        api = stack.enter_context(serving(tmp_path / "api", worker="none", **settings))
        workers = [stack.enter_context(working(tmp_path / f"worker-{n}", settings, gate)) for n in range(2)]
        job_id = api.submit(request, images)
        _ring_again(settings, job_id)
        api.held(job_id, gate, 1)
        os.kill(api.worker(job_id), signal.SIGKILL)
        gate.hold("training", 5)
        api.held(job_id, gate, 2)
        zombie, of = api.worker(job_id), _holder(api, job_id, workers)
        os.kill(zombie, signal.SIGSTOP)
        step = api.held(job_id, gate, 3)["progress"]["step"]
        os.kill(zombie, signal.SIGCONT)
        eventually(lambda: bool(of.lines(event="lease_lost", attempt=2)))
        leaving = _holder(api, job_id, workers)
        gate.hold("training")
        leaving.process.terminate()
        assert leaving.process.wait(120) == 0
        assert api.held(job_id, gate, 4)["progress"]["step"] == step, "training began anew"
        (staying,) = (worker for worker in workers if worker is not leaving)
        child = api.worker(job_id)
        staying.process.kill()
        staying.ends = -signal.SIGKILL
        gone(child)
        stack.enter_context(working(tmp_path / "worker-2", settings, gate))
        gate.open()
        job = api.ended(job_id, PATIENCE)
        assert (job["status"], job["attempt"], job["error"]) == ("succeeded", 5, None)
        assert_told_in_order(api, job_id, attempts=5)
        reasons = [e["data"].get("reason") for e in api.events(job_id) if e["data"].get("status") == "queued"]
        # A child whose parent dies may be gone before it can hand its job back.
        assert reasons[:4] == [None, LOST_CODE, LOST_CODE, "handed_back"]
        assert reasons[4] in (LOST_CODE, "handed_back")
    store = open_store(Settings(**settings))  # type: ignore[arg-type]
    kept = {key.split("/", 3)[3] for key in store.list(f"jobs/{job_id}/attempts/")}
    assert kept == {f"5/{artifact['name']}" for artifact in job["artifacts"]}


def _ring_again(settings: dict[str, str], job_id: str) -> None:
    """Messages that come twice, to a queue that every worker hears."""
    broker = celery.make_celery(Settings(**settings))  # type: ignore[arg-type]
    for _ in range(4):
        celery.ring(broker, job_id)


def _holder(api: Running, job_id: str, workers: Sequence[Worker]) -> Worker:
    """The worker of whose pool the process is that runs the job."""
    pid = api.worker(job_id)
    (holder,) = (worker for worker in workers if worker.runs(pid))
    return holder
