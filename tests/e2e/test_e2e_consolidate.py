"""Two requests to a real server, one patch for both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.unlearning import reference
from core.unlearning.patches.verify import verify
from tests.support.embedded_server import Running, a_request, serving
from tests.support.small_reference_model import SMALL

pytestmark = pytest.mark.slow
OPTIONS = {"steps": 2, "anchor_steps": 1, "k_image": "inf", "stop_below": None, "imagined": 0}


def a_job(running: Running, folder: Path, people: int) -> str:
    """A job that trains for no longer than it takes to leave a recipe."""
    request, images = a_request(folder, people, model=SMALL, method_options=OPTIONS)
    job = running.ended(running.submit(request, images[:3]))
    assert (job["status"], job["error"]) == ("succeeded", None)
    return str(job["id"])


def consolidated(running: Running, **body: Any) -> dict[str, Any]:
    options = {"level": "quick", "keep_weight": 10}
    made = running.client.post(f"/v1/models/{SMALL}/consolidate", json={**body, "options": options})
    assert made.status_code == 202, made.text
    job = running.ended(made.json()["id"])
    assert (job["status"], job["error"]) == ("succeeded", None)
    return job


def test_two_requests_become_one_patch(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as running:
        jobs = [a_job(running, tmp_path / str(people), people) for people in (0, 1)]
        job = consolidated(running)
        page = running.client.get(f"/v1/jobs/{job['id']}/report", headers={"Accept": "text/html"}).text
        patch = running.client.get(f"/v1/jobs/{job['id']}/patch", params={"accept_failed": "true"})
    (tmp_path / "patch.zip").write_bytes(patch.raise_for_status().content)
    checked = verify(tmp_path / "patch.zip", base=reference.bundled_path("mllm"))
    assert checked.ok
    assert checked.manifest is not None
    assert checked.manifest.method.options["jobs"] == job["plan"]["consolidate"]["jobs"] == jobs
    splits = job["evaluation"]["splits"]
    assert splits["forget_image_memory"]["count"] > 0
    assert splits["unseen_image_memory"]["metrics"]["exact"]["after"] >= 0.95
    assert all(job_id in page for job_id in jobs)
