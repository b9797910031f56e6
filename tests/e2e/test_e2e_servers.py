"""The servers below a job are killed, empty or full, one after the other, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.service.settings import Settings
from core.service.storage import open_store
from core.unlearning.jobs.work import PATCH
from tests.servers.postgres import Postgres
from tests.servers.redis_server import Redis
from tests.servers.s3 import S3
from tests.support.cluster_workers import working
from tests.support.embedded_server import a_canary_request, assert_told_in_order, eventually, serving
from tests.support.gate import Gate

pytestmark = pytest.mark.slow
PATIENCE = 900.0
TRIES_OF_30_SECONDS = 6
"""After 1, 2, 4, 8 and 16 seconds an upload tries again: the sixth try in vain is 31 seconds after the first."""


@pytest.mark.timeout(2 * PATIENCE)
def test_a_broker_a_database_and_a_store_that_fall(
    cluster: dict[str, str], postgres: Postgres, redis_server: Redis, s3: S3, gate: Gate, tmp_path: Path
) -> None:
    settings = {**cluster, "checkpoint_seconds": "0", "sweep_seconds": "1"}
    request, images = a_canary_request(tmp_path / "sample")
    request["method_options"] |= {"k_image": 1.0}
    gate.hold("training", 2)
    with (
        serving(tmp_path / "api", worker="none", **settings) as api,
        working(tmp_path / "worker", settings, gate) as worker,
    ):
        first = api.submit(request, images)
        api.held(first, gate, 1)
        redis_server.kill()
        second = api.submit({**request, "method_options": {**request["method_options"], "steps": 2}}, images)
        redis_server.start()
        gate.hold("training", 4)
        api.held(first, gate, 1)
        postgres.kill()
        postgres.start()
        # The connections that it had are found broken once.
        eventually(lambda: api.client.get(f"/v1/jobs/{first}").is_success)
        gate.hold("training", 6)
        api.held(first, gate, 1)
        s3.kill()
        gate.open()
        api.until(first, lambda _: len(worker.lines(event="store_away", job_id=first)) >= TRIES_OF_30_SECONDS, PATIENCE)
        assert api.job(first)["status"] == "running"
        s3.start()
        for job_id in (first, second):
            job = api.ended(job_id)
            assert (job["status"], job["attempt"], job["error"]) == ("succeeded", 1, None)
            assert_told_in_order(api, job_id, attempts=1)
    store = open_store(Settings(**settings))  # type: ignore[arg-type]
    kept = {key for key in store.list("jobs/") if key.endswith(PATCH)}
    assert kept == {f"jobs/{job_id}/attempts/1/{PATCH}" for job_id in (first, second)}


def test_a_disk_that_is_full_while_packing(gate: Gate, tmp_path: Path) -> None:
    request, images = a_canary_request(tmp_path / "sample")
    request["method_options"] |= {"steps": 5, "k_image": 1.0}
    gate.hold("training")
    with serving(tmp_path / "data", gate, checkpoint_seconds="0") as running:
        job_id = running.submit(request, images)
        running.held(job_id, gate, 1)
        # Whatever is written there finds no space left on the device.
        (running.data / "work" / f"{job_id}-1" / PATCH).symlink_to("/dev/full")
        gate.open()
        job = running.ended(job_id)
        assert (job["status"], job["error"]["code"], job["error"]["retryable"]) == ("failed", "disk_full", True)
        eventually(lambda: not list((running.data / "work").iterdir()))
        assert running.client.post(f"/v1/jobs/{job_id}/retry").status_code == 202
        job = running.ended(job_id)
        assert (job["status"], job["attempt"], job["error"]) == ("succeeded", 2, None)
        answer = running.client.get(f"/v1/jobs/{job_id}/patch", params={"accept_failed": "true"})
        assert answer.raise_for_status().content.startswith(b"PK")
