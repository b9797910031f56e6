"""The same request through the service: posted with pictures, its patch downloaded and loaded by stock PEFT."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.audiovisual.scenarios import Scenario, scenarios
from benchmarks.bars import Bar
from benchmarks.server import server
from client import Lethe
from core.unlearning import reference
from core.unlearning.bench.store import ResultStore

_STOCK = Path(__file__).with_name("stock.py")


def rows(work: Path) -> Iterator[Bar]:
    """The scenarios' requests, with the bundled model."""
    for scenario in scenarios():
        folder = work / f"service-{scenario.name}"
        folder.mkdir(parents=True, exist_ok=True)
        state = ResultStore(folder).read_or_measure("job", partial(_run_job, work, scenario, folder))
        named = f"service: {scenario.name}"
        note = f"thresholds missed: {', '.join(state['missed']) or 'none'}"
        yield Bar(f"{named}: verdict is `passed`", float(state["verdict"] == "passed"), note=note)
        yield Bar(f"{named}: job, from claim to patch: seconds", state["seconds"])
        yield from _stock(named, folder)


def _run_job(work: Path, scenario: Scenario, folder: Path) -> dict[str, Any]:
    with server(work / "data") as client:
        return _submit(client, scenario.entity.names, folder)


def _submit(client: Lethe, names: tuple[str, ...], folder: Path) -> dict[str, Any]:
    sample = reference.sample("audiovisual", list(names), folder / "sample")
    request = json.loads((sample / "request.json").read_text())
    job = client.jobs.create_from(request, images=sorted((sample / "images").iterdir())).wait(timeout=900)
    if job.status != "succeeded" or job.started_at is None or job.finished_at is None:
        raise RuntimeError(f"{folder.name}: {job.status}, {job.error}")
    with zipfile.ZipFile(job.download(folder / "patch.zip", accept_failed=True)) as archive:
        archive.extractall(folder / "patch")
    checks = json.loads((folder / "patch" / "report.json").read_text())["verdict"]["checks"]
    missed = [check["key"] for check in checks if not check["met"]]
    seconds = (job.finished_at - job.started_at).total_seconds()
    return {"seconds": seconds, "verdict": job.verdict, "missed": missed}


def _stock(named: str, folder: Path) -> Iterator[Bar]:
    """Stock PEFT's predictions on probes that no job has seen."""
    base = reference.bundled_path("audiovisual")
    command = [sys.executable, str(_STOCK), str(base), str(folder / "patch" / "adapter"), str(folder / "sample")]
    numbers = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    yield Bar(f"{named}: stock PEFT loads the patch: largest change of a sound's logits", numbers["heard"], 0)
    yield Bar(f"{named}: the same, without the patch: largest change of any logit", numbers["off"], 0)
    for kind in ("forgotten", "kept"):
        before = numbers[f"{kind} before"]
        yield Bar(f"{named}: pictures told right, {kind}", numbers[kind], note=f"before: {before:.3g}")
