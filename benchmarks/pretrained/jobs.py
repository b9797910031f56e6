"""One job through the service, as a user sends it; finished ones are read back."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.pretrained.models import register
from benchmarks.pretrained.runs import Run
from client import Lethe
from core.unlearning import reference

_TIMEOUT = 4 * 3600.0


def run_job(client: Lethe, run: Run, models: Path, folder: Path) -> dict[str, Any]:
    """Register the model, submit, wait, download and unpack the patch into `folder`."""
    register(client, run, models)
    sample = reference.sample(run.world, run.subjects, folder / "sample", seed=run.seed)
    body = json.loads((sample / "request.json").read_text(encoding="utf-8"))
    body |= {"model": run.model, "method_options": {"seed": run.seed}, "evaluation": {"level": run.level}}
    images = sorted((sample / "images").iterdir()) if (sample / "images").exists() else []
    job = client.jobs.create_from(body, images=images).wait(timeout=_TIMEOUT)
    if job.status != "succeeded" or job.started_at is None or job.finished_at is None:
        raise RuntimeError(f"{run.name}: {job.status}, {job.error}")
    with zipfile.ZipFile(job.download(folder / "patch.zip", accept_failed=True)) as archive:
        archive.extractall(folder / "patch")
    (folder / "report.html").write_text(job.report_html(), encoding="utf-8")
    seconds = (job.finished_at - job.started_at).total_seconds()
    reasons = (job.evaluation or {}).get("reasons", [])
    return {**asdict(run), "seconds": seconds, "verdict": job.verdict, "reasons": reasons}
