"""The job path as in production: PostgreSQL, Redis, S3, and an API and two workers that share nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from e2e_support import CANARY, ROOT, TERMINAL, Running, a_canary_request, serving

from core.service.settings import Settings
from core.service.storage import open_store
from core.service.storage.port import ObjectStore
from core.unlearning import reference
from core.unlearning.patches.verify import verify
from servers.postgres import Postgres
from servers.redis_server import Redis
from servers.s3 import S3

pytestmark = pytest.mark.slow
WORKERS, JOBS, PATIENCE = 2, 3, 900.0


@pytest.fixture
def cluster(postgres: Postgres, redis_server: Redis, s3: S3, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings that API and workers have in common, by their names."""
    bucket = s3.settings()
    with postgres.database() as url:
        yield {
            "mode": "cluster",
            "database_url": url,
            "broker_url": redis_server.database(),
            "storage_url": bucket["storage_url"],
            "s3_endpoint": s3.endpoint,
            "s3_access_key": s3.access_key,
            "s3_secret_key": s3.secret_key,
            "master_key": "m" * 40,
            "signing_key_file": str(tmp_path / "signing.key"),
        }


@contextmanager
def working(data: Path, settings: Mapping[str, str]) -> Iterator[Path]:
    """`python -m worker` on a data folder of its own. Gives its log."""
    log = data.with_name(f"{data.name}.log")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LETHE_")} | {"PYTHONPATH": str(ROOT)}
    # Two workers that use both cores each wait for each other most of the time.
    environment |= {"OMP_NUM_THREADS": "1"}
    environment |= {f"LETHE_{name.upper()}": value for name, value in {**settings, "data_dir": str(data)}.items()}
    with log.open("wb") as err:
        process = subprocess.Popen([sys.executable, "-m", "worker"], stderr=err, env=environment)
    try:
        yield log
    finally:
        process.terminate()
        assert process.wait(60) == 0


@pytest.mark.timeout(2 * PATIENCE)
def test_two_workers_run_every_job_once(cluster: dict[str, str], tmp_path: Path) -> None:
    request, images = a_canary_request(tmp_path / "sample")
    request["method_options"] = {"steps": 8}
    with ExitStack() as stack:
        api = stack.enter_context(serving(tmp_path / "api", worker="none", **cluster))
        ids = [api.submit(request, images) for _ in range(JOBS)]
        logs = [stack.enter_context(working(tmp_path / f"worker-{n}", cluster)) for n in range(WORKERS)]
        for job in [api.until(job_id, lambda job: job["status"] in TERMINAL, PATIENCE) for job_id in ids]:
            assert (job["status"], job["attempt"], job["error"]) == ("succeeded", 1, None)
            _told_in_order(api, job["id"])
            _patch_fits(api, job["id"], tmp_path / f"{job['id']}.zip")
    claimed = [_claimed(log) for log in logs]
    assert all(claimed), "one worker has done everything"
    assert sorted(job_id for of_one in claimed for job_id in of_one) == sorted(ids)
    store = open_store(Settings(**cluster))  # type: ignore[arg-type]
    kept = [key.split("/") for key in store.list("jobs/") if key.endswith("patch.zip")]
    assert sorted(kept) == sorted(["jobs", job_id, "attempts", "1", "patch.zip"] for job_id in ids)
    _nobody_is_named(tmp_path, store)


def _told_in_order(api: Running, job_id: str) -> None:
    events = api.events(job_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    states = [event["data"]["status"] for event in events if event["type"] == "status"]
    assert states == ["queued", "running", "succeeded"]


def _patch_fits(api: Running, job_id: str, path: Path) -> None:
    answer = api.client.get(f"/v1/jobs/{job_id}/patch", params={"accept_failed": "true"})
    path.write_bytes(answer.raise_for_status().content)
    assert verify(path, base=reference.bundled_path("mllm")).ok


def _claimed(log: Path) -> list[str]:
    """The jobs that a worker has begun."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line["job_id"] for line in lines if line["event"] == "job_claimed"]


def _nobody_is_named(folder: Path, store: ObjectStore) -> None:
    """Neither in what the processes wrote and logged nor in the store."""
    found = [path.read_bytes() for path in folder.rglob("*") if path.is_file() and "sample" not in path.parts]
    found += [store.read(key) for key in store.list("")]
    text = b"\n".join(found).lower()
    assert not [word for word in CANARY.lower().split() if word.encode() in text]
