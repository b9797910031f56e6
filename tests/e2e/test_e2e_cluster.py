"""The job path as in production: PostgreSQL, Redis, S3, and an API and two workers that share nothing else."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from core.service.settings import Settings
from core.service.storage import open_store
from core.service.storage.port import ObjectStore
from core.unlearning import reference
from core.unlearning.patches.verify import verify
from tests.support.cluster_workers import working
from tests.support.embedded_server import CANARY, Running, a_canary_request, assert_told_in_order, serving
from tests.support.gate import Gate

pytestmark = pytest.mark.slow
WORKERS, JOBS, PATIENCE = 2, 2, 900.0


@pytest.mark.timeout(2 * PATIENCE)
def test_two_workers_run_every_job_once(cluster: dict[str, str], gate: Gate, tmp_path: Path) -> None:
    request, images = a_canary_request(tmp_path / "sample")
    request["method_options"] |= {"steps": 5, "k_image": 1.0}
    gate.hold("loading")
    with ExitStack() as stack:
        api = stack.enter_context(serving(tmp_path / "api", worker="none", **cluster))
        ids = [api.submit(request, images) for _ in range(JOBS)]
        workers = [stack.enter_context(working(tmp_path / f"worker-{n}", cluster, gate)) for n in range(WORKERS)]
        # A worker that has one of them takes no other.
        for job_id in ids:
            api.held(job_id, gate, 1)
        gate.open()
        for job in [api.ended(job_id, PATIENCE) for job_id in ids]:
            assert (job["status"], job["attempt"], job["error"]) == ("succeeded", 1, None)
            assert_told_in_order(api, job["id"], attempts=1)
            _patch_fits(api, job["id"], tmp_path / f"{job['id']}.zip")
    claimed = [[line["job_id"] for line in worker.lines(event="job_claimed")] for worker in workers]
    assert all(claimed), "one worker has done everything"
    assert sorted(job_id for of_one in claimed for job_id in of_one) == sorted(ids)
    store = open_store(Settings(**cluster))  # type: ignore[arg-type]
    kept = [key.split("/") for key in store.list("jobs/") if key.endswith("patch.zip")]
    assert sorted(kept) == sorted(["jobs", job_id, "attempts", "1", "patch.zip"] for job_id in ids)
    _nobody_is_named(tmp_path, store)


def _patch_fits(api: Running, job_id: str, path: Path) -> None:
    answer = api.client.get(f"/v1/jobs/{job_id}/patch", params={"accept_failed": "true"})
    path.write_bytes(answer.raise_for_status().content)
    assert verify(path, base=reference.bundled_path("mllm")).ok


def _nobody_is_named(folder: Path, store: ObjectStore) -> None:
    """Neither in what the processes wrote and logged nor in the store."""
    found = [path.read_bytes() for path in folder.rglob("*") if path.is_file() and "sample" not in path.parts]
    found += [store.read(key) for key in store.list("")]
    text = b"\n".join(found).lower()
    assert not [word for word in CANARY.lower().split() if word.encode() in text]
